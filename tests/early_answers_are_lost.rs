//! A server that answers before it has heard all of a request, and closes, resets the connection.
//! Its answer is heard all the same, and not the reset alone.
#![cfg(all(feature = "http", target_os = "linux"))]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use overt::Engine;
use overt::service::http::HttpServer;
use overt::service::http::proxy::{Backend, ReverseProxy};
use serving::{address, connect, loops};

#[path = "common/serving.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod serving;

const TIMES: usize = 30;
/// More than lies between the two: who sends it notices the reset.
const BODY: usize = 10 << 20;

/// Says no as soon as it has heard of a body, and closes while that comes.
fn refuse(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]).unwrap();
    let answer = b"HTTP/1.1 413 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig";
    stream.write_all(answer).unwrap();
}

/// A server that refuses whatever is sent to it.
fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    // Ends with the test.
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(refuse));
    at
}

/// The status of what comes while a large body is sent.
fn status(at: SocketAddr) -> String {
    let stream = connect(at);
    let mut sender = stream.try_clone().unwrap();
    let sending = thread::spawn(move || {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY}\r\n\r\n");
        // The other side may have had enough of it.
        let _ = sender.write_all(head.as_bytes()).and_then(|()| sender.write_all(&[0; BODY]));
    });
    let mut answer = [0; 12];
    (&stream).read_exact(&mut answer).unwrap();
    drop(stream);
    sending.join().unwrap();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

#[test]
fn a_backend_that_refuses_a_body_on_the_way_is_heard_through_a_proxy() {
    let proxy = ReverseProxy::to([Backend::at(refusing(), "backend")]);
    let http = HttpServer::new(proxy);
    let mut engine = Engine::new(loops(1)).unwrap();
    let at = engine.listen("127.0.0.1:0", move || http.connection()).unwrap();
    let running = engine.start().unwrap();
    for _ in 0..TIMES {
        assert_eq!(status(address(&at)), "413");
    }
    running.shut_down().unwrap();
}
