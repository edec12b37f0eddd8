//! Reading what a keeper left, and taking away the traces.

use super::Shared;
use super::connection;
use crate::event::Event;
use crate::exit::{Exit, Reason};
use std::collections::VecDeque;

/// What is to be told of an end.
#[derive(Debug)]
pub(super) struct Collected {
    events: Vec<Event>,
    exit: Exit,
}

impl Collected {
    /// The task that should have found out is gone.
    pub(super) fn unknown() -> Self {
        Self { events: Vec::new(), exit: Exit::new(Reason::Lost) }
    }

    pub(super) fn events(self) -> VecDeque<Event> {
        self.events.into_iter().chain([Event::Exited(self.exit)]).collect()
    }
}

pub(super) fn collect(shared: &Shared) -> Collected {
    let events = connection::events_of(&shared.place.output());
    let exit = shared.clear().unwrap_or_else(|| Exit::new(Reason::Lost));
    Collected { events, exit }
}
