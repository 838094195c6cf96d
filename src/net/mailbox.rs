//! A queue into a loop that wakes it only when it sleeps: [`Mailbox`] is the senders' side,
//! [`Inbox`] the loop's.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::Wake;
use super::doorbell::Doorbell;

/// The senders' side. Messages of one sender keep their order.
pub(crate) struct Mailbox<E> {
    queue: Sender<E>,
    doorbell: Doorbell,
    wake: Wake,
}

/// The loop's side.
pub(crate) struct Inbox<E> {
    mailbox: Arc<Mailbox<E>>,
    queue: Receiver<E>,
    /// What a simulation took out of the queue to mix it, with the number of its sender.
    mixed: VecDeque<(usize, E)>,
}

pub(crate) fn mailbox<E>(wake: Wake) -> (Arc<Mailbox<E>>, Inbox<E>) {
    let (queue, receiver) = unbounded();
    let mailbox = Arc::new(Mailbox { queue, doorbell: Doorbell::default(), wake });
    (mailbox.clone(), Inbox { mailbox, queue: receiver, mixed: VecDeque::new() })
}

impl<E> Mailbox<E> {
    /// Posts, and wakes the loop if it sleeps. Gives the message back if the loop is gone.
    pub(crate) fn post(&self, envelope: E) -> Result<(), E> {
        self.queue.send(envelope).map_err(|back| back.0)?;
        if self.doorbell.ring() {
            (self.wake)();
        }
        Ok(())
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl<E> Inbox<E> {
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox<E>> {
        &self.mailbox
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.mixed.is_empty()
    }

    /// To be called before the loop sleeps; tells whether it must not.
    #[inline]
    pub(crate) fn about_to_sleep(&self) -> bool {
        self.mailbox.doorbell.about_to_sleep();
        !self.is_empty()
    }

    /// To be called when the loop has slept; tells whether anybody rang meanwhile.
    #[inline]
    pub(crate) fn awake(&self) -> bool {
        self.mailbox.doorbell.awake()
    }

    #[inline]
    pub(crate) fn receive(&mut self) -> Option<E> {
        match self.mixed.pop_front() {
            Some((_, envelope)) => Some(envelope),
            None => self.queue.try_recv().ok(),
        }
    }

    /// For simulations: what came since the last call is from `sender`; mixes it with what was
    /// there, as if all had been sent at once. `draw(n)` gives a number below `n`. Each sender's
    /// messages keep their order.
    pub(crate) fn mix(&mut self, sender: usize, mut draw: impl FnMut(usize) -> usize) {
        let floor = self.mixed.iter().rposition(|(from, _)| *from == sender).map_or(0, |at| at + 1);
        let mut at = floor;
        while let Ok(envelope) = self.queue.try_recv() {
            at += draw(self.mixed.len() - at + 1);
            self.mixed.insert(at, (sender, envelope));
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    #[test]
    fn only_a_sleeping_loop_is_woken_and_only_once() {
        let wakes = Arc::new(AtomicU32::new(0));
        let counter = wakes.clone();
        let (mailbox, mut inbox) =
            mailbox::<u32>(Arc::new(move || _ = counter.fetch_add(1, Relaxed)));
        mailbox.post(1).unwrap();
        assert!(inbox.about_to_sleep());
        assert!(!inbox.awake());
        assert_eq!(inbox.receive(), Some(1));
        assert!(!inbox.about_to_sleep());
        mailbox.post(2).unwrap();
        mailbox.post(3).unwrap();
        assert!(inbox.awake());
        assert_eq!(wakes.load(Relaxed), 1);
        assert_eq!((inbox.receive(), inbox.receive(), inbox.receive()), (Some(2), Some(3), None));
    }

    #[test]
    fn mixing_keeps_the_order_of_each_sender() {
        let (mailbox, mut inbox) = mailbox::<(usize, u32)>(Arc::new(|| {}));
        let mut state = 7_usize;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for round in 0..30 {
            (0..5).for_each(|number| mailbox.post((round % 3, round as u32 * 5 + number)).unwrap());
            inbox.mix(round % 3, &mut draw);
        }
        let mut last = [None; 3];
        let mut in_sending_order = true;
        let mut before = 0;
        while let Some((sender, number)) = inbox.receive() {
            assert!(last[sender] < Some(number));
            last[sender] = Some(number);
            in_sending_order &= before <= number;
            before = number;
        }
        assert!(!in_sending_order, "nothing was mixed");
    }
}
