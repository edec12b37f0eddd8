//! A new process takes the listening sockets over from a running one.

use std::net::TcpListener;

use super::Slow;
use crate::harness::load::{After, Load};
use crate::harness::{Folder, Gateway, Upstream, eventually, free_address, get};

const TAKEOVER: &str = "takeover = \"takeover.sock\"";

#[tokio::test]
async fn no_request_fails_over_two_changes_under_load() {
    let slow = Slow::start("ahoy").await;
    let mut gateway = Gateway::with(Folder::new(), TAKEOVER, "", &slow.upstream.service("")).await;
    let load = Load::start(gateway.address, "/", 16, After::Reconnect);
    let under_way = tokio::spawn(get(gateway.address, "/slow"));
    slow.arrived(1).await;
    load.more(300).await;

    let mut second = gateway.another("log-2");
    gateway.logs("a successor took over").await;
    load.more(300).await;
    assert!(gateway.is_running(), "it left a request behind");
    slow.release(1);
    let answer = under_way.await.unwrap().unwrap();
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "ahoy"));
    assert!(gateway.ended().await.success());
    load.more(300).await;

    let _third = gateway.another("log-3");
    assert!(second.ended().await.success());
    load.more(300).await;
    let (good, failures) = load.finish().await;
    assert!(failures.is_empty(), "{} of {good} failed: {failures:?}", failures.len());
    let control = get(gateway.control, "/healthz/ready").await.unwrap();
    assert_eq!(control.status, 200, "the control listener went along");
}

#[tokio::test]
async fn a_successor_brings_its_own_configuration() {
    let (old, new) = (Upstream::fixed("old").await, Upstream::fixed("new").await);
    let mut gateway = Gateway::with(Folder::new(), TAKEOVER, "", &old.service("")).await;
    assert_eq!(gateway.get("/").await.text(), "old");
    // reloading is kept out of it: the file it watches is another one
    let added = free_address();
    let text = Gateway::text(gateway.address, gateway.control, TAKEOVER, "", &new.service(""));
    gateway.folder.write("next.toml", format!("{text}[[listener]]\naddress = \"{added}\"\n"));
    let _successor = gateway.another_with("next.toml", "log-2");
    assert!(gateway.ended().await.success());
    assert_eq!(gateway.get("/").await.text(), "new");
    assert_eq!(get(added, "/").await.unwrap().text(), "new");
}

/// Starts a successor that must fail, and checks that nobody noticed.
async fn fails(config: impl FnOnce(&Gateway) -> String) -> Gateway {
    let upstream = Upstream::fixed("ahoy").await;
    let mut gateway = Gateway::with(Folder::new(), TAKEOVER, "", &upstream.service("")).await;
    let load = Load::start(gateway.address, "/", 4, After::Reconnect);
    load.more(100).await;
    gateway.folder.write("next.toml", config(&gateway));
    let mut successor = gateway.another_with("next.toml", "log-2");
    assert_eq!(successor.ended().await.code(), Some(1));
    load.more(200).await;
    let (good, failures) = load.finish().await;
    assert!(failures.is_empty(), "{} of {good} failed: {failures:?}", failures.len());
    assert!(gateway.is_running());
    // it is still there for one that does better
    let text = Gateway::text(gateway.address, gateway.control, TAKEOVER, "", &upstream.service(""));
    gateway.folder.write("next.toml", text);
    let _successor = gateway.another_with("next.toml", "log-3");
    assert!(gateway.ended().await.success());
    eventually("the successor serves", || async {
        get(gateway.address, "/").await.ok().filter(|answer| answer.text() == "ahoy")
    })
    .await;
    gateway
}

#[tokio::test]
async fn a_successor_with_a_bad_configuration_changes_nothing() {
    let gateway = fails(|_| "[service.shop]\nupstream = \"http://127.0.0.1:9\"".to_owned()).await;
    assert!(gateway.folder_text("log-2").contains("did you mean"), "{}", gateway.folder_text("log-2"));
}

#[tokio::test]
async fn a_successor_that_fails_with_the_sockets_in_hand_changes_nothing() {
    let taken = TcpListener::bind(free_address()).unwrap();
    let gateway = fails(|gateway| {
        let service = "[service.shop]\nupstreams = [\"http://127.0.0.1:9\"]";
        let text = Gateway::text(gateway.address, gateway.control, TAKEOVER, "", service);
        format!("{text}[[listener]]\naddress = \"{}\"\n", taken.local_addr().unwrap())
    })
    .await;
    assert!(gateway.log().contains("a successor failed to take over; going on"), "{}", gateway.log());
}
