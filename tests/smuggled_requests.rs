//! Requests that one program reads in another way than the next are refused, with the right status,
//! however they come; those that can be read in one way only are not.
#![cfg(feature = "http")]

use overt::Input;
use overt::wire::http::{HttpError, HttpLimits};
use overt::wire::http1::{RequestDecoder, RequestEvent};

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
fn are_refused(table: &[(u16, &str)]) {
    for (expected, request) in table {
        // What the file can't hold: letters beyond ASCII stand for bytes.
        let bytes: Vec<u8> = request.chars().map(|letter| letter as u8).collect();
        assert_eq!(status(bytes), *expected, "{request:?}");
    }
}

#[test]
fn lines_that_end_in_their_own_way_are_refused() {
    are_refused(&[
        (400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\nD: e\r\n\r\n"),
        (400, "GET / HTTP/1.1\n\n"),
        (400, "GET / HTTP/1.0\n\r\n"),
        (400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n\rHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n"),
        (400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
    ]);
}

#[test]
fn fields_that_only_some_would_read_are_refused() {
    are_refused(&[
        (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\tfolded\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n: c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB(): c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB\u{e4}: c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB\0: c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\0d\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\u{1}\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\u{7f}\r\n\r\n"),
    ]);
}

#[test]
fn request_lines_that_are_not_quite_ones_are_refused() {
    are_refused(&[
        (400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        (400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\r\nHost: a\r\n\r\n"),
        (400, "GET\r\nHost: a\r\n\r\n"),
        (400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/11.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n"),
        (400, "GET / XTTP/1.1\r\nHost: a\r\n\r\n"),
        (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        (505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}"),
        (400, "G\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]);
}

#[test]
fn targets_that_do_not_go_with_their_method_are_refused() {
    are_refused(&[
        (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "CONNECT http://a:1/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\n"),
    ]);
}

#[test]
fn hosts_that_leave_a_choice_are_refused() {
    are_refused(&[
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n"),
        (400, "GET / HTTP/1.0\r\nHost: a,b\r\n\r\n"),
    ]);
}

#[test]
fn bodies_that_end_in_two_places_are_refused() {
    for (expected, fields) in [
        (400, "Content-Length: 1\r\nContent-Length: 1"),
        (400, "Content-Length: 1\r\nContent-Length: 2"),
        (400, "Content-Length: 1, 1"),
        (400, "Content-Length: +1"),
        (400, "Content-Length: -1"),
        (400, "Content-Length: 0x1"),
        (400, "Content-Length: 1 1"),
        (400, "Content-Length:"),
        (400, "Content-Length: 18446744073709551616"),
        (413, "Content-Length: 18446744073709551615"),
        (400, "Transfer-Encoding: chunked, chunked"),
        (400, "Transfer-Encoding: xchunked"),
        (400, "Transfer-Encoding: identity"),
        (400, "Transfer-Encoding: chunked, identity"),
        (400, "Transfer-Encoding: \u{b}chunked"),
        (400, "Transfer-Encoding : chunked"),
        (400, "Transfer-Encoding:\r\n chunked"),
        (400, "Transfer-Encoding:"),
        (501, "Transfer-Encoding: gzip, chunked"),
        (417, "Expect: tea\r\nContent-Length: 1"),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\na");
        assert_eq!(status(request), expected, "{fields:?}");
    }
    assert_eq!(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

#[test]
fn chunks_that_only_some_would_read_are_refused() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "\r\n",
        ";a\r\n",
        "x\r\n",
        " 1\r\na\r\n0\r\n\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "+1\r\na\r\n0\r\n\r\n",
        "1\na\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "1;\r\na\r\n0\r\n\r\n",
        "1;a\nb\r\na\r\n0\r\n\r\n",
        "1;a\0\r\na\r\n0\r\n\r\n",
        "1; a\r\na\r\n0\r\n\r\n",
        "1;a=(\r\na\r\n0\r\n\r\n",
        "10000000000000000\r\na",
        "00000000000000001\r\na",
        "0\r\n\n",
        "0\n\r\n",
        "0\r\na: b\n\r\n",
        "0\r\na: b\r\n\n",
        "0\r\na : b\r\n\r\n",
        "0\r\n a: b\r\n\r\n",
        "0\r\na: b\r\n c\r\n\r\n",
        "0\r\na\r\n\r\n",
        "0\r\nContent-Length: 1\r\n\r\n",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\nHost: b\r\n\r\n",
        "0\r\n\rGET / HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(status(format!("{head}{body}")), 400, "{body:?}");
    }
    assert_eq!(status(format!("{head}ffffffffffffffff\r\n")), 413);
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
            &["CONNECT a:1 HTTP/1.1 Empty [(\"Host\", \"a:1\")]"],
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
