//! Pages that are kept current, on paused time.

use std::time::Duration;

use super::*;

/// The next events of a stream, as text.
async fn next(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_page_is_sent_when_it_has_changed() {
    let control = control();
    let tab = Tab::of_operator(&control).await;
    let answer = tab.opened(Request::get("/dashboard/live?page=/dashboard/jobs"), Body::empty()).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
        (200, "text/event-stream")
    );
    let mut body = answer.into_body();
    let first = next(&mut body).await.unwrap();
    let data = first.strip_prefix("event: main\ndata: ").unwrap().trim_end();
    let main: String = serde_json::from_str(data).unwrap();
    assert_eq!(markup::faults(&main, false), [""; 0]);
    let second = next(&mut body).await.unwrap();
    assert!(second.starts_with("event: beat\n"), "nothing has changed: {second}");
    // it ends by itself
    let mut beats = 0;
    while next(&mut body).await.is_some() {
        beats += 1;
    }
    assert!((440..460).contains(&beats), "one every two seconds for a quarter of an hour: {beats}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_session() {
    let control = control();
    let mut tab = Tab::of_operator(&control).await;
    let csrf = tab.csrf().await;
    let answer = tab.opened(Request::get("/dashboard/live?page=/dashboard"), Body::empty()).await;
    let mut body = answer.into_body();
    assert!(next(&mut body).await.unwrap().starts_with("event: main\n"));
    tab.post("/dashboard/logout", &[("csrf", &csrf)]).await;
    assert!(next(&mut body).await.unwrap().starts_with("event: gone\n"));
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test(start_paused = true)]
async fn streams_are_for_whoever_may_see_the_page() {
    let control = control();
    let nobody = Tab::new(&control);
    let tab = Tab::of_operator(&control).await;
    for (who, page, expected) in [
        (&nobody, "/dashboard", 401),
        (&tab, "/dashboard/nowhere", 404),
        (&tab, "/api/v1/jobs", 404),
        (&tab, "//evil.example/dashboard", 404),
        (&tab, "/dashboard/login", 404),
        (&tab, "", 404),
    ] {
        let path = format!("/dashboard/live?page={}", super::super::text::segment(page));
        let answer = who.opened(Request::get(&path), Body::empty()).await;
        assert_eq!(answer.status().as_u16(), expected, "{page}");
    }
    // and there are only so many
    let mut open = Vec::new();
    for _ in 0..64 {
        let answer = tab.opened(Request::get("/dashboard/live?page=/dashboard/jobs"), Body::empty()).await;
        assert_eq!(answer.status(), 200);
        open.push(answer);
    }
    let full = tab.opened(Request::get("/dashboard/live?page=/dashboard/jobs"), Body::empty()).await;
    assert_eq!(full.status(), 429);
    open.pop();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let again = tab.opened(Request::get("/dashboard/live?page=/dashboard/jobs"), Body::empty()).await;
    assert_eq!(again.status(), 200);
}
