//! No message is slept through: every interleaving of the steps of `overt::net::doorbell`.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --test loom_mailbox
//! ```
#![cfg(loom)]

use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use overt::net::doorbell::Doorbell;

/// A queue, a doorbell, and what wakes the sleeper; an `eventfd` that stays readable until read.
#[derive(Default)]
struct Mailbox {
    queue: Mutex<Vec<u32>>,
    doorbell: Doorbell,
    woken: Mutex<bool>,
    wake: Condvar,
    wakes: AtomicUsize,
}

/// Whether the loop says that it sleeps before it looks at the queue.
#[derive(Clone, Copy)]
enum Order {
    Right,
    Wrong,
}

impl Mailbox {
    fn post(&self, message: u32) {
        self.queue.lock().unwrap().push(message);
        if self.doorbell.ring() {
            self.wakes.fetch_add(1, SeqCst);
            *self.woken.lock().unwrap() = true;
            self.wake.notify_one();
        }
    }

    /// One turn of the loop: sleeps only if it must, then takes all mail.
    fn turn(&self, order: Order, taken: &mut Vec<u32>) {
        let empty = match order {
            Order::Right => {
                self.doorbell.about_to_sleep();
                self.queue.lock().unwrap().is_empty()
            }
            Order::Wrong => {
                let empty = self.queue.lock().unwrap().is_empty();
                self.doorbell.about_to_sleep();
                empty
            }
        };
        if empty {
            let mut woken = self.woken.lock().unwrap();
            while !*woken {
                // If a message was slept through, nobody ever wakes this: loom reports a deadlock.
                woken = self.wake.wait(woken).unwrap();
            }
            *woken = false;
        }
        self.doorbell.awake();
        taken.append(&mut self.queue.lock().unwrap());
    }
}

fn all_arrives(order: Order, senders: u32, each: u32) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let mailbox = Arc::new(Mailbox::default());
        let threads: Vec<_> = (0..senders)
            .map(|sender| {
                let mailbox = mailbox.clone();
                thread::spawn(move || (0..each).for_each(|n| mailbox.post(sender * each + n)))
            })
            .collect();
        let (mut taken, mut turns) = (Vec::new(), 0);
        while taken.len() < (senders * each) as usize {
            mailbox.turn(order, &mut taken);
            turns += 1;
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(mailbox.wakes.load(SeqCst) <= turns, "more than one wake in a turn");
    });
}

#[test]
fn a_message_is_never_slept_through() {
    all_arrives(Order::Right, 1, 2);
}

#[test]
fn two_senders_are_both_heard() {
    all_arrives(Order::Right, 2, 1);
}

/// The proof that the model can fail. In a process of its own: a deadlock that loom finds aborts.
#[test]
fn looking_before_saying_so_sleeps_through_a_message() {
    const CHILD: &str = "OVERT_LOOM_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return all_arrives(Order::Wrong, 1, 1);
    }
    let name = "looking_before_saying_so_sleeps_through_a_message";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
    assert!(!child.status.success());
    assert!(String::from_utf8_lossy(&child.stdout).contains("deadlock"), "{child:?}");
}
