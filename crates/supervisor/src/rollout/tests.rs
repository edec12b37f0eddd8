use super::*;
use crate::settings::{Command, CountOrPercent, Port, Service};
use proptest::prelude::*;
use std::time::Duration;
use tokio::time::Instant;

const fn member(id: u32, current: bool, standing: Standing) -> Member<u32> {
    Member { id, current, standing }
}

fn steps(replicas: u32, surge: u32, unavailable: u32, members: &[Member<u32>]) -> Vec<Step<u32>> {
    plan(&View { replicas, bounds: Bounds { surge, unavailable }, members })
}

#[test]
fn bounds_come_from_settings() {
    let mut service = Service::new("shop", Command::Shell("x".into()));
    let bounds = |service: &Service, n| {
        let Bounds { surge, unavailable } = Bounds::of(service, n);
        (surge, unavailable)
    };
    assert_eq!([1, 3, 4, 10].map(|n| bounds(&service, n)), [(1, 0), (1, 0), (1, 1), (3, 2)]);
    service.rollout.max_surge = CountOrPercent::Percent(0);
    // a share of nothing is nothing; then one at a time
    assert_eq!(bounds(&service, 3), (0, 1));
    service.port = Port::Fixed(80);
    assert_eq!(bounds(&service, 1), (0, 1));
}

#[test]
fn starts_and_ends_what_scaling_asks_for() {
    use Standing::{Leaving, Ready, Unready};
    assert_eq!(steps(2, 1, 0, &[]), [Step::Start, Step::Start]);
    let three = [member(1, true, Ready), member(2, true, Unready), member(3, true, Ready)];
    assert_eq!(steps(3, 1, 0, &three), []);
    // not ready first, then the youngest
    assert_eq!(steps(1, 1, 0, &three), [Step::Stop(2), Step::Stop(3)]);
    assert_eq!(steps(0, 0, 0, &three).len(), 3);
    // one that is ending still takes its place
    let leaving = [member(1, true, Leaving), member(2, true, Leaving)];
    assert_eq!(steps(2, 0, 1, &leaving), []);
    assert_eq!(steps(2, 1, 1, &leaving), [Step::Start]);
}

#[test]
fn a_replacement_is_ready_before_the_old_one_is_ended() {
    use Standing::{Leaving, Ready, Unready};
    let old = [member(1, false, Ready), member(2, false, Ready)];
    assert_eq!(steps(2, 1, 0, &old), [Step::Start]);
    let coming = [old[0], old[1], member(3, true, Unready)];
    assert_eq!(steps(2, 1, 0, &coming), []);
    let came = [old[0], old[1], member(3, true, Ready)];
    assert_eq!(steps(2, 1, 0, &came), [Step::Stop(1)]);
    let leaves = [member(1, false, Leaving), old[1], member(3, true, Ready)];
    assert_eq!(steps(2, 1, 0, &leaves), []);
    assert_eq!(steps(2, 1, 0, &leaves[1..]), [Step::Start]);
}

#[test]
fn where_two_cannot_run_the_old_one_ends_first() {
    use Standing::{Leaving, Ready};
    assert_eq!(steps(1, 0, 1, &[member(1, false, Ready)]), [Step::Stop(1)]);
    assert_eq!(steps(1, 0, 1, &[member(1, false, Leaving)]), []);
    assert_eq!(steps(1, 0, 1, &[]), [Step::Start]);
}

#[test]
fn old_ones_that_are_not_ready_wait_for_a_replacement_that_is() {
    use Standing::{Ready, Unready};
    let old: Vec<_> = (1..=3).map(|id| member(id, false, Unready)).collect();
    assert_eq!(steps(3, 1, 0, &old), [Step::Start]);
    let with = |standing| [&old[..], &[member(4, true, standing)]].concat();
    assert_eq!(steps(3, 1, 0, &with(Unready)), []);
    assert_eq!(steps(3, 1, 0, &with(Ready)), [Step::Stop(1)]);
}

#[test]
fn progress_is_a_step_forward_within_the_deadline() {
    let minute = Duration::from_secs(60);
    let start = Instant::now();
    let counts = |ready_new, old| Counts { replicas: 2, ready_new, old };
    let mut progress = Progress::begin(start, minute);
    assert_eq!(progress.observe(start, counts(0, 2)), None);
    assert_eq!(progress.observe(start + minute / 2, counts(1, 2)), None);
    assert_eq!(progress.next(), Some(start + minute / 2 + minute));
    // back and forth is no step
    assert_eq!(progress.observe(start + minute, counts(0, 2)), None);
    assert_eq!(progress.observe(start + minute, counts(1, 2)), None);
    assert_eq!(progress.observe(start + 2 * minute, counts(1, 2)), Some(Verdict::TooLate));
    assert_eq!(progress.observe(start + 3 * minute, counts(1, 2)), None, "said once");
    assert_eq!(progress.observe(start + 3 * minute, counts(1, 1)), None);
    assert_eq!(progress.observe(start + 3 * minute, counts(2, 0)), Some(Verdict::Complete));
}

/// A world in which replicas become ready, fail, recover, and end when they were told to.
#[derive(Debug, Clone)]
struct World {
    replicas: u32,
    bounds: Bounds,
    revision: u32,
    next: u32,
    /// (id, revision, standing), the oldest first.
    members: Vec<(u32, u32, Standing)>,
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    Ready(usize),
    Unready(usize),
    Gone(usize),
    NewRevision,
    Scale(u32),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => any::<usize>().prop_map(Happening::Ready),
        2 => any::<usize>().prop_map(Happening::Unready),
        6 => any::<usize>().prop_map(Happening::Gone),
        1 => Just(Happening::NewRevision),
        1 => (0..8_u32).prop_map(Happening::Scale),
    ]
}

impl World {
    fn new(replicas: u32, surge: u32, unavailable: u32) -> Self {
        let bounds = Bounds { surge, unavailable: if surge == 0 { unavailable.max(1) } else { unavailable } };
        Self { replicas, bounds, revision: 0, next: 0, members: Vec::new() }
    }

    fn ready(&self) -> usize {
        self.members.iter().filter(|(_, _, standing)| *standing == Standing::Ready).count()
    }

    /// Takes all steps, each checked against the bounds.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        let members: Vec<_> = self
            .members
            .iter()
            .map(|(id, r, standing)| member(*id, *r == self.revision, *standing))
            .collect();
        for step in plan(&View { replicas: self.replicas, bounds: self.bounds, members: &members }) {
            match step {
                Step::Start => {
                    self.members.push((self.next, self.revision, Standing::Unready));
                    self.next += 1;
                    let most = (self.replicas + self.bounds.surge) as usize;
                    prop_assert!(self.members.len() <= most, "{} of at most {most}", self.members.len());
                }
                Step::Stop(id) => self.stop(id)?,
            }
        }
        Ok(())
    }

    fn stop(&mut self, id: u32) -> Result<(), TestCaseError> {
        let index = self.members.iter().position(|(known, _, _)| *known == id);
        let index = index.ok_or_else(|| TestCaseError::fail("stops one that is not there"))?;
        let (_, revision, standing) = self.members[index];
        prop_assert_ne!(standing, Standing::Leaving, "stops one twice");
        self.members[index].2 = Standing::Leaving;
        if standing == Standing::Ready && revision != self.revision {
            let least = self.replicas.saturating_sub(self.bounds.unavailable) as usize;
            prop_assert!(self.ready() >= least, "{} ready of at least {least}", self.ready());
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) {
        let of = |members: &[(u32, u32, Standing)], which: usize, standing: Standing| {
            let fit: Vec<_> = (0..members.len()).filter(|i| members[*i].2 == standing).collect();
            (!fit.is_empty()).then(|| fit[which % fit.len()])
        };
        match happening {
            Happening::Ready(which) => {
                if let Some(index) = of(&self.members, which, Standing::Unready) {
                    self.members[index].2 = Standing::Ready;
                }
            }
            Happening::Unready(which) => {
                if let Some(index) = of(&self.members, which, Standing::Ready) {
                    self.members[index].2 = Standing::Unready;
                }
            }
            Happening::Gone(which) => {
                if let Some(index) = of(&self.members, which, Standing::Leaving) {
                    self.members.remove(index);
                }
            }
            Happening::NewRevision => self.revision += 1,
            Happening::Scale(replicas) => self.replicas = replicas,
        }
    }

    fn is_done(&self) -> bool {
        let done = |(_, revision, standing): &(u32, u32, Standing)| {
            *revision == self.revision && *standing == Standing::Ready
        };
        self.members.len() == self.replicas as usize && self.members.iter().all(done)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn bounds_hold_in_any_order_of_events_and_it_comes_to_an_end(
        replicas in 0..8_u32, surge in 0..4_u32, unavailable in 0..4_u32,
        happenings in prop::collection::vec(happening(), 0..120),
    ) {
        let mut world = World::new(replicas, surge, unavailable);
        for happening in happenings {
            world.happen(happening);
            world.settle()?;
        }
        // from now on everything works
        for _ in 0..200 {
            world.settle()?;
            if world.is_done() {
                break;
            }
            world.happen(Happening::Gone(0));
            world.happen(Happening::Ready(0));
        }
        prop_assert!(world.is_done(), "{world:?}");
    }
}
