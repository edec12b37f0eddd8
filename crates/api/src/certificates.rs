//! Certificates of the embedded authority, for services that are not run here.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use seaworthy_core::{ErrorCode, duration};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Control, Problem, request};

/// Why an authority did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateError {
    /// What was asked for cannot be.
    Invalid(String),
    /// There is no such certificate.
    Unknown,
    /// It could not be done.
    Failed(String),
}

/// A certificate with its key.
#[derive(Serialize, ToSchema)]
pub struct IssuedCertificate {
    /// Whose.
    #[schema(example = "orders")]
    pub name: String,
    /// In hexadecimal digits.
    pub serial: String,
    /// The certificate, PEM.
    pub certificate: String,
    /// Its key, PEM (PKCS #8). Kept nowhere else.
    pub key: String,
    /// When the next one should be asked for, RFC 3339.
    pub renew_at: String,
    /// Until when it is good, RFC 3339.
    pub ends: String,
    /// What to trust.
    #[serde(flatten)]
    pub trust: TrustView,
}

impl std::fmt::Debug for IssuedCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedCertificate")
            .field("name", &self.name)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// What to trust: roots and revocations.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrustView {
    /// All trusted roots, PEM.
    pub roots: String,
    /// One list of revocations per root, PEM.
    pub revocations: String,
}

/// An authority, as the API sees it. Its calls write files and may block for a moment.
pub trait Certificates: std::fmt::Debug + Send + Sync {
    /// Issues a certificate.
    ///
    /// # Errors
    /// Names that are none, and what the files say.
    fn issue(
        &self,
        name: &str,
        dns: Vec<String>,
        lifetime: Option<Duration>,
    ) -> Result<IssuedCertificate, CertificateError>;
    /// Revokes one by its serial number, from the next handshake on.
    ///
    /// # Errors
    /// There is none, and what the files say.
    fn revoke(&self, serial: &str) -> Result<(), CertificateError>;
    /// What to trust now.
    ///
    /// # Errors
    /// What the files say.
    fn trust(&self) -> Result<TrustView, CertificateError>;
}

/// The way to the authority; shut where the configuration has none.
#[derive(Debug, Clone, Default)]
pub struct CertificatesDoor(pub Option<Arc<dyn Certificates>>);

/// A certificate as it is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateOrder {
    /// A DNS name in lower case: `orders`.
    #[schema(example = "orders")]
    name: String,
    /// More DNS names it answers to.
    #[serde(default)]
    dns: Vec<String>,
    /// How long it is good for; at most 30 d.
    #[serde(default)]
    #[schema(example = "24h")]
    lifetime: Option<String>,
}

fn problem(error: CertificateError) -> Problem {
    match error {
        CertificateError::Invalid(why) => request::invalid(&why),
        CertificateError::Unknown => {
            Problem::new(ErrorCode::NotFound, "no_such_object", "there is no such certificate")
        }
        CertificateError::Failed(why) => {
            tracing::error!(why, "the certificate authority failed");
            Problem::new(ErrorCode::Internal, "authority_failed", "the authority failed; the log tells more")
        }
    }
}

/// Does something with the authority, off the runtime.
async fn with<T: Send + 'static>(
    control: &Control,
    work: impl FnOnce(&dyn Certificates) -> Result<T, CertificateError> + Send + 'static,
) -> Result<T, Problem> {
    let Some(authority) = control.certificates.0.clone() else {
        let detail = "there is no certificate authority: write [authority] in the configuration";
        return Err(Problem::new(ErrorCode::NotFound, "authority_off", detail));
    };
    let done = tokio::task::spawn_blocking(move || work(authority.as_ref())).await;
    done.unwrap_or_else(|error| Err(CertificateError::Failed(error.to_string()))).map_err(problem)
}

/// Issues a certificate for a service that is run elsewhere.
#[utoipa::path(post, path = "/api/v1/certificates", tag = "certificates", request_body = CertificateOrder,
    extensions(("x-permission" = json!("certificates:write"))),
    responses((status = 201, body = IssuedCertificate), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn issue(
    State(control): State<Control>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<IssuedCertificate>), Problem> {
    let order: CertificateOrder = request::body(&bytes)?;
    let lifetime = order.lifetime.as_deref().map(duration::parse).transpose();
    let lifetime = lifetime.map_err(|error| request::invalid(&format!("lifetime: {error}")))?;
    let issued = with(&control, move |authority| authority.issue(&order.name, order.dns, lifetime)).await?;
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Revokes a certificate, from the next handshake on.
#[utoipa::path(delete, path = "/api/v1/certificates/{serial}", tag = "certificates", params(("serial" = String, Path)),
    extensions(("x-permission" = json!("certificates:write"))), responses((status = 200, body = TrustView),
    (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn revoke(
    State(control): State<Control>,
    Path(serial): Path<String>,
) -> Result<Json<TrustView>, Problem> {
    let done = move |authority: &dyn Certificates| authority.revoke(&serial).and_then(|()| authority.trust());
    Ok(Json(with(&control, done).await?))
}

/// What whoever talks to these services has to trust: roots and revocations.
#[utoipa::path(get, path = "/api/v1/certificates/trust", tag = "certificates",
    extensions(("x-permission" = json!("certificates:read"))), responses((status = 200, body = TrustView)))]
pub(crate) async fn trust(State(control): State<Control>) -> Result<Json<TrustView>, Problem> {
    Ok(Json(with(&control, |authority| authority.trust()).await?))
}
