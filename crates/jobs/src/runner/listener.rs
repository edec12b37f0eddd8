//! Passes notices on to those they are for.

use super::session::Session;
use crate::topic;
use crate::worker::Stop;
use seaworthy_store::Subscription;
use std::sync::{Arc, PoisonError};

pub(super) async fn run(session: Arc<Session>, mut notices: Subscription) {
    loop {
        let Some(notice) = notices.next().await else {
            // some were missed: everybody looks
            session.ready.values().for_each(tokio::sync::Notify::notify_one);
            session.due.notify_one();
            session.batches.notify_one();
            session.redrives.notify_one();
            continue;
        };
        match notice.topic.as_str() {
            topic::READY | topic::QUEUE => {
                if let Some(queue) = session.ready.get(&notice.detail) {
                    queue.notify_one();
                }
            }
            topic::DUE => session.due.notify_one(),
            topic::BATCH => {
                if let Ok(batch) = notice.detail.parse() {
                    session.noticed.lock().unwrap_or_else(PoisonError::into_inner).add(batch);
                    session.batches.notify_one();
                }
            }
            topic::REDRIVE => session.redrives.notify_one(),
            topic::CANCEL => {
                if let Ok(id) = notice.detail.parse() {
                    session.stop(id, Stop::Cancelled);
                }
            }
            _ => {}
        }
    }
}
