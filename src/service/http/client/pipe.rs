//! [`pipe`]: what lies between whoever asks ([`Near`]) and the connection that carries the question
//! ([`Far`]): two queues under one lock, each with a window in bytes.
//!
//! ```text
//!  caller ── Near ──► up:   chunks of the request's body, its end ────────► Far ── connection
//!              ◄───── down: head, chunks of the answer's body, its end ◄──────
//! ```
//!
//! The two are connections of their own, mostly of one loop, and a handler never runs inside a
//! handler: so one can't call the other. Rather than sending each piece as a message, whoever puts
//! something into a queue tells the other side *once* that there is something to look at, and not
//! again before that has looked. So
//!
//! - a burst of pieces costs one message, and nothing is lost if a mailbox is full: what is told
//!   is only "look", at most one for each side of each call, and needs no bound of its own;
//! - memory is bounded by the windows: who finds a queue full stops reading from its peer, and is
//!   told when half of the window is free again. Taking a piece out is the credit;
//! - either side may vanish at any moment (a client that is gone, a handler that panicked, a
//!   message to a connection that is no more): dropping an end says so to the other one.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::chunks::Chunks;
use super::failure::Failure;
use super::gauge::Gauge;
use crate::handler::Address;
use crate::wire::http::{BodyLength, Headers, RequestHead, ResponseHead};

/// What is asked, and how long each part of it may take.
pub(super) struct Question {
    pub(super) head: RequestHead,
    pub(super) body: Body,
    pub(super) times: Times,
    /// Bytes that each of the two queues holds before whoever fills it has to wait.
    pub(super) window: usize,
}

/// The body of a question.
#[derive(Clone)]
pub(super) enum Body {
    Empty,
    /// Known as a whole: can be sent again.
    Whole(Bytes),
    /// Comes piece by piece.
    Stream(BodyLength),
}

impl Body {
    pub(super) fn length(&self) -> BodyLength {
        match self {
            Self::Empty => BodyLength::Empty,
            Self::Whole(bytes) => BodyLength::Known(bytes.len() as u64),
            Self::Stream(length) => *length,
        }
    }
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) first_byte: Duration,
    pub(super) idle: Duration,
    pub(super) total: Duration,
}

/// What comes down to the caller.
#[derive(Debug)]
pub(super) enum Down {
    /// An interim answer (1xx), of which there may be several.
    Interim(ResponseHead),
    Head(ResponseHead),
    Body(Bytes),
    End(Headers),
    Broken(Broken),
}

/// Why nothing more comes.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// Nothing of the question was sent.
    pub(super) untouched: bool,
    /// The connection had rested before, and gave no byte of an answer: a server that never saw the
    /// question may have closed it.
    pub(super) stale: bool,
}

/// What goes up to the connection.
pub(super) enum Up {
    Chunk(Bytes),
    End(Headers),
    /// Nothing yet.
    Nothing,
}

/// What a connection of a client is told. Nobody else has anything to say to it.
pub struct ToLine(pub(super) Word);

pub(super) enum Word {
    /// Carry this.
    Begin(Far),
    /// Something has changed in the pipe.
    Look,
}

/// Tells a caller that there is something to look at; false if the caller is gone for good.
pub(super) type Wake = Arc<dyn Fn() -> bool + Send + Sync>;

struct Shared {
    question: Question,
    state: Mutex<State>,
    gauge: Arc<Gauge>,
    /// What the process holds, in bytes.
    memory: Arc<AtomicI64>,
}

/// Less than this is not worth to be counted to the memory of the process: most answers just pass
/// through. Bytes.
const COUNTED_MIN: usize = 4096;

struct State {
    /// Which attempt may use the pipe: the ends of earlier ones are deaf and mute.
    attempt: u32,
    /// What `Host` says in attempts from now on, in place of what the question does.
    host: Option<String>,
    up: Chunks,
    up_end: Option<Headers>,
    /// Whether a part of a streamed body was taken, which can't be had again.
    taken: bool,
    down: Answer,
    caller: Wake,
    caller_told: bool,
    /// Whether the caller waits for room in `up`.
    caller_waits: bool,
    /// Whether there is no caller any more; and if so, whether the rest of what it sent is still
    /// to be passed on.
    gone: bool,
    leaves_work: bool,
    /// Whether nobody takes from `up` any more, since the answer is complete.
    deaf: bool,
    line: Option<Address<ToLine>>,
    line_told: bool,
    /// Whether the connection waits for room in `down`.
    line_waits: bool,
    spent: Duration,
    /// What was in both queues when that was counted last, in bytes.
    counted: usize,
}

/// What has come of an answer, and was not taken.
#[derive(Default)]
struct Answer {
    interim: VecDeque<ResponseHead>,
    head: Option<ResponseHead>,
    body: Chunks,
    end: Option<Result<Headers, Broken>>,
    /// Whether the end has come, taken or not; and whether it was the proper one.
    over: bool,
    complete: bool,
}

/// The caller's end.
pub(super) struct Near(Arc<Shared>);

/// The connection's end.
pub(super) struct Far {
    shared: Arc<Shared>,
    attempt: u32,
    /// What `Host` says in place of what the question does.
    host: Option<String>,
    /// Whether the connection had rested before.
    rested: bool,
    /// Whether anything was sent, and a byte of the answer seen.
    sent: bool,
    answered: bool,
}

/// A new pipe: the caller's end. [`Near::attempt`] makes ends for connections.
pub(super) fn pipe(
    question: Question,
    caller: Wake,
    gauge: Arc<Gauge>,
    memory: Arc<AtomicI64>,
) -> Near {
    let state = State {
        attempt: 0,
        host: None,
        up: Chunks::default(),
        up_end: None,
        taken: false,
        down: Answer::default(),
        caller,
        caller_told: false,
        caller_waits: false,
        gone: false,
        leaves_work: false,
        deaf: false,
        line: None,
        line_told: false,
        line_waits: false,
        spent: Duration::ZERO,
        counted: 0,
    };
    Near(Arc::new(Shared { question, state: Mutex::new(state), gauge, memory }))
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn window(&self) -> usize {
        self.question.window
    }

    /// To be called when one of the queues has changed: counts what is in both.
    fn count(&self, state: &mut State) {
        let worth = |held: usize| if held < COUNTED_MIN { 0 } else { held as i64 };
        let held = state.up.len() + state.down.body.len();
        let before = mem::replace(&mut state.counted, held);
        match held.checked_sub(before) {
            Some(0) => return,
            Some(more) => self.gauge.more(more),
            None => self.gauge.less(before - held),
        }
        let change = worth(held) - worth(before);
        if change != 0 {
            self.memory.fetch_add(change, Relaxed);
        }
    }
}

impl State {
    fn tell_caller(&mut self) {
        if !mem::replace(&mut self.caller_told, true) {
            self.gone |= !(self.caller)();
        }
    }

    fn tell_line(&mut self) {
        let Some(line) = &self.line else { return };
        if !mem::replace(&mut self.line_told, true) {
            // A loop that has ended dropped the other end, which has said so.
            let _ = line.nudge(ToLine(Word::Look));
        }
    }

    fn end(&mut self, end: Result<Headers, Broken>) {
        if !mem::replace(&mut self.down.over, true) {
            self.down.complete = end.is_ok();
            self.down.end = Some(end);
            self.tell_caller();
        }
    }
}

impl Answer {
    fn next(&mut self) -> Option<Down> {
        if let Some(head) = self.interim.pop_front() {
            return Some(Down::Interim(head));
        }
        if let Some(head) = self.head.take() {
            return Some(Down::Head(head));
        }
        if let Some(bytes) = self.body.pop() {
            return Some(Down::Body(bytes));
        }
        self.end.take().map(|end| end.map_or_else(Down::Broken, Down::End))
    }
}

impl Near {
    pub(super) fn question(&self) -> &Question {
        &self.0.question
    }

    /// An end for a connection: the first, or another one because the last did no good. `None` if
    /// a part of the body is gone that can't be had again.
    pub(super) fn attempt(&self) -> Option<Far> {
        let state = &mut *self.0.state();
        if state.taken {
            return None;
        }
        state.attempt += 1;
        state.deaf = false;
        state.line = None;
        state.down.body.clear();
        self.0.count(state);
        state.down = Answer::default();
        let (attempt, host) = (state.attempt, state.host.clone());
        let shared = self.0.clone();
        Some(Far { shared, attempt, host, rested: false, sent: false, answered: false })
    }

    /// Attempts from now on are for this host.
    pub(super) fn address_to(&self, host: &str) {
        self.0.state().host = Some(host.to_owned());
    }

    /// Whether [`attempt`](Self::attempt) would give another end.
    pub(super) fn can_try_again(&self) -> bool {
        !self.0.state().taken
    }

    /// From now on somebody else is told; at once, if something may have been told already.
    pub(super) fn adopt(&self, caller: Wake) {
        let state = &mut *self.0.state();
        state.caller = caller;
        if mem::take(&mut state.caller_told) {
            state.tell_caller();
        }
    }

    /// Puts a piece of the body in: a copy of it. Tells whether anybody will take it: once the
    /// answer is complete nobody does.
    pub(super) fn put(&self, bytes: &[u8]) -> bool {
        self.send(bytes.len(), |up| up.put(bytes, &self.0.gauge.blocks))
    }

    /// As [`put`](Self::put), without a copy unless it is small.
    pub(super) fn share(&self, bytes: Bytes) -> bool {
        self.send(bytes.len(), |up| up.share(bytes, &self.0.gauge.blocks))
    }

    fn send(&self, count: usize, put: impl FnOnce(&mut Chunks)) -> bool {
        let state = &mut *self.0.state();
        if state.deaf {
            return false;
        }
        if count > 0 {
            put(&mut state.up);
            self.0.count(state);
            state.tell_line();
        }
        true
    }

    /// The body is complete.
    pub(super) fn finish(&self, trailers: Headers) {
        let state = &mut *self.0.state();
        state.up_end = Some(trailers);
        state.tell_line();
    }

    /// How many bytes may be sent before the window is full. If none, the caller is told when half
    /// of it is free again, or nobody takes anything any more.
    pub(super) fn room(&self) -> usize {
        let state = &mut *self.0.state();
        if state.deaf {
            return self.0.window();
        }
        let room = self.0.window().saturating_sub(state.up.len());
        state.caller_waits = room == 0;
        room
    }

    /// The next piece; if there is none, the caller will be told of the next.
    pub(super) fn take(&self) -> Option<Down> {
        let state = &mut *self.0.state();
        let piece = state.down.next();
        match &piece {
            None => state.caller_told = false,
            Some(Down::Body(_)) => {
                self.0.count(state);
                if state.line_waits && state.down.body.len() <= self.0.window() / 2 {
                    state.line_waits = false;
                    state.tell_line();
                }
            }
            Some(_) => {}
        }
        piece
    }

    /// How long the attempts have taken so far, as far as their connections have told.
    pub(super) fn spent(&self) -> Duration {
        self.0.state().spent
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        let state = &mut *self.0.state();
        state.gone = true;
        state.down.body.clear();
        self.0.count(state);
        // Who has said all, and heard all, may leave before all of it is passed on.
        state.leaves_work = state.down.complete && state.up_end.is_some() && !state.deaf;
        if !state.leaves_work {
            state.up.clear();
            self.0.count(state);
        }
        state.tell_line();
    }
}

impl Far {
    pub(super) fn question(&self) -> &Question {
        &self.shared.question
    }

    /// The head of the question for another host than it names, if it is for one.
    pub(super) fn readdressed(&self) -> Option<RequestHead> {
        let host = self.host.as_ref()?;
        let mut head = self.question().head.clone();
        head.headers.remove("host");
        Some(head.header("Host", host))
    }

    /// The state, unless another attempt has taken the place of this one.
    fn state(&self) -> Option<MutexGuard<'_, State>> {
        Some(self.shared.state()).filter(|state| state.attempt == self.attempt)
    }

    /// The connection that carries this from now on, and whether it had rested before.
    pub(super) fn attach(&mut self, line: Address<ToLine>, rested: bool) {
        self.rested = rested;
        if let Some(mut state) = self.state() {
            state.line = Some(line);
            state.line_told = false;
        }
    }

    /// To be called when told to look, before looking. Tells whether there is still anything to do
    /// for the caller.
    pub(super) fn look(&self) -> bool {
        self.state().is_some_and(|mut state| {
            state.line_told = false;
            !state.gone || state.leaves_work
        })
    }

    /// Whether the caller has gone.
    pub(super) fn is_gone(&self) -> bool {
        self.state().is_none_or(|state| state.gone)
    }

    /// The question is on its way.
    pub(super) fn note_sent(&mut self) {
        self.sent = true;
    }

    /// A byte of the answer has come.
    pub(super) fn note_answer(&mut self) {
        self.answered = true;
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }

    /// The next piece of a streamed body.
    pub(super) fn take(&self) -> Up {
        let Some(mut state) = self.state() else { return Up::Nothing };
        let Some(bytes) = state.up.pop() else {
            let Some(trailers) = state.up_end.take() else { return Up::Nothing };
            state.taken = true;
            return Up::End(trailers);
        };
        self.shared.count(&mut state);
        state.taken = true;
        if state.caller_waits && state.up.len() <= self.shared.window() / 2 {
            state.caller_waits = false;
            state.tell_caller();
        }
        Up::Chunk(bytes)
    }

    pub(super) fn interim(&self, head: ResponseHead) {
        if let Some(mut state) = self.listener() {
            state.down.interim.push_back(head);
            state.tell_caller();
        }
    }

    /// The head of the answer, so long after the beginning of this attempt.
    pub(super) fn head(&self, head: ResponseHead, spent: Duration) {
        if let Some(mut state) = self.listener() {
            state.spent += spent;
            state.down.head = Some(head);
            state.tell_caller();
        }
    }

    /// A piece of the answer's body. Tells whether there is room for more; if not, the connection
    /// is told when half of the window is free again.
    pub(super) fn body(&self, bytes: &[u8]) -> bool {
        let Some(mut state) = self.listener() else { return true };
        state.down.body.put(bytes, &self.shared.gauge.blocks);
        self.shared.count(&mut state);
        state.tell_caller();
        state.line_waits = state.down.body.len() >= self.shared.window();
        !state.line_waits
    }

    /// Whether the connection has to wait for room.
    pub(super) fn is_full(&self) -> bool {
        self.state().is_some_and(|state| state.line_waits)
    }

    /// The answer is complete. If the connection goes on, it can still [take](Self::take).
    pub(super) fn end(&self, trailers: Headers) {
        if let Some(mut state) = self.listener() {
            state.end(Ok(trailers));
        }
    }

    /// Nothing more will come.
    pub(super) fn fail(self, failure: Failure, spent: Duration) {
        if let Some(mut state) = self.state() {
            state.spent += spent;
        }
        self.broken(failure);
    }

    fn broken(&self, failure: Failure) {
        let stale = self.rested && !self.answered;
        if let Some(mut state) = self.listener() {
            state.end(Err(Broken { failure, untouched: !self.sent, stale }));
        }
    }

    /// The state, while there is somebody to hear what comes.
    fn listener(&self) -> Option<MutexGuard<'_, State>> {
        self.state().filter(|state| !state.gone && !state.down.over)
    }
}

impl Drop for Far {
    /// A connection that ends without a word, and a message that nobody got, say it here.
    fn drop(&mut self) {
        self.broken(Failure::Reset(None));
        // After a failure the body is kept: whoever tries again has use for it.
        if let Some(mut state) = self.state().filter(|state| state.down.complete) {
            state.deaf = true;
            state.up.clear();
            self.shared.count(&mut state);
            if mem::take(&mut state.caller_waits) {
                state.tell_caller();
            }
        }
    }
}
