//! What the encoders of HTTP/1.1 send, the decoders understand as it was meant, whatever the
//! message and however it is cut; and nothing that would be understood otherwise is sent.
#![cfg(feature = "http")]

use bytes::Bytes;
use overt::wire::http::{
    BodyLength, Headers, HttpDate, HttpError, HttpLimits, Method, RequestHead, ResponseHead,
    StatusCode,
};
use overt::wire::http1::{
    RequestDecoder, RequestEncoder, RequestEvent, ResponseDecoder, ResponseEncoder, ResponseEvent,
};
use overt::{Input, Output};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

/// A message without its first line.
#[derive(Clone, Debug)]
struct Message {
    fields: Vec<(String, String)>,
    pieces: Vec<Vec<u8>>,
    trailers: Vec<(String, String)>,
    is_length_known: bool,
    cuts: Vec<usize>,
}

fn messages() -> impl Strategy<Value = Message> {
    let fields =
        |max| vec(("X-[a-zA-Z0-9!#$%&'*+.^_`|~-]{0,9}", "[!-~]([ -~\t]{0,30}[!-~])?"), 0..max);
    let piece = prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 500..700)];
    (fields(12), vec(piece, 0..6), fields(3), any::<bool>(), vec(0..3000usize, 0..6)).prop_map(
        |(fields, pieces, trailers, is_length_known, cuts)| Message {
            fields,
            pieces,
            trailers,
            is_length_known,
            cuts,
        },
    )
}

impl Message {
    fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn length(&self) -> BodyLength {
        match self.is_length_known {
            true if self.body().is_empty() => BodyLength::Empty,
            true => BodyLength::Known(self.body().len() as u64),
            false => BodyLength::Unknown,
        }
    }

    /// Those that have a place behind the body.
    fn sent_trailers(&self) -> Headers {
        headers(if self.is_length_known { &[] } else { &self.trailers })
    }

    fn cut<'b>(&self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let mut cuts: Vec<usize> = self.cuts.iter().map(|at| (*at).min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
    }
}

fn headers(fields: &[(String, String)]) -> Headers {
    let mut headers = Headers::default();
    fields.iter().for_each(|(name, value)| headers.append(name, value).unwrap());
    headers
}

/// A head, its body, and the fields behind that.
type Found = (RequestHead, Vec<u8>, Headers);

fn requests(pieces: &[&[u8]]) -> Result<Vec<Found>, HttpError> {
    let (mut decoder, mut input) = (RequestDecoder::default(), Input::default());
    let (mut found, mut now) = (Vec::new(), None);
    for piece in pieces {
        input.extend(piece);
        while let Some(event) = decoder.decode(&mut input)? {
            match event {
                RequestEvent::Head(head) => now = Some((head.clone(), Vec::new())),
                RequestEvent::Body(bytes) => now.as_mut().unwrap().1.extend_from_slice(bytes),
                RequestEvent::End(trailers) => {
                    let (head, body) = now.take().unwrap();
                    found.push((head, body, trailers.clone()));
                }
            }
        }
    }
    decoder.eof(&input)?;
    Ok(found)
}

proptest! {
    #[test]
    fn requests_come_back(
        messages in vec(messages(), 1..4),
        method in "[A-Z]{1,10}",
        target in "/[!-\"$-~]{0,40}",
    ) {
        let (mut encoder, mut output) = (RequestEncoder::default(), Output::default());
        let method: Method = method.parse().unwrap();
        if method == Method::CONNECT {
            return Ok(());
        }
        for message in &messages {
            let mut head = RequestHead::new(method.clone(), &target).unwrap();
            head.headers = headers(&message.fields);
            let head = head.header("host", "a");
            encoder.head(&head, message.length(), &mut output).unwrap();
            for piece in &message.pieces {
                encoder.share(Bytes::copy_from_slice(piece), &mut output).unwrap();
            }
            encoder.end(Some(&headers(&message.trailers)), &mut output).unwrap();
        }
        let found = requests(&messages[0].cut(&output.to_vec())).unwrap();
        prop_assert_eq!(found.len(), messages.len());
        for (message, (mut head, body, trailers)) in messages.iter().zip(found) {
            prop_assert_eq!((head.method(), head.target()), (&method, &*target));
            prop_assert_eq!(head.headers.remove("host"), true);
            head.headers.remove("content-length");
            head.headers.remove("transfer-encoding");
            prop_assert_eq!(&head.headers, &headers(&message.fields));
            prop_assert_eq!(&body, &message.body());
            prop_assert_eq!(&trailers, &message.sent_trailers());
        }
    }

    #[test]
    fn responses_come_back(
        message in messages(),
        code in prop_oneof![200..600u16],
        request in prop_oneof!["GET", "HEAD", "POST"],
    ) {
        let status = StatusCode::from_u16(code).unwrap();
        let request = RequestHead::new(request.parse().unwrap(), "/").unwrap();
        let mut head = ResponseHead::new(status);
        head.headers = headers(&message.fields);
        let (mut encoder, mut output) = (ResponseEncoder::default(), Output::default());
        encoder.begin(&request);
        let has_none = [204, 304].contains(&code);
        let is_head = *request.method() == Method::HEAD;
        let sent = encoder.head(&head, message.length(), Some(&HttpDate::at(0)), &mut output);
        if has_none && !is_head && !matches!(message.length(), BodyLength::Empty) {
            prop_assert!(sent.is_err() && output.is_empty());
            return Ok(());
        }
        sent.unwrap();
        if !has_none || is_head {
            for piece in &message.pieces {
                encoder.body(piece, &mut output).unwrap();
            }
        }
        encoder.end(Some(&headers(&message.trailers)), &mut output).unwrap();
        prop_assert!(encoder.keeps_alive() && !encoder.is_open());

        let (mut decoder, mut input) = (ResponseDecoder::default(), Input::default());
        decoder.expect(&request);
        let (mut found, mut body, mut ended) = (ResponseHead::default(), Vec::new(), None);
        for piece in message.cut(&output.to_vec()) {
            input.extend(piece);
            while let Some(event) = decoder.decode(&mut input).unwrap() {
                match event {
                    ResponseEvent::Head(head) => found = head.clone(),
                    ResponseEvent::Body(bytes) => body.extend_from_slice(bytes),
                    ResponseEvent::End(trailers) => ended = Some(trailers.clone()),
                    ResponseEvent::Interim(_) => panic!("none was sent"),
                }
            }
        }
        prop_assert!(decoder.is_reusable() && input.is_empty());
        prop_assert_eq!(found.status(), status);
        prop_assert!(found.headers.remove("date"));
        found.headers.remove("content-length");
        found.headers.remove("transfer-encoding");
        prop_assert_eq!(&found.headers, &head.headers);
        let expected = if has_none || is_head { Vec::new() } else { message.body() };
        prop_assert_eq!(body, expected);
        let sent = if is_head || has_none { Headers::default() } else { message.sent_trailers() };
        prop_assert_eq!(ended, Some(sent));
    }
}

fn response(request: &str, head: &ResponseHead, length: BodyLength) -> String {
    let (mut decoder, mut input) = (RequestDecoder::default(), Input::from(request.as_bytes()));
    let (mut encoder, mut output) = (ResponseEncoder::default(), Output::default());
    decoder.decode(&mut input).unwrap().unwrap();
    encoder.begin(decoder.head());
    encoder.head(head, length, None, &mut output).unwrap();
    let body = if length.is_empty() || encoder.has_switched() { &b""[..] } else { b"hello" };
    encoder.body(body, &mut output).unwrap();
    encoder.end(None, &mut output).unwrap();
    let text = String::from_utf8(output.to_vec()).unwrap();
    format!("{text}|{}", if encoder.keeps_alive() { "stays" } else { "ends" })
}

#[test]
fn the_connection_ends_if_either_side_says_so() {
    let ok = ResponseHead::new(StatusCode::OK);
    let known = BodyLength::Known(5);
    let length = "content-length: 5\r\n\r\nhello";
    for (request, length, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", known, format!("{length}|stays")),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            known,
            format!("connection: close\r\n{length}|ends"),
        ),
        ("GET / HTTP/1.0\r\n\r\n", known, format!("connection: close\r\n{length}|ends")),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            known,
            format!("connection: keep-alive\r\n{length}|stays"),
        ),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            BodyLength::Unknown,
            "connection: close\r\n\r\nhello|ends".to_owned(),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            BodyLength::Unknown,
            "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n|stays".to_owned(),
        ),
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", known, "content-length: 5\r\n\r\n|stays".to_owned()),
        (
            "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            BodyLength::Unknown,
            "transfer-encoding: chunked\r\n\r\n|stays".to_owned(),
        ),
    ] {
        let expected = format!("HTTP/1.1 200 OK\r\n{expected}");
        assert_eq!(response(request, &ok, length), expected, "{request:?}");
    }
    let close = ok.header("Connection", "close");
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let expected = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{length}|ends");
    assert_eq!(response(request, &close, known), expected);
}

#[test]
fn what_a_head_says_of_lengths_is_not_sent_twice() {
    let head = ResponseHead::new(StatusCode::OK)
        .header("Content-Length", "17")
        .header("A", "b")
        .header("Transfer-Encoding", "chunked");
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let expected = "HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 5\r\n\r\nhello|stays";
    assert_eq!(response(request, &head, BodyLength::Known(5)), expected);
}

#[test]
fn another_protocol_has_neither_a_length_nor_an_end() {
    let head = ResponseHead::new(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "a");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n";
    let fields = "connection: upgrade\r\nupgrade: a\r\n\r\n|ends";
    let expected = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}");
    assert_eq!(response(request, &head, BodyLength::Empty), expected);
    let request = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
    let ok = ResponseHead::new(StatusCode::OK);
    assert_eq!(response(request, &ok, BodyLength::Empty), "HTTP/1.1 200 OK\r\n\r\n|ends");
}

#[test]
fn what_can_not_be_sent_leaves_nothing_behind() {
    let (mut encoder, mut output) = (ResponseEncoder::default(), Output::default());
    let ok = ResponseHead::new(StatusCode::OK);
    let injected = ok.clone().header("A", "b\r\nSet-Cookie: c");
    assert!(encoder.head(&injected, BodyLength::Empty, None, &mut output).is_err());
    let interim = ResponseHead::new(StatusCode::CONTINUE);
    assert!(encoder.head(&interim, BodyLength::Empty, None, &mut output).is_err());
    assert!(encoder.interim(&ok, &mut output).is_err());
    let none = ResponseHead::new(StatusCode::NO_CONTENT);
    assert!(encoder.head(&none, BodyLength::Known(1), None, &mut output).is_err());
    assert!(encoder.body(b"a", &mut output).is_err() && encoder.end(None, &mut output).is_err());
    assert!(output.is_empty());

    encoder.head(&ok, BodyLength::Known(5), None, &mut output).unwrap();
    let before = output.len();
    assert!(encoder.body(b"hello!", &mut output).is_err());
    assert!(encoder.head(&ok, BodyLength::Empty, None, &mut output).is_err());
    assert!(encoder.interim(&interim, &mut output).is_err());
    encoder.body(b"hell", &mut output).unwrap();
    assert!(encoder.end(None, &mut output).is_err());
    assert_eq!(output.len(), before + 4);

    let mut encoder = ResponseEncoder::default();
    let mut trailers = Headers::default();
    trailers.append("Content-Length", "5").unwrap();
    encoder.head(&ok, BodyLength::Unknown, None, &mut output).unwrap();
    let before = output.len();
    assert!(encoder.end(Some(&trailers), &mut output).is_err());
    assert_eq!(output.len(), before);

    let (mut encoder, mut output) = (RequestEncoder::default(), Output::default());
    let head = RequestHead::new(Method::GET, "/").unwrap();
    assert!(encoder.head(&head, BodyLength::Empty, &mut output).is_err(), "no host");
    let head = head.header("Host", "a").header("B\r\n", "c");
    assert!(encoder.head(&head, BodyLength::Empty, &mut output).is_err());
    assert!(encoder.head(&RequestHead::default(), BodyLength::Empty, &mut output).is_err());
    let head = RequestHead::new(Method::GET, "/").unwrap().header("Host", "a");
    let two = head.clone().header("host", "b");
    assert!(encoder.head(&two, BodyLength::Empty, &mut output).is_err(), "two hosts");
    assert!(output.is_empty());
    encoder.head(&head, BodyLength::Unknown, &mut output).unwrap();
    assert!(encoder.head(&head, BodyLength::Empty, &mut output).is_err());
}

#[test]
fn interim_responses_are_not_sent_to_those_who_know_none() {
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("GET / HTTP/1.0\r\n\r\n", ""),
    ] {
        let mut decoder = RequestDecoder::new(HttpLimits::default());
        let (mut encoder, mut output) = (ResponseEncoder::default(), Output::default());
        decoder.decode(&mut Input::from(request.as_bytes())).unwrap().unwrap();
        encoder.begin(decoder.head());
        let head = ResponseHead::new(StatusCode::CONTINUE);
        encoder.interim(&head, &mut output).unwrap();
        assert_eq!(output.to_vec(), expected.as_bytes());
    }
}
