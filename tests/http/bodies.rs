//! Bodies that stream, both ways, and hold each other back.

use overt::service::http::{Exchange, ExchangeContext, Params, Site};
use overt::wire::http::{BodyLength, Headers, RequestHead, ResponseHead, StatusCode};
use overt::{Never, Result, Timer};

use crate::{bench, find, only};

/// Gives back what comes, while it comes.
struct Echo;

impl Exchange for Echo {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.respond(&ResponseHead::new(StatusCode::OK), BodyLength::Unknown);
        Ok(())
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.send(piece);
        Ok(())
    }

    fn on_end(&mut self, trailers: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.finish_with(trailers);
        Ok(())
    }
}

fn echo(_: &RequestHead, _: &Params) -> Echo {
    Echo
}

const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn trailers_come_back_behind_the_chunks() {
    let mut bench = bench(echo);
    bench.data(&[CHUNKED, b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"].concat());
    let sent = bench.take_output();
    assert!(sent.ends_with(b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"));
}

#[test]
fn a_body_is_not_read_while_what_it_causes_is_not_taken() {
    let mut bench = bench(echo);
    bench.set_window(0);
    bench.data(CHUNKED);
    for _ in 0..1000 {
        bench.data(&[&b"3e8\r\n"[..], &[b'x'; 1000], b"\r\n"].concat());
    }
    assert!(bench.is_congested() && bench.unsent() < 10_000, "{}", bench.unsent());
    bench.data(b"0\r\n\r\n");
    bench.set_window(usize::MAX);
    let mut all = bench.take_output();
    loop {
        let more = bench.take_output();
        if more.is_empty() {
            break;
        }
        all.extend(more);
    }
    let body = &all[find(&all, b"\r\n\r\n").unwrap() + 4..];
    let mut text = Vec::new();
    assert!(crate::take_chunks(body, &mut text).is_empty());
    assert!(text == [b'x'; 1_000_000]);
}

/// Hears its body only now and then.
struct Rests {
    heard: usize,
}

const REST: Timer = Timer::new(2);

impl Exchange for Rests {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.pause();
        cx.arm_every(REST, std::time::Duration::from_secs(1));
        Ok(())
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.heard += piece.len();
        cx.pause();
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        assert_eq!(timer, REST);
        cx.resume();
        Ok(())
    }

    fn on_end(&mut self, _: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.answer(&ResponseHead::new(StatusCode::OK), self.heard.to_string().as_bytes());
        Ok(())
    }
}

#[test]
fn an_exchange_holds_its_body_back_and_hears_all_of_it() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Rests { heard: 0 });
    bench.data(CHUNKED);
    bench.data(b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n");
    assert!(bench.is_paused());
    for second in 1..=4 {
        assert_eq!(bench.take_output(), b"", "{second}");
        bench.advance(std::time::Duration::from_secs(1));
    }
    assert_eq!(only(&mut bench).text(), "6");
    // Its timer is gone with it.
    bench.fired();
    bench.advance(std::time::Duration::from_secs(5));
    assert!(bench.fired().iter().all(|timer| *timer == Timer::new(0)));
}

/// Sends more than fits, as the peer takes it.
struct Fountain(usize);

impl Exchange for Fountain {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.respond(&ResponseHead::new(StatusCode::OK), BodyLength::Known(self.0 as u64));
        self.on_writable(cx)
    }

    fn on_writable(&mut self, cx: &mut ExchangeContext<'_, Never>) -> Result {
        while self.0 > 0 && !cx.is_congested() {
            let count = self.0.min(700);
            cx.send(&vec![b'x'; count]);
            self.0 -= count;
        }
        if self.0 == 0 {
            cx.finish();
        }
        Ok(())
    }
}

fn drained<S: Site>(
    bench: &mut overt::testing::Bench<overt::service::http::HttpConnection<S>>,
) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let some = bench.take_output();
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

#[test]
fn a_fountain_flows_as_it_is_taken_and_the_next_request_waits() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Fountain(100_000));
    bench.set_window(3000);
    bench.data(&crate::get("/").repeat(2));
    assert!(bench.unsent() < 10_000);
    let answers = crate::seen(&drained(&mut bench));
    assert_eq!(answers.iter().map(|it| it.body.len()).collect::<Vec<_>>(), [100_000, 100_000]);
}

#[test]
fn the_old_version_gets_a_body_of_unknown_length_until_the_end() {
    let mut bench = bench(echo);
    bench.data(b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
    let sent = bench.take_output();
    assert!(sent.ends_with(b"connection: close\r\n\r\nhello"), "{sent:?}");
    assert!(bench.closed().is_some());
}
