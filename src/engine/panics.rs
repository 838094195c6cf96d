//! What happens after a panic: one connection ends, and nobody else notices.

use super::shared::ShutdownPhase;
use super::state::{Doing, EventLoop, Slot};
use crate::base::{Input, Output};
use crate::handler::{Close, ConnectionId};
use crate::net::Net;

impl<N: Net> EventLoop<N> {
    /// Goes on after a panic: whoever was being looked at is closed, everybody else is not touched.
    #[cold]
    pub(super) fn recover(&mut self) {
        let victim = match self.doing {
            Doing::Visits => self.running.get(self.running_at.wrapping_sub(1)).copied(),
            Doing::Timers => {
                let slot = self.reminded.get(self.reminded_at.wrapping_sub(1)).copied();
                slot.and_then(|slot| self.slots.get(slot as usize)).and_then(Slot::id)
            }
            Doing::Other => None,
        };
        // The rest of the list comes first in the next turn.
        let mut rest = self.running.split_off(self.running_at);
        rest.append(&mut self.runnable);
        self.runnable = rest;
        (self.running_at, self.doing) = (0, Doing::Other);
        self.running.clear();
        for slot in self.reminded.split_off(self.reminded_at) {
            self.core.wheel.remind(slot, self.core.stage.asked.now);
        }
        self.reminded.clear();
        self.reminded_at = 0;
        self.panicked(victim);
        if self.phase != ShutdownPhase::Ready {
            // The end of this turn, which it did not come to: perhaps it was the last that we wait
            // for, and nothing else would wake us.
            self.go_on_shutting_down();
        }
    }

    /// Closes a connection whose handler panicked. The blocks that were lent to it are replaced:
    /// nobody knows how far it came.
    #[cold]
    pub(super) fn panicked(&mut self, victim: Option<ConnectionId>) {
        self.core.ledger.panics += 1;
        self.core.stage.input = Input::lent();
        self.core.stage.output = Output::lent(self.marks);
        self.core.stage.asked.bits = 0;
        self.core.stage.asked.successor = None;
        let Some(id) = victim else { return };
        if self.connection(id).is_none() {
            return self.port_panicked(id);
        }
        log::error!("{id} closed: its handler panicked");
        self.close(id, Close::Panicked);
    }
}
