//! SIGTERM: what is under way is finished, nothing is lost, and it ends in time.

use std::time::Duration;

use rustix::process::Signal;

use super::{PARKED, Slow};
use crate::harness::client::Connection;
use crate::harness::gateway::timed;
use crate::harness::load::{After, Load};
use crate::harness::program::curl;
use crate::harness::{Folder, Gateway, Upstream, eventually, get};

#[tokio::test]
async fn no_request_under_load_is_lost() {
    let slow = Slow::start("ahoy").await;
    let mut gateway = Gateway::start(&slow.upstream.service("")).await;
    let mut load = Load::start(gateway.address, "/", 16, After::Stop);
    let under_way = tokio::spawn(get(gateway.address, "/slow"));
    slow.arrived(1).await;
    load.more(500).await;
    gateway.signal(Signal::TERM);
    let (good, failures) = load.ended().await;
    assert!(failures.is_empty(), "{} of {good} failed: {failures:?}", failures.len());
    // everybody else is gone; the slow one is still waited for
    assert!(gateway.is_running());
    slow.release(1);
    let answer = under_way.await.unwrap().unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (200, "close"));
    assert!(gateway.ended().await.success());
    assert!(gateway.log().contains("stopped"), "{}", gateway.log());
}

#[tokio::test]
async fn an_http2_stream_under_way_is_finished() {
    let slow = Slow::start("ahoy").await;
    let mut gateway = Gateway::start(&slow.upstream.service("")).await;
    let url = format!("http://{}/slow", gateway.address);
    let under_way = tokio::spawn(async move { curl(&["--http2-prior-knowledge", &url]).await });
    slow.arrived(1).await;
    gateway.signal(Signal::TERM);
    gateway.logs("draining").await;
    slow.release(1);
    assert_eq!(under_way.await.unwrap(), "ahoy");
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn an_idle_connection_may_ask_once_more() {
    let upstream = Upstream::fixed("ahoy").await;
    let idle = "drain_idle = \"5s\"";
    let mut gateway = Gateway::with(Folder::new(), idle, "", &upstream.service("")).await;
    let mut parked = Connection::open(gateway.address).await.unwrap();
    assert_eq!(parked.get("/").await.unwrap().header("connection"), "");
    // being idle is what is tested: nothing else tells when the connection has been so for long enough
    tokio::time::sleep(PARKED).await;
    let mut fresh = Connection::open(gateway.address).await.unwrap();
    assert_eq!(fresh.get("/").await.unwrap().header("connection"), "");
    gateway.signal(Signal::TERM);
    eventually("it says that it drains", || async {
        get(gateway.control, "/healthz/ready").await.ok().filter(|answer| answer.status == 503)
    })
    .await;
    for connection in [&mut parked, &mut fresh] {
        let last = connection.get("/").await.unwrap();
        assert_eq!((last.status.as_u16(), last.header("connection")), (200, "close"));
        assert!(!connection.is_open().await);
    }
    // nobody is left: the time for idle connections need not be waited for
    let (status, took) = timed(gateway.ended()).await;
    assert!(status.success() && took < Duration::from_secs(4), "{status} after {took:?}");
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let upstream = Upstream::fixed("ahoy").await;
    let times = "drain_idle = \"300ms\"\ndrain_timeout = \"20s\"";
    let mut gateway = Gateway::with(Folder::new(), times, "", &upstream.service("")).await;
    let mut connection = Connection::open(gateway.address).await.unwrap();
    connection.get("/").await.unwrap();
    gateway.signal(Signal::TERM);
    let (status, took) = timed(gateway.ended()).await;
    assert!(status.success() && took < Duration::from_secs(6), "{status} after {took:?}");
}

#[tokio::test]
async fn draining_is_bounded() {
    let slow = Slow::start("never").await;
    let limit = "drain_timeout = \"1s\"";
    let mut gateway = Gateway::with(Folder::new(), limit, "", &slow.upstream.service("")).await;
    let under_way = tokio::spawn(get(gateway.address, "/slow"));
    slow.arrived(1).await;
    gateway.signal(Signal::TERM);
    let (status, took) = timed(gateway.ended()).await;
    assert!(status.success(), "{status}");
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(6), "after {took:?}");
    assert!(gateway.log().contains("drain time is over"), "{}", gateway.log());
    assert!(under_way.await.unwrap().is_err());
}
#[tokio::test]
async fn nobody_new_is_let_in() {
    let slow = Slow::start("ahoy").await;
    let mut gateway = Gateway::start(&slow.upstream.service("")).await;
    let under_way = tokio::spawn(get(gateway.address, "/slow"));
    slow.arrived(1).await;
    gateway.signal(Signal::TERM);
    gateway.logs("draining").await;
    let address = gateway.address;
    eventually("connections are refused", || async {
        Connection::open(address).await.is_err().then_some(())
    })
    .await;
    slow.release(1);
    assert_eq!(under_way.await.unwrap().unwrap().status, 200);
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_the_wait() {
    let slow = Slow::start("never").await;
    let mut gateway = Gateway::start(&slow.upstream.service("")).await;
    let under_way = tokio::spawn(get(gateway.address, "/slow"));
    slow.arrived(1).await;
    gateway.signal(Signal::INT);
    gateway.logs("draining").await;
    assert!(gateway.is_running());
    // the second one counts from when it is listened for, a moment after the first
    eventually("it has ended", || {
        gateway.signal(Signal::TERM);
        let running = gateway.is_running();
        async move { (!running).then_some(()) }
    })
    .await;
    assert!(gateway.log().contains("second signal"), "{}", gateway.log());
    assert!(under_way.await.unwrap().is_err());
}
