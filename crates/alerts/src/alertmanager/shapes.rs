use crate::Error;
use crate::alert::Alert;
use crate::labels::{LabelSet, Matchers};
use crate::silence::{NewSilence, Silence};
use crate::time::{parse, rfc3339};
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An alert as `GET /api/v2/alerts` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableAlert {
    /// Texts.
    pub annotations: BTreeMap<String, String>,
    /// When it ended, or is taken to have ended.
    pub ends_at: String,
    /// The same for the same labels.
    pub fingerprint: String,
    /// Who is told of it.
    pub receivers: Vec<Name>,
    /// Since when it has been wrong.
    pub starts_at: String,
    /// Whether it is told of.
    pub status: AlertStatus,
    /// When it was last changed.
    pub updated_at: String,
    /// Where its sender shows it.
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
    /// What tells it from others.
    pub labels: LabelSet,
}

/// A name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Name {
    /// It.
    pub name: String,
}

/// Whether an alert is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// `active` or `suppressed`.
    pub state: &'static str,
    /// Ids of silences that hold it back.
    pub silenced_by: Vec<String>,
    /// Not empty where another alert holds it back.
    pub inhibited_by: Vec<String>,
    /// Not empty where nothing is told at this time.
    pub muted_by: Vec<String>,
}

/// A silence as `GET /api/v2/silences` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableSilence {
    /// Its own.
    pub id: String,
    /// Whether it holds.
    pub status: SilenceStatus,
    /// When it was last changed.
    pub updated_at: String,
    /// Why.
    pub comment: String,
    /// Who made it.
    pub created_by: String,
    /// Until when.
    pub ends_at: String,
    /// Which alerts.
    pub matchers: Matchers,
    /// From when on.
    pub starts_at: String,
}

/// Whether a silence holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SilenceStatus {
    /// `pending`, `active` or `expired`.
    pub state: &'static str,
}

/// The body of `POST /api/v2/silences`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableSilence {
    /// Changes this one.
    #[serde(default)]
    pub id: Option<String>,
    /// Which alerts.
    pub matchers: Matchers,
    /// From when on.
    pub starts_at: String,
    /// Until when.
    pub ends_at: String,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// The body of `GET /api/v2/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusBody {
    /// One process is no cluster.
    pub cluster: ClusterStatus,
    /// What this is.
    pub version_info: VersionInfo,
    /// Not shown: it could hold secrets.
    pub config: BTreeMap<String, String>,
    /// Since when it has run.
    pub uptime: String,
}

/// Of a cluster that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// `disabled`.
    pub status: &'static str,
    /// Nobody.
    pub peers: Vec<Name>,
}

/// What this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// Of Seaworthy.
    pub version: String,
    /// Not told.
    pub revision: String,
    /// Not told.
    pub branch: String,
    /// Not told.
    pub build_user: String,
    /// Not told.
    pub build_date: String,
    /// It is written in another language.
    pub go_version: String,
}

impl StatusBody {
    /// Of a process that runs since then.
    pub fn new(version: &str, since: Timestamp) -> Self {
        Self {
            cluster: ClusterStatus { status: "disabled", peers: Vec::new() },
            version_info: VersionInfo {
                version: version.to_owned(),
                revision: String::new(),
                branch: String::new(),
                build_user: String::new(),
                build_date: String::new(),
                go_version: String::new(),
            },
            config: BTreeMap::from([("original".to_owned(), String::new())]),
            uptime: rfc3339(since),
        }
    }
}

impl GettableAlert {
    /// `held` says by what it is held back; `resolve_at` when one that goes on is taken to be over.
    pub(crate) fn new(
        alert: &Alert,
        receivers: Vec<String>,
        held: Option<&str>,
        silences: Vec<String>,
        resolve_at: Timestamp,
    ) -> Self {
        let generator_url = match &alert.origin {
            crate::alert::Origin::External { generator_url, .. } => generator_url.clone(),
            _ => String::new(),
        };
        let inhibited = (held == Some("inhibited")).then(|| "inhibited".to_owned());
        let snoozed = (held == Some("snoozed")).then(|| "snoozed".to_owned());
        Self {
            annotations: alert.annotations.clone(),
            ends_at: rfc3339(alert.ends_at.unwrap_or(resolve_at)),
            fingerprint: alert.fingerprint.clone(),
            receivers: receivers.into_iter().map(|name| Name { name }).collect(),
            starts_at: rfc3339(alert.starts_at),
            status: AlertStatus {
                state: if held.is_some() { "suppressed" } else { "active" },
                silenced_by: silences,
                inhibited_by: inhibited.into_iter().collect(),
                muted_by: snoozed.into_iter().collect(),
            },
            updated_at: rfc3339(alert.updated_at),
            generator_url,
            labels: alert.labels.clone(),
        }
    }
}

impl GettableSilence {
    /// As it stands at a moment.
    pub fn new(silence: &Silence, at: Timestamp) -> Self {
        Self {
            id: silence.id.clone(),
            status: SilenceStatus { state: silence.state(at) },
            updated_at: rfc3339(silence.updated_at),
            comment: silence.comment.clone(),
            created_by: silence.created_by.clone(),
            ends_at: rfc3339(silence.ends_at),
            matchers: silence.matchers.clone(),
            starts_at: rfc3339(silence.starts_at),
        }
    }
}

impl PostableSilence {
    /// As [`Alerts::silence`](crate::Alerts::silence) takes it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time that is none.
    pub fn into_new(self) -> Result<NewSilence, Error> {
        let time = |field: &str, text: &str| {
            parse(text).ok_or_else(|| Error::invalid(field, "is no time as in RFC 3339"))
        };
        Ok(NewSilence {
            id: self.id.filter(|id| !id.is_empty()),
            starts_at: time("startsAt", &self.starts_at)?,
            ends_at: time("endsAt", &self.ends_at)?,
            matchers: self.matchers,
            created_by: self.created_by,
            comment: self.comment,
        })
    }
}
