//! The reactor: waits for readiness, and visits the connections that it concerns.
//!
//! [`EventLoop::turn`] is the whole of it, a list of verbs in the order in which ARCHITECTURE.md
//! explains them. What a loop consists of is in `state.rs`; `accept`, `read_mail`, `dial` and the
//! phases of a shutdown have files of their own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use slab::Slab;

use super::flag;
use super::ledger::{self, Phase, SAMPLED};
use super::report::ShutdownReport;
use super::shared::ShutdownPhase;
use super::state::{Doing, EventLoop, Other, Slot, connection};
use crate::handler::{ConnectionId, Outgoing};
use crate::net::{Net, Readiness, SIGNAL};

impl<N: Net> EventLoop<N> {
    /// Turns until the loop has been shut down. A panic of a handler ends one connection, not the
    /// loop.
    pub(super) fn run(&mut self) -> io::Result<()> {
        while !self.stopped {
            // Caught out here, so that a turn pays nothing for it.
            match catch_unwind(AssertUnwindSafe(|| self.turns())) {
                Ok(ended) => ended?,
                Err(_) => self.recover(),
            }
        }
        Ok(())
    }

    #[inline]
    fn turns(&mut self) -> io::Result<()> {
        while !self.stopped {
            self.turn()?;
        }
        Ok(())
    }

    /// For simulations: one turn but for its beginning, [`lie_down`](Self::lie_down), with panics
    /// contained. Between the two the loop sleeps, and whatever happens meanwhile must wake it.
    pub(crate) fn guarded_turn(&mut self) -> io::Result<()> {
        let turn = AssertUnwindSafe(|| {
            self.sleep(None)?;
            self.work()
        });
        match catch_unwind(turn) {
            Ok(turned) => turned,
            Err(_) => {
                self.recover();
                Ok(())
            }
        }
    }

    /// For simulations: what the shutdown came to, if the loop has ended.
    pub(crate) fn ended(&self) -> Option<ShutdownReport> {
        self.stopped.then_some(self.shutdown.report)
    }

    /// For simulations: the world it is in.
    pub(crate) fn world(&self) -> &N {
        &self.core.net
    }

    /// For simulations: what came in since the last call is from `sender`, and may change places
    /// with what others sent.
    pub(crate) fn mix_mail(&mut self, sender: usize, draw: impl FnMut(usize) -> usize) {
        self.inbox.mix(sender, draw);
    }

    /// One turn. The reading path of the engine begins here.
    #[inline]
    fn turn(&mut self) -> io::Result<()> {
        let timeout = self.lie_down()?;
        self.sleep(timeout)?;
        self.work()
    }

    /// All of a turn but the waiting.
    #[inline]
    fn work(&mut self) -> io::Result<()> {
        self.accept();
        // Before the visits: what was posted before a peer sent something is seen before it.
        self.read_mail();
        self.fire_timers();
        self.visit_runnable();
        // And behind them: what connections of this loop told each other costs no turn of its own.
        self.read_mail();
        self.dial();
        self.hand_over();
        if self.phase != ShutdownPhase::Ready {
            self.go_on_shutting_down();
        }
        Ok(())
    }

    /// Decides how long to sleep: not at all, if there is something to do.
    #[inline]
    pub(crate) fn lie_down(&mut self) -> io::Result<Option<Duration>> {
        if !self.is_busy() && self.spin.is_on() {
            self.poll_a_while()?;
        }
        // Mail that came before this did not wake us, so it is looked for now: see `doorbell`.
        let has_mail = self.inbox.about_to_sleep();
        Ok(match has_mail || self.is_busy() {
            true => Some(Duration::ZERO),
            false => self.sleep_max(),
        })
    }

    /// Sleeps until something happens, and notes what became ready.
    #[inline]
    fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let noted = self.poll(timeout)?;
        let rung = self.inbox.awake();
        if ledger::ON {
            self.core.ledger.turns += 1;
            self.core.ledger.wakes += u64::from(rung);
            self.core.ledger.polls_empty += u64::from(!noted && !rung);
        }
        Ok(())
    }

    /// Whether there is something to do that no event, reminder or mail would tell of: what the
    /// last turn left over, or could not come to because a handler panicked.
    #[inline]
    fn is_busy(&self) -> bool {
        let asked = &self.core.stage.asked;
        !self.runnable.is_empty()
            || !self.accepting.is_empty()
            || self.fan.is_some()
            || !asked.dials.is_empty()
            || asked.desk.is_filled()
    }

    /// Polls once; reads the clock, once a turn; tells whether anything was noted.
    #[inline]
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let (slots, runnable, home) = (&mut self.slots, &mut self.runnable, self.number);
        let (ready, mut stale, mut noted) = (&mut self.ready, 0, false);
        self.core.net.wait(timeout, |token, readiness| {
            noted = true;
            let id = ConnectionId::from_token(home, token);
            note(slots, runnable, ready, id, readiness, &mut stale);
        })?;
        let now = self.core.net.now();
        self.core.set_clock(now);
        if ledger::ON {
            self.core.ledger.events_stale += stale;
            self.core.ledger.charge(Phase::Wait, now.as_nanos() as u64);
        }
        if !self.ready.is_empty() {
            self.sort_ready();
        }
        Ok(noted)
    }

    /// Polls without sleeping, for as long as configuration and luck allow.
    #[cold]
    fn poll_a_while(&mut self) -> io::Result<()> {
        let start = self.core.net.now();
        let until = start + self.spin.window();
        while self.inbox.is_empty() {
            let noted = self.poll(Some(Duration::ZERO))?;
            let now = self.core.net.now();
            if noted || self.core.wheel.is_due(self.core.now()) {
                self.core.ledger.spins_won += 1;
                self.spin.won();
                return Ok(());
            }
            if now >= until {
                self.spin.lost();
                return Ok(());
            }
        }
        self.spin.won();
        Ok(())
    }

    /// Until the next reminder: forever, if there is none.
    #[inline]
    fn sleep_max(&self) -> Option<Duration> {
        let next = self.core.wheel.next_ms()?;
        Some(Duration::from_millis(next.saturating_sub(self.core.now())))
    }

    /// Does what became ready and is not a connection.
    #[cold]
    fn sort_ready(&mut self) {
        for id in std::mem::take(&mut self.ready) {
            if id.token() == SIGNAL {
                (0..self.core.net.signals()).for_each(|_| self.tell_all_to_shut_down());
                continue;
            }
            match self.slots.get(id.slot as usize) {
                Some(Slot::Other(other)) => match &**other {
                    Other::Listener(listener) if listener.id == id => {
                        if !self.accepting.contains(&id) {
                            self.accepting.push(id);
                        }
                    }
                    Other::Dialing(dialing) if dialing.id == id => self.dial_ready(id),
                    _ => self.core.ledger.events_stale += 1,
                },
                _ => self.core.ledger.events_stale += 1,
            }
        }
    }

    #[inline]
    fn fire_timers(&mut self) {
        let now = self.core.now();
        if self.core.wheel.is_due(now) {
            self.fire_due(now);
        }
    }

    #[cold]
    fn fire_due(&mut self, now: u64) {
        self.core.charge(Phase::Other);
        self.core.wheel.advance(now, &mut self.reminded);
        self.doing = Doing::Timers;
        while let Some(slot) = self.reminded.get(self.reminded_at) {
            self.reminded_at += 1;
            self.remind(*slot);
        }
        self.doing = Doing::Other;
        self.reminded.clear();
        self.reminded_at = 0;
        self.core.charge(Phase::Timers);
    }

    fn remind(&mut self, slot: u32) {
        self.core.ledger.reminders += 1;
        let other = match self.slots.get_mut(slot as usize) {
            Some(Slot::Connection(connection)) => {
                let id = connection.id();
                let looked = connection.look_at_deadlines(&mut self.core);
                return self.after(id, looked);
            }
            Some(Slot::Other(other)) => &mut **other,
            None => return,
        };
        match other {
            Other::Listener(listener) => {
                let id = listener.id;
                if !self.accepting.contains(&id) {
                    self.accepting.push(id);
                }
            }
            Other::Dialing(dialing) => {
                let id = dialing.id;
                self.dial_reminded(id);
            }
            Other::Datagrams(socket) => {
                let id = socket.id();
                self.socket_reminded(id);
            }
            Other::Session(member) => {
                let id = member.id();
                self.session_reminded(id);
            }
            Other::Ticker(ticker) => {
                self.core.wheel.remind(slot, self.core.stage.asked.now + ticker.period_ms);
                (ticker.call)(&mut Outgoing::new(&mut self.core.stage.asked));
            }
            Other::Nothing => {}
        }
    }

    #[inline]
    fn visit_runnable(&mut self) {
        if self.runnable.is_empty() {
            return;
        }
        std::mem::swap(&mut self.running, &mut self.runnable);
        self.doing = Doing::Visits;
        self.core.handshakes_left = self.core.bounds.handshakes_per_turn;
        if ledger::ON {
            self.core.ledger.visits += self.running.len() as u64;
            self.core.ledger.sampling = self.core.ledger.turns.is_multiple_of(SAMPLED);
        }
        while let Some(id) = self.running.get(self.running_at) {
            self.running_at += 1;
            self.visit(*id);
        }
        self.doing = Doing::Other;
        self.running.clear();
        self.running_at = 0;
        if ledger::ON {
            self.core.ledger.sampling = false;
            let now = self.core.net.now().as_nanos() as u64;
            self.core.ledger.charge_visits(now);
        }
    }

    #[inline]
    fn visit(&mut self, id: ConnectionId) {
        let Some(connection) = connection(&mut self.slots, id) else {
            return self.visit_socket(id);
        };
        connection.flags &= !flag::QUEUED;
        match connection.visit(&mut self.core) {
            Ok(()) if !connection.is_runnable() => {}
            visited => self.after(id, visited),
        }
    }

    /// Gives the batches of this turn to the workers.
    #[inline]
    fn hand_over(&mut self) {
        if self.core.stage.asked.desk.is_filled() {
            let now = self.core.now();
            self.core.stage.asked.desk.hand_over(now);
            self.core.ledger.batches += 1;
            self.core.charge(Phase::Other);
        }
    }
}

/// Notes that a source is ready. What it means is looked at later, at the loop's own pace.
#[inline]
fn note<N: Net>(
    slots: &mut Slab<Slot<N>>,
    runnable: &mut Vec<ConnectionId>,
    ready: &mut Vec<ConnectionId>,
    id: ConnectionId,
    readiness: Readiness,
    stale: &mut u64,
) {
    match slots.get_mut(id.slot as usize) {
        Some(Slot::Connection(connection)) if connection.is(id) => {
            connection.note(readiness);
            if connection.flags & flag::QUEUED == 0 {
                connection.flags |= flag::QUEUED;
                runnable.push(id);
            }
        }
        Some(Slot::Connection(_)) => *stale += 1,
        other => {
            if let Some(Slot::Other(other)) = other {
                match &mut **other {
                    Other::Dialing(dialing) if dialing.id == id => dialing.told |= readiness.0,
                    Other::Datagrams(socket) if socket.id() == id => {
                        if socket.note(readiness) {
                            runnable.push(id);
                        }
                        return;
                    }
                    _ => {}
                }
            }
            ready.push(id);
        }
    }
}
