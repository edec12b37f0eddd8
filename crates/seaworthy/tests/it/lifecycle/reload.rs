//! A new configuration while running: all of it or nothing.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::harness::client::Connection;
use crate::harness::load::{After, Load};
use crate::harness::{Gateway, Upstream, answer, eventually, free_address, get};

/// Waits until an address answers this.
async fn answers(address: SocketAddr, text: &str) {
    eventually(&format!("{address} answers {text}"), || async {
        get(address, "/").await.ok().filter(|answer| answer.text() == text)
    })
    .await;
}

#[tokio::test]
async fn a_changed_file_takes_effect_under_load() {
    let (old, new) = (Upstream::fixed("old").await, Upstream::fixed("new").await);
    let gateway = Gateway::start(&old.service("")).await;
    let load = Load::start(gateway.address, "/", 8, After::Reconnect);
    load.more(200).await;
    for upstream in [&new, &old, &new] {
        gateway.configure(&upstream.service(""));
        answers(gateway.address, if std::ptr::eq(upstream, &new) { "new" } else { "old" }).await;
        load.more(100).await;
    }
    let (good, failures) = load.finish().await;
    assert!(failures.is_empty(), "{} of {good} failed: {failures:?}", failures.len());
    assert!(
        gateway.log().contains("a new configuration is in force why=\"file change\""),
        "{}",
        gateway.log()
    );
}

#[tokio::test]
async fn sighup_reads_the_file_again() {
    let upstream = Upstream::fixed("ahoy").await;
    let gateway = Gateway::start(&upstream.service("")).await;
    gateway.signal(Signal::HUP);
    gateway.logs("a new configuration is in force why=\"SIGHUP\"").await;
    assert_eq!(gateway.get("/").await.text(), "ahoy");
}

#[tokio::test]
async fn a_bad_file_is_refused_and_said_so() {
    let (old, new) = (Upstream::fixed("old").await, Upstream::fixed("new").await);
    let mut gateway = Gateway::start(&old.service("")).await;
    let load = Load::start(gateway.address, "/", 4, After::Reconnect);
    // the new upstream is right; one word elsewhere is not, and so nothing of it is applied
    gateway.configure(&new.service("retries = 5"));
    gateway.logs("the new configuration was refused; the old one stays").await;
    gateway.logs("retries").await;
    gateway.folder.write("seaworthy.toml", "[service.shop\n");
    gateway.signal(Signal::HUP);
    gateway.logs("why=\"SIGHUP\"").await;
    std::fs::remove_file(gateway.folder.path("seaworthy.toml")).unwrap();
    gateway.signal(Signal::HUP);
    gateway.logs("No such file").await;
    for _ in 0..20 {
        assert_eq!(gateway.get("/").await.text(), "old");
    }
    gateway.configure(&new.service(""));
    answers(gateway.address, "new").await;
    let (good, failures) = load.finish().await;
    assert!(failures.is_empty(), "{} of {good} failed: {failures:?}", failures.len());
    assert!(gateway.is_running());
}

#[tokio::test]
async fn listeners_come_and_go() {
    let upstream = Upstream::fixed("ahoy").await;
    let gateway = Gateway::start(&upstream.service("")).await;
    let added = free_address();
    assert!(get(added, "/").await.is_err());
    let listener = format!("[[listener]]\naddress = \"{added}\"");
    gateway.configure(&format!("{}{listener}", upstream.service("")));
    answers(added, "ahoy").await;
    let load = Load::start(gateway.address, "/", 4, After::Reconnect);
    let mut open = Connection::open(added).await.unwrap();
    open.get("/").await.unwrap();
    gateway.configure(&upstream.service(""));
    eventually("nobody listens any more", || async { Connection::open(added).await.is_err().then_some(()) })
        .await;
    // a connection that was open goes on
    assert_eq!(open.get("/").await.unwrap().text(), "ahoy");
    gateway.configure(&format!("{}{listener}", upstream.service("")));
    answers(added, "ahoy").await;
    let (good, failures) = load.finish().await;
    assert!(failures.is_empty(), "{} of {good} failed: {failures:?}", failures.len());
}

#[tokio::test]
async fn a_listener_that_cannot_be_had_refuses_the_whole_change() {
    let (old, new) = (Upstream::fixed("old").await, Upstream::fixed("new").await);
    let gateway = Gateway::start(&old.service("")).await;
    let taken = TcpListener::bind(free_address()).unwrap();
    let address = taken.local_addr().unwrap();
    let both = format!("{}[[listener]]\naddress = \"{address}\"", new.service(""));
    gateway.configure(&both);
    gateway.logs(&format!("cannot listen on {address}")).await;
    assert_eq!(gateway.get("/").await.text(), "old");
    drop(taken);
    gateway.signal(Signal::HUP);
    answers(address, "new").await;
    answers(gateway.address, "new").await;
}

#[tokio::test]
async fn what_did_not_change_keeps_its_state() {
    let broken = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&broken);
    let shop = Upstream::start(move |_| {
        let status = if switch.load(Ordering::Relaxed) { 500 } else { 200 };
        async move { answer(status, &[], "") }
    })
    .await;
    let other = Upstream::fixed("other").await;
    let config = |shop_settings: &str, other_settings: &str| {
        format!(
            "{}{shop_settings}\nretry = false\n[service.other]\nupstreams = [\"{}\"]\n{other_settings}\n\
             [[route]]\npath = \"/shop\"\nservice = \"shop\"\n[[route]]\nservice = \"other\"",
            shop.service(""),
            other.url()
        )
    };
    let breaker = "breaker = { consecutive_failures = 2, open_for = \"1m\" }";
    let gateway = Gateway::start(&config(breaker, "")).await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/shop").await.status, 500);
    }
    assert_eq!(gateway.get("/shop").await.reason(), "breaker_open");
    broken.store(false, Ordering::Relaxed);

    gateway.configure(&config(breaker, "connections = 5"));
    gateway.logs("a new configuration is in force").await;
    assert_eq!(gateway.get("/").await.text(), "other");
    assert_eq!(gateway.get("/shop").await.reason(), "breaker_open", "the other service's change reset it");

    gateway
        .configure(&config("breaker = { consecutive_failures = 9, open_for = \"1m\" }", "connections = 5"));
    eventually("the changed service starts afresh", || async {
        (gateway.get("/shop").await.status == 200).then_some(())
    })
    .await;
}
