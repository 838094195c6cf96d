//! Server-sent events: told from anywhere, kept alive, and ended for who does not keep up.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::Reason;
use overt::service::http::{EventSink, EventStream, ServerEvent, Subscriber};

use crate::{bench, find, get, only};

/// Told to the test when the stream ends.
struct Guard(Arc<Mutex<u32>>);

impl Drop for Guard {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

type Subscribe = Box<dyn Fn(Subscriber<'_>) -> Guard + Send + Sync>;

fn stream() -> (EventStream<Subscribe>, std::sync::mpsc::Receiver<EventSink>, Arc<Mutex<u32>>) {
    let (sender, sinks): (Sender<EventSink>, _) = channel();
    let (sender, ended) = (Mutex::new(sender), Arc::<Mutex<u32>>::default());
    let count = ended.clone();
    let subscribe = move |subscriber: Subscriber<'_>| {
        if let Some(id) = subscriber.last_event_id() {
            let text = format!("after {id}");
            subscriber.sink.send(ServerEvent::data(&text).encode()).unwrap();
        }
        sender.lock().unwrap().send(subscriber.sink).unwrap();
        Guard(count.clone())
    };
    (EventStream::new(Box::new(subscribe) as Subscribe), sinks, ended)
}

#[test]
fn events_come_from_elsewhere_and_who_comes_back_says_what_it_saw() {
    let (site, sinks, ended) = stream();
    let mut bench = bench(site);
    bench.data(b"GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 41\r\n\r\n");
    let sink = sinks.recv().unwrap();
    sink.send(ServerEvent { id: Some("42"), ..ServerEvent::data("new") }.encode()).unwrap();
    bench.deliver();
    let sent = bench.take_output();
    let head = String::from_utf8(sent[..find(&sent, b"\r\n\r\n").unwrap()].to_vec()).unwrap();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(find(&sent, b"data: after 41\n\n\r\n").is_some());
    assert!(find(&sent, b"id: 42\ndata: new\n\n\r\n").is_some());
    bench.reset();
    assert_eq!(*ended.lock().unwrap(), 1);
}

#[test]
fn a_stream_ends_with_the_page_that_it_is_for() {
    let (site, sinks, ended) = stream();
    let mut bench = bench(site);
    bench.data(&get("/"));
    let sink = sinks.recv().unwrap();
    bench.eof();
    assert!(bench.take_output().ends_with(b"\r\n\r\n0\r\n\r\n"));
    assert_eq!((bench.closed(), *ended.lock().unwrap()), (Some(Reason::ByPeer), 1));
    sink.send(ServerEvent::data("nobody hears it").encode()).unwrap();
    bench.deliver();
}

#[test]
fn a_silent_stream_is_kept_alive() {
    let (site, _sinks, _) = stream();
    let mut bench = bench(site);
    bench.data(&get("/"));
    bench.take_output();
    bench.advance(Duration::from_secs(600));
    let sent = bench.take_output();
    assert_eq!(sent, b"3\r\n:\n\n\r\n".repeat(40));
    assert_eq!(bench.closed(), None);
}

#[test]
fn who_does_not_keep_up_is_cut_off_and_can_come_back() {
    let (site, sinks, ended) = stream();
    let mut bench = bench(site);
    bench.set_window(0);
    bench.data(&get("/"));
    let sink = sinks.recv().unwrap();
    let event = ServerEvent::data(&"x".repeat(1000)).encode();
    for _ in 0..10 {
        sink.send(event.clone()).unwrap();
        bench.deliver();
    }
    assert_eq!(bench.closed(), Some(Reason::OverOutput));
    assert_eq!(*ended.lock().unwrap(), 1);
}

#[test]
fn a_stream_is_for_get_alone() {
    let (site, _sinks, _) = stream();
    let mut bench = bench(site);
    bench.data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(only(&mut bench).status, 405);
    bench.data(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(bench.take_output().ends_with(b"\r\n\r\n"));
    bench.data(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!bench.take_output().is_empty());
}
