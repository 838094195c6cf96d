//! The mail of a bench: messages, and what workers have done.

use std::any::Any;

use super::bench::Bench;
use crate::base::Output;
use crate::engine::flag::{LINGERING, STARVED};
use crate::handler::mail::{Batch, ConnectionId, Deliver, Envelope};
use crate::handler::{Close, Handler};

impl<H: Handler> Bench<H> {
    /// Delivers the messages that wait: those that the handler, or the test, has sent to
    /// [`address`](Self::address). What is sent meanwhile waits for the next call. Tells how many
    /// there were.
    pub fn deliver(&mut self) -> usize {
        let waiting = self.mail();
        self.read_mail();
        waiting
    }

    /// Reads what has come so far. Tells how many jobs that settles.
    pub(super) fn read_mail(&mut self) -> u32 {
        let mut settled = 0;
        for _ in 0..self.mail() {
            match self.inbox.receive() {
                Some(Envelope::Deliver(id, mut message)) => {
                    self.messages(id, 0, &mut std::iter::once(&mut *message as &mut dyn Any));
                }
                Some(Envelope::Fan(members, mut copies)) => {
                    for id in &*members {
                        self.messages(*id, 0, &mut std::iter::once(copies.fresh()));
                    }
                }
                Some(Envelope::Done(batch)) => settled += self.take_back(batch),
                // Orders are for loops.
                Some(Envelope::Order(_)) | None => {}
            }
        }
        settled
    }

    /// As the loop takes back a batch of jobs.
    fn take_back(&mut self, mut batch: Box<dyn Batch>) -> u32 {
        let worker = batch.worker();
        self.core.stage.asked.desk.done(worker, batch.frame_bytes());
        let mut delivery = Delivery { to: self, worker, settled: 0 };
        batch.deliver(&mut delivery);
        let settled = delivery.settled;
        self.core.stage.asked.desk.recycle(batch);
        if !std::mem::take(&mut self.core.starved).is_empty() {
            self.turn(|connection, core| {
                connection.flags &= !STARVED;
                connection.release(core);
                Ok(())
            });
        }
        settled
    }

    fn messages(
        &mut self,
        id: ConnectionId,
        jobs: u32,
        messages: &mut dyn Iterator<Item = &mut dyn Any>,
    ) {
        self.turn(|connection, core| match connection.id() == id {
            true if connection.flags & LINGERING == 0 => {
                connection.take_messages(jobs, messages, core)
            }
            _ => Ok(()),
        });
    }
}

struct Delivery<'a, H> {
    to: &'a mut Bench<H>,
    worker: usize,
    settled: u32,
}

impl<H> Delivery<'_, H> {
    fn settle(&mut self, jobs: u32) {
        self.to.core.stage.asked.desk.settle(self.worker, jobs);
        self.settled += jobs;
    }
}

impl<H: Handler> Deliver for Delivery<'_, H> {
    fn bytes(&mut self, _: ConnectionId, jobs: u32, answers: &mut Output, count: usize) {
        self.settle(jobs);
        let left = answers.len() - count;
        self.to.turn(|connection, core| connection.take_answers(jobs, answers, count, core));
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

    fn panicked(&mut self, _: ConnectionId) {
        self.settle(1);
        self.to.close(Close::Panicked);
    }
}
