use super::settings::{LoginSettings, Provider};
use crate::fetch::{self, FetchError, Http};
use crate::flight::{Flight, Lead};
use http::Uri;
use serde_json::{Map, Value};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// Descriptions seldom change; they are read again this often.
const FRESH: Duration = Duration::from_hours(1);

/// The provider's own description; it must be of the very issuer that was asked for.
pub(crate) async fn discover(
    http: &Http,
    issuer: &str,
    plain: bool,
) -> Result<Map<String, Value>, FetchError> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let (document, _) = http.json(&fetch::address(&url, plain)?).await?;
    if document.get("issuer").and_then(Value::as_str) == Some(issuer) {
        Ok(document)
    } else {
        Err(FetchError::Answer("it describes another issuer"))
    }
}

#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) authorization: Uri,
    pub(super) token: Uri,
    pub(super) end_session: Option<Uri>,
    /// Whether every answer of the provider names it (RFC 9207).
    pub(super) says_iss: bool,
}

impl Endpoints {
    fn fixed(settings: &LoginSettings) -> Result<Option<Self>, FetchError> {
        let Provider::Fixed { authorization_endpoint, token_endpoint, end_session_endpoint, .. } =
            &settings.provider
        else {
            return Ok(None);
        };
        let address = |text: &String| fetch::address(text, settings.plain_http);
        Ok(Some(Self {
            authorization: address(authorization_endpoint)?,
            token: address(token_endpoint)?,
            end_session: end_session_endpoint.as_ref().map(address).transpose()?,
            says_iss: false,
        }))
    }

    fn read(document: &Map<String, Value>, plain: bool) -> Result<Self, FetchError> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let needed = |name: &str| {
            fetch::address(text(name).ok_or(FetchError::Answer("an endpoint is missing in it"))?, plain)
        };
        Ok(Self {
            authorization: needed("authorization_endpoint")?,
            token: needed("token_endpoint")?,
            end_session: text("end_session_endpoint").map(|url| fetch::address(url, plain)).transpose()?,
            says_iss: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        })
    }
}

type Known = Result<Arc<Endpoints>, FetchError>;

/// The endpoints, read once in a while and once at a time.
pub(super) struct Directory {
    http: Http,
    issuer: String,
    plain: bool,
    known: RwLock<Option<(Arc<Endpoints>, Option<SystemTime>)>>,
    flight: Arc<Flight<Known>>,
}

impl Directory {
    pub(super) fn new(settings: &LoginSettings, http: Http) -> Result<Arc<Self>, FetchError> {
        let fixed = Endpoints::fixed(settings)?.map(|fixed| (Arc::new(fixed), None));
        Ok(Arc::new(Self {
            http,
            issuer: settings.issuer.clone(),
            plain: settings.plain_http,
            known: RwLock::new(fixed),
            flight: Arc::default(),
        }))
    }

    /// May be awaited on any runtime. An old description is better than none.
    pub(super) async fn endpoints(self: &Arc<Self>, now: SystemTime) -> Known {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let young = |read: SystemTime| now.duration_since(read).unwrap_or_default() < FRESH;
        if let Some((endpoints, read)) = known {
            if !read.is_none_or(young)
                && let Some(lead) = self.flight.begin()
            {
                self.spawn(lead, now);
            }
            return Ok(endpoints);
        }
        let joined = self.flight.join().ok_or(FetchError::Answer("too many wait for it"))?;
        if let Some(lead) = joined.lead {
            self.spawn(lead, now);
        }
        joined.receiver.await.unwrap_or(Err(FetchError::Timeout))
    }

    fn spawn(self: &Arc<Self>, lead: Lead<Known>, now: SystemTime) {
        let this = Arc::clone(self);
        self.http.handle().spawn(async move {
            let read = discover(&this.http, &this.issuer, this.plain).await;
            let result = read.and_then(|document| Endpoints::read(&document, this.plain)).map(Arc::new);
            match &result {
                Ok(endpoints) => {
                    let known = Some((Arc::clone(endpoints), Some(now)));
                    *this.known.write().unwrap_or_else(PoisonError::into_inner) = known;
                }
                Err(error) => {
                    tracing::warn!(issuer = this.issuer, %error, "the provider cannot be discovered")
                }
            }
            lead.finish(&result);
        });
    }
}
