//! The task of one service: it owns the replicas, hears what is wanted and what happened, and decides with the parts that
//! do nothing themselves.
//!
//! Every turn of the loop takes what came, gives everyone whose time has come a tick, and then *settles*: starts and ends
//! what the plan says, tells the gateway, and shows how things are.

mod obey;
mod perform;
mod scale;
mod settle;

use super::adopt::{self, Survivor};
use super::context::{Context, Shared};
use super::instance::Instance;
use super::labels::{Place, Revision};
use super::order::{Heard, Wish};
use super::publish::Publisher;
use super::run::{Key, News, Runner};
use crate::autoscale::{Decision, Scaler};
use crate::error::Error;
use crate::events::Reason;
use crate::replica::Input;
use crate::rollout::Progress;
use crate::settings::{Port, Service};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// News that may wait.
const WAITING: usize = 256;
/// How many news are taken before everything is settled.
const AT_ONCE: usize = 64;
/// How often usage is measured where nothing scales by it.
const MEASURE_EVERY: Duration = Duration::from_secs(15);
/// How long after the start of a replica it is measured first.
const FIRST_MEASURE: Duration = Duration::from_secs(2);
/// How long replicas that are left to a successor may take to hear it.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// What became of an order.
type Answer = Result<(), Error>;

pub(super) struct Task {
    pub(super) context: Arc<Context>,
    pub(super) shared: Arc<Shared>,
    heard: Heard,
    /// What is wanted.
    pub(super) settings: Arc<Service>,
    pub(super) revision: Revision,
    /// The last settings that were rolled out completely.
    stable: Option<(Revision, Arc<Service>)>,
    replicas: u32,
    pub(super) stopped: bool,
    ending: bool,
    /// The oldest first.
    pub(super) members: Vec<Instance>,
    pub(super) sandbox: Option<Instance>,
    sandbox_wanted: Option<Revision>,
    pub(super) progress: Option<Progress>,
    /// Why the rollout failed.
    pub(super) failed: Option<String>,
    /// Whether what is old stays, because the rollout failed.
    frozen: bool,
    scaler: Scaler,
    pub(super) decision: Option<Decision>,
    measure_at: Instant,
    decide_at: Instant,
    survivors: Vec<Survivor>,
    next_key: Key,
    tell: mpsc::Sender<News>,
    news: mpsc::Receiver<News>,
    leaving: watch::Sender<bool>,
    ready: watch::Receiver<BTreeSet<Arc<str>>>,
    /// Replicas that drain, until the gateway was told.
    drains: Vec<(Key, u64, SocketAddr)>,
    runners: JoinSet<()>,
    chores: JoinSet<()>,
    publisher: Publisher,
    /// Which version of the endpoints the gateway knows.
    published: watch::Receiver<u64>,
    held: watch::Receiver<bool>,
    /// Answers to orders, until what they did is shown.
    replies: Vec<(oneshot::Sender<Answer>, Answer)>,
}

impl Task {
    pub(super) fn new(
        context: Arc<Context>,
        shared: Arc<Shared>,
        heard: Heard,
        survivors: Vec<Survivor>,
    ) -> Self {
        let settings = Arc::clone(&heard.settings.borrow());
        let template = settings.template_digest(&context.key);
        let generation = adopt::generation(&survivors, &template);
        let (tell, news) = mpsc::channel(WAITING);
        let mut chores = JoinSet::new();
        let publisher = Publisher::start(Arc::clone(&shared.name), Arc::clone(&context.traffic), &mut chores);
        let ready = context.ready.subscribe();
        let held = context.held.clone();
        let now = Instant::now();
        context.show(shared.watch());
        let mut task = Self {
            context,
            shared,
            heard,
            replicas: settings.replicas,
            progress: Some(Progress::begin(now, settings.rollout.progress_deadline)),
            settings,
            revision: Revision { template, generation },
            stable: None,
            stopped: false,
            ending: false,
            members: Vec::new(),
            sandbox: None,
            sandbox_wanted: None,
            failed: None,
            frozen: false,
            scaler: Scaler::default(),
            decision: None,
            measure_at: now + MEASURE_EVERY,
            decide_at: now,
            survivors,
            next_key: 0,
            tell,
            news,
            leaving: watch::Sender::new(false),
            ready,
            drains: Vec::new(),
            runners: JoinSet::new(),
            chores,
            published: publisher.known(),
            held,
            replies: Vec::new(),
            publisher,
        };
        task.begin_scaling(now);
        task
    }

    /// Looks after the service until it is told to end or to leave, or nobody can tell it anything any more.
    pub(super) async fn run(mut self) {
        self.reserve();
        self.adopt();
        self.settle(Instant::now());
        loop {
            if self.turn().await == Wish::Leave {
                return self.leave().await;
            }
            let now = Instant::now();
            self.tick(now);
            self.settle(now);
            if self.ending && self.members.is_empty() && self.sandbox.is_none() {
                break;
            }
        }
        self.publisher.last_word().await;
    }

    /// Waits for something to happen, and takes it.
    async fn turn(&mut self) -> Wish {
        let next = self.next();
        tokio::select! {
            // who ends is not told anything else, nor minds that nobody could
            changed = self.heard.wish.changed(), if !self.ending => {
                let wish = if changed.is_ok() { *self.heard.wish.borrow_and_update() } else { Wish::Leave };
                self.ending |= wish == Wish::End;
                return wish;
            }
            Ok(()) = self.heard.settings.changed() => self.renew(),
            Some((order, reply)) = self.heard.queue.recv() => {
                let answer = self.obey(order);
                // told once it shows
                self.replies.push((reply, answer));
            }
            Ok(()) = self.published.changed() => {}
            Ok(()) = self.held.changed() => {}
            Some(news) = self.news.recv() => self.take_all(news),
            Ok(()) = self.ready.changed() => {}
            Some(_) = self.runners.join_next() => {}
            Some(_) = self.chores.join_next() => {}
            () = tokio::time::sleep_until(next) => {}
        }
        Wish::Run
    }

    /// When something is due by itself.
    fn next(&self) -> Instant {
        let replicas = self.instances().filter_map(|instance| instance.replica.next());
        let progress = self.progress.iter().filter_map(Progress::next);
        let due = replicas.chain(progress).chain([self.measure_at]).min().unwrap_or(self.measure_at);
        if self.scales() { due.min(self.decide_at) } else { due }
    }

    fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.members.iter().chain(&self.sandbox)
    }

    fn instance(&mut self, key: Key) -> Option<&mut Instance> {
        self.members.iter_mut().chain(&mut self.sandbox).find(|instance| instance.key == key)
    }

    fn tick(&mut self, now: Instant) {
        let due = |instance: &&Instance| instance.replica.next().is_some_and(|next| next <= now);
        let due: Vec<Key> = self.instances().filter(due).map(|instance| instance.key).collect();
        for key in due {
            self.step(key, now, Input::Tick);
        }
        if now >= self.measure_at {
            self.measure(now);
            self.measure_at = now + MEASURE_EVERY;
        }
        if self.scales() && now >= self.decide_at {
            self.decide(now);
        }
    }

    fn take_all(&mut self, first: News) {
        self.take(first);
        for _ in 1..AT_ONCE {
            let Ok(news) = self.news.try_recv() else { break };
            self.take(news);
        }
    }

    fn take(&mut self, news: News) {
        let now = Instant::now();
        match news {
            News::Launched { key, run, live } => {
                if let Some(instance) = self.instance(key).filter(|instance| instance.replica.run() == run) {
                    instance.live = Some(live);
                    instance.cpu_seen = None;
                    let name = Arc::clone(&instance.name);
                    let pid = instance.live.as_ref().and_then(|live| live.pid).unwrap_or_default();
                    let addr =
                        instance.addr().map(|addr| format!(" on port {}", addr.port())).unwrap_or_default();
                    self.shared.note(Reason::Started, Some(&name), &format!("process {pid}{addr}"));
                    // what it uses is soon to be seen
                    self.measure_at = self.measure_at.min(now + FIRST_MEASURE);
                }
                self.step(key, now, Input::Launched { run });
            }
            News::Exited { key, run, end } => {
                if let Some(instance) = self.instance(key).filter(|instance| instance.replica.run() == run) {
                    instance.live = None;
                    instance.usage = None;
                    instance.last_lines = end.last_lines;
                }
                self.step(key, now, Input::Exited { run, ending: end.ending });
            }
            News::Probed { key, run, which, result } => {
                if let Some(instance) = self.instance(key).filter(|instance| instance.replica.run() == run) {
                    instance.note_answer(which, &result);
                }
                self.step(key, now, Input::Probed { run, which, result });
            }
            News::Drained { key, run } => self.step(key, now, Input::Drained { run }),
        }
    }

    /// Its fixed port is nobody else's.
    fn reserve(&self) {
        if let Port::Fixed(port) = self.settings.port {
            self.context.ports.reserve(port);
        }
    }

    /// Takes over what an earlier life of Seaworthy left.
    fn adopt(&mut self) {
        for survivor in std::mem::take(&mut self.survivors) {
            let key = self.new_key();
            let mut instance = adopt::instance(key, &survivor, &self.settings, &self.revision);
            instance.lease = self.context.ports.this(survivor.labels.port);
            let old = if instance.revision == self.revision { "" } else { ", of earlier settings" };
            let pid = survivor.process.pid().unwrap_or_default();
            self.shared.note(Reason::Adopted, Some(&instance.name), &format!("process {pid}{old}"));
            let runner = self.runner(&instance);
            self.runners.spawn(runner.attend(survivor.process));
            match instance.place {
                Place::Ordinal(_) => self.members.push(instance),
                // nobody tries anything on it any more: it is ended
                Place::Sandbox => self.sandbox = Some(instance),
            }
        }
    }

    fn runner(&self, instance: &Instance) -> Runner {
        Runner {
            key: instance.key,
            run: instance.replica.run(),
            replica: Arc::clone(&instance.name),
            shared: Arc::clone(&self.shared),
            dropped: self.context.metrics.output_dropped(&self.shared.name),
            news: self.tell.clone(),
            leaving: self.leaving.subscribe(),
        }
    }

    fn new_key(&mut self) -> Key {
        self.next_key += 1;
        self.next_key
    }

    /// Lets go of all replicas.
    async fn leave(mut self) {
        self.leaving.send_replace(true);
        let heard = async { while self.runners.join_next().await.is_some() {} };
        if tokio::time::timeout(LEAVE_WITHIN, heard).await.is_err() {
            tracing::warn!(service = &*self.shared.name, "not every replica could be told of the successor");
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.context.note_ready(&self.shared.name, false);
    }
}
