//! Threads for work that would hold up a loop: [`Workers`], what sends to them; [`Worker`], the
//! body of one, which a simulation runs step by step.

use std::io;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};

/// What a worker is given. It brings its own way back.
pub(crate) trait Task: Send + 'static {
    fn run(self);
}

/// The queues to the workers. A worker ends when all clones of this are gone.
pub(crate) struct Workers<T> {
    queues: Vec<Sender<T>>,
}

impl<T> Clone for Workers<T> {
    fn clone(&self) -> Self {
        Self { queues: self.queues.clone() }
    }
}

/// The body of one worker.
pub(crate) struct Worker<T> {
    queue: Receiver<T>,
}

/// The queues are bounded where they are filled, by the jobs in flight.
pub(crate) fn pool<T: Task>(count: usize) -> (Workers<T>, Vec<Worker<T>>) {
    let (queues, workers) =
        (0..count).map(|_| unbounded()).map(|(sender, queue)| (sender, Worker { queue })).unzip();
    (Workers { queues }, workers)
}

impl<T: Task> Workers<T> {
    pub(crate) fn len(&self) -> usize {
        self.queues.len()
    }

    /// Queues a task. It is dropped if there is no such worker, or if it is gone.
    pub(crate) fn send(&self, worker: usize, task: T) {
        if let Some(queue) = self.queues.get(worker) {
            let _ = queue.send(task);
        }
    }
}

impl<T: Task> Worker<T> {
    /// Runs in a thread of its own until all [`Workers`] are gone.
    pub(crate) fn spawn(self, name: String) -> io::Result<JoinHandle<()>> {
        let run = move || self.queue.into_iter().for_each(Task::run);
        thread::Builder::new().name(name).spawn(run)
    }

    /// For simulations: whether it has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// For simulations: runs the next task; tells whether there was one.
    pub(crate) fn run_one(&mut self) -> bool {
        self.queue.try_recv().map(Task::run).is_ok()
    }
}
