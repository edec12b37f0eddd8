//! Sends messages: as durable jobs, and directly where there is no database.

use crate::dispatch::Plan;
use crate::notification::{Kind, Notification};
use crate::notify::Channel;
use crate::rule::Severity;
use bytes::Bytes;
use http::{Response, StatusCode};
use seaworthy_core::Clock;
use seaworthy_jobs::executor::http::Transport;
use seaworthy_jobs::retry::Backoff;
use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
use seaworthy_jobs::{NewJob, Retry, Unique, UniqueScope};
use seaworthy_resilience::http::retry_after;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The kind of the jobs.
pub const KIND: &str = "alert_notification";
/// The queue they are in.
pub const QUEUE: &str = "alerts";

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the exchange may take within it.
const EXCHANGE: Duration = Duration::from_secs(20);
/// Nobody makes us wait for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);
/// How much of an answer is read.
const MOST_ANSWER: usize = 2 << 10;
/// For how long a message with the same key is the same message.
const SAME: Duration = Duration::from_secs(86_400);

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which of the receiver's channels.
    pub channel: usize,
    /// Its kind, so that a change of settings does not send it elsewhere.
    pub by: String,
    /// The message.
    pub notification: Notification,
}

/// Sends. Clones share it. It is the worker of kind [`KIND`] for a runner whose queues name [`QUEUE`].
#[derive(Clone)]
pub struct Sender {
    transport: Arc<dyn Transport>,
    plan: Arc<RwLock<Arc<Plan>>>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl Sender {
    pub(crate) fn new(transport: Arc<dyn Transport>, plan: Arc<Plan>, clock: Arc<dyn Clock>) -> Self {
        Self { transport, plan: Arc::new(RwLock::new(plan)), clock }
    }

    pub(crate) fn replace_plan(&self, plan: Arc<Plan>) {
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One for each of the receiver's channels.
    pub(crate) fn deliveries(&self, notification: &Notification) -> Vec<Delivery> {
        let plan = self.plan();
        let Some(receiver) = plan.receivers.get(&notification.receiver) else { return Vec::new() };
        let channels = receiver.channels.iter().enumerate();
        let wanted = channels.filter(|(_, channel)| {
            // who does not keep incidents is not told that somebody looks after one
            notification.status != crate::notification::Status::Acknowledged
                || channel.follows_acknowledgements()
        });
        wanted
            .map(|(at, channel)| Delivery {
                channel: at,
                by: channel.word().to_owned(),
                notification: notification.clone(),
            })
            .collect()
    }

    fn channel(&self, delivery: &Delivery) -> Option<Channel> {
        let plan = self.plan();
        let channels = &plan.receivers.get(&delivery.notification.receiver)?.channels;
        let same = |channel: &&Channel| channel.word() == delivery.by;
        channels.get(delivery.channel).filter(same).or_else(|| channels.iter().find(same)).cloned()
    }

    /// One attempt.
    pub(crate) async fn send(&self, delivery: &Delivery) -> Result<(), Failed> {
        let gone = || Failed::permanent("no_receiver", "the receiver, or this way to it, is no longer there");
        let channel = self.channel(delivery).ok_or_else(gone)?;
        match tokio::time::timeout(EXCHANGE, self.exchange(&channel, &delivery.notification)).await {
            Ok(done) => done,
            Err(_) => Err(Failed::new("timeout", format!("no answer within {} s", EXCHANGE.as_secs()))),
        }
    }

    async fn exchange(&self, channel: &Channel, notification: &Notification) -> Result<(), Failed> {
        let Some(request) = channel.request(notification, self.clock.wall().into()) else {
            return email(channel, notification).await;
        };
        let request = request.map_err(|error| Failed::permanent("unsendable", error.to_string()))?;
        let answer = self.transport.send(request, MOST_ANSWER).await;
        // an error could show the address, which may be a secret
        let answer = answer
            .map_err(|_| Failed::new("unreachable", format!("the {} was not reached", channel.word())))?;
        conclude(&answer, self.clock.wall())
    }
}

async fn email(channel: &Channel, notification: &Notification) -> Result<(), Failed> {
    let Channel::Email(email) = channel else {
        return Err(Failed::permanent("unsendable", "this way is not known"));
    };
    email.send(notification).await.map_err(|refused| match refused {
        crate::notify::Refused::ForNow(why) => Failed::new("smtp", why),
        crate::notify::Refused::ForGood(why) => Failed::permanent("smtp", why),
    })
}

fn conclude(answer: &Response<Bytes>, now: std::time::SystemTime) -> Result<(), Failed> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let said = crate::text::line(&String::from_utf8_lossy(answer.body()), 512);
    let (code, text) = (format!("http_{}", status.as_u16()), format!("answered {status}: {said}"));
    let passes = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    if !passes {
        return Err(Failed::permanent(code, text));
    }
    let failed = Failed::new(code, text);
    Err(match retry_after(answer.headers(), now) {
        Some(pause) => failed.retry_after(pause.min(LONGEST_PAUSE)),
        None => failed,
    })
}

impl Worker for Sender {
    type Args = Delivery;

    fn kind(&self) -> &str {
        KIND
    }

    async fn work(&self, delivery: Delivery, _: Context) -> Result<Done, Failed> {
        self.send(&delivery).await.map(|()| Done::plain())
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }
}

impl Delivery {
    /// The job that makes it: tried for half an hour, more urgent the worse it is.
    pub fn job(&self) -> NewJob {
        let backoff =
            Backoff::Exponential { base: Duration::from_secs(2), factor: 2.0, max: Duration::from_secs(300) };
        let priority = match (&self.notification.kind, self.notification.severity()) {
            (Kind::Heartbeat | Kind::Escalation { .. }, _) | (_, Severity::Critical) => 1,
            (_, Severity::Warning) => 3,
            (_, Severity::Info) => 5,
        };
        NewJob::new(KIND, self)
            .queue(QUEUE)
            .priority(priority)
            .unique(self.unique().key, UniqueScope::For(SAME))
            .retry(Retry { max_attempts: 12, backoff, jitter: 0.2 })
            .timeout(TIMEOUT)
            .metadata("receiver", crate::text::cut(&self.notification.receiver, 128))
            .metadata("by", self.by.clone())
    }

    /// No second one with this key is accepted: the same state of the same group is told once.
    fn unique(&self) -> Unique {
        Unique {
            key: format!("{} {} {}", self.notification.key, self.channel, self.by),
            scope: UniqueScope::For(SAME),
        }
    }
}
