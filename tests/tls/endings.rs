//! How TLS connections end, before and after they are open; and what goes on when certificates are
//! exchanged.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use overt::tls::TlsServer;
use overt::{Config, Deadlines, Dial, Reason};

use crate::foreign::{client, one_client, server};
use crate::ours::{Folder, Server, ask, client as our_client};
use crate::process::{connected, foreign};

/// The record type and the description of an alert: RFC 8446, 5.1 and 6.
const ALERT: u8 = 21;

#[test]
#[ignore = "needs python3"]
fn an_end_without_a_word_is_told_apart() {
    let folder = Folder::new();
    let ca = folder.path("ca.pem");
    let ours = Server::built(TlsServer::builder().identity(folder.localhost()));
    for version in ["1.2", "1.3"] {
        let seen = one_client(&[("ca", &ca), ("version", version), ("end", "cut")], ours.at);
        assert_eq!((seen.get("error"), &*seen["echo"]), (None, "11"));
        assert_eq!(ours.end(), "tls_truncated: the peer ended without saying so (close_notify)");
    }
    ours.shut_down();
    let identity = folder.path("server");
    let (theirs, at) = server(&[("identity", &identity), ("end", "cut")]);
    let answer = ask(&Dial::host("localhost", at.port()).tls(&our_client(&folder)), false);
    assert_eq!((&*answer.received, answer.reason), ("ping\n", Reason::TlsTruncated));
    assert!(theirs.prints().unwrap().starts_with("served"));
}

#[test]
#[ignore = "needs python3"]
fn the_end_of_an_orderly_close_is_said() {
    const PROGRAM: &str = r#"
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
for half in (False, True):
    raw = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    s = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
    s.sendall(b"x" * 100000 + b"\n" if half else b"GET /")
    got = 0
    if half:
        while got < 100001:
            got += len(s.recv(65536).rpartition(b"full\n")[2])
        s.unwrap()
    else:
        # Raises, if the end is not said.
        while more := s.recv(65536):
            got += len(more.rpartition(b"full\n")[2])
    print(got)
"#;
    let folder = Folder::new();
    let ours = Server::built(TlsServer::builder().identity(folder.localhost()));
    let mut python = Command::new("python3");
    let port = ours.at.port().to_string();
    python.args(["-c", PROGRAM, &port, &folder.path("ca.pem")]);
    assert_eq!(foreign(&mut python, b""), "5\n100001\n");
    ours.shut_down();
}

#[test]
fn garbage_is_answered_by_an_alert() {
    let folder = Folder::new();
    let ours = Server::built(TlsServer::builder().identity(folder.localhost()));
    for garbage in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], &[0; 200_000], &[22, 3, 1]] {
        let mut stream = connected(ours.at);
        // Who is not listened to any more may be told so while it is still sending.
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let end = ours.end();
        if garbage.len() == 3 {
            assert!(read.is_ok() && answer.is_empty());
            assert!(end.starts_with("never open; tls_unfinished: "), "{end}");
        } else {
            assert_eq!((read.is_ok(), answer.first()), (true, Some(&ALERT)), "{answer:?}");
            assert!(end.starts_with("never open; tls_malformed: "), "{end}");
        }
    }
    ours.shut_down();
}

#[test]
fn a_handshake_that_is_never_done_ends_by_its_deadline() {
    let folder = Folder::new();
    let handshake = Duration::from_millis(300);
    let deadlines = Deadlines { handshake, ..Deadlines::default() };
    let config = Config { loops: 1, deadlines, ..Config::default() };
    let tls = TlsServer::builder().identity(folder.localhost()).build().unwrap();
    let ours = Server::with(config, &tls);
    // Silence, and a record that is announced and does not come.
    for begun in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        let mut stream = connected(ours.at);
        stream.write_all(begun).unwrap();
        assert_eq!(ours.end(), "never open; late_handshake");
        assert!(stream.read(&mut [0]).is_err(), "it was not cut");
    }
    // And a server that accepts and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let dial = Dial::to(at).tls(&our_client(&folder)).timeout(handshake);
    let answer = ask(&dial, false);
    assert_eq!((answer.agreed, answer.reason), (None, Reason::LateHandshake));
    ours.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn certificates_are_exchanged_and_nobody_is_cut() {
    let folder = Folder::new();
    let ca = folder.path("ca.pem");
    let tls = TlsServer::builder().identity(folder.localhost()).build().unwrap();
    let ours = Server::start(&tls);
    let (done, exchanges) = (AtomicBool::new(false), 50);
    let long = [("ca", &*ca), ("times", "60"), ("bytes", "200000")];
    thread::scope(|scope| {
        let clients: Vec<_> = (0..2).map(|_| scope.spawn(|| client(&long, ours.at))).collect();
        let exchanging = scope.spawn(|| {
            for number in 0.. {
                let also = format!("name{number}.example");
                folder.put("server", &folder.authority.sign(&["localhost", &also]));
                tls.reload().unwrap();
                if done.load(Relaxed) && number >= exchanges {
                    break;
                }
            }
        });
        for one in clients.into_iter().flat_map(|client| client.join().unwrap()) {
            assert_eq!((one.get("error"), &*one["echo"]), (None, "200001"), "{one:?}");
        }
        done.store(true, Relaxed);
        exchanging.join().unwrap();
    });
    folder.put("server", &folder.authority.sign(&["localhost", "last.example"]));
    tls.reload().unwrap();
    assert_eq!(one_client(&[("ca", &ca)], ours.at)["names"], "localhost,last.example");
    // What can't be used changes nothing.
    folder.write("server.key", "no key");
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.starts_with("no private key in `"), "{error}");
    assert_eq!(one_client(&[("ca", &ca)], ours.at)["names"], "localhost,last.example");
    ours.shut_down();
}
