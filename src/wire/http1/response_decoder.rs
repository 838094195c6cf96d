//! [`ResponseDecoder`]: responses, as a client reads them.

use std::collections::VecDeque;

use ::http::{Method, StatusCode};

use super::body::{Body, Piece};
use super::framing::{Framing, Said, said};
use super::head::read_response;
use super::search::Search;
use super::state::State;
use crate::base::Input;
use crate::wire::http::{Headers, HttpError, HttpLimits, RequestHead, ResponseHead};

/// What comes of a response: maybe some interim ones, a head, pieces of a body, an end.
#[derive(Debug)]
pub enum ResponseEvent<'a> {
    /// An interim response (1xx): the final one is still to come.
    Interim(&'a ResponseHead),
    /// The head has come.
    Head(&'a ResponseHead),
    /// Some bytes of the body. Never empty.
    Body(&'a [u8]),
    /// The response has come to its end. With the fields behind its body, of which there are nearly
    /// always none.
    End(&'a Headers),
}

/// Responses, as a client reads them. Each must be [expected](Self::expect): what a response is
/// depends on the request. What nobody asked for is an error.
#[derive(Debug, Default)]
pub struct ResponseDecoder {
    limits: HttpLimits,
    state: State,
    search: Search,
    expected: VecDeque<Expected>,
    interim: u8,
    head: ResponseHead,
    body: Body,
    trailers: Headers,
    is_last: bool,
}

/// To what a response is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Head,
    Connect,
    Upgrade,
    Other,
}

impl ResponseDecoder {
    /// For responses within these limits.
    pub fn new(limits: HttpLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A request was sent: one response more is to come.
    pub fn expect(&mut self, request: &RequestHead) {
        self.expected.push_back(match *request.method() {
            Method::HEAD => Expected::Head,
            Method::CONNECT => Expected::Connect,
            _ if request.wants_upgrade() => Expected::Upgrade,
            _ => Expected::Other,
        });
    }

    /// What comes next, or `None` until more bytes have come.
    ///
    /// Behind the head of a `101 Switching Protocols`, or of a success of `CONNECT`, nothing comes:
    /// what the input holds then is another protocol's. See [`is_raw`](Self::is_raw).
    ///
    /// # Errors
    /// The peer broke the protocol. The connection is to be closed.
    pub fn decode<'a>(
        &'a mut self,
        input: &'a mut Input,
    ) -> Result<Option<ResponseEvent<'a>>, HttpError> {
        match self.state {
            State::Head => match self.read_head(input) {
                Ok(true) if self.is_interim() => Ok(Some(ResponseEvent::Interim(&self.head))),
                Ok(true) => Ok(Some(ResponseEvent::Head(&self.head))),
                Ok(false) => Ok(None),
                Err(error) => Err(self.fail(error)),
            },
            State::Body => match self.body.decode(input, &mut self.trailers, &self.limits) {
                Ok(Some(Piece::Bytes(bytes))) => Ok(Some(ResponseEvent::Body(bytes))),
                Ok(Some(Piece::End)) => {
                    self.state = State::Head;
                    Ok(Some(ResponseEvent::End(&self.trailers)))
                }
                Ok(None) => Ok(None),
                Err(error) => Err(self.fail(error)),
            },
            State::Raw => Ok(None),
            State::Failed(error) => Err(error),
        }
    }

    /// The peer closed its sending half, and all that came is decoded: the end of a response that
    /// ends so, or nothing.
    ///
    /// # Errors
    /// A response is missing, or was cut off.
    pub fn eof(&mut self, input: &Input) -> Result<Option<ResponseEvent<'_>>, HttpError> {
        match self.state {
            State::Head if input.is_empty() && self.expected.is_empty() => Ok(None),
            State::Raw => Ok(None),
            State::Body if input.is_empty() && self.body.ends_with_connection() => {
                self.state = State::Head;
                Ok(Some(ResponseEvent::End(&self.trailers)))
            }
            State::Failed(error) => Err(error),
            State::Head | State::Body => Err(self.fail(HttpError::bad("a response cut off"))),
        }
    }

    /// The head that came last.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// Takes the fields of the head that came last, with the memory that they lie in: for those who
    /// would have to copy them.
    pub(crate) fn take_head(&mut self) -> ResponseHead {
        self.head.take()
    }

    /// How many responses are still to come, the one that has begun not counted.
    pub fn expected(&self) -> usize {
        self.expected.len()
    }

    /// Whether what follows is another protocol's.
    pub fn is_raw(&self) -> bool {
        self.state == State::Raw
    }

    /// Whether the connection may be used for another request: every response has come to its end,
    /// and none said that it is the last.
    pub fn is_reusable(&self) -> bool {
        self.state == State::Head && self.expected.is_empty() && !self.is_last
    }

    /// Gives back the memory of the last head: for a connection that waits in a pool.
    pub fn release(&mut self) {
        self.head = ResponseHead::default();
        self.trailers.release();
    }

    #[cold]
    fn fail(&mut self, error: HttpError) -> HttpError {
        let error = HttpError::new(StatusCode::BAD_GATEWAY, error.what);
        self.state = State::Failed(error);
        error
    }

    fn is_interim(&self) -> bool {
        self.state == State::Head
    }

    /// Reads a head, if all of it has come.
    fn read_head(&mut self, input: &mut Input) -> Result<bool, HttpError> {
        if input.is_empty() {
            return Ok(false);
        }
        let Some(expected) = self.expected.front().copied() else {
            return Err(HttpError::bad("a response that nobody asked for"));
        };
        if self.is_last {
            return Err(HttpError::bad("a response behind the last one"));
        }
        let window = input.get(..self.limits.head_max as usize).unwrap_or(input);
        // What isn't HTTP at all is refused before it has an end; so is an empty line.
        if !window.iter().zip(b"HTTP/1.").all(|(byte, expected)| byte == expected) {
            return Err(HttpError::bad("a response that is no HTTP/1"));
        }
        let at_once = match self.search.has_begun() {
            false => read_response(window, &mut self.head, &self.limits),
            true => Ok(None),
        };
        let len = match at_once {
            Ok(Some(len)) => len,
            _ => match self.find_end(window)? {
                Some(len) => len,
                None => return Ok(false),
            },
        };
        let next = self.next(expected)?;
        self.search = Search::default();
        if input.take(len).is_none() {
            return Ok(false);
        }
        self.trailers.clear();
        match next {
            Next::Interim => self.interim += 1,
            Next::Raw => {
                self.expected.pop_front();
                self.state = State::Raw;
            }
            Next::Body(framing, length) => {
                self.expected.pop_front();
                self.interim = 0;
                self.is_last = framing == Framing::Close || !self.head.keeps_alive();
                self.head.set_body_length(length.body_length());
                self.body = Body::new(framing, &self.limits);
                self.state = State::Body;
            }
        }
        Ok(true)
    }

    /// Reads a head that comes in pieces, or that is wrong.
    #[cold]
    fn find_end(&mut self, window: &[u8]) -> Result<Option<usize>, HttpError> {
        if let Some(end) = self.search.find(window) {
            let whole = window.get(..end).unwrap_or_default();
            return match read_response(whole, &mut self.head, &self.limits)? {
                Some(len) => Ok(Some(len)),
                None => Err(HttpError::bad("a head that is none")),
            };
        }
        match window.len() < self.limits.head_max as usize {
            true => Ok(None),
            false => Err(HttpError::bad("a head that is too large")),
        }
    }

    /// What follows this head (RFC 9112, 6.3).
    fn next(&self, expected: Expected) -> Result<Next, HttpError> {
        let (status, headers) = (self.head.status(), &self.head.headers);
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return match expected {
                Expected::Upgrade if self.head.switches() => Ok(Next::Raw),
                _ => Err(HttpError::bad("another protocol, which nobody asked for")),
            };
        }
        if status.is_informational() {
            return match self.interim < self.limits.interim_max {
                true => Ok(Next::Interim),
                false => Err(HttpError::bad("too many interim responses")),
            };
        }
        if expected == Expected::Connect && status.is_success() {
            return Ok(Next::Raw);
        }
        let framing = match said(headers, self.head.version())? {
            Said::Nothing => Framing::Close,
            Said::Length(length) => Framing::Length(length),
            Said::Chunked => Framing::Chunked,
        };
        let has_none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
        match (expected, framing) {
            _ if has_none => Ok(Next::Body(Framing::Empty, Framing::Empty)),
            (Expected::Head, Framing::Close) => Ok(Next::Body(Framing::Empty, Framing::Empty)),
            (Expected::Head, framing) => Ok(Next::Body(Framing::Empty, framing)),
            (_, Framing::Length(length)) if length > self.limits.body_max => {
                Err(HttpError::bad("a body that is too large"))
            }
            _ => Ok(Next::Body(framing, framing)),
        }
    }
}

/// What follows a head.
enum Next {
    /// Another head.
    Interim,
    /// A body, and how long the head says that it is: that is another thing for `HEAD`.
    Body(Framing, Framing),
    /// Another protocol.
    Raw,
}
