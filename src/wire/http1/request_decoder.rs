//! [`RequestDecoder`]: requests, as a server reads them.

use ::http::{Method, StatusCode, Version};

use super::body::{Body, Piece};
use super::framing::{Framing, Said, said};
use super::head::{check_beginning, check_request_line, read_request};
use super::search::Search;
use super::state::State;
use crate::base::Input;
use crate::wire::http::{Headers, HttpError, HttpLimits, RequestHead, known};

/// What comes of a request: a head, pieces of a body, an end.
#[derive(Debug)]
pub enum RequestEvent<'a> {
    /// The head has come.
    Head(&'a RequestHead),
    /// Some bytes of the body. Never empty.
    Body(&'a [u8]),
    /// The request has come to its end. With the fields behind its body, of which there are nearly
    /// always none.
    End(&'a Headers),
}

/// Requests, as a server reads them. They may follow each other without waiting for answers.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    limits: HttpLimits,
    state: State,
    search: Search,
    checked: Checked,
    empty_lines: u8,
    head: RequestHead,
    body: Body,
    trailers: Headers,
}

/// What of a head that comes in pieces has been looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Checked {
    #[default]
    Method,
    /// … and that its target is not too long.
    Target,
    Line,
}

impl RequestDecoder {
    /// For requests within these limits.
    pub fn new(limits: HttpLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// What comes next, or `None` until more bytes have come.
    ///
    /// Behind a `CONNECT`, which has no body, nothing comes: if the server accepts it, what the
    /// input holds then belongs to the tunnel, and else the connection is to be closed.
    ///
    /// # Errors
    /// The peer broke the protocol. The status is to be answered, and the connection to be closed.
    pub fn decode<'a>(
        &'a mut self,
        input: &'a mut Input,
    ) -> Result<Option<RequestEvent<'a>>, HttpError> {
        match self.state {
            State::Head => match self.read_head(input) {
                Ok(true) => Ok(Some(RequestEvent::Head(&self.head))),
                Ok(false) => Ok(None),
                Err(error) => Err(self.fail(error)),
            },
            State::Body => match self.body.decode(input, &mut self.trailers, &self.limits) {
                Ok(Some(Piece::Bytes(bytes))) => Ok(Some(RequestEvent::Body(bytes))),
                Ok(Some(Piece::End)) => {
                    let is_tunnel = *self.head.method() == Method::CONNECT;
                    self.state = if is_tunnel { State::Raw } else { State::Head };
                    Ok(Some(RequestEvent::End(&self.trailers)))
                }
                Ok(None) => Ok(None),
                Err(error) => Err(self.fail(error)),
            },
            State::Raw => Ok(None),
            State::Failed(error) => Err(error),
        }
    }

    /// The head that came last. Its fields may be gone once [`decode`](Self::decode) has found
    /// nothing behind its request.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// Whether no request has begun that has not ended, as far as its bytes were decoded.
    pub fn is_between(&self) -> bool {
        self.state == State::Head && !self.search.has_begun()
    }

    /// The peer closed its sending half, and all that came is decoded.
    ///
    /// # Errors
    /// A request had begun.
    pub fn eof(&self, input: &Input) -> Result<(), HttpError> {
        match self.state {
            State::Head if input.is_empty() => Ok(()),
            State::Raw => Ok(()),
            _ => Err(HttpError::bad("a request that was cut off")),
        }
    }

    /// How much memory it holds, in bytes: for the last head, and the fields behind its body.
    #[inline]
    pub fn held(&self) -> usize {
        self.head.held() + self.trailers.held()
    }

    /// Gives back the memory of the last head: for a connection that waits for the next request.
    pub fn release(&mut self) {
        self.head = RequestHead::default();
        self.trailers.release();
    }

    #[cold]
    fn fail(&mut self, error: HttpError) -> HttpError {
        self.state = State::Failed(error);
        error
    }

    /// Reads a head, if all of it has come.
    fn read_head(&mut self, input: &mut Input) -> Result<bool, HttpError> {
        if !self.skip_empty_lines(input)? {
            // A connection that waits, maybe for long, holds little.
            self.head.headers.release_large();
            return Ok(false);
        }
        let window = input.get(..self.limits.head_max as usize).unwrap_or(input);
        // Nearly always, all of it comes at once.
        let at_once = match self.search.has_begun() {
            false => read_request(window, &mut self.head, &self.limits),
            true => Ok(None),
        };
        let len = match at_once {
            Ok(Some(len)) => len,
            _ => match self.find_end(window)? {
                Some(len) => len,
                None => return Ok(false),
            },
        };
        let framing = self.framing()?;
        (self.search, self.checked) = Default::default();
        if input.take(len).is_none() {
            return Ok(false);
        }
        self.empty_lines = 0;
        self.trailers.clear();
        self.head.set_body_length(framing.body_length());
        self.body = Body::new(framing, &self.limits);
        self.state = State::Body;
        Ok(true)
    }

    /// RFC 9112, 2.2: an empty line or two before a request are passed over. Tells whether there is
    /// something behind them.
    #[inline]
    fn skip_empty_lines(&mut self, input: &mut Input) -> Result<bool, HttpError> {
        loop {
            match **input {
                [] | [b'\r'] => return Ok(false),
                [b'\r', b'\n', ..] if self.empty_lines < self.limits.empty_lines_max => {
                    self.empty_lines += 1;
                    input.consume(2);
                }
                [b'\r', b'\n', ..] => return Err(HttpError::bad("too many empty lines")),
                [b'\r' | b'\n', ..] => return Err(HttpError::bad("a bare line end")),
                _ => return Ok(true),
            }
        }
    }

    /// Reads a head that comes in pieces, or that is wrong. Each byte is searched once; the first
    /// line is read when it has come, and all of it when all has come.
    #[cold]
    fn find_end(&mut self, window: &[u8]) -> Result<Option<usize>, HttpError> {
        if let Some(end) = self.search.find(window) {
            let whole = window.get(..end).unwrap_or_default();
            return match read_request(whole, &mut self.head, &self.limits)? {
                Some(len) => Ok(Some(len)),
                None => Err(HttpError::bad("a head that is none")),
            };
        }
        if self.checked != Checked::Line {
            self.check(window)?;
        }
        match window.len() < self.limits.head_max as usize {
            true => Ok(None),
            false => Err(HttpError::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "a head that is too large",
            )),
        }
    }

    /// Refuses what is no request as soon as that is plain.
    fn check(&mut self, window: &[u8]) -> Result<(), HttpError> {
        if self.search.has_line() {
            self.checked = Checked::Line;
            return check_request_line(window, &self.limits);
        }
        let is_settled = self.checked == Checked::Target;
        if check_beginning(window, is_settled, &self.limits)? {
            self.checked = Checked::Target;
        }
        Ok(())
    }

    /// Where the body of this request ends.
    #[inline]
    fn framing(&self) -> Result<Framing, HttpError> {
        let headers = &self.head.headers;
        const BODY: u16 = known::CONTENT_LENGTH | known::TRANSFER_ENCODING;
        if !headers.has(BODY | known::EXPECT) {
            return Ok(Framing::Empty);
        }
        if headers.has(known::EXPECT) && self.head.version() >= Version::HTTP_11 {
            check_expectations(headers)?;
        }
        let said = said(headers, self.head.version())?;
        match said {
            Said::Nothing => Ok(Framing::Empty),
            _ if self.head.method() == Method::CONNECT => {
                Err(HttpError::bad("CONNECT with a body"))
            }
            Said::Length(length) if length > self.limits.body_max => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Err(HttpError::new(status, "a body that is too large"))
            }
            Said::Length(length) => Ok(Framing::Length(length)),
            Said::Chunked => Ok(Framing::Chunked),
        }
    }
}

/// RFC 9110, 10.1.1: there is only one.
fn check_expectations(headers: &Headers) -> Result<(), HttpError> {
    let is_known = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
    match headers.get_all("expect").all(is_known) {
        true => Ok(()),
        false => {
            Err(HttpError::new(StatusCode::EXPECTATION_FAILED, "an expectation that is unknown"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_visit_may_take_the_same_comes() {
        let bytes = b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n\
            PUT / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n\
            1\r\na\r\n2\r\nbc\r\n0\r\n\r\nGET /d HTTP/1.0\r\n\r\n";
        let outcome = |frames| {
            let (mut decoder, mut input) = (RequestDecoder::default(), Input::from(&bytes[..]));
            let (mut events, mut visits) = (Vec::new(), 0);
            loop {
                input.start_visit(frames);
                while let Some(event) = decoder.decode(&mut input).unwrap() {
                    events.push(format!("{event:?}"));
                }
                visits += 1;
                if !input.has_yielded() {
                    assert!(input.is_empty() && decoder.is_between());
                    return (events, visits);
                }
            }
        };
        let (events, visits) = outcome(u32::MAX);
        assert_eq!((events.len(), visits), (8, 1));
        assert_eq!(outcome(1), (events.clone(), 5));
        assert_eq!(outcome(2).0, events);
    }

    #[test]
    fn no_byte_of_a_line_that_does_not_end_is_looked_at_again_and_again() {
        let (mut decoder, mut input) = (RequestDecoder::default(), Input::default());
        input.extend(b"GET / HTTP/1.1");
        for _ in 0..20_000 {
            input.extend(b"x");
            assert!(decoder.decode(&mut input).unwrap().is_none());
        }
        assert_eq!(decoder.checked, Checked::Target);
        input.extend(b"\r\n");
        assert_eq!(decoder.decode(&mut input).unwrap_err().status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn a_connection_that_waits_holds_little() {
        let mut decoder = RequestDecoder::default();
        for (size, is_kept) in [(100, true), (5000, false)] {
            let request = format!("GET / HTTP/1.0\r\nA: {}\r\n\r\n", "b".repeat(size));
            let mut input = Input::from(request.as_bytes());
            while decoder.decode(&mut input).unwrap().is_some() {
                assert_eq!(decoder.head().headers.get("a").map(<[u8]>::len), Some(size));
            }
            assert_eq!(!decoder.head().headers.is_empty(), is_kept);
        }
    }

    #[test]
    fn limits_beyond_what_is_possible_are_the_most_that_is() {
        let limits = HttpLimits {
            head_max: 1 << 20,
            headers_max: u16::MAX,
            trailer_fields_max: u16::MAX,
            ..HttpLimits::default()
        };
        let request = |fields: &str| {
            let request = format!("GET / HTTP/1.0\r\n{fields}\r\n");
            let mut decoder = RequestDecoder::new(limits.clone());
            decoder.decode(&mut Input::from(request.as_bytes())).map(|head| head.is_some())
        };
        assert_eq!(request(&"a: b\r\n".repeat(128)), Ok(true));
        assert_eq!(request(&"a: b\r\n".repeat(129)).unwrap_err().status.as_u16(), 431);
        assert_eq!(request(&format!("{}: b\r\n", "a".repeat(65_535))), Ok(true));
        assert_eq!(request(&format!("{}: b\r\n", "a".repeat(65_536))).unwrap_err().status, 431);
    }
}
