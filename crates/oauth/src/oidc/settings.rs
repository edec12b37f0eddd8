use crate::client::Authentication;
use crate::jwt::Algorithm;
use seaworthy_core::Secret;
use std::time::Duration;

/// A key for session cookies: 256 random bits.
pub type SealingKey = Secret<[u8; 32]>;

/// Where a provider's endpoints are known from.
#[derive(Debug, Clone)]
pub enum Provider {
    /// `<issuer>/.well-known/openid-configuration`.
    Discovery,
    /// Said here; nothing is discovered.
    Fixed {
        /// Where the browser is sent to log in.
        authorization_endpoint: String,
        /// Where codes and refresh tokens become tokens.
        token_endpoint: String,
        /// Where the browser is sent to log out.
        end_session_endpoint: Option<String>,
        /// The provider's keys.
        jwks_uri: String,
    },
}

/// How people log in.
#[derive(Debug, Clone)]
pub struct LoginSettings {
    /// Its name here; sessions of one log-in are none of another.
    pub name: String,
    /// The exact `iss` of ID tokens.
    pub issuer: String,
    /// Where the endpoints are known from. Default discovery.
    pub provider: Provider,
    /// Our name at the provider.
    pub client_id: String,
    /// And its proof.
    pub authentication: Authentication,
    /// Where the provider sends the browser back to: an absolute URL of ours.
    pub redirect_uri: String,
    /// Where the browser goes after log-out: an absolute URL of ours. Default the root of `redirect_uri`.
    pub after_logout: Option<String>,
    /// Default `openid`. `openid` is always asked for.
    pub scopes: Vec<String>,
    /// More parameters of the authorization request, such as `audience` or `prompt`; never those of the protocol.
    pub parameters: Vec<(String, String)>,
    /// Accepted signatures of ID tokens. Default RS256, PS256, ES256, EdDSA.
    pub algorithms: Vec<Algorithm>,
    /// Default `session`; `__Host-` is put before it when secure.
    pub cookie: String,
    /// Whether cookies are `Secure`. Default true; false only where everything is on this machine.
    pub secure: bool,
    /// The newest first.
    pub keys: Vec<SealingKey>,
    /// A session unused for this long is over. Default 30 min.
    pub idle: Duration,
    /// A session this old is over. Default 8 h.
    pub absolute: Duration,
    /// So long may a log-in take. Default 10 min.
    pub login: Duration,
    /// Where roles stand in the ID token. Default none.
    pub roles_claim: Option<String>,
    /// Where the tenant stands in the ID token. Default none.
    pub tenant_claim: Option<String>,
    /// Whether the provider may be called over plain HTTP on another machine. Default false.
    pub plain_http: bool,
}

impl LoginSettings {
    /// With the defaults above.
    pub fn new(
        (name, issuer): (&str, &str),
        (client_id, authentication): (&str, Authentication),
        redirect_uri: &str,
        key: SealingKey,
    ) -> Self {
        Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            provider: Provider::Discovery,
            client_id: client_id.to_owned(),
            authentication,
            redirect_uri: redirect_uri.to_owned(),
            after_logout: None,
            scopes: vec!["openid".to_owned()],
            parameters: Vec::new(),
            algorithms: vec![Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa],
            cookie: "session".to_owned(),
            secure: true,
            keys: vec![key],
            idle: Duration::from_mins(30),
            absolute: Duration::from_hours(8),
            login: Duration::from_mins(10),
            roles_claim: None,
            tenant_claim: None,
            plain_http: false,
        }
    }
}
