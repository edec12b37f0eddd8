use super::*;
use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use tracing_subscriber::layer::SubscriberExt;

/// An exporter that says when it is asked, and waits to be let go.
#[derive(Debug)]
struct Gate {
    asked: Sender<usize>,
    go: Mutex<Receiver<()>>,
}

impl LogExporter for Gate {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let _test_is_over = self.asked.send(batch.iter().count());
        let _test_is_over = self.go.lock().unwrap().recv();
        Ok(())
    }
}

#[test]
fn what_the_queue_has_no_room_for_is_dropped_and_counted() {
    let metrics = Registry::new();
    let (asked, exports) = mpsc::channel();
    let (let_go, go) = mpsc::channel();
    let settings = Settings { queue: 4, delay: Duration::from_secs(86_400), ..Settings::default() };
    let gate = Gate { asked, go: Mutex::new(go) };
    let exporter = Exporter::with_exporter(gate, &settings, &metrics, |line| Cow::Borrowed(line));
    let log = |events: u32| {
        let subscriber = tracing_subscriber::registry().with(exporter.clone());
        tracing::subscriber::with_default(subscriber, || (0..events).for_each(|i| tracing::info!(i, "said")));
    };
    log(4); // a full batch, which is on its way from here on
    assert_eq!(exports.recv().unwrap(), 4);
    log(10);
    assert!(metrics.render().contains("seaworthy_logs_events_total{outcome=\"dropped\"} 6"));
    drop(let_go);
    exporter.flush().unwrap();
    assert!(metrics.render().contains("seaworthy_logs_events_total{outcome=\"sent\"} 8"));
    exporter.shutdown(Duration::from_secs(20)).unwrap();
}
