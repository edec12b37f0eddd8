//! Death at a chosen place, for tests.

use std::collections::HashMap;
use std::sync::Mutex;

/// Where which sagas die: each at the given numbers of places passed, counted over all its lives.
#[derive(Debug, Default)]
pub(super) struct Crash {
    state: Mutex<HashMap<i64, Life>>,
}

#[derive(Debug, Default, Clone)]
struct Life {
    deaths: Vec<usize>,
    passed: usize,
    dead: bool,
}

impl Crash {
    pub(super) fn plan(&self, saga: i64, deaths: Vec<usize>) {
        self.state.lock().expect("no panic").insert(saga, Life { deaths, ..Life::default() });
    }

    /// How many are at the place of their death.
    pub(super) fn dead(&self) -> usize {
        self.state.lock().expect("no panic").values().filter(|life| life.dead).count()
    }

    /// How many deaths are still to come.
    pub(super) fn to_come(&self) -> usize {
        self.state.lock().expect("no panic").values().map(|life| life.deaths.len()).sum()
    }

    pub(super) fn passed(&self, saga: i64) -> usize {
        self.state.lock().expect("no panic").get(&saga).map_or(0, |life| life.passed)
    }

    /// A new process: nobody is dead.
    pub(super) fn revive(&self) {
        self.state.lock().expect("no panic").values_mut().for_each(|life| life.dead = false);
    }

    /// Never returns where the saga is to die here.
    pub(super) async fn reached(&self, saga: i64) {
        let dies = {
            let mut state = self.state.lock().expect("no panic");
            let life = state.entry(saga).or_default();
            life.passed += 1;
            if life.deaths.first() == Some(&life.passed) {
                life.deaths.remove(0);
                life.dead = true;
            }
            life.dead
        };
        if dies {
            std::future::pending::<()>().await;
        }
    }
}
