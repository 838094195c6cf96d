//! Where a response ends, which depends on the request: what one request's response leaves over
//! would be taken for the response to the next. Whoever cuts it short is found out.
#![cfg(feature = "http")]

use overt::Input;
use overt::wire::http::{HttpLimits, Method, RequestHead};
use overt::wire::http1::{ResponseDecoder, ResponseEvent};

fn request(method: &str) -> RequestHead {
    match method {
        "CONNECT" => RequestHead::new(Method::CONNECT, "a:1").unwrap(),
        "UPGRADE" => {
            let head = RequestHead::new(Method::GET, "/").unwrap();
            head.header("connection", "upgrade").header("upgrade", "websocket")
        }
        method => RequestHead::new(method.parse().unwrap(), "/").unwrap(),
    }
}

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// A word for each event: `103` for interim responses, `200 Known(5)`, `hello`, `end`.
    events: Vec<String>,
    error: Option<&'static str>,
    is_reusable: bool,
    left: usize,
}

fn note(outcome: &mut Outcome, event: ResponseEvent<'_>) {
    let word = match event {
        ResponseEvent::Interim(head) => head.status().as_str().to_owned(),
        ResponseEvent::Head(head) => {
            format!("{} {:?}", head.status().as_str(), head.body_length())
        }
        ResponseEvent::Body(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            match outcome.events.last_mut().filter(|last| last.starts_with("body")) {
                Some(last) => return last.push_str(&text),
                None => format!("body {text}"),
            }
        }
        ResponseEvent::End(trailers) if trailers.is_empty() => "end".to_owned(),
        ResponseEvent::End(trailers) => format!("end {trailers:?}"),
    };
    outcome.events.push(word);
}

/// What comes of responses to these requests, and then of the peer's end.
fn responses<'p>(requests: &str, pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let (mut decoder, mut input) = (ResponseDecoder::default(), Input::default());
    requests.split_whitespace().for_each(|method| decoder.expect(&request(method)));
    let mut outcome = Outcome::default();
    for piece in pieces {
        input.extend(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(event)) => note(&mut outcome, event),
                Ok(None) => break,
                Err(error) => return Outcome { error: Some(error.what), ..outcome },
            }
        }
    }
    outcome.is_reusable = decoder.is_reusable();
    match decoder.eof(&input) {
        Ok(Some(event)) => note(&mut outcome, event),
        Ok(None) => {}
        Err(error) => return Outcome { error: Some(error.what), ..outcome },
    }
    Outcome { left: input.len(), ..outcome }
}

fn outcome(requests: &str, bytes: &str) -> Outcome {
    let bytes = bytes.as_bytes();
    let whole = responses(requests, [bytes]);
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(responses(requests, bytes.chunks(1)), whole, "byte by byte: {text:?}");
    for at in 0..bytes.len().min(400) {
        let halves = [&bytes[..at], &bytes[at..]];
        assert_eq!(responses(requests, halves), whole, "cut at {at}: {text:?}");
    }
    whole
}

fn are(requests: &str, bytes: &str, events: &[&str]) -> Outcome {
    let outcome = outcome(requests, bytes);
    assert_eq!((&*outcome.events, outcome.error), (&*to_owned(events), None), "{bytes:?}");
    outcome
}

fn to_owned(events: &[&str]) -> Vec<String> {
    events.iter().map(|event| (*event).to_owned()).collect()
}

#[test]
fn a_body_is_as_long_as_its_head_says() {
    let five = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert!(are("GET", five, &["200 Known(5)", "body hello", "end"]).is_reusable);
    let none = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert!(are("GET", none, &["200 Known(0)", "end"]).is_reusable);
    let chunks =
        "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    let events = ["200 Unknown", "body hello", "end [(\"A\", \"b\")]"];
    assert!(are("GET", chunks, &events).is_reusable);
    let three = format!("{five}{none}{chunks}");
    let all = ["200 Known(5)", "body hello", "end", "200 Known(0)", "end"];
    assert!(are("GET POST PUT", &three, &[&all[..], &events].concat()).is_reusable);
}

#[test]
fn what_has_no_body_has_none_whatever_its_head_says() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert!(are("HEAD", head, &["200 Known(5)", "end"]).is_reusable);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(are("HEAD", chunked, &["200 Unknown", "end"]).is_reusable);
    let big = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n";
    are("HEAD", big, &["200 Known(18446744073709551615)", "end"]);
    assert!(are("HEAD", "HTTP/1.1 200 OK\r\n\r\n", &["200 Empty", "end"]).is_reusable);
    for status in ["204", "304"] {
        let bytes = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
        assert!(are("GET", &bytes, &[&format!("{status} Empty"), "end"]).is_reusable);
    }
}

#[test]
fn a_body_may_end_with_the_connection() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"] {
        let outcome = are("GET", &format!("{head}hello"), &["200 Unknown", "body hello", "end"]);
        assert!(!outcome.is_reusable);
    }
}

#[test]
fn who_says_that_this_is_the_last_response_is_not_asked_again() {
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: Foo, CLOSE\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert!(!are("GET", head, &["200 Known(0)", "end"]).is_reusable);
        assert_eq!(outcome("GET GET", head).error, Some("a response cut off"));
        assert!(outcome("GET GET", &format!("{head}{head}")).error.is_some());
    }
    let old = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    assert!(are("GET", old, &["200 Known(0)", "end"]).is_reusable);
}

#[test]
fn interim_responses_come_before_the_final_one() {
    let bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    are("POST", bytes, &["100", "103", "200 Known(0)", "end"]);
    assert_eq!(outcome("GET", "HTTP/1.1 100 Continue\r\n\r\n").error, Some("a response cut off"));
    let many = "HTTP/1.1 102 Processing\r\n\r\n".repeat(17);
    let found = outcome("GET", &many);
    assert_eq!((found.events.len(), found.error), (16, Some("too many interim responses")));
    // Each response may have as many.
    let some = "HTTP/1.1 102 Processing\r\n\r\n".repeat(10);
    let twice = format!("{some}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").repeat(2);
    assert_eq!(outcome("GET GET", &twice).error, None);
}

#[test]
fn another_protocol_begins_where_http_ends() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                  \r\n\x01\x02";
    assert_eq!(are("UPGRADE", switch, &["101 Empty"]).left, 2);
    assert!(outcome("GET", switch).error.is_some());
    let no_upgrade = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    assert!(outcome("UPGRADE", no_upgrade).error.is_some());
    are("UPGRADE", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &["200 Known(0)", "end"]);
    let tunnel = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(are("CONNECT", tunnel, &["200 Empty"]).left, 5);
    let refused = "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno";
    are("CONNECT", refused, &["407 Known(2)", "body no", "end"]);
}

#[test]
fn what_was_cut_short_is_found_out() {
    for bytes in [
        "",
        "HTT",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n",
    ] {
        assert_eq!(outcome("GET", bytes).error, Some("a response cut off"), "{bytes:?}");
    }
    assert_eq!(outcome("", "").error, None);
}

#[test]
fn what_is_no_response_is_refused() {
    for bytes in [
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTX",
        "SSH-2.0-OpenSSH\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: a\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
    ] {
        assert!(outcome("GET", bytes).error.is_some(), "{bytes:?}");
    }
}

#[test]
fn a_body_that_never_ends_does_end() {
    let limits = HttpLimits { body_max: 5, ..HttpLimits::default() };
    for (head, is_refused) in [
        ("HTTP/1.1 200 OK\r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\n\r\nhello!", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n", true),
    ] {
        let (mut decoder, mut input) =
            (ResponseDecoder::new(limits.clone()), Input::from(head.as_bytes()));
        decoder.expect(&request("GET"));
        let error = loop {
            match decoder.decode(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(error) => break Some(error.what),
            }
        };
        assert_eq!(error, is_refused.then_some("a body that is too large"), "{head:?}");
    }
}
