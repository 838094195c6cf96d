//! A connection handed over to another protocol, with the bytes that came behind the request.

use overt::service::http::{Exchange, ExchangeContext, Params};
use overt::wire::http::{RequestHead, ResponseHead, StatusCode};
use overt::{Context, Handler, Never, Result};

use crate::bench;

struct Shout;

impl Handler for Shout {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let text = cx.input.to_ascii_uppercase();
        cx.input.clear();
        cx.output.put(&text);
        Ok(())
    }
}

struct Upgrades(StatusCode);

impl Exchange for Upgrades {
    type Message = Never;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        if !self.0.is_success() && !self.0.is_informational() {
            cx.answer(&ResponseHead::new(self.0), b"");
            return Ok(());
        }
        let mut answer = ResponseHead::new(self.0);
        if head.wants_upgrade() {
            answer = answer.header("connection", "upgrade").header("upgrade", "shout");
        }
        cx.upgrade(&answer, Shout);
        Ok(())
    }
}

#[test]
fn what_follows_an_upgrade_belongs_to_the_successor() {
    let switching = StatusCode::SWITCHING_PROTOCOLS;
    let mut bench = bench(move |_: &RequestHead, _: &Params| Upgrades(switching));
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\nearly ";
    bench.data(head);
    bench.data(b"late");
    let sent = bench.take_output();
    assert!(sent.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(sent.ends_with(b"\r\n\r\nEARLY LATE"), "{}", String::from_utf8_lossy(&sent));
    let mut bench = bench.upgraded::<Shout>();
    bench.advance(std::time::Duration::from_secs(30));
    bench.data(b"later");
    assert_eq!(bench.take_output(), b"LATER");
}

#[test]
fn a_tunnel_begins_behind_a_connect() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Upgrades(StatusCode::OK));
    bench.data(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nhello");
    let sent = bench.take_output();
    assert!(sent.ends_with(b"\r\n\r\nHELLO"), "{}", String::from_utf8_lossy(&sent));
}

#[test]
fn a_tunnel_that_is_refused_ends_the_connection() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Upgrades(StatusCode::FORBIDDEN));
    bench.data(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nhello");
    assert_eq!(crate::only(&mut bench).header("connection"), Some("close"));
    assert!(bench.closed().is_some());
}

#[test]
fn a_body_that_is_still_to_come_is_no_word_of_the_next_protocol() {
    let switching = StatusCode::SWITCHING_PROTOCOLS;
    for framing in ["Content-Length: 8", "Transfer-Encoding: chunked"] {
        let mut bench = bench(move |_: &RequestHead, _: &Params| Upgrades(switching));
        let fields = "Connection: upgrade\r\nUpgrade: shout";
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{framing}\r\n\r\n");
        bench.data(format!("{head}sneaking").as_bytes());
        assert_eq!(crate::only(&mut bench).status, 500);
        assert!(bench.closed().is_some());
    }
}
