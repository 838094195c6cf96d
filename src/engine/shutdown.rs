//! Graceful shutdown: ready → lame duck → draining → forced → ended, each with its own time; being
//! told a second time goes straight to forced.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::core::millis;
use super::dialing::Dialing;
use super::flag;
use super::order::Order;
use super::shared::ShutdownPhase;
use super::state::{EventLoop, Other, Slot};
use crate::handler::mail::Envelope;
use crate::handler::{Close, ConnectionId, Reason};
use crate::net::Net;

impl<N: Net> EventLoop<N> {
    /// The first time: begins. The second time: forces.
    pub(super) fn shut_down(&mut self) {
        match self.phase {
            ShutdownPhase::Ready => {
                self.shutdown.began = self.core.now();
                let slot = self.slots.insert(Slot::Other(Box::new(Other::Nothing)));
                self.phase_slot = slot as u32;
                self.enter_phase(ShutdownPhase::LameDuck, self.grace.lame_duck);
            }
            ShutdownPhase::LameDuck | ShutdownPhase::Draining => self.force(),
            ShutdownPhase::Forced | ShutdownPhase::Ended => {}
        }
        self.go_on_shutting_down();
    }

    fn enter_phase(&mut self, phase: ShutdownPhase, time: Duration) {
        self.phase = phase;
        self.shared.advance(phase);
        self.core.stage.asked.is_draining = phase >= ShutdownPhase::Draining;
        self.shutdown.until = self.core.now() + u64::from(millis(time));
        self.shutdown.half = u64::MAX;
    }

    /// Looks whether the present phase is over. Called at the end of each turn of a shutdown.
    pub(super) fn go_on_shutting_down(&mut self) {
        let late = self.core.now() >= self.shutdown.until;
        match self.phase {
            ShutdownPhase::Ready | ShutdownPhase::Ended => {}
            ShutdownPhase::LameDuck if late => self.drain(),
            ShutdownPhase::Draining if late => self.force(),
            ShutdownPhase::Draining if self.core.now() >= self.shutdown.half => {
                self.tell_the_late();
            }
            ShutdownPhase::Forced if late => {
                self.cut();
                self.end();
            }
            _ => {}
        }
        if self.phase >= ShutdownPhase::Draining && self.is_idle() {
            self.end();
        }
        // Anew at each turn: a reminder of the phase before may have been used up by now.
        let next = self.shutdown.until.min(self.shutdown.half);
        self.core.wheel.remind(self.phase_slot, next);
    }

    fn is_idle(&self) -> bool {
        let jobs = self.core.stage.asked.desk.in_flight();
        let others = self.shared.loads.len() as u32 - 1;
        let last = !self.hears_signals || self.shared.ended.load(Relaxed) >= others;
        last && self.connections == 0
            && self.dialing == 0
            && self.sockets == 0
            && self.inbox.is_empty()
            && self.core.stage.asked.dials.is_empty()
            && (jobs == 0 || self.phase == ShutdownPhase::Forced)
    }

    /// Stops accepting, and asks every connection to come to its end.
    fn drain(&mut self) {
        self.enter_phase(ShutdownPhase::Draining, self.grace.drain);
        self.shutdown.half = self.core.now() + u64::from(millis(self.grace.drain / 2));
        self.accept_the_last();
        self.stop_dialing(|dialing| !dialing.while_draining);
        for id in self.connection_ids() {
            self.tell_drain(id);
        }
        for id in self.socket_ids() {
            self.drain_socket(id);
        }
    }

    fn stop_dialing(&mut self, which: impl Fn(&Dialing<N>) -> bool) {
        for id in self.ids(|slot| match slot {
            Slot::Other(other) => matches!(&**other, Other::Dialing(dialing) if which(dialing)),
            Slot::Connection(_) => false,
        }) {
            self.dial_failed(id, Close::Shutdown);
        }
    }

    /// Half of the time to drain is over: those that still read are told, too.
    fn tell_the_late(&mut self) {
        self.shutdown.half = u64::MAX;
        for id in self.connection_ids() {
            if let Some(connection) = self.connection(id) {
                connection.flags |= flag::DRAIN_LATE;
                self.enqueue(id);
            }
        }
    }

    /// Has a connection told, after it has seen what came before this.
    pub(super) fn tell_drain(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connection(id) {
            connection.flags |= flag::TELL_DRAIN | flag::READABLE;
            self.enqueue(id);
        }
    }

    /// Nothing is read or waited for any more: what has nothing to send is cut, the rest may send
    /// it.
    fn force(&mut self) {
        if self.phase < ShutdownPhase::Draining {
            self.drain();
        }
        self.enter_phase(ShutdownPhase::Forced, self.grace.forced);
        self.stop_dialing(|_| true);
        self.shutdown.report.jobs_cut += u64::from(self.core.stage.asked.desk.in_flight());
        for id in self.connection_ids() {
            let Some(connection) = self.connection(id) else { continue };
            match connection.unsent() {
                0 => self.cut_one(id),
                _ if connection.flags & flag::HANDSHAKING != 0 => self.cut_one(id),
                _ => connection.send_and_close(),
            }
        }
        for id in self.socket_ids() {
            self.force_socket(id);
        }
    }

    /// What lingers has ended in order already: a reset would only destroy what was sent last.
    fn cut_one(&mut self, id: ConnectionId) {
        let Some(connection) = self.connection(id) else { return };
        let why = match connection.flags & flag::LINGERING {
            0 => Close::Shutdown,
            _ => Close::ByUs,
        };
        self.close(id, why);
    }

    fn cut(&mut self) {
        for id in self.connection_ids() {
            let unsent = self.connection(id).map_or(0, |connection| connection.unsent());
            self.shutdown.report.bytes_cut += unsent as u64;
            self.cut_one(id);
        }
        for id in self.socket_ids() {
            self.close_socket(id, Close::Shutdown);
        }
    }

    fn end(&mut self) {
        if self.phase != ShutdownPhase::Ended {
            self.phase = ShutdownPhase::Ended;
            self.stopped = true;
            self.shared.ended.fetch_add(1, Relaxed);
            for load in &self.shared.loads {
                // Whoever waits for us to end hears of it; others have ended, or don't mind.
                let _ = Order::<N>::AnotherEnded.post(&load.home);
            }
            self.shutdown.report.took_ms = self.core.now() - self.shutdown.began;
            self.turn_away_all();
        }
    }

    /// This loop can't go on. The others are told at once, and end too, rather than serve by
    /// halves; unless they know already, since being told twice would force them.
    #[cold]
    pub(super) fn fail(&mut self) {
        if self.phase == ShutdownPhase::Ready {
            self.tell_all_to_shut_down();
        }
        self.stop_dialing(|_| true);
        self.cut();
        self.end();
    }

    /// Whoever was given to this loop, and comes too late, goes to another one, or is told.
    fn turn_away_all(&mut self) {
        while let Some(envelope) = self.inbox.receive() {
            if let Envelope::Order(order) = envelope
                && let Ok(order) = order.downcast()
            {
                self.turn_away(*order);
            }
        }
        self.dial();
    }

    fn turn_away(&mut self, order: Order<N>) {
        match order {
            Order::Dial(order) => self.dial_one(order),
            Order::Enroll { stream, handler, .. } => {
                self.core.net.close(stream, true);
                self.end_handler(handler, Close::Shutdown);
            }
            Order::Adopt { stream, peer, gate } => self.pass_on(stream, peer, gate),
            _ => {}
        }
    }

    /// A connection ended while the engine shuts down.
    pub(super) fn report_close(&mut self, reason: Reason) {
        match reason {
            Reason::Shutdown => self.shutdown.report.cut += 1,
            _ => self.shutdown.report.finished += 1,
        }
    }

    fn connection_ids(&self) -> Vec<ConnectionId> {
        self.ids(|slot| matches!(slot, Slot::Connection(_)))
    }

    fn socket_ids(&self) -> Vec<ConnectionId> {
        self.ids(|slot| match slot {
            Slot::Other(other) => matches!(**other, Other::Datagrams(_)),
            Slot::Connection(_) => false,
        })
    }

    fn ids(&self, which: impl Fn(&Slot<N>) -> bool) -> Vec<ConnectionId> {
        let wanted = self.slots.iter().filter(|(_, slot)| which(slot));
        wanted.filter_map(|(_, slot)| slot.id()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{Sender, channel};
    use std::thread::yield_now;

    use crate::engine::{Balance, Config, Engine, Spread};
    use crate::handler::{Close, Context, Dial, Handler, Never, Outgoing, Result};
    use crate::service::Echo;

    #[test]
    fn one_loop_that_fails_ends_the_others_at_once() {
        for broken in 0..2 {
            let mut engine = Engine::new(Config { loops: 2, ..Config::default() }).unwrap();
            engine.listen("127.0.0.1:0", || Echo).unwrap();
            engine.loops[broken].core.net.broken = true;
            // Nobody else tells the other loop to end, and it sleeps.
            let error = engine.start().unwrap().join().unwrap_err();
            assert_eq!(error.to_string(), "broken on purpose");
        }
    }

    #[test]
    fn who_is_given_to_a_loop_that_ends_is_served_by_another() {
        let spread = Spread::HandOff(Balance::RoundRobin);
        let mut engine = Engine::new(Config { loops: 2, spread, ..Config::default() }).unwrap();
        let at = engine.listen("127.0.0.1:0", || Echo).unwrap().to_string();
        let mut ending = engine.loops.pop().unwrap();
        let running = engine.start().unwrap();
        // The first one is the other loop's, which has not looked yet.
        let mut clients = [(); 2].map(|()| TcpStream::connect(&at).unwrap());
        while ending.inbox.is_empty() {
            yield_now();
        }
        ending.end();
        clients.iter_mut().for_each(echoes);
        drop(ending);
        let mut later = [(); 2].map(|()| TcpStream::connect(&at).unwrap());
        later.iter_mut().for_each(echoes);
        assert_eq!(running.handle().connections(), 4);
        drop((clients, later));
        while running.handle().connections() > 0 {
            yield_now();
        }
        running.shut_down().unwrap();
    }

    fn echoes(client: &mut TcpStream) {
        client.write_all(b"hello").unwrap();
        let mut echo = [0; 5];
        client.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"hello");
    }

    struct Told(Sender<Close>);

    impl Handler for Told {
        type Message = Never;

        fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
            Ok(())
        }

        fn on_close(self, why: Close, outgoing: &mut Outgoing<'_>) {
            self.0.send(why).unwrap();
            // One that does not give up is told once more, and no more.
            outgoing.connect(Dial::host("localhost", 9), Self(self.0.clone()));
        }
    }

    #[test]
    fn a_loop_that_fails_tells_those_who_are_on_their_way() {
        let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
        let (told, heard) = channel();
        let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
        engine.connect(somebody.local_addr().unwrap(), Told(told.clone()));
        engine.handle().connect(Dial::host("localhost", 9), Told(told));
        engine.loops[0].core.net.broken = true;
        engine.start().unwrap().join().unwrap_err();
        let heard: Vec<_> = heard.try_iter().collect();
        assert!(heard.iter().all(|why| matches!(why, Close::Shutdown)), "{heard:?}");
        assert_eq!(heard.len(), 4);
    }
}
