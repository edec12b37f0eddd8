//! Log-ins that are forged, and sessions that are abused.

use super::{Browser, House, LOGIN, LONG, gateway, mirror};
use crate::harness::client::exchange;
use crate::harness::free_address;

const SESSION: &str = "seaworthy_staff";

/// ASVS 7.2.2, 3.3: a session that was changed is none, wherever it was changed.
#[tokio::test]
async fn a_changed_session_is_none() {
    let house = House::new(LONG).await;
    let mut browser = Browser::default();
    let page = house.url("/page");
    assert_eq!(browser.visit(&page, "ann").await.status, 200);
    let whole = browser.cookies(house.gateway.address);
    let length = whole.len();
    for at in [20, length / 2, length - 1] {
        let mut other = browser.clone();
        let changed = other.change(house.gateway.address, SESSION, |value| {
            let at = at.min(value.len() - 1);
            let letter = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
            value.replace_range(at..=at, letter);
        });
        assert!(changed.is_some(), "{whole}");
        assert_eq!(other.ask("GET", &page, &[], "").await.reason(), "no_credential", "letter {at}");
    }
    let mut cut = browser.clone();
    cut.change(house.gateway.address, SESSION, |value| value.truncate(value.len() - 1)).unwrap();
    assert_eq!(cut.ask("GET", &page, &[], "").await.reason(), "no_credential");
    // one that stands twice was planted
    let twice = format!("{whole}; {SESSION}=1.x");
    let answer = exchange(house.gateway.address, "GET", "/page", &[("cookie", &twice)], "").await;
    assert_eq!(answer.reason(), "no_credential");
    assert_eq!(browser.ask("GET", &page, &[], "").await.status, 200, "the real one still is");
}

/// ASVS 10.2.1: an answer of the provider belongs to the browser that asked, once.
#[tokio::test]
async fn the_way_back_is_for_who_went_there_once() {
    let house = House::new(LONG).await;
    let page = house.url("/page");
    let mut victim = Browser::default();
    let mut mallory = Browser::default();
    let mallorys = mallory.until(&page, "bob", "/callback?").await;
    // log-in of another under one's own name: the victim's browser never began it
    let answer = victim.open(&mallorys).await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (400, "login_state"));
    let own = victim.until(&page, "ann", "/callback?").await;
    let pair = |url: &str, name: &str| {
        let query = url.split_once('?').unwrap().1.to_owned();
        query.split('&').find(|pair| pair.starts_with(&format!("{name}="))).unwrap().to_owned()
    };
    // codes and states cannot be mixed, and nothing may be missing or doubled
    let (code, state, issuer) = (pair(&own, "code"), pair(&own, "state"), pair(&own, "iss"));
    let foreign = pair(&mallorys, "state");
    for (name, query, status, reason) in [
        ("no state", format!("{code}&{issuer}"), 400, "login_state"),
        ("another's state", format!("{code}&{foreign}&{issuer}"), 400, "login_state"),
        ("two states", format!("{code}&{state}&{foreign}&{issuer}"), 400, "login_state"),
        ("10.5 no issuer", format!("{code}&{state}"), 400, "login_issuer"),
        ("10.5 another issuer", format!("{code}&{state}&iss=https%3A%2F%2Fevil.test"), 400, "login_issuer"),
        ("no code", format!("{state}&{issuer}"), 400, "login_state"),
    ] {
        let url = house.url(&format!("{LOGIN}/callback?{query}"));
        let answer = victim.clone().open(&url).await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (status, reason), "{name}");
        assert!(!answer.headers.contains_key("set-cookie"), "{name}");
    }
    // a code that was stolen from another's log-in does not fit the verifier of this one
    let stolen = format!("{}&{state}&{issuer}", pair(&mallorys, "code"));
    let answer = victim.clone().open(&house.url(&format!("{LOGIN}/callback?{stolen}"))).await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (401, "login_refused"));
    let before = victim.clone();
    assert_eq!(victim.open(&own).await.status, 303);
    // the same once more: the browser has forgotten it, and one that has not gets nothing for its code
    assert_eq!(victim.clone().open(&own).await.reason(), "login_state");
    assert_eq!(before.clone().open(&own).await.reason(), "login_refused");
}

/// ASVS 3.7.2: after the log-in people are here, whatever a link said.
#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let house = House::new(LONG).await;
    let mut browser = Browser::default();
    for (wanted, goes) in [
        ("%2Forders%3Fa%3Db", "/orders?a=b"),
        ("//evil.test", "/"),
        ("%2F%2Fevil.test", "/"),
        ("/%5Cevil.test", "/"),
        ("/\\evil.test", "/"),
        ("https:evil.test", "/"),
        ("https://evil.test/", "/"),
        ("%68ttps://evil.test/", "/"),
        ("/%252Fevil.test", "/"),
        ("/%09/evil.test", "/"),
        ("/x%0d%0aSet-Cookie:a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("/a&return_to=//evil.test", "/"),
    ] {
        let start = house.url(&format!("{LOGIN}/start?return_to={wanted}"));
        let callback = browser.until(&start, "ann", "/callback?").await;
        let answer = browser.open(&callback).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, goes), "{wanted}");
    }
}

/// ASVS 3.5.1, 3.5.3: a session that another site uses is no session.
#[tokio::test]
async fn other_sites_cannot_use_a_session() {
    let house = House::new(LONG).await;
    let mut browser = Browser::default();
    let page = house.url("/page");
    assert_eq!(browser.visit(&page, "ann").await.status, 200);
    let own = house.url("");
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), ("origin", "https://evil.test")];
    for (name, method, headers, reason) in [
        ("origin", "POST", vec![("origin", "https://evil.test")], "csrf_origin"),
        ("null", "POST", vec![("origin", "null")], "csrf_origin"),
        ("silent", "POST", vec![], "csrf_unknown"),
        ("site", "DELETE", vec![("sec-fetch-site", "cross-site")], "csrf_cross_site"),
        (
            "subdomain",
            "PUT",
            vec![("sec-fetch-site", "same-site"), ("origin", own.as_str())],
            "csrf_cross_site",
        ),
        ("socket", "GET", upgrade.to_vec(), "csrf_origin"),
    ] {
        let answer = browser.ask(method, &page, &headers, "").await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (403, reason), "{name}");
    }
    assert_eq!(browser.ask("POST", &page, &[("origin", &own)], "").await.status, 200);
    assert_eq!(browser.ask("POST", &page, &[("sec-fetch-site", "same-origin")], "").await.status, 200);
    // a link from another site is no harm
    assert_eq!(browser.ask("GET", &page, &[("sec-fetch-site", "cross-site")], "").await.status, 200);
}

/// ASVS 3.3.1 to 3.3.4: no script reads them, no other host sets them, and where TLS is, it is a must.
#[tokio::test]
async fn cookies_of_log_ins_are_closed() {
    let house = House::new(LONG).await;
    let check = |line: &str, secure: bool| {
        for needed in ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age="] {
            assert!(line.split("; ").any(|part| part.starts_with(needed)), "{needed}: {line}");
        }
        assert!(!line.to_ascii_lowercase().contains("domain="), "{line}");
        assert_eq!(line.ends_with("; Secure") && line.starts_with("__Host-"), secure, "{line}");
    };
    let cookies = |answer: &crate::harness::Answer| -> Vec<String> {
        let lines = answer.headers.get_all("set-cookie").iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect()
    };
    let mut browser = Browser::default();
    let callback = browser.until(&house.url("/page"), "ann", "/callback?").await;
    for line in cookies(&browser.open(&callback).await) {
        check(&line, false);
    }
    let upstream = mirror().await;
    let (address, control) = (free_address(), free_address());
    let mut secure = gateway(&house.provider, &upstream, (address, control), "").await;
    let text = secure
        .folder_text("seaworthy.toml")
        .replace(&format!("url = \"http://{address}\""), "url = \"https://shop.test\"");
    secure.signal(rustix::process::Signal::TERM);
    secure.ended().await;
    secure.folder.write("seaworthy.toml", text);
    secure.restart("again").await;
    let start = exchange(address, "GET", &format!("{LOGIN}/start"), &[], "").await;
    assert_eq!(start.status, 303, "{}", start.text());
    assert!(start.header("location").contains("redirect_uri=https%3A%2F%2Fshop.test%2F"));
    let lines = cookies(&start);
    assert_eq!(lines.len(), 1);
    check(&lines[0], true);
}
