//! Requests that one program reads in another way than the next are refused, with the right status,
//! however they come; those that can be read in one way only are not.
#![cfg(feature = "http")]

use overt::Input;
use overt::wire::http::{HttpError, HttpLimits};
use overt::wire::http1::{RequestDecoder, RequestEvent};

#[path = "common/refused.rs"]
mod refused;

/// What came of a stream: a line for each head, body and end.
fn requests<'p>(
    limits: &HttpLimits,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<String>, Option<HttpError>) {
    let (mut decoder, mut input) = (RequestDecoder::new(limits.clone()), Input::default());
    let (mut found, mut body) = (Vec::new(), Vec::new());
    for piece in pieces {
        input.extend(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(RequestEvent::Head(head))) => found.push(format!(
                    "{} {} {:?} {:?} {:?}",
                    head.method(),
                    head.target(),
                    head.version(),
                    head.body_length(),
                    head.headers
                )),
                Ok(Some(RequestEvent::Body(bytes))) => body.extend_from_slice(bytes),
                Ok(Some(RequestEvent::End(trailers))) => {
                    found.push(format!("{:?} {trailers:?}", String::from_utf8_lossy(&body)));
                    body.clear();
                }
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

/// The same, whole and however it is cut in two, and byte by byte.
fn outcome(bytes: &[u8]) -> (Vec<String>, Option<HttpError>) {
    let limits = HttpLimits::default();
    let whole = requests(&limits, [bytes]);
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(requests(&limits, bytes.chunks(1)), whole, "byte by byte: {text:?}");
    for at in 0..bytes.len().min(400) {
        let halves = [&bytes[..at], &bytes[at..]];
        assert_eq!(requests(&limits, halves), whole, "cut at {at}: {text:?}");
    }
    whole
}

fn status(bytes: impl AsRef<[u8]>) -> u16 {
    let (_, error) = outcome(bytes.as_ref());
    error.map_or(0, |error| error.status.as_u16())
}

/// Each of these is refused with this status.
fn are_refused(table: &[refused::Refused]) {
    for (expected, request) in table {
        assert_eq!(status(refused::bytes(request)), *expected, "{request:?}");
    }
}

#[test]
fn lines_that_end_in_their_own_way_are_refused() {
    are_refused(refused::LINES);
}

#[test]
fn fields_that_only_some_would_read_are_refused() {
    are_refused(refused::FIELDS);
}

#[test]
fn request_lines_that_are_not_quite_ones_are_refused() {
    are_refused(refused::REQUEST_LINES);
}

#[test]
fn targets_that_do_not_go_with_their_method_are_refused() {
    are_refused(refused::TARGETS);
}

#[test]
fn hosts_that_leave_a_choice_are_refused() {
    are_refused(refused::HOSTS);
}

#[test]
fn bodies_that_end_in_two_places_are_refused() {
    for (expected, fields) in refused::LENGTHS {
        assert_eq!(status(refused::post(fields)), *expected, "{fields:?}");
    }
    assert_eq!(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

#[test]
fn chunks_that_only_some_would_read_are_refused() {
    for body in refused::CHUNKS {
        assert_eq!(status(refused::chunked(body)), 400, "{body:?}");
    }
    assert_eq!(status(refused::chunked("ffffffffffffffff\r\n")), 413);
}

#[test]
fn what_is_too_long_is_told_so() {
    let long = |count| "a".repeat(count);
    let get = |rest: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{rest}\r\n");
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    for (expected, bytes) in [
        (0, format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", long(24))),
        (501, format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", long(25))),
        (501, long(25)),
        (0, long(24)),
        (0, format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(7_999))),
        (414, format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(8_000))),
        (414, format!("GET /{}", long(8_000))),
        (0, format!("GET /{}", long(7_999))),
        (0, format!("GET / HTTP/1.1{}", long(20_000))),
        (400, format!("GET / HTTP/1.1{}\r\n", long(20_000))),
        (431, format!("GET / HTTP/1.1{}\r\n", long(40_000))),
        (0, get(&format!("B: {}\r\n", long(20_000)))),
        (431, get(&format!("B: {}\r\n", long(40_000)))),
        (431, get(&format!("{}: b\r\n", long(40_000)))),
        (0, get(&"b: c\r\n".repeat(99))),
        (431, get(&"b: c\r\n".repeat(100))),
        (0, format!("{head}{}\r\n", "b: c\r\n".repeat(32))),
        (431, format!("{head}{}\r\n", "b: c\r\n".repeat(33))),
        (431, format!("{head}b: {}\r\n\r\n", long(9_000))),
        (400, format!("{}1;{}\r\n", &head[..head.len() - 3], long(5_000))),
    ] {
        assert_eq!(status(&bytes), expected, "{:?}", &bytes[..bytes.len().min(80)]);
    }
}

#[test]
fn what_can_be_read_in_one_way_only_is_read() {
    for (bytes, expected) in [
        (
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            &["GET / HTTP/1.1 Empty [(\"Host\", \"a\")]", "\"\" []"][..],
        ),
        (
            "\r\n\r\nGET /a?b HTTP/1.0\r\n\r\n\r\nGET /c HTTP/1.0\r\n\r\n",
            &["GET /a?b HTTP/1.0 Empty []", "\"\" []", "GET /c HTTP/1.0 Empty []", "\"\" []"],
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost:a:80 \r\nB:\r\nC: \t d \t e\t\r\n\r\n",
            &[
                "OPTIONS * HTTP/1.1 Empty [(\"Host\", \"a:80\"), (\"B\", \"\"), \
                 (\"C\", \"d \\t e\")]",
                "\"\" []",
            ],
        ),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
            &[
                "PUT / HTTP/1.1 Known(5) [(\"Host\", \"a\"), (\"content-length\", \"5\")]",
                "\"hello\" []",
                "GET / HTTP/1.0 Empty []",
                "\"\" []",
            ],
        ),
        (
            "X / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\
             5;a=\"b c\"\r\nhello\r\n1\r\n!\r\n0\r\nD: e\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            &[
                "X / HTTP/1.1 Unknown [(\"Host\", \"a\"), (\"Transfer-Encoding\", \"Chunked\")]",
                "\"hello!\" [(\"D\", \"e\")]",
                "GET / HTTP/1.0 Empty []",
                "\"\" []",
            ],
        ),
        (
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            &["CONNECT a:1 HTTP/1.1 Empty [(\"Host\", \"a:1\")]", "\"\" []"],
        ),
        (
            "GET HTTP://a/b HTTP/1.1\r\nHost: c\r\n\r\n",
            &["GET HTTP://a/b HTTP/1.1 Empty [(\"Host\", \"c\")]", "\"\" []"],
        ),
    ] {
        let (found, error) = outcome(bytes.as_bytes());
        assert_eq!(error, None, "{bytes:?}");
        assert_eq!(found, expected, "{bytes:?}");
    }
}
