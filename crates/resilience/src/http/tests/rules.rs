//! Classes, statuses, headers and conditions.

use super::super::*;
use crate::classify::{Classify, Outcome};
use crate::fault::{Condition, Select};
use crate::rejection::{Full, InjectedFault, Rejection, Scope};
use crate::retry::Attempt;
use crate::timeout::Lift;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use std::time::{Duration, SystemTime};

#[test]
fn answers_are_judged_by_their_class() {
    for (code, expected) in [
        (200, Outcome::Success),
        (404, Outcome::Success),
        (429, Outcome::Throttled),
        (500, Outcome::Failure),
        (503, Outcome::Failure),
    ] {
        let response = Response::builder().status(code).body(()).unwrap();
        assert_eq!(HttpClassify.classify(Ok::<_, &Rejection>(&response)), expected, "{code}");
    }
    let full = Rejection::BulkheadFull { limit: 1, full: Full::Wait };
    assert_eq!(HttpClassify.classify(Err::<&Response<()>, _>(&full)), Outcome::Neutral);
    let late = Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_secs(1) };
    assert_eq!(HttpClassify.classify(Err::<&Response<()>, _>(&late)), Outcome::Failure);
}

#[test]
fn rejections_have_statuses() {
    let injected = |fault| status(&Rejection::Injected { fault });
    assert_eq!(injected(InjectedFault::Abort { status: 418 }), Some(StatusCode::IM_A_TEAPOT));
    assert_eq!(injected(InjectedFault::Reset), None);
    let limited = Rejection::RateLimited { retry_after: Duration::from_millis(1_001) };
    assert_eq!(status(&limited), Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(retry_after_seconds(&limited), Some(2));
    let soon = Rejection::RateLimited { retry_after: Duration::ZERO };
    assert_eq!(retry_after_seconds(&soon), Some(1));
    let late = Rejection::TimedOut { scope: Scope::Total, after: Duration::from_secs(1) };
    assert_eq!((status(&late), retry_after_seconds(&late)), (Some(StatusCode::GATEWAY_TIMEOUT), None));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
    let read = |text: &'static str| {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static(text))]);
        retry_after(&headers, now)
    };
    assert_eq!(read("120"), Some(Duration::from_secs(120)));
    assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
    assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
    assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
    for nonsense in ["", "-1", "1.5", "soon"] {
        assert_eq!(read(nonsense), None, "{nonsense}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}

#[test]
fn only_the_last_attempt_is_lifted() {
    let mut request = Request::new(());
    assert!(!LiftLast.lifted(&request));
    request.extensions_mut().insert(Attempt { number: 2, last: false });
    assert!(!LiftLast.lifted(&request));
    request.extensions_mut().insert(Attempt { number: 3, last: true });
    assert!(LiftLast.lifted(&request));
}

#[test]
fn conditions_are_headers() {
    let request = Request::builder().header("x-trial", "7").header("x-trial", "8").body(()).unwrap();
    let meets = |name: &str, value: Option<&str>| {
        let condition = Condition { name: name.to_owned(), value: value.map(str::to_owned) };
        HttpScene.meets(&request, &condition)
    };
    assert!(meets("X-Trial", None) && meets("x-trial", Some("8")));
    assert!(!meets("x-trial", Some("9")) && !meets("x-other", None) && !meets("not a name", None));
}
