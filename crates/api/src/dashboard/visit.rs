//! Somebody who looks at a page: who, with what rights, and when.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method};
use seaworthy_identity::{Actor, Subject};

use crate::access::{Needs, Table, operator_csrf};
use crate::{Control, Problem};

/// Who looks, and at what.
pub(crate) struct Visit {
    pub(super) control: Control,
    pub(super) actor: Actor,
    pub(super) headers: HeaderMap,
    table: Arc<Table>,
    pub(super) now: SystemTime,
}

impl FromRequestParts<Control> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Self, Problem> {
        let actor = parts.extensions.get::<Actor>().cloned().unwrap_or_else(|| Actor::anonymous(None));
        Ok(Self {
            control: control.clone(),
            actor,
            headers: parts.headers.clone(),
            table: parts.extensions.get::<Arc<Table>>().cloned().unwrap_or_default(),
            now: SystemTime::now(),
        })
    }
}

impl Visit {
    /// Of somebody whom no route let in, or who was let in before.
    pub(super) fn of(control: &Control, table: &Arc<Table>, actor: &Actor, headers: &HeaderMap) -> Self {
        Self {
            control: control.clone(),
            actor: actor.clone(),
            headers: headers.clone(),
            table: Arc::clone(table),
            now: SystemTime::now(),
        }
    }

    /// The same once more: somebody else perhaps, and later.
    pub(super) fn again(&self, actor: &Actor) -> Self {
        Self::of(&self.control, &self.table, actor, &self.headers)
    }

    /// Whether this route would let the visitor in; a route that is not there lets in nobody.
    pub(super) fn may(&self, method: &str, template: &str) -> bool {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::TRACE);
        match self.table.find(&method, template) {
            Some(Needs::Permission(needed)) => self.control.access.allows(&self.actor.principal, needed),
            Some(Needs::Nothing) => true,
            None => false,
        }
    }

    /// Whether the visitor may see this page.
    pub(super) fn may_see(&self, template: &str) -> bool {
        self.may("GET", template)
    }

    /// Whether nobody knows who it is.
    pub(super) fn is_nobody(&self) -> bool {
        self.actor.principal.subject == Subject::Anonymous
    }

    /// What calls of the API need that this visitor's browser makes.
    pub(super) fn csrf(&self) -> Option<String> {
        if let Some(token) = self.control.access.operator_session(&self.headers) {
            return Some(operator_csrf(token.expose()));
        }
        let session = self.actor.principal.session.as_ref()?;
        self.control.identity.now()?.csrf_token(session).ok()
    }

    /// Where the API is for this visitor, for commands that are to be copied.
    pub(super) fn here(&self) -> String {
        let host = self.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let is_plain = |host: &&str| host.bytes().all(|c| c.is_ascii_alphanumeric() || b".:-[]".contains(&c));
        let host = host.filter(is_plain).unwrap_or("127.0.0.1:7700");
        let is_here = crate::identity::log_in::is_local(&self.headers);
        format!("{}://{host}", if is_here { "http" } else { "https" })
    }

    /// Where the call comes from.
    pub(super) fn client(&self) -> IpAddr {
        self.actor.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}
