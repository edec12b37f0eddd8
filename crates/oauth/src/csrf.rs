//! Requests a browser sends with our cookies although another site asked for them.

use http::header::ORIGIN;
use http::{HeaderMap, Method};

/// Why a request that carries a session is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsrfReject {
    /// The browser itself says that another site asked.
    #[error("the request comes from another site")]
    CrossSite,
    /// `Origin` is not ours.
    #[error("the request comes from another origin")]
    Origin,
    /// A browser of today sends one of the two; without any nobody can tell.
    #[error("the request does not say where it comes from")]
    Unknown,
}

impl CsrfReject {
    /// The stable word for logs, metrics and problem bodies.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::CrossSite => "csrf_cross_site",
            Self::Origin => "csrf_origin",
            Self::Unknown => "csrf_unknown",
        }
    }

    /// The stable code.
    pub const fn code(self) -> seaworthy_core::ErrorCode {
        seaworthy_core::ErrorCode::Forbidden
    }
}

/// Whether a request that is authenticated by a cookie may change something. `origins` are ours, such as
/// `https://app.example.com`. Safe methods always pass, except WebSocket upgrades, whose caller passes `Method::POST`.
///
/// # Errors
/// It comes from elsewhere, or does not say.
pub fn check(method: &Method, headers: &HeaderMap, origins: &[String]) -> Result<(), CsrfReject> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let mut sites = headers.get_all("sec-fetch-site").iter();
    let site = sites.next().map(|site| site.as_bytes());
    if sites.next().is_some() || site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err(CsrfReject::CrossSite);
    }
    let mut all = headers.get_all(ORIGIN).iter();
    match (all.next(), all.next()) {
        (Some(origin), None) => {
            let ours = origin
                .to_str()
                .is_ok_and(|origin| origins.iter().any(|own| own.eq_ignore_ascii_case(origin)));
            if ours { Ok(()) } else { Err(CsrfReject::Origin) }
        }
        (None, _) if site.is_some() => Ok(()),
        (None, _) => Err(CsrfReject::Unknown),
        (Some(_), Some(_)) => Err(CsrfReject::Origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ASVS 3.5.1, 3.5.3
    #[test]
    fn only_our_own_pages_change_something() {
        let own = ["https://app.example.com".to_owned()];
        let ask = |method: &Method, pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, http::HeaderValue::from_static(value));
            }
            check(method, &headers, &own)
        };
        let post = |pairs: &[(&'static str, &'static str)]| ask(&Method::POST, pairs);
        assert_eq!(ask(&Method::GET, &[("sec-fetch-site", "cross-site")]), Ok(()));
        assert_eq!(post(&[("origin", "https://app.example.com")]), Ok(()));
        assert_eq!(post(&[("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(post(&[("sec-fetch-site", "same-origin"), ("origin", "https://app.example.com")]), Ok(()));
        assert_eq!(post(&[]), Err(CsrfReject::Unknown));
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "null"),
            ("origin", "https://app.example.com.evil.test"),
            ("origin", "http://app.example.com"),
            ("origin", "https://app.example.com:444"),
            ("origin", "https://evil.test"),
        ] {
            assert!(post(&[(name, value)]).is_err(), "{name}: {value}");
            assert!(ask(&Method::DELETE, &[(name, value)]).is_err(), "{name}: {value}");
        }
        assert!(
            post(&[("origin", "https://app.example.com"), ("origin", "https://app.example.com")]).is_err()
        );
        assert!(post(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.test")]).is_err());
    }
}
