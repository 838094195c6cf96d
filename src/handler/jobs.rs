//! Work for the workers, gathered into batches: one a turn and worker each way.
//!
//! Types are erased by the batch, not by the job: jobs of one type lie side by side in a `Vec`, the
//! frames that they are about in one block, and so do the answers. Batches come back to be filled
//! again, so that nothing is allocated per frame.
//!
//! Answers stay in the order of the questions because a connection's jobs *stick*: while it has
//! some out, its next ones go to the same worker, whose queue keeps order. A connection without
//! jobs out goes to the worker that has the fewest from all loops, so work spreads.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::mail::{Batch, ConnectionId, Deliver, Envelope, Home};
use crate::base::Output;
use crate::net::workers::{Task, Workers};

/// As many jobs are in flight as are allowed, for the connection or for the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many jobs in flight")
    }
}

impl std::error::Error for Busy {}

/// A batch on its way to a worker, with the way back.
pub(crate) struct Parcel {
    batch: Box<dyn Batch>,
    home: Home,
}

impl Task for Parcel {
    fn run(&mut self) {
        self.batch.run();
    }

    fn go_back(self) {
        // A loop that has ended wants no answers.
        let _ = self.home.post(Envelope::Done(self.batch));
    }

    fn jobs(&self) -> u32 {
        self.batch.jobs()
    }
}

/// What a connection has at the workers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Out {
    pub(crate) jobs: u32,
    worker: u16,
}

/// How many jobs may be in flight.
#[derive(Clone, Copy)]
pub(crate) struct JobsMax {
    pub(crate) connection: u32,
    pub(crate) all: u32,
    /// Of the frames that they are about, in all.
    pub(crate) bytes: usize,
}

/// One loop's side of the workers.
pub(crate) struct Desk {
    workers: Workers<Parcel>,
    home: Home,
    max: JobsMax,
    /// Jobs in flight, by worker, and of all.
    queued: Vec<u32>,
    in_flight: u32,
    /// Of the frames that they are about.
    bytes: usize,
    /// By worker: when each batch that it has not given back was handed over, in milliseconds.
    since: Vec<VecDeque<u64>>,
    /// The batch being filled for each worker, and whether there is any.
    open: Vec<Option<Box<dyn Batch>>>,
    filled: bool,
    spare: Vec<Box<dyn Batch>>,
    now: u64,
}

impl Desk {
    pub(crate) fn new(workers: Workers<Parcel>, home: Home, max: JobsMax) -> Self {
        let count = workers.len();
        Self {
            workers,
            home,
            max,
            queued: vec![0; count],
            in_flight: 0,
            bytes: 0,
            since: vec![VecDeque::new(); count],
            open: (0..count).map(|_| None).collect(),
            filled: false,
            spare: Vec::new(),
            now: 0,
        }
    }

    /// Whether no more jobs should be taken from a connection, or from anybody.
    #[inline]
    pub(crate) fn is_full(&self, out: Out) -> bool {
        out.jobs >= self.max.connection || !self.has_room_for_all()
    }

    /// Whether a connection that was held back may go on: half of its jobs are done.
    pub(crate) fn has_room(&self, out: Out) -> bool {
        out.jobs <= self.max.connection / 2 && self.has_room_for_all()
    }

    #[inline]
    fn has_room_for_all(&self) -> bool {
        self.in_flight < self.max.all && self.bytes < self.max.bytes
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers.len()
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// How many jobs a worker has, and for how long the oldest has been out, in milliseconds.
    pub(crate) fn queues(&self, now: u64) -> impl Iterator<Item = (u32, u64)> + '_ {
        let age =
            move |since: &VecDeque<u64>| since.front().map_or(0, |at| now.saturating_sub(*at));
        self.queued.iter().zip(&self.since).map(move |(queued, since)| (*queued, age(since)))
    }

    /// A job that turns a frame into bytes of output.
    #[inline]
    pub(crate) fn answer<F>(&mut self, id: ConnectionId, out: &mut Out, frame: &[u8], work: F)
    where
        F: FnOnce(&[u8], &mut Output) + Send + 'static,
    {
        let Some(worker) = self.pick(out) else { return };
        self.bytes += frame.len();
        if let Some(batch) = self.batch::<Answers<F>>(worker) {
            batch.jobs.push((id, frame.len(), work));
            batch.frames.extend_from_slice(frame);
        }
    }

    /// A job that makes a message. Unordered ones do not stick.
    pub(crate) fn offload<M, F>(&mut self, id: ConnectionId, out: &mut Out, ordered: bool, work: F)
    where
        M: Send + 'static,
        F: FnOnce() -> M + Send + 'static,
    {
        let mut unstuck = Out::default();
        let picked = self.pick(if ordered { &mut *out } else { &mut unstuck });
        let Some(worker) = picked else { return };
        out.jobs += unstuck.jobs;
        if let Some(batch) = self.batch::<Messages<M, F>>(worker) {
            batch.jobs.push((id, work));
        }
    }

    #[inline]
    fn pick(&mut self, out: &mut Out) -> Option<usize> {
        if out.jobs == 0 && self.queued.len() > 1 {
            out.worker = self.least() as u16;
        }
        *self.queued.get_mut(usize::from(out.worker))? += 1;
        self.in_flight += 1;
        out.jobs += 1;
        Some(out.worker.into())
    }

    /// The worker with the fewest jobs, of this loop and of the others.
    fn least(&self) -> usize {
        let jobs = |worker: &usize| {
            let open = self.open.get(*worker).and_then(Option::as_ref);
            self.workers.jobs(*worker) + open.map_or(0, |batch| batch.jobs())
        };
        (0..self.open.len()).min_by_key(jobs).unwrap_or(0)
    }

    #[inline]
    fn batch<B: Batch + Default>(&mut self, worker: usize) -> Option<&mut B> {
        self.filled = true;
        let fits = matches!(self.open.get(worker), Some(Some(batch)) if is::<B>(&**batch));
        if !fits {
            self.change_batch::<B>(worker);
        }
        let batch: &mut dyn Any = &mut **self.open.get_mut(worker)?.as_mut()?;
        batch.downcast_mut()
    }

    #[cold]
    fn change_batch<B: Batch + Default>(&mut self, worker: usize) {
        self.send(worker);
        let spare = self.spare.iter().position(|spare| is::<B>(&**spare));
        let mut batch = match spare {
            Some(index) => self.spare.swap_remove(index),
            None => Box::new(B::default()),
        };
        batch.set_worker(worker);
        if let Some(open) = self.open.get_mut(worker) {
            *open = Some(batch);
        }
    }

    fn send(&mut self, worker: usize) {
        if let Some(batch) = self.open.get_mut(worker).and_then(Option::take) {
            self.since[worker].push_back(self.now);
            self.workers.send(worker, Parcel { batch, home: self.home.clone() });
        }
    }

    #[inline]
    pub(crate) fn is_filled(&self) -> bool {
        self.filled
    }

    /// Ends the turn: sends what was gathered.
    pub(crate) fn hand_over(&mut self, now: u64) {
        (self.filled, self.now) = (false, now);
        (0..self.open.len()).for_each(|worker| self.send(worker));
    }

    /// A batch came back.
    pub(crate) fn done(&mut self, worker: usize, frame_bytes: usize) {
        self.bytes -= frame_bytes;
        if let Some(since) = self.since.get_mut(worker) {
            since.pop_front();
        }
    }

    /// Jobs came back. To be told before it is known whether their connection still lives.
    #[inline]
    pub(crate) fn settle(&mut self, worker: usize, jobs: u32) {
        self.in_flight -= jobs;
        if let Some(queued) = self.queued.get_mut(worker) {
            *queued -= jobs;
        }
    }

    pub(crate) fn recycle(&mut self, batch: Box<dyn Batch>) {
        if self.spare.len() < 2 * self.open.len() {
            self.spare.push(batch);
        }
    }
}

fn is<B: Batch>(batch: &dyn Batch) -> bool {
    (batch as &dyn Any).is::<B>()
}

/// A batch that comes back keeps room for so many bytes of frames: a burst of large ones must not
/// hold memory for ever. 1 MiB.
const FRAMES_KEPT: usize = 1 << 20;

/// Frames and what answers them.
struct Answers<F> {
    worker: usize,
    jobs: Vec<(ConnectionId, usize, F)>,
    frames: Vec<u8>,
    /// How many bytes of frames there were, when they have been answered.
    frame_bytes: usize,
    runs: Vec<Run>,
    /// The one that is being written: nobody writes where the answers to others are.
    answer: Output,
    output: Output,
}

/// Successive answers to one connection, or a job that panicked.
struct Run {
    to: ConnectionId,
    jobs: u32,
    /// Where their bytes end in the output; none for a panic.
    end: Option<usize>,
}

impl<F> Default for Answers<F> {
    fn default() -> Self {
        let (jobs, frames, runs) = (Vec::new(), Vec::new(), Vec::new());
        let (answer, output) = Default::default();
        Self { worker: 0, jobs, frames, frame_bytes: 0, runs, answer, output }
    }
}

impl<F: FnOnce(&[u8], &mut Output) + Send + 'static> Batch for Answers<F> {
    fn run(&mut self) {
        let Self { jobs, frames, runs, answer, output, .. } = self;
        let (mut frames_left, mut jobs_left) = (&frames[..], jobs.drain(..));
        let mut current = None;
        // A panic ends one job; the loop goes on behind it.
        while catch_unwind(AssertUnwindSafe(|| {
            for (to, size, work) in jobs_left.by_ref() {
                let (frame, rest) = frames_left.split_at(size);
                (frames_left, current) = (rest, Some(to));
                work(frame, answer);
                answer.move_front(answer.len(), output);
                answer.clear();
                let end = Some(output.len());
                match runs.last_mut() {
                    Some(run) if run.to == to && run.end.is_some() => {
                        (run.jobs, run.end) = (run.jobs + 1, end);
                    }
                    _ => runs.push(Run { to, jobs: 1, end }),
                }
            }
        }))
        .is_err()
        {
            answer.clear();
            runs.extend(current.map(|to| Run { to, jobs: 1, end: None }));
        }
        drop(jobs_left);
        self.frame_bytes = frames.len();
        frames.clear();
        frames.shrink_to(FRAMES_KEPT);
    }

    fn jobs(&self) -> u32 {
        self.jobs.len() as u32
    }

    fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    fn deliver(&mut self, to: &mut dyn Deliver) {
        let mut start = 0;
        for run in self.runs.drain(..) {
            match run.end {
                Some(end) => {
                    to.bytes(run.to, run.jobs, &mut self.output, end - start);
                    start = end;
                }
                None => to.panicked(run.to),
            }
        }
        self.output.clear();
    }

    fn worker(&self) -> usize {
        self.worker
    }

    fn set_worker(&mut self, worker: usize) {
        self.worker = worker;
    }
}

/// Work whose results are messages; `None` where it panicked.
struct Messages<M, F> {
    worker: usize,
    jobs: Vec<(ConnectionId, F)>,
    results: Vec<(ConnectionId, Option<M>)>,
}

impl<M, F> Default for Messages<M, F> {
    fn default() -> Self {
        Self { worker: 0, jobs: Vec::new(), results: Vec::new() }
    }
}

impl<M: Send + 'static, F: FnOnce() -> M + Send + 'static> Batch for Messages<M, F> {
    fn run(&mut self) {
        for (id, work) in self.jobs.drain(..) {
            self.results.push((id, catch_unwind(AssertUnwindSafe(work)).ok()));
        }
    }

    fn jobs(&self) -> u32 {
        self.jobs.len() as u32
    }

    fn frame_bytes(&self) -> usize {
        0
    }

    fn deliver(&mut self, to: &mut dyn Deliver) {
        for run in self.results.chunk_by_mut(|a, b| a.0 == b.0 && a.1.is_some() == b.1.is_some()) {
            let (id, jobs) = (run[0].0, run.len() as u32);
            match run[0].1 {
                Some(_) => {
                    let messages = run.iter_mut().map(|(_, message)| message as &mut dyn Any);
                    to.messages(id, jobs, &mut { messages });
                }
                None => (0..jobs).for_each(|_| to.panicked(id)),
            }
        }
        self.results.clear();
    }

    fn worker(&self) -> usize {
        self.worker
    }

    fn set_worker(&mut self, worker: usize) {
        self.worker = worker;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_large_frames_holds_no_memory_when_it_is_answered() {
        let mut batch = Answers::default();
        let id = ConnectionId { home: 0, slot: 0, generation: 1 };
        let work: fn(&[u8], &mut Output) = |frame, output| output.put(frame);
        for size in [10 << 20, 0, 100] {
            batch.jobs.push((id, size, work));
            batch.frames.extend(vec![7; size]);
        }
        batch.run();
        assert_eq!((batch.output.len(), batch.frame_bytes), (100 + (10 << 20), 100 + (10 << 20)));
        assert!(batch.frames.capacity() <= FRAMES_KEPT && batch.answer.held() <= FRAMES_KEPT);
    }
}
