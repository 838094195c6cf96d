//! Sockets that a service manager passes (`LISTEN_FDS`) are served: nobody who connected while the
//! service was not running yet is lost.
#![cfg(all(target_os = "linux", feature = "linux"))]

#[allow(dead_code, reason = "shared")]
#[path = "common/child.rs"]
mod child;
#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::thread;

use child::{Child, IS_CHILD};
use overt::Engine;
use overt::net::{InheritedSocket, inherited};
use serving::{Echo, connect, echoes, loops};

/// Makes descriptors 0 and 2 the third and fourth, which are passed as two sockets to whoever runs
/// next in this process.
const PASSES_TWO: &str = "exec 3<&0 4>&2 </dev/null 2>&1; \
    export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin;";

/// The child: says what it was passed, and serves what listens.
#[test]
fn server() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    let sockets = match inherited() {
        Ok(sockets) => sockets,
        Err(error) => return println!("error={error}"),
    };
    assert!(inherited().unwrap().is_empty(), "they are taken once");
    let mut engine = Engine::new(loops(2)).unwrap();
    println!("count={}", sockets.len());
    for socket in sockets {
        let name = socket.name.clone();
        let at = match &socket.socket {
            InheritedSocket::Listening(_) => engine.listen(socket, || Echo),
            InheritedSocket::Datagram(bind) => {
                println!("datagrams={name} {}", bind.at);
                engine.listen(socket, || Echo)
            }
        };
        match at {
            Ok(at) => println!("serves={name} {at}"),
            Err(error) => println!("refused={error}"),
        }
    }
    std::io::stdout().flush().unwrap();
    let _running = engine.start().unwrap();
    loop {
        thread::park(); // Until it is killed.
    }
}

fn run(before: &str, third: impl Into<OwnedFd>, fourth: impl Into<OwnedFd>) -> Child {
    let (third, fourth): (OwnedFd, OwnedFd) = (third.into(), fourth.into());
    Child::run_with("server", before, Stdio::from(third), Stdio::from(fourth))
}

fn tcp() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[test]
fn those_who_connected_before_the_service_ran_are_served_by_it() {
    let path = std::env::temp_dir().join(format!("overt-passed-{}.sock", std::process::id()));
    let (web, admin) = (tcp(), UnixListener::bind(&path).unwrap());
    let at = web.local_addr().unwrap();
    let (mut early_tcp, mut early_unix) = (connect(at), UnixStream::connect(&path).unwrap());
    early_tcp.write_all(b"early").unwrap();

    let mut child = run(PASSES_TWO, web, admin);
    assert_eq!(child.says("count="), "2");
    assert_eq!(child.says("serves="), format!("web {at}"));
    assert_eq!(child.says("serves="), format!("admin unix:{}", path.display()));
    let mut back = [0; 5];
    early_tcp.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"early");
    assert!(echoes(&mut early_unix));
    assert!(echoes(&mut connect(at)) && echoes(&mut UnixStream::connect(&path).unwrap()));
    drop(child);
    // The file belongs to whoever passed the socket.
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let before = format!("{PASSES_TWO} export LISTEN_PID=1;");
    assert_eq!(run(&before, tcp(), tcp()).says("count="), "0");
}

#[test]
fn sockets_without_names_are_served() {
    let before = format!("{PASSES_TWO} unset LISTEN_FDNAMES;");
    let (one, two) = (tcp(), tcp());
    let at = [one.local_addr().unwrap(), two.local_addr().unwrap()];
    let mut child = run(&before, one, two);
    for at in at {
        assert_eq!(child.says("serves="), format!("unknown {at}"));
        assert!(echoes(&mut connect(at)));
    }
}

#[test]
fn a_datagram_socket_is_not_listened_at() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = udp.local_addr().unwrap();
    let mut child = run(PASSES_TWO, udp, tcp());
    assert_eq!(child.says("datagrams="), format!("web {at}"));
    assert_eq!(child.says("refused="), "the inherited socket `web` is for datagrams");
    child.says("serves=admin");
}

#[test]
fn a_connection_is_an_error_that_names_it() {
    let listener = tcp();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut child = run(PASSES_TWO, listener, connection);
    let error = "the inherited socket `admin` neither listens nor takes datagrams";
    assert_eq!(child.says("error="), error);
}

#[test]
fn a_file_is_an_error_that_names_it() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let mut child = run(PASSES_TWO, file, tcp());
    let error = "the inherited socket `web` neither listens nor takes datagrams";
    assert_eq!(child.says("error="), error);
}
