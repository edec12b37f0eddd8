//! Many callers, one errand: who asks while it is under way waits for its end instead of starting another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// More than this many do not wait for one errand; they are refused.
const MOST_WAITING: usize = 10_000;

pub(crate) struct Flight<T>(Mutex<Option<Vec<oneshot::Sender<T>>>>);

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// A place in the queue, and the errand itself for whoever is first.
pub(crate) struct Joined<T: Clone> {
    pub(crate) receiver: oneshot::Receiver<T>,
    pub(crate) lead: Option<Lead<T>>,
}

impl<T: Clone> Flight<T> {
    /// Joins the errand under way or begins one; nothing if too many wait already.
    pub(crate) fn join(self: &Arc<Self>) -> Option<Joined<T>> {
        let mut waiting = self.lock();
        let first = waiting.is_none();
        let all = waiting.get_or_insert_default();
        if all.len() >= MOST_WAITING {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        all.push(sender);
        Some(Joined { receiver, lead: first.then(|| Lead(Some(Arc::clone(self)))) })
    }

    /// Begins an errand nobody waits for; nothing if one is under way.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Lead<T>> {
        let mut waiting = self.lock();
        if waiting.is_some() {
            return None;
        }
        *waiting = Some(Vec::new());
        Some(Lead(Some(Arc::clone(self))))
    }

    pub(crate) fn under_way(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<oneshot::Sender<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Errands by what they are about; so many kinds at a time.
pub(crate) struct Flights<T>(Mutex<HashMap<[u8; 32], Arc<Flight<T>>>>, usize);

impl<T: Clone> Flights<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self(Mutex::default(), most)
    }

    /// Joins the errand about `what` or begins it; nothing if there are too many.
    pub(crate) fn join(&self, what: [u8; 32]) -> Option<Joined<T>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= self.1 && !all.contains_key(&what) {
            // those that ended are cleared away here at the latest
            all.retain(|_, flight| flight.under_way());
            if all.len() >= self.1 {
                return None;
            }
        }
        all.entry(what).or_default().join()
    }
}

/// The duty to end an errand. Dropped without an end (a panic, a runtime that stops), all who wait are told so.
pub(crate) struct Lead<T: Clone>(Option<Arc<Flight<T>>>);

impl<T: Clone> Lead<T> {
    pub(crate) fn finish(mut self, value: &T) {
        // taken out first: the next errand may begin while those who waited for this one are told
        let waiting = self.0.take().and_then(|flight| flight.lock().take());
        for waiting in waiting.unwrap_or_default() {
            let _ = waiting.send(value.clone());
        }
    }
}

impl<T: Clone> Drop for Lead<T> {
    fn drop(&mut self) {
        if let Some(flight) = self.0.take() {
            flight.lock().take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leads_all_hear_the_end() {
        let flight = Arc::new(Flight::default());
        let mut first = flight.join().unwrap();
        let mut second = flight.join().unwrap();
        assert!(second.lead.is_none() && flight.begin().is_none());
        first.lead.take().unwrap().finish(&7);
        assert_eq!((first.receiver.try_recv(), second.receiver.try_recv()), (Ok(7), Ok(7)));
        assert!(!flight.under_way());
    }

    #[test]
    fn an_errand_that_dies_leaves_nobody_waiting_and_the_way_free() {
        let flight = Arc::new(Flight::<u8>::default());
        let mut first = flight.join().unwrap();
        drop(first.lead.take());
        assert!(first.receiver.try_recv().is_err());
        assert!(flight.join().unwrap().lead.is_some());
    }

    /// Begins the next errand at the very moment when somebody is told the end of this one.
    struct Next(Arc<Flight<Next>>, Arc<Mutex<Option<Joined<Next>>>>);
    impl Clone for Next {
        fn clone(&self) -> Self {
            *self.1.lock().unwrap() = self.0.join();
            Self(Arc::clone(&self.0), Arc::clone(&self.1))
        }
    }

    #[test]
    fn the_end_of_one_errand_does_not_end_the_next() {
        let (flight, next) = (Arc::new(Flight::default()), Arc::default());
        let first = flight.join().unwrap();
        first.lead.unwrap().finish(&Next(Arc::clone(&flight), Arc::clone(&next)));
        let mut joined = next.lock().unwrap().take().unwrap();
        assert!(joined.lead.is_some() && flight.under_way());
        assert!(matches!(joined.receiver.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
    }

    #[test]
    fn the_queue_has_an_end() {
        let flight = Arc::new(Flight::<u8>::default());
        let all: Vec<_> = (0..MOST_WAITING).map(|_| flight.join().unwrap()).collect();
        assert!(flight.join().is_none());
        drop(all);
    }
}
