//! Who gets in, and what they may do there.

use super::*;

#[tokio::test]
async fn browsers_are_shown_the_way_in() {
    let control = control();
    let mut tab = Tab::new(&control);
    assert_eq!(tab.get("/").await.header("location"), "/dashboard");
    for path in PAGES {
        let seen = tab.get(&format!("{path}?a=b")).await;
        let way =
            format!("/dashboard/login?return_to={}", super::super::text::segment(&format!("{path}?a=b")));
        assert_eq!((seen.status.as_u16(), seen.header("location")), (303, way.as_str()), "{path}");
    }
    // programs are told in their own words
    let request = Request::get("/dashboard").header("host", "localhost:7700").body(Body::empty()).unwrap();
    let answer = router(control.clone()).oneshot(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
        (401, "application/problem+json")
    );
    let seen = tab.get("/dashboard/login?return_to=//evil.example").await;
    assert!(seen.status == 200 && !seen.body.contains("evil.example"), "{}", seen.body);
    assert_eq!(markup::faults(&seen.body, true), [""; 0]);
}

#[tokio::test]
async fn the_operator_logs_in_and_out() {
    let control = control();
    let mut tab = Tab::new(&control);
    let refused = tab.post("/dashboard/login", &[("token", "wrong"), ("return_to", "/dashboard/jobs")]).await;
    assert_eq!(refused.status, 401);
    assert!(
        refused.body.contains("This is not the operator")
            && refused.body.contains("value=\"/dashboard/jobs\"")
    );
    assert_eq!(markup::faults(&refused.body, true), [""; 0], "{}", refused.body);
    assert!(tab.cookies.is_empty());

    let seen =
        tab.post("/dashboard/login", &[("token", TOKEN), ("return_to", "/dashboard/jobs?queue=a")]).await;
    assert_eq!(seen.header("location"), "/dashboard/jobs?queue=a");
    let cookie = seen.header("set-cookie");
    assert!(
        cookie.starts_with("seaworthy_operator=swos_")
            && cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    for path in PAGES {
        let page = tab.page(path).await;
        assert!(page.contains("Log out") && !page.contains("swos_"), "{path}");
    }
    let csrf = tab.csrf().await;
    // a page of another site cannot log anybody out
    tab.post("/dashboard/logout", &[("csrf", "guessed")]).await;
    assert_eq!(tab.get("/dashboard").await.status, 200);
    let stolen = tab.cookies.clone();
    let seen = tab.post("/dashboard/logout", &[("csrf", &csrf)]).await;
    assert_eq!((seen.header("location"), tab.cookies.len()), ("/dashboard/login", 0));
    let mut thief = Tab { router: router(control.clone()), cookies: stolen };
    assert_eq!(thief.get("/dashboard").await.status, 303, "the old cookie is worth nothing");
}

/// ASVS 3.5.1: what a browser sends by itself gives no orders.
#[tokio::test]
async fn a_cookie_alone_gives_no_orders() {
    let control = control();
    let mut tab = Tab::of_operator(&control).await;
    let csrf = tab.csrf().await;
    let mut other = Tab::of_operator(&control).await;
    let foreign = other.csrf().await;
    let purge = || Body::from(r#"{"path":"/"}"#);
    for (token, expected) in [(None, 403), (Some(""), 403), (Some(&foreign), 403), (Some(&csrf), 200)] {
        let mut request = Request::post("/api/v1/cache/purge");
        if let Some(token) = token {
            request = request.header("x-csrf-token", token);
        }
        let seen = tab.send(request, purge()).await;
        assert_eq!(seen.status.as_u16(), expected, "{token:?}: {}", seen.body);
    }
    let evil = Request::post("/api/v1/cache/purge")
        .header("x-csrf-token", &csrf)
        .header("origin", "https://evil.example");
    assert_eq!(tab.send(evil, purge()).await.status, 403);
    let evil = Request::post("/dashboard/login").header("origin", "https://evil.example");
    assert_eq!(tab.send(evil, Body::from("token=x")).await.status, 403);
}

#[tokio::test]
async fn what_is_not_there_is_a_page_too() {
    let control = control();
    let mut tab = Tab::of_operator(&control).await;
    for path in [
        "/dashboard/services/nope",
        "/dashboard/jobs/1",
        "/dashboard/requests/x",
        "/dashboard/dead-letters/x",
    ] {
        let seen = tab.get(path).await;
        assert_eq!(seen.status, 404, "{path}");
        assert_eq!(markup::faults(&seen.body, true), [""; 0], "{path}: {}", seen.body);
    }
    let page = tab.page("/dashboard/jobs").await;
    assert!(page.contains("Jobs are not switched on.") && page.contains("[jobs]"));
    let page = tab.page("/dashboard/people").await;
    assert!(page.contains("There is no store for people."));
}

#[tokio::test]
async fn assets_change_their_names_with_their_content() {
    let control = control();
    let mut tab = Tab::of_operator(&control).await;
    let page = tab.page("/dashboard").await;
    let mut found = 0;
    for part in page.split('"').filter(|part| part.starts_with("/dashboard/assets/")) {
        let seen = tab.get(part).await;
        assert_eq!(
            (seen.status.as_u16(), seen.header("cache-control")),
            (200, "public, max-age=31536000, immutable")
        );
        assert!(
            !seen.body.contains("http://") || part.ends_with(".svg"),
            "{part} needs nothing from elsewhere"
        );
        found += 1;
    }
    assert_eq!(found, 3);
    assert_eq!(tab.get("/dashboard/assets/style-0000000000000000.css").await.status, 404);
}

/// What can be pressed is what the API lets this visitor do, and nothing else.
#[tokio::test]
async fn buttons_are_for_whoever_may_press_them() {
    use crate::access::Table;
    use seaworthy_identity::{Actor, AuthMethod, Principal};
    let control = control();
    let document = serde_json::from_str(&crate::openapi()).unwrap();
    let table = std::sync::Arc::new(Table::of(&document).unwrap());
    let order = super::super::order::Order {
        method: "POST",
        route: "/api/v1/queues/{name}/pause",
        path: "/api/v1/queues/a/pause".to_owned(),
        body: None,
        label: "Pause",
        of: "queue a",
        confirm: None,
        done: String::new(),
        danger: false,
    };
    for (role, shown) in
        [("viewer", false), ("user", false), ("operator", true), ("admin", true), ("nobody", false)]
    {
        let mut principal = Principal { method: AuthMethod::Password, ..Principal::anonymous() };
        principal.roles = vec![role.to_owned()];
        let actor = Actor::of(principal);
        let visit = super::super::visit::Visit::of(&control, &table, &actor, &HeaderMap::new());
        assert_eq!(!order.button(&visit).0.is_empty(), shown, "{role}");
        let gone = super::super::order::Order {
            route: "/api/v1/nowhere",
            path: String::new(),
            done: String::new(),
            ..order_of()
        };
        assert!(gone.button(&visit).0.is_empty(), "{role}: a route that is not there");
    }
}

fn order_of() -> super::super::order::Order<'static> {
    super::super::order::Order {
        method: "POST",
        route: "",
        path: String::new(),
        body: None,
        label: "x",
        of: "x",
        confirm: None,
        done: String::new(),
        danger: false,
    }
}
