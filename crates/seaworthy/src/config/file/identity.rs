//! Settings of who may call: issuers of tokens, ways to log in, and what a route asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::problem::Problems;
use crate::config::setting::{At, Field, Node, Setting};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn texts(all: &[&str]) -> Vec<At<String>> {
    all.iter().map(|text| At { value: (*text).to_owned(), span: 0..0 }).collect()
}

settings! {
    /// What this Seaworthy keeps of identities: keys, people, API keys, the audit log. The latter three need a `[store]`.
    struct Identity {
        /// File with the keys that sealed values, cookies and API keys depend on. Made at the first start, for its owner
        /// alone. Several processes of one store share a copy; without it what was sealed cannot be read.
        key_file: String = "seaworthy.key".to_owned(),
        /// `iss` of access tokens that are issued here: the URL under which others reach this Seaworthy's key set.
        issuer: String = "seaworthy".to_owned(),
        /// How long an access token is good for.
        access_token: Duration = secs(3_600),
        /// How long a refresh token is good for; each use gives a new one.
        refresh_token: Duration = secs(7 * 86_400),
        /// A session that is not used for so long is over.
        session_idle: Duration = secs(3_600),
        /// A session is over after this time, however much it is used.
        session_absolute: Duration = secs(12 * 3_600),
        /// Fewest characters of a password.
        password_length: u32 = 12,
        /// How old a password may become. `"0s"`: any age.
        password_age: Duration = secs(90 * 86_400),
        /// How many former passwords may not be used again.
        password_history: u32 = 12,
        /// Failed log-ins within `lockout_window` that lock an account for strangers.
        lockout_failures: u32 = 5,
        /// The time in which failures count, and the first lock's length; each further one is twice as long.
        lockout_window: Duration = secs(900),
        /// How long the audit log is kept.
        audit_retention: Duration = secs(2_555 * 86_400),
        /// Where audit entries go besides the store, as syslog (RFC 5424): `udp://HOST:514`, or `tcp://HOST:601` with
        /// octet counting. Each goes at least once, in order, also over restarts; what a receiver takes and loses is lost.
        audit_syslog: Option<At<String>> = None,
        /// Where audit entries go besides the store, as log records of OpenTelemetry (OTLP over HTTP, protobuf):
        /// `http://HOST:4318/v1/logs`. As with `audit_syslog`, and both may be there.
        audit_otlp: Option<At<String>> = None,
    }

    /// A role of one's own, beside `viewer`, `user`, `operator` and `admin`.
    struct Role {
        /// Roles whose permissions it has too.
        inherits: Vec<String> = Vec::new(),
        /// Permissions such as `jobs:read`, `queues:*` or `*:read`.
        permissions: Vec<At<String>> = Vec::new(),
        /// What its own permissions do not allow after all.
        except: Vec<At<String>> = Vec::new(),
    }

    /// The embedded certificate authority, for mutual TLS between the gateway and services.
    struct Authority {
        /// Its folder: roots, what was issued, and certificates of services that are run here. For its owner alone.
        folder: String = "seaworthy.ca".to_owned(),
        /// What names in certificates belong to: `spiffe://DOMAIN/SERVICE`.
        domain: At<String> = At { value: "seaworthy.internal".to_owned(), span: 0..0 },
        /// How long certificates are good for. They are replaced after two thirds of that; at most 30 days.
        lifetime: Duration = secs(86_400),
    }

    /// Somebody whose tokens are believed. Without `jwks`, `keys`, `secret` and `introspection` the keys are found by
    /// discovery at `issuer`.
    struct Issuer {
        /// The exact value of the claim `iss`.
        issuer: At<String> = At { value: String::new(), span: 0..0 },
        /// One of these must be in the claim `aud`.
        audiences: Vec<At<String>> = Vec::new(),
        /// Algorithms that are accepted, and no other.
        algorithms: Vec<At<String>> = texts(&["RS256", "PS256", "ES256", "EdDSA"]),
        /// URL of the key set.
        jwks: Option<At<String>> = None,
        /// File with the keys, where they do not change: a JWKS, or one PEM.
        keys: Option<At<String>> = None,
        /// File with a shared secret of at least 256 bits, for HS256 and the like.
        secret: Option<At<String>> = None,
        /// Ask the issuer about each token (RFC 7662): for tokens that only it can read.
        introspection: Option<Introspection> = None,
        /// How far clocks may differ.
        leeway: Duration = secs(30),
        /// Accepted `typ` headers.
        types: Vec<String> = vec!["at+jwt".to_owned(), "JWT".to_owned()],
        /// Whether a token without `typ` is accepted.
        untyped: bool = true,
        /// Claims that must be there.
        required_claims: Vec<String> = Vec::new(),
        /// Where scopes are. Without it: `scope`, else `scp`.
        scope_claim: Option<String> = None,
        /// Where roles are: `roles`, `realm_access.roles`. Without it a token has none.
        roles_claim: Option<String> = None,
        /// Where the tenant is.
        tenant_claim: Option<String> = None,
        /// Oldest token by its `iat`. Without it: as long as its `exp` says.
        max_age: Option<Duration> = None,
        /// Whether keys may be fetched without TLS from another machine.
        plain_http: bool = false,
        /// Whether its tokens are accepted by the control listener too, with its roles as roles there.
        control: bool = false,
    }

    /// A question to an issuer about a token.
    struct Introspection {
        /// URL of the endpoint.
        endpoint: At<String> = At { value: String::new(), span: 0..0 },
        /// Our name there.
        client_id: String = String::new(),
        /// File with the secret that proves it.
        client_secret: At<String> = At { value: String::new(), span: 0..0 },
        /// How long an answer is believed; at most 60 s.
        keep: Duration = secs(30),
    }

    /// A way to log in at an OpenID provider: authorization code with PKCE. The session is a sealed cookie.
    struct Login {
        /// The provider: the exact `iss` of its tokens. Its endpoints are found by discovery.
        issuer: At<String> = At { value: String::new(), span: 0..0 },
        /// Our name there.
        client_id: At<String> = At { value: String::new(), span: 0..0 },
        /// File with the secret that proves it. Without it: a public client.
        client_secret: Option<At<String>> = None,
        /// How browsers reach this gateway: scheme, host and port. The provider sends them back to
        /// `/.seaworthy/login/NAME/callback` there.
        url: At<String> = At { value: String::new(), span: 0..0 },
        /// What is asked for besides `openid`.
        scopes: Vec<String> = Vec::new(),
        /// Where roles are in the ID token.
        roles_claim: Option<String> = None,
        /// Where the tenant is in the ID token.
        tenant_claim: Option<String> = None,
        /// A session that is not used for so long is over.
        idle: Duration = secs(1_800),
        /// A session is over after this time, however much it is used.
        absolute: Duration = secs(8 * 3_600),
        /// Where browsers go after log-out. Without it: the root of `url`.
        after_logout: Option<String> = None,
        /// Whether the provider may be called without TLS on another machine.
        plain_http: bool = false,
    }

    /// What the gateway shows to a service: a token by the client-credentials grant of OAuth 2.0.
    struct Credentials {
        /// URL of the provider's token endpoint.
        token_endpoint: At<String> = At { value: String::new(), span: 0..0 },
        /// Our name there.
        client_id: String = String::new(),
        /// File with the secret that proves it.
        client_secret: At<String> = At { value: String::new(), span: 0..0 },
        /// What is asked for.
        scopes: Vec<String> = Vec::new(),
        /// For whom, where the provider wants to know.
        audience: Option<String> = None,
        /// Whether the provider may be called without TLS on another machine.
        plain_http: bool = false,
    }

    /// What a route asks of its callers: one of the ways in `any_of`, all `scopes`, one of `roles`, one of `subjects`.
    struct AuthTable {
        /// Ways to show who one is: `jwt`, `api_key`, `session`, `mtls`.
        any_of: Vec<At<String>> = Vec::new(),
        /// With `jwt`: issuers that will do, `self` being this Seaworthy. Without any: all.
        issuers: Vec<At<String>> = Vec::new(),
        /// With `session`: which log-in. Not needed where there is one.
        login: Option<At<String>> = None,
        /// Scopes, all of which are needed.
        scopes: Vec<String> = Vec::new(),
        /// Roles, one of which is needed.
        roles: Vec<String> = Vec::new(),
        /// Callers, one of which it must be.
        subjects: Vec<String> = Vec::new(),
        /// Whether the service is told who calls, in `X-Auth-Subject`, `-Issuer`, `-Method`, `-Scopes`, `-Roles` and
        /// `-Tenant`. No client can write these.
        forward: bool = true,
        /// Whether the service is told by a signed token too, `X-Auth-Token` (EdDSA, good for 90 seconds): for services that others
        /// than the gateway can reach. The keys are at `/.well-known/seaworthy/jwks.json`.
        signed: bool = false,
        /// Claims that the service is told too, with the header for each.
        claims: BTreeMap<String, At<String>> = BTreeMap::new(),
        /// Whether the credential itself goes to the service.
        pass_credential: bool = false,
    }
}

/// What a route asks of its callers: `"none"`, one way, a list of ways, or a table.
#[derive(Debug, Clone)]
pub(crate) enum Auth {
    None,
    Of(Box<AuthTable>),
}

/// Ways to show who one is.
pub(crate) const WAYS: [&str; 4] = ["jwt", "api_key", "session", "mtls"];

impl Setting for Auth {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let value = node.get_ref();
        if value.as_str().is_some() {
            let words = ["none", WAYS[0], WAYS[1], WAYS[2], WAYS[3]];
            return Some(match crate::config::setting::word(node, &words, problems)? {
                "none" => Self::None,
                way => Self::Of(Box::new(AuthTable {
                    any_of: vec![At { value: way.to_owned(), span: node.span() }],
                    ..AuthTable::default()
                })),
            });
        }
        if value.is_array() {
            let any_of = Vec::decode(node, problems)?;
            return Some(Self::Of(Box::new(AuthTable { any_of, ..AuthTable::default() })));
        }
        AuthTable::decode(node, problems).map(|table| Self::Of(Box::new(table)))
    }
    fn schema() -> Value {
        let way = json!({ "enum": WAYS });
        json!({ "anyOf": [
            { "enum": ["none", WAYS[0], WAYS[1], WAYS[2], WAYS[3]] },
            { "type": "array", "items": way },
            AuthTable::schema(),
        ] })
    }
    fn type_name() -> String {
        "text, list of text or table".to_owned()
    }
    fn fields() -> Vec<Field> {
        AuthTable::fields()
    }
}
