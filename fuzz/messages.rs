//! The bodies of the fuzz targets for HTTP: whatever comes, however it is cut, the same comes of
//! it; and what was understood, sent on, is understood in the same way.

use std::fmt::Debug;

use overt::service::http::client::Url;
use overt::wire::http::{
    BodyLength, Headers, HttpDate, HttpError, HttpLimits, MediaType, Method, Precondition, Ranges,
    RequestHead, ResponseHead, StatusCode, Validators, choose_encoding, choose_type, cookies,
    form_pairs, percent_decode, percent_encode,
};
use overt::wire::http1::{
    RequestDecoder, RequestEncoder, RequestEvent, ResponseDecoder, ResponseEncoder, ResponseEvent,
};
use overt::{Input, Output};

use super::{Choices, Cuts};
use crate::streams::cut;

/// A message as far as it has come.
#[derive(Clone, Debug)]
struct Message<H> {
    head: H,
    body: Vec<u8>,
    /// The fields behind the body, once it has ended.
    trailers: Option<Headers>,
}

/// What comes of a stream.
#[derive(Debug)]
struct Told<H> {
    messages: Vec<Message<H>>,
    error: Option<HttpError>,
    /// How many bytes are left over; only known if nothing was wrong.
    left: Option<usize>,
}

impl<H> Default for Told<H> {
    fn default() -> Self {
        Self { messages: Vec::new(), error: None, left: None }
    }
}

impl<H> Told<H> {
    fn begin(&mut self, head: H) {
        self.messages.push(Message { head, body: Vec::new(), trailers: None });
    }

    fn add(&mut self, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "a piece without a byte");
        self.messages.last_mut().expect("a body has a head").body.extend_from_slice(bytes);
    }

    fn end(&mut self, trailers: &Headers) {
        let last = self.messages.last_mut().expect("an end has a head");
        assert!(last.trailers.replace(trailers.clone()).is_none(), "two ends");
    }
}

/// Limits that few bytes exceed, or the usual ones.
fn limits(choice: u8) -> HttpLimits {
    match choice & 1 {
        0 => HttpLimits::default(),
        _ => HttpLimits {
            head_max: 200,
            headers_max: 4,
            method_max: 8,
            target_max: 32,
            body_max: 64,
            extensions_max: 16,
            trailers_max: 64,
            trailer_fields_max: 2,
            interim_max: 2,
            ..HttpLimits::default()
        },
    }
}

/// The same comes of `stream` whole, byte by byte, and cut otherwise. Tells what.
pub(crate) fn cut_alike<T: Debug>(stream: &[u8], cuts: Cuts, told: impl Fn(&[&[u8]]) -> T) -> T {
    const SHORT: usize = 40;
    let whole = told(&[stream]);
    let text = format!("{whole:?}");
    let check = |pieces: &[&[u8]]| {
        let sizes = || pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>();
        assert_eq!(format!("{:?}", told(pieces)), text, "in pieces of {:?} bytes", sizes());
    };
    check(&stream.chunks(1).collect::<Vec<_>>());
    match cuts {
        Cuts::Few => {
            let at: Vec<usize> = stream.iter().rev().take(2).map(|byte| (*byte).into()).collect();
            check(&cut(stream, &at));
        }
        Cuts::Every => {
            for first in 0..=stream.len() {
                let last = if stream.len() <= SHORT { stream.len() } else { first };
                (first..=last).for_each(|second| check(&cut(stream, &[first, second])));
            }
        }
    }
    whole
}

/// 1 byte: which limits.
pub(crate) fn requests(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let limits = limits(choices.byte());
    request_stream(choices.0, &limits, cuts);
}

/// 1 byte: which limits. The rest is the body of a request.
pub(crate) fn chunks(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let limits = limits(choices.byte());
    let head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    request_stream(&[head, choices.0].concat(), &limits, cuts);
}

fn request_stream(stream: &[u8], limits: &HttpLimits, cuts: Cuts) {
    let told = cut_alike(stream, cuts, |pieces| requests_in(pieces, limits));
    let (mut encoder, mut output) = (RequestEncoder::default(), Output::default());
    let mut sent = Vec::new();
    for message in told.messages {
        let (head, Some(trailers)) = (&message.head, &message.trailers) else { break };
        encoder.head(head, head.body_length(), &mut output).expect("it was understood");
        encoder.body(&message.body, &mut output).expect("it is as long as was said");
        encoder.end(Some(trailers), &mut output).expect("they came there");
        sent.push(message);
    }
    // It may have grown: blanks are put in, and fields written out.
    let back = requests_in(&[&output.to_vec()], &HttpLimits::default());
    assert_eq!((back.error, back.left), (None, Some(0)));
    assert_eq!(back.messages.len(), sent.len());
    for (back, sent) in back.messages.iter().zip(&sent) {
        let line = |head: &RequestHead| {
            (head.method().clone(), head.target().to_owned(), head.version(), head.body_length())
        };
        assert_eq!(without_framing(&back.head.headers), without_framing(&sent.head.headers));
        assert_eq!((&back.body, &back.trailers), (&sent.body, &sent.trailers));
        let (back, sent) = (line(&back.head), line(&sent.head));
        assert!(back == sent || (back.3.is_empty() && sent.3.is_empty()), "{back:?} {sent:?}");
    }
}

fn requests_in(pieces: &[&[u8]], limits: &HttpLimits) -> Told<RequestHead> {
    let (mut decoder, mut input) = (RequestDecoder::new(limits.clone()), Input::default());
    let mut told = Told::default();
    for piece in pieces {
        input.extend(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(RequestEvent::Head(head))) => told.begin(head.clone()),
                Ok(Some(RequestEvent::Body(bytes))) => told.add(bytes),
                Ok(Some(RequestEvent::End(trailers))) => told.end(trailers),
                Ok(None) => break,
                Err(error) => return Told { error: Some(error), ..told },
            }
        }
    }
    told.left = Some(input.len());
    told
}

fn without_framing(headers: &Headers) -> Headers {
    let mut headers = headers.clone();
    headers.remove("content-length");
    headers.remove("transfer-encoding");
    headers
}

/// 2 bytes: which limits, and to which four requests these are responses, two bits each.
pub(crate) fn responses(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let (limits, asked) = (limits(choices.byte()), choices.byte());
    let told = cut_alike(choices.0, cuts, |pieces| responses_in(pieces, asked, &limits));
    for message in told.messages {
        let Some(trailers) = &message.trailers else { continue };
        let (mut encoder, mut output) = (ResponseEncoder::default(), Output::default());
        let length = match message.body.len() {
            0 => BodyLength::Empty,
            len if trailers.is_empty() => BodyLength::Known(len as u64),
            _ => BodyLength::Unknown,
        };
        encoder.head(&message.head, length, None, &mut output).expect("it was understood");
        encoder.body(&message.body, &mut output).expect("it is as long as was said");
        encoder.end(Some(trailers), &mut output).expect("they came there");
        let back = responses_in(&[&output.to_vec()], 0, &HttpLimits::default());
        let [back] = &*back.messages else { panic!("{back:?}") };
        assert_eq!(back.head.status(), message.head.status());
        let (back_fields, fields) = (&back.head.headers, &message.head.headers);
        assert_eq!(without_framing(back_fields), without_framing(fields));
        assert_eq!(back.body, message.body);
    }
}

fn request(choice: u8) -> RequestHead {
    let head = match choice & 3 {
        1 => RequestHead::new(Method::HEAD, "/"),
        2 => RequestHead::new(Method::CONNECT, "a:1"),
        _ => RequestHead::new(Method::GET, "/"),
    };
    let head = head.expect("these are targets");
    match choice & 3 {
        3 => head.header("connection", "upgrade").header("upgrade", "b"),
        _ => head,
    }
}

fn responses_in(pieces: &[&[u8]], asked: u8, limits: &HttpLimits) -> Told<ResponseHead> {
    let (mut decoder, mut input) = (ResponseDecoder::new(limits.clone()), Input::default());
    (0..4).for_each(|index| decoder.expect(&request(asked >> (2 * index))));
    let mut told = Told::default();
    for piece in pieces {
        input.extend(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(ResponseEvent::Interim(head) | ResponseEvent::Head(head))) => {
                    told.begin(head.clone());
                }
                Ok(Some(ResponseEvent::Body(bytes))) => told.add(bytes),
                Ok(Some(ResponseEvent::End(trailers))) => told.end(trailers),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(error.status, StatusCode::BAD_GATEWAY);
                    return Told { error: Some(error), ..told };
                }
            }
        }
    }
    match decoder.eof(&input) {
        Ok(Some(ResponseEvent::End(trailers))) => told.end(trailers),
        Ok(event) => assert!(event.is_none(), "{event:?}"),
        Err(error) => told.error = Some(error),
    }
    told.left = told.error.is_none().then(|| input.len());
    told
}

/// 1 byte: how long a representation is. The rest is the value of any field.
pub(crate) fn fields(data: &[u8], _: Cuts) {
    let mut choices = Choices(data);
    let (len, value) = (u64::from(choices.byte()), choices.0);
    let mut head = RequestHead::new(Method::GET, "/").expect("this is a target");
    let names = ["accept", "accept-encoding", "cookie", "if-none-match", "if-match", "range"];
    let is_value = names.iter().all(|name| head.headers.append(name, value).is_ok());
    if let Ranges::Parts(parts) = Ranges::of(&head, len) {
        assert!(!parts.is_empty() && parts.iter().all(|part| part.start < part.end));
        assert!(parts.iter().all(|part| part.end <= len));
        assert!(parts.windows(2).all(|pair| pair[0].end < pair[1].start));
    }
    let now = Validators { etag: Some("\"a\""), modified: Some(len) };
    Precondition::of(&head, Some(&now));
    choose_encoding(&head.headers, &["br", "gzip"]);
    choose_type(&head.headers, &["text/html", "application/json"]);
    for (name, value) in cookies(&head.headers) {
        assert!(is_value && !name.contains(';') && !value.contains(';'));
    }
    if let Some(seconds) = HttpDate::read(value) {
        assert_eq!(HttpDate::read(HttpDate::at(seconds).as_str().as_bytes()), Some(seconds));
    }
    if let Some(kind) = MediaType::read(value) {
        assert!(kind.is(&format!("{}/{}", kind.kind(), kind.subtype())));
        kind.parameter("charset");
    }
    assert_eq!(percent_decode(&percent_encode(value)).as_deref(), Some(value));
    if let Ok(text) = std::str::from_utf8(value) {
        percent_decode(text);
        form_pairs(text).for_each(drop);
        followed(text);
    }
}

/// Where a client goes that follows a `location`.
fn followed(location: &str) {
    let from: Url = "http://a.example:81/b/c?d".parse().expect("this is a URL");
    let Ok(to) = from.join(location) else { return };
    assert_eq!(to.to_string().parse(), Ok(to.clone()), "{location:?}");
    assert!(RequestHead::new(Method::GET, to.target()).is_ok(), "{location:?}");
}
