//! Where replicas listen, and the one that no ordinary request reaches.

use crate::harness::{Bed, available, eventually, pids, replica, runs, until};
use seaworthy_core::ErrorCode;
use seaworthy_supervisor::replica::Phase;
use seaworthy_supervisor::rollout;
use seaworthy_supervisor::settings::{Command, Port};
use seaworthy_supervisor::status::Health;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

fn asks(addr: SocketAddr) -> u32 {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    write!(stream, "GET /pid HTTP/1.0\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.rsplit("\r\n").next().and_then(|pid| pid.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_can_be_passed() {
    let bed = Bed::new();
    let mut shop = bed.server("shop");
    shop.port = Port::Socket;
    let Command::Argv(argv) = &mut shop.command else { unreachable!() };
    *argv.last_mut().unwrap() = "fd".into();
    let fleet = bed.fleet(vec![shop]).await;
    let status = available(&fleet, "shop").await;
    let one = replica(&status, "shop-1");
    assert_eq!(asks(one.addr.unwrap()), one.pid.unwrap());
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_fixed_port_the_old_one_ends_first() {
    let bed = Bed::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut shop = bed.server("shop");
    shop.port = Port::Fixed(port);
    let fleet = bed.fleet(vec![shop]).await;
    let before = available(&fleet, "shop").await;
    assert_eq!(replica(&before, "shop-1").addr.unwrap().port(), port);
    fleet.restart("shop").await.unwrap();
    let after = until(&fleet, "shop", "another process", |status| {
        assert!(status.instances.len() <= 1, "{status:?}");
        status.health == Health::Available && pids(status) != pids(&before)
    })
    .await;
    assert_eq!(replica(&after, "shop-1").addr.unwrap().port(), port);
    assert_eq!(fleet.scale("shop", 2).await.unwrap_err().code(), ErrorCode::Conflict);
    assert_eq!(fleet.sandbox("shop", true).await.unwrap_err().code(), ErrorCode::Conflict);
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_ordinary_request_reaches_the_sandbox() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    available(&fleet, "shop").await;
    fleet.sandbox("shop", true).await.unwrap();
    let status = until(&fleet, "shop", "a sandbox", |status| {
        status.sandbox.as_ref().is_some_and(|sandbox| sandbox.phase == Phase::Ready)
    })
    .await;
    let sandbox = status.sandbox.clone().unwrap();
    eventually("the gateway to know", || bed.traffic.sandbox("shop").is_some()).await;
    let endpoint = bed.traffic.sandbox("shop").unwrap();
    assert_eq!((Some(endpoint.addr), &*endpoint.replica), (sandbox.addr, "shop-sandbox"));
    assert_eq!(asks(endpoint.addr), sandbox.pid.unwrap());
    assert_eq!((status.instances.len(), status.replicas), (1, 1));
    fleet.sandbox("shop", false).await.unwrap();
    until(&fleet, "shop", "no sandbox", |status| status.sandbox.is_none()).await;
    assert_eq!(bed.traffic.sandbox("shop"), None);
    assert!(!runs(sandbox.pid.unwrap()));
    // one that an earlier life left is of no use to anybody
    fleet.sandbox("shop", true).await.unwrap();
    let status = until(&fleet, "shop", "a sandbox", |status| {
        status.sandbox.as_ref().is_some_and(|sandbox| sandbox.phase == Phase::Ready)
    })
    .await;
    drop(fleet);
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    eventually("its end", || !runs(status.sandbox.as_ref().unwrap().pid.unwrap())).await;
    assert_eq!(pids(&available(&fleet, "shop").await), pids(&status));
    let never = bed.traffic.history("shop").into_iter().flatten();
    assert!(never.into_iter().all(|endpoint| &*endpoint.replica == "shop-1"));
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_fixed_port_the_old_one_comes_back_when_the_new_one_never_is_ready() {
    let bed = Bed::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut shop = bed.server("shop");
    shop.port = Port::Fixed(port);
    let fleet = bed.fleet(vec![shop.clone()]).await;
    let before = available(&fleet, "shop").await;
    let mut broken = shop.clone();
    broken.command = Command::Shell("exit 7".into());
    broken.rollout.progress_deadline = std::time::Duration::from_millis(300);
    fleet.apply(vec![broken]).await.unwrap();
    let after = until(&fleet, "shop", "the old settings again", |status| {
        matches!(status.rollout, rollout::Status::Failed(_))
            && status.ready == 1
            && status.instances[0].template == before.template
    })
    .await;
    assert_ne!(pids(&after), pids(&before));
    assert_eq!(asks(replica(&after, "shop-1").addr.unwrap()), pids(&after)[0]);
    fleet.apply(vec![shop]).await.unwrap();
    assert_eq!(pids(&available(&fleet, "shop").await), pids(&after));
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_port_that_somebody_has_is_waited_for() {
    let bed = Bed::new();
    let somebody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut shop = bed.server("shop");
    shop.port = Port::Fixed(somebody.local_addr().unwrap().port());
    // whoever has it answers
    shop.probes = seaworthy_supervisor::settings::Probes::default();
    let fleet = bed.fleet(vec![shop]).await;
    let status = until(&fleet, "shop", "an attempt", |status| {
        status.instances.first().is_some_and(|one| one.restarts > 0)
    })
    .await;
    let words = replica(&status, "shop-1").last_exit.clone().unwrap();
    assert!(words.contains("is taken"), "{words}");
    assert!(bed.traffic.history("shop").is_empty());
    drop(somebody);
    available(&fleet, "shop").await;
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_that_ended_for_good_is_kept_to_be_seen() {
    let bed = Bed::new();
    let mut shop = crate::harness::sh("shop", "case $PORT in *) test -e ended || exec sleep 1000;; esac");
    shop.folder = Some(bed.switch("."));
    shop.restart.policy = seaworthy_supervisor::settings::RestartPolicy::Never;
    let fleet = bed.fleet(vec![shop]).await;
    available(&fleet, "shop").await;
    bed.set("ended");
    fleet.sandbox("shop", true).await.unwrap();
    until(&fleet, "shop", "its end", |status| {
        status.sandbox.as_ref().is_some_and(|sandbox| sandbox.phase == Phase::Completed)
    })
    .await;
    fleet.sandbox("shop", false).await.unwrap();
    until(&fleet, "shop", "no sandbox", |status| status.sandbox.is_none()).await;
    fleet.shutdown().await;
}
