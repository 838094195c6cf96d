//! Threads for work that would hold up a loop: [`Workers`], what sends to them; [`Worker`], the
//! body of one, which a simulation runs step by step.
//!
//! A worker that finds its queue empty parks at once, as a loop sleeps, by the same
//! [`Doorbell`]. Waiting in the channel would spin first, and on a processor that the worker shares
//! with its loop that is time which the loop does not have.

use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::{self, JoinHandle, Thread};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};

use super::doorbell::Doorbell;

/// What a worker is given. It brings its own way back.
pub(crate) trait Task: Send + 'static {
    fn run(&mut self);
    /// It was run, and is counted no more: goes back to whoever gave it.
    fn go_back(self);
    /// How many jobs it is made of.
    fn jobs(&self) -> u32;
}

/// The queues to the workers. A worker ends when all clones of this are gone.
pub(crate) struct Workers<T> {
    queues: Vec<Queue<T>>,
}

struct Queue<T> {
    /// Always there, but while it is dropped.
    tasks: Option<Sender<T>>,
    state: Arc<State>,
}

/// What a worker and those who send to it have in common.
#[derive(Default)]
struct State {
    /// Jobs that all loops together have sent and that are not done.
    jobs: AtomicU32,
    doorbell: Doorbell,
    /// None until it runs.
    thread: OnceLock<Thread>,
}

/// The body of one worker.
pub(crate) struct Worker<T> {
    queue: Receiver<T>,
    state: Arc<State>,
}

/// The queues are bounded where they are filled, by the jobs in flight.
pub(crate) fn pool<T: Task>(count: usize) -> (Workers<T>, Vec<Worker<T>>) {
    let one = |_| {
        let (tasks, queue) = unbounded();
        let state = Arc::new(State::default());
        (Queue { tasks: Some(tasks), state: state.clone() }, Worker { queue, state })
    };
    let (queues, workers) = (0..count).map(one).unzip();
    (Workers { queues }, workers)
}

impl<T> Clone for Workers<T> {
    fn clone(&self) -> Self {
        let copy = |Queue { tasks, state }: &Queue<T>| {
            let (tasks, state) = (tasks.clone(), state.clone());
            Queue { tasks, state }
        };
        Self { queues: self.queues.iter().map(copy).collect() }
    }
}

impl<T: Task> Workers<T> {
    pub(crate) fn len(&self) -> usize {
        self.queues.len()
    }

    /// How many jobs a worker has, of whichever loop.
    pub(crate) fn jobs(&self, worker: usize) -> u32 {
        self.queues.get(worker).map_or(0, |queue| queue.state.jobs.load(Relaxed))
    }

    /// Queues a task. It is dropped if there is no such worker, or if it is gone.
    pub(crate) fn send(&self, worker: usize, task: T) {
        let Some(Queue { tasks: Some(tasks), state }) = self.queues.get(worker) else { return };
        state.jobs.fetch_add(task.jobs(), Relaxed);
        let _ = tasks.send(task);
        state.ring();
    }
}

/// The end of a queue is news for its worker, as a task is.
impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        self.tasks = None;
        self.state.ring();
    }
}

impl State {
    fn ring(&self) {
        if self.doorbell.ring()
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}

impl<T: Task> Worker<T> {
    /// Runs in a thread of its own until all [`Workers`] are gone.
    pub(crate) fn spawn(mut self, name: String) -> io::Result<JoinHandle<()>> {
        let run = move || {
            self.state.thread.get_or_init(thread::current);
            while let Some(task) = self.next() {
                self.run(task);
            }
        };
        thread::Builder::new().name(name).spawn(run)
    }

    fn next(&mut self) -> Option<T> {
        let mut told = false;
        loop {
            match self.queue.try_recv() {
                Ok(task) => {
                    self.state.doorbell.awake();
                    return Some(task);
                }
                Err(TryRecvError::Disconnected) => return None,
                // First it says that it will sleep, then it looks once more.
                Err(TryRecvError::Empty) if !told => self.state.doorbell.about_to_sleep(),
                Err(TryRecvError::Empty) => thread::park(),
            }
            told = !told;
        }
    }

    /// A worker that is done must not look busy to those who hear of it, and who may have a choice
    /// between this one and one that is.
    fn run(&self, mut task: T) {
        let jobs = task.jobs();
        task.run();
        self.state.jobs.fetch_sub(jobs, Relaxed);
        task.go_back();
    }

    /// For simulations: whether it has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// For simulations: runs the next task; tells whether there was one.
    pub(crate) fn run_one(&mut self) -> bool {
        self.queue.try_recv().map(|task| self.run(task)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Say(mpsc::Sender<u32>, u32);

    impl Task for Say {
        fn run(&mut self) {}

        fn go_back(self) {
            self.0.send(self.1).unwrap();
        }

        fn jobs(&self) -> u32 {
            1
        }
    }

    #[test]
    fn a_worker_that_sleeps_wakes_for_each_task_and_for_the_end() {
        let (workers, bodies) = pool(2);
        let threads: Vec<_> = bodies.into_iter().map(|body| body.spawn("w".into())).collect();
        let (said, heard) = mpsc::channel();
        for number in 0..10_000 {
            workers.send(number as usize % 2, Say(said.clone(), number));
            assert_eq!(heard.recv(), Ok(number));
        }
        drop(workers.clone());
        workers.send(2, Say(said, 0)); // There is none.
        drop(workers);
        threads.into_iter().for_each(|thread| thread.unwrap().join().unwrap());
        assert!(heard.recv().is_err());
    }

    #[test]
    fn jobs_count_until_they_are_done() {
        let (workers, mut bodies) = pool(1);
        let (said, heard) = mpsc::channel();
        (0..3).for_each(|number| workers.clone().send(0, Say(said.clone(), number)));
        assert_eq!(workers.jobs(0), 3);
        assert!(bodies[0].run_one());
        assert_eq!((workers.jobs(0), heard.recv()), (2, Ok(0)));
    }

    /// Looks how busy its worker is when it comes back.
    struct Look(Workers<Self>, mpsc::Sender<u32>);

    impl Task for Look {
        fn run(&mut self) {
            assert_eq!(self.0.jobs(0), 1);
        }

        fn go_back(self) {
            self.1.send(self.0.jobs(0)).unwrap();
        }

        fn jobs(&self) -> u32 {
            1
        }
    }

    #[test]
    fn a_worker_that_is_done_does_not_look_busy_to_those_who_hear_of_it() {
        let (workers, mut bodies) = pool(1);
        let (saw, seen) = mpsc::channel();
        workers.send(0, Look(workers.clone(), saw));
        assert!(bodies[0].run_one());
        assert_eq!(seen.recv(), Ok(0));
    }
}
