use crate::harness::{Bed, Numbers};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use seaworthy_alerts::{Alerts, Heartbeat, Source};
use seaworthy_core::Clock;
use seaworthy_jobs::executor::http::Transport;
use seaworthy_telemetry::metrics::Registry;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// The runtime's clock, which tests pause.
struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_763_731_200) + self.0.elapsed()
    }
}

/// Notes when it was asked to send what.
#[derive(Clone)]
struct Noting(Arc<Mutex<Vec<(u64, String)>>>, tokio::time::Instant);

impl Transport for Noting {
    fn send(
        &self,
        request: Request<Bytes>,
        _: usize,
    ) -> BoxFuture<'static, Result<Response<Bytes>, tower::BoxError>> {
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let line =
            format!("{} {}", body["status"].as_str().unwrap_or(""), body["title"].as_str().unwrap_or(""));
        self.0.lock().expect("no panic").push((self.1.elapsed().as_secs(), line));
        Box::pin(async { Ok(Response::new(Bytes::new())) })
    }
}

#[tokio::test(start_paused = true)]
async fn rules_are_looked_at_and_messages_sent_in_time() {
    let begun = tokio::time::Instant::now();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let numbers = Arc::new(Numbers::default());
    numbers.set("shop", 0.0);
    let mut settings = Bed::settings_at("http://127.0.0.1:1/x");
    settings.heartbeats = vec![Heartbeat { receiver: "team".to_owned(), interval: Duration::from_secs(60) }];
    let source: Arc<dyn Source> = Arc::<Numbers>::clone(&numbers);
    let transport = Arc::new(Noting(Arc::clone(&sent), begun));
    let alerts = Alerts::new(settings, source, transport, Arc::new(Paused(begun)), &Registry::new())
        .expect("settings");
    let cancel = CancellationToken::new();
    let run = tokio::spawn({
        let (alerts, cancel) = (alerts.clone(), cancel.clone());
        async move { alerts.run(cancel).await }
    });
    tokio::time::sleep(Duration::from_secs(25)).await;
    // looked at every ten seconds: wrong from 30 on, told of at 50
    numbers.set("shop", 12.0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    cancel.cancel();
    run.await.expect("ended");
    let sent = sent.lock().expect("no panic").clone();
    let lines: Vec<String> = sent.iter().map(|(at, line)| format!("{at} {line}")).collect();
    let heart = "firing [HEARTBEAT] Watchdog: alerts are evaluated and told; when this stops, they are not";
    let expected =
        [format!("0 {heart}"), "50 firing [CRITICAL] High: shop is at 12".to_owned(), format!("60 {heart}")];
    assert_eq!(lines, expected);
}
