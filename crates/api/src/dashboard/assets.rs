//! The stylesheet, the script and the icon. Their names change with their content, so that browsers may keep them.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use seaworthy_core::ErrorCode;

use crate::Problem;

/// A file that pages refer to.
pub(super) struct Asset {
    /// Its path.
    pub(super) path: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, content: &'static str) -> Self {
        let hash = digest(&SHA256, content.as_bytes());
        let hash: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("/dashboard/assets/{stem}-{hash}.{ending}"), kind, content }
    }
}

pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css")));
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("script", "js", "text/javascript; charset=utf-8", include_str!("assets/script.js"))
});
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// A stylesheet, a script or an icon.
#[utoipa::path(get, path = "/dashboard/assets/{name}", tag = "dashboard", params(("name" = String, Path)),
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, body = String, content_type = "text/css"), (status = 404, body = Problem)))]
pub(crate) async fn asset(Path(name): Path<String>) -> Result<impl IntoResponse, Problem> {
    let all = [&*STYLE, &*SCRIPT, &*ICON];
    let found = all.into_iter().find(|asset| asset.path.rsplit('/').next() == Some(&name));
    let found = found.ok_or_else(|| {
        Problem::new(ErrorCode::NotFound, "no_route", "there is no such file; reload the page")
    })?;
    let keep = "public, max-age=31536000, immutable";
    Ok(([(CONTENT_TYPE, found.kind), (CACHE_CONTROL, keep)], found.content))
}
