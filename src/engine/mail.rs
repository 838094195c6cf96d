//! Reading the mail: messages to connections, answers from workers, orders to the loop.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::flag;
use super::ledger::{self, Phase};
use super::order::Order;
use super::state::{EventLoop, Fan};
use crate::base::Output;
use crate::handler::ConnectionId;
use crate::handler::mail::{Batch, Deliver, Envelope};
use crate::handler::stage::NO_GATE;
use crate::net::Net;

impl<N: Net> EventLoop<N> {
    #[inline]
    pub(super) fn read_mail(&mut self) {
        if self.fan.is_some() || !self.inbox.is_empty() {
            self.read_some_mail();
        }
    }

    #[cold]
    fn read_some_mail(&mut self) {
        self.core.charge(Phase::Other);
        let mut budget = self.messages_per_turn;
        while budget > 0 {
            if self.fan.is_some() {
                self.tell_members(&mut budget);
                continue;
            }
            budget -= 1;
            match self.inbox.receive() {
                Some(Envelope::Deliver(id, mut message)) => {
                    self.messages(id, 0, &mut std::iter::once(&mut *message as &mut dyn Any));
                }
                Some(Envelope::Fan(members, copies)) => {
                    self.fan = Some(Fan { members, told: 0, copies });
                }
                Some(Envelope::Done(batch)) => self.take_back(batch),
                Some(Envelope::Order(order)) => {
                    if let Ok(order) = order.downcast::<Order<N>>() {
                        self.obey(*order);
                    }
                }
                None => break,
            }
        }
        self.core.charge(Phase::Mail);
    }

    /// Tells some members of a group, and remembers where it stopped.
    fn tell_members(&mut self, budget: &mut u32) {
        let Some(mut fan) = self.fan.take() else { return };
        while *budget > 0 {
            let Some(id) = fan.members.get(fan.told) else { return };
            fan.told += 1;
            *budget -= 1;
            // To clone a message is the user's affair, and a panic then costs one member its copy.
            let copies = AssertUnwindSafe(&mut *fan.copies);
            // In braces, or it would be taken out of its assertion.
            match catch_unwind(move || { copies }.0.fresh()) {
                Ok(copy) => self.messages(*id, 0, &mut std::iter::once(copy)),
                Err(_) => self.core.ledger.panics += 1,
            }
        }
        self.fan = Some(fan);
    }

    /// A batch of jobs is done.
    fn take_back(&mut self, mut batch: Box<dyn Batch>) {
        let worker = batch.worker();
        self.core.stage.asked.desk.done(worker, batch.frame_bytes());
        batch.deliver(&mut Delivery { to: self, worker });
        self.core.stage.asked.desk.recycle(batch);
        if !self.core.starved.is_empty() {
            self.feed_starved();
        }
    }

    /// Connections that were held back because of all jobs, and not of their own, may go on.
    fn feed_starved(&mut self) {
        for id in std::mem::take(&mut self.core.starved) {
            let Some(connection) = super::state::connection(&mut self.slots, id) else {
                continue;
            };
            connection.flags &= !flag::STARVED;
            connection.release(&mut self.core);
            self.after(id, Ok(()));
        }
    }

    fn obey(&mut self, order: Order<N>) {
        match order {
            Order::Adopt { stream, peer, gate } => self.admit(stream, peer, gate),
            Order::AcceptAgain => self.look_at_waiting(),
            Order::Enroll { stream, peer, handler } => {
                self.shared.enter(self.number);
                let _ = self.begin(stream, peer, NO_GATE, handler);
            }
            Order::Dial(order) => self.dial_one(order),
            Order::Serve { socket, at, service } => self.serve(socket, at, service),
            Order::Resolved { dial, endpoints } => self.resolved(dial, endpoints),
            Order::Shutdown => self.shut_down(),
            // The end of the turn looks whether it was the last.
            Order::AnotherEnded => {}
            Order::Snapshot { connections_max, reply } => {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(self.snapshot(connections_max));
            }
        }
    }

    /// Tells all loops, this one included.
    pub(super) fn tell_all_to_shut_down(&mut self) {
        for load in &self.shared.loads {
            // A loop that has ended needs no telling.
            let _ = Order::<N>::Shutdown.post(&load.home);
        }
    }

    fn messages(
        &mut self,
        id: ConnectionId,
        jobs: u32,
        messages: &mut dyn Iterator<Item = &mut dyn Any>,
    ) {
        if ledger::ON {
            self.core.ledger.messages += 1;
        }
        self.guarded(id, |this| {
            let Some(connection) = super::state::connection(&mut this.slots, id) else {
                return this.port_messages(id, jobs, messages);
            };
            if connection.flags & flag::LINGERING != 0 {
                return;
            }
            let taken = connection.take_messages(jobs, messages, &mut this.core);
            this.after(id, taken);
        });
    }

    /// A panic here costs `id` its connection, and nobody else a message.
    pub(super) fn guarded(&mut self, id: ConnectionId, deliver: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| deliver(self))).is_err() {
            self.panicked(Some(id));
        }
    }
}

/// Where a batch is delivered to.
struct Delivery<'a, N: Net> {
    to: &'a mut EventLoop<N>,
    worker: usize,
}

impl<N: Net> Delivery<'_, N> {
    /// Jobs are settled before it is known whether their connection still lives.
    fn settle(&mut self, jobs: u32) {
        self.to.core.stage.asked.desk.settle(self.worker, jobs);
        if ledger::ON {
            self.to.core.ledger.jobs += u64::from(jobs);
        }
    }
}

impl<N: Net> Deliver for Delivery<'_, N> {
    fn bytes(&mut self, id: ConnectionId, jobs: u32, answers: &mut Output, count: usize) {
        self.settle(jobs);
        let left = answers.len() - count;
        self.to.guarded(id, |to| {
            let Some(connection) = super::state::connection(&mut to.slots, id) else {
                return;
            };
            if connection.flags & flag::LINGERING != 0 {
                return; // A shutdown had no time left to wait for them.
            }
            let taken = connection.take_answers(jobs, answers, count, &mut to.core);
            to.after(id, taken);
        });
        // Nobody took them if the connection is gone.
        answers.drop_front(answers.len() - left);
    }

    fn messages(
        &mut self,
        id: ConnectionId,
        jobs: u32,
        messages: &mut dyn Iterator<Item = &mut dyn Any>,
    ) {
        self.settle(jobs);
        self.to.messages(id, jobs, messages);
    }

    fn panicked(&mut self, id: ConnectionId) {
        self.settle(1);
        if !self.to.socket_job_panicked(id) {
            self.to.panicked(Some(id));
        }
    }
}
