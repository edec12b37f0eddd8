//! The processes, and what happens to them.

use super::ledger::Folders;
use crate::error::Error;
use rustix::process::{Pid, Signal, kill_process};
use seaworthy_store::testing::Postgres;
use std::fmt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longer than a lease: who was frozen for so long has lost everything it had, and does not know.
const FROZEN_MS: std::ops::Range<u64> = 500..2_500;

/// The thread that has the fleet. The members' lives hang on the life of the thread that started them: it must be the same
/// from the first to the last.
pub(super) struct Chaos {
    orders: mpsc::Sender<Order>,
    url: String,
}

enum Order {
    Round(oneshot::Sender<Result<(), Error>>),
    AllUp(oneshot::Sender<Result<Counts, Error>>),
}

impl Chaos {
    /// Starts everybody.
    pub(super) async fn start(
        workers: usize,
        schedulers: usize,
        folders: Folders,
        seed: u64,
    ) -> Result<Self, Error> {
        let (orders, queue) = mpsc::channel();
        let (ready, started) = oneshot::channel();
        std::thread::spawn(move || {
            let mut fleet = match Fleet::muster(workers, schedulers, &folders, seed) {
                Ok(fleet) => fleet,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let _nobody_waits = ready.send(Ok(fleet.url()));
            for order in queue {
                match order {
                    Order::Round(done) => drop(done.send(fleet.round())),
                    Order::AllUp(done) => drop(done.send(fleet.all_up())),
                }
            }
        });
        let url = started.await.map_err(|error| Error::new("chaos", error))??;
        Ok(Self { orders, url })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// One or two blows.
    pub(super) async fn round(&self) -> Result<(), Error> {
        self.order(Order::Round).await
    }

    /// Sees to it that everybody is at work, and tells what was done.
    pub(super) async fn all_up(&self) -> Result<Counts, Error> {
        self.order(Order::AllUp).await
    }

    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Order,
    ) -> Result<T, Error> {
        let (done, answer) = oneshot::channel();
        self.orders.send(order(done)).map_err(|error| Error::new("chaos", error))?;
        answer.await.map_err(|error| Error::new("chaos", error))?
    }
}

/// A database, workers and schedulers, each a process of its own.
struct Fleet {
    server: Postgres,
    members: Vec<Member>,
    ledgers: PathBuf,
    random: fastrand::Rng,
    counts: Counts,
}

struct Member {
    role: Role,
    child: Child,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Worker,
    Scheduler,
}

/// What was done to whom.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    workers: u32,
    schedulers: u32,
    databases: u32,
    frozen: u32,
    started: u32,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "killed: {} workers, {} schedulers, {} databases; frozen: {}",
            self.workers, self.schedulers, self.databases, self.frozen
        )
    }
}

impl Fleet {
    fn muster(workers: usize, schedulers: usize, folders: &Folders, seed: u64) -> Result<Self, Error> {
        let mut fleet = Self {
            server: Postgres::start(),
            members: Vec::new(),
            ledgers: folders.root().to_owned(),
            random: fastrand::Rng::with_seed(seed),
            counts: Counts::default(),
        };
        let roles = std::iter::repeat_n(Role::Worker, workers);
        for role in roles.chain(std::iter::repeat_n(Role::Scheduler, schedulers)) {
            let child = fleet.spawn(role)?;
            fleet.members.push(Member { role, child });
        }
        Ok(fleet)
    }

    fn url(&self) -> String {
        self.server.url("postgres")
    }

    fn round(&mut self) -> Result<(), Error> {
        for _ in 0..self.random.u32(1..=2) {
            std::thread::sleep(Duration::from_millis(self.random.u64(50..500)));
            match self.random.u32(0..10) {
                0..=1 => self.kill_database(),
                2..=7 => self.kill_member()?,
                _ => self.freeze_member()?,
            }
        }
        Ok(())
    }

    fn all_up(&mut self) -> Result<Counts, Error> {
        for at in 0..self.members.len() {
            let ended = self.members[at].child.try_wait().map_err(|error| Error::new("a member", error))?;
            if let Some(status) = ended {
                return Err(Error::new("a member ended by itself", status));
            }
        }
        Ok(self.counts)
    }

    fn kill_database(&mut self) {
        self.counts.databases += 1;
        self.server.kill();
        std::thread::sleep(Duration::from_millis(self.random.u64(0..500)));
        self.server.run();
    }

    fn kill_member(&mut self) -> Result<(), Error> {
        let at = self.random.usize(0..self.members.len());
        let role = self.members[at].role;
        match role {
            Role::Worker => self.counts.workers += 1,
            Role::Scheduler => self.counts.schedulers += 1,
        }
        end(&mut self.members[at].child);
        self.members[at].child = self.spawn(role)?;
        Ok(())
    }

    fn freeze_member(&mut self) -> Result<(), Error> {
        self.counts.frozen += 1;
        let at = self.random.usize(0..self.members.len());
        let pid = i32::try_from(self.members[at].child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Error::new("freeze", "no such process"))?;
        let signal = |signal| kill_process(pid, signal).map_err(|error| Error::new("freeze", error));
        signal(Signal::STOP)?;
        std::thread::sleep(Duration::from_millis(self.random.u64(FROZEN_MS)));
        signal(Signal::CONT)
    }

    fn spawn(&mut self, role: Role) -> Result<Child, Error> {
        self.counts.started += 1;
        let name = format!("{}", self.counts.started);
        let own = std::env::current_exe().map_err(|error| Error::new("own path", error))?;
        // a campaign that is killed takes its members along
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(own);
        match role {
            Role::Worker => command.arg("campaign-worker").arg(self.url()).arg(&name).arg(&self.ledgers),
            Role::Scheduler => command.arg("campaign-scheduler").arg(self.url()).arg(&name),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().map_err(|error| Error::new("setpriv", error))
    }
}

fn end(child: &mut Child) {
    let _gone_already = child.kill();
    let _nothing_to_tell = child.wait();
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.members.iter_mut().for_each(|member| end(&mut member.child));
    }
}
