//! One run of one process: started, listened to, and its end told.

use super::context::Shared;
use crate::events::Reason;
use crate::logs::LogLine;
use crate::replica::{Ending, Which};
use seaworthy_process::{Event, Exit, Folder, Handle, Launch, Process, Stream};
use seaworthy_telemetry::metrics::Counter;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};

/// How long a successor is waited for.
const SUCCESSION: Duration = Duration::from_secs(60);

/// Which replica of a service's task; never given twice.
pub(super) type Key = u64;

/// What a service's task is told by the tasks that work for it.
#[derive(Debug)]
pub(super) enum News {
    /// A process runs.
    Launched { key: Key, run: u64, live: Live },
    /// A process ended, or was not started.
    Exited { key: Key, run: u64, end: End },
    /// A probe was answered.
    Probed { key: Key, run: u64, which: Which, result: Result<(), String> },
    /// No request is in flight any more.
    Drained { key: Key, run: u64 },
}

/// A process that runs.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) handle: Handle,
    pub(super) pid: Option<u32>,
    pub(super) started_at: SystemTime,
}

/// How a process ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) ending: Ending,
    pub(super) last_lines: Vec<String>,
}

/// Works for one replica.
pub(super) struct Runner {
    pub(super) key: Key,
    pub(super) run: u64,
    pub(super) replica: Arc<str>,
    pub(super) shared: Arc<Shared>,
    pub(super) dropped: Counter,
    pub(super) news: mpsc::Sender<News>,
    /// Turns true when a successor is to have the process.
    pub(super) leaving: watch::Receiver<bool>,
}

impl Live {
    pub(super) fn of(process: &Process) -> Self {
        Self { handle: process.handle(), pid: process.pid(), started_at: process.started_at() }
    }
}

impl End {
    /// It was not started.
    pub(super) fn unborn(words: String) -> Self {
        let ending = Ending { success: false, reason: Reason::Failed, words };
        Self { ending, last_lines: Vec::new() }
    }

    fn of(exit: Exit) -> Self {
        let reason = match exit.reason {
            seaworthy_process::Reason::Code(0) => Reason::Completed,
            seaworthy_process::Reason::OutOfMemory => Reason::OOMKilled,
            seaworthy_process::Reason::FailedToStart { .. } => Reason::Failed,
            _ => Reason::Error,
        };
        let ending = Ending { success: exit.success(), reason, words: exit.words() };
        Self { ending, last_lines: exit.last_lines }
    }
}

impl Runner {
    /// Starts a process and stays with it to its end.
    pub(super) async fn start(self, folder: Folder, launch: Launch) {
        match folder.start(launch).await {
            Ok(process) => {
                let live = Live::of(&process);
                self.tell(News::Launched { key: self.key, run: self.run, live }).await;
                self.attend(process).await;
            }
            Err(error) => self.exited(End::unborn(error.to_string())).await,
        }
    }

    /// Stays with a process to its end.
    pub(super) async fn attend(mut self, mut process: Process) {
        let end = loop {
            let event = tokio::select! {
                event = process.next() => event,
                () = told(&mut self.leaving) => return process.leave(SUCCESSION).await,
            };
            match event {
                Some(Event::Line(line)) => self.say(line.stream, line.text, line.cut, line.at),
                Some(Event::Dropped(lines)) => {
                    self.dropped.add(lines);
                    let text = format!("{lines} lines were dropped");
                    self.say(Stream::Stderr, text, false, SystemTime::now());
                }
                Some(Event::Exited(exit)) => break End::of(exit),
                None => break End::unborn("its end was not seen".to_owned()),
            }
        };
        // its name in the folder is free again before anybody could want to use it
        drop(process);
        self.exited(end).await;
    }

    fn say(&self, stream: Stream, text: String, cut: bool, at: SystemTime) {
        let service = &*self.shared.name;
        let replica = &*self.replica;
        tracing::info!(target: "service", service, replica, stream = stream.as_str(), cut, "{text}");
        self.shared.logs.push(LogLine { at, replica: Arc::clone(&self.replica), stream, text, cut });
    }

    async fn exited(&self, end: End) {
        self.tell(News::Exited { key: self.key, run: self.run, end }).await;
    }

    async fn tell(&self, news: News) {
        // who does not listen any more has let go of the replica
        let _ = self.news.send(news).await;
    }
}

async fn told(leaving: &mut watch::Receiver<bool>) {
    // the error is that nobody can tell any more: then this task is about to be dropped
    if leaving.wait_for(|leaving| *leaving).await.is_err() {
        std::future::pending().await
    }
}
