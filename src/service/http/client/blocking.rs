//! [`Blocking`]: requests from an ordinary thread, which waits for the answer.
//!
//! The connections are those of an engine, as always; the thread is a caller like a handler, only
//! that it is told by a channel on which it sleeps. Not for use on a loop: that would wait for
//! itself.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use bytes::{Buf, Bytes};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::call::{Call, Part};
use super::caller::{CallId, Caller};
use super::client::Client;
use super::config::ClientConfig;
use super::failure::Failure;
use super::line::Line;
use super::pipe::Wake;
use super::request::Request;
use crate::engine::{Config, Engine, Handle, Running};
use crate::handler::Dial;
use crate::wire::http::{Headers, ResponseHead, StatusCode};

/// Makes requests, and waits for their answers.
///
/// ```no_run
/// use overt::service::http::client::{Blocking, Request};
///
/// let client = Blocking::new()?;
/// let mut response = client.send(Request::get("http://example.org/")?.redirects(5))?;
/// println!("{}: {} bytes", response.status(), response.whole(1 << 20)?.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Blocking {
    client: Client,
    handle: Handle,
    /// The engine, if it is for this alone; it ends with this.
    engine: Option<Running>,
}

/// The answer, whose body can be read: by [`whole`](Self::whole), or as any `Read`.
pub struct Response {
    head: ResponseHead,
    call: Call,
    thread: Thread,
    piece: Bytes,
    trailers: Headers,
}

impl Blocking {
    /// On an engine of its own, with one loop. With the feature `tls`, it trusts the roots that the
    /// system does.
    ///
    /// # Errors
    /// The system has no thread or no poller for it, or no root can be read.
    pub fn new() -> io::Result<Self> {
        let engine = Engine::new(Config { loops: 1, ..Config::default() })?.start()?;
        let handle = engine.handle().clone();
        let config = ClientConfig {
            #[cfg(feature = "tls")]
            tls: Some(crate::tls::TlsClient::new()?),
            ..ClientConfig::default()
        };
        Ok(Self { client: Client::new(config), handle, engine: Some(engine) })
    }

    /// With the connections of `client`, and new ones on the engine of `handle`.
    pub fn on(client: Client, handle: Handle) -> Self {
        Self { client, handle, engine: None }
    }

    /// Makes a request, and waits for the head of its answer.
    ///
    /// # Errors
    /// No answer came. One that says that something is wrong is an answer, too.
    pub fn send(&self, request: Request) -> Result<Response, Failure> {
        let mut thread = Thread::new(self.handle.clone());
        let mut call = self.client.call(request, &mut thread);
        loop {
            match thread.next(&mut call) {
                Some(Part::Head(head)) => {
                    let (piece, trailers) = (Bytes::new(), Headers::default());
                    return Ok(Response { head, call, thread, piece, trailers });
                }
                Some(Part::Failed(failure)) => return Err(failure),
                Some(_) => {}
                None => return Err(Failure::Shutdown),
            }
        }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("head", &self.head).finish_non_exhaustive()
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            // Twice: nothing of it is waited for.
            engine.handle().shut_down();
            engine.handle().shut_down();
            let _ = engine.join();
        }
    }
}

impl Response {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.head.status()
    }

    /// Its head.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// What came behind the body, once that was read to its end.
    pub fn trailers(&self) -> &Headers {
        &self.trailers
    }

    /// The rest of the body, up to `max` bytes.
    ///
    /// # Errors
    /// It is longer than that, or does not come to its end.
    pub fn whole(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        while self.advance()? {
            if self.piece.len() > max - all.len() {
                return Err(Failure::Large);
            }
            all.extend_from_slice(&std::mem::take(&mut self.piece));
        }
        Ok(all)
    }

    /// Makes `piece` one that is not empty; tells whether there is one.
    fn advance(&mut self) -> Result<bool, Failure> {
        while self.piece.is_empty() {
            match self.thread.next(&mut self.call) {
                Some(Part::Body(bytes)) => self.piece = bytes,
                Some(Part::End(trailers)) => self.trailers = trailers,
                Some(Part::Failed(failure)) => return Err(failure),
                Some(Part::Interim(_) | Part::Head(_)) => {}
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Read for Response {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() || !self.advance().map_err(io::Error::other)? {
            return Ok(0);
        }
        let count = self.piece.len().min(to.len());
        self.piece.copy_to_slice(&mut to[..count]);
        Ok(count)
    }
}

/// A thread as a caller.
struct Thread {
    handle: Handle,
    bell: Sender<()>,
    rings: Receiver<()>,
}

impl Thread {
    fn new(handle: Handle) -> Self {
        // Told once until it has looked: so one word fits.
        let (bell, rings) = bounded(1);
        Self { handle, bell, rings }
    }

    /// The next part of the answer, waited for; `None` behind the last.
    fn next(&mut self, call: &mut Call) -> Option<Part> {
        while !call.is_over() {
            if let Some(part) = call.next(self) {
                return Some(part);
            }
            // The other end is in the bell's closure, as long as the call lives.
            let _ = self.rings.recv();
        }
        None
    }
}

impl Caller for Thread {
    fn wake(&self, _: CallId) -> Wake {
        let bell = self.bell.clone();
        Arc::new(move || !matches!(bell.try_send(()), Err(TrySendError::Disconnected(()))))
    }

    fn dial(&mut self, dial: Dial, line: Line) {
        self.handle.connect(dial, line);
    }

    /// Threads that are no loops share the last shard.
    fn home(&self) -> usize {
        usize::MAX
    }

    fn memory(&self) -> Arc<AtomicI64> {
        self.handle.memory()
    }
}
