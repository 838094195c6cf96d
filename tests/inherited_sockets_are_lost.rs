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
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Stdio;
use std::thread;

use child::{Child, IS_CHILD};
use overt::Engine;
use overt::net::{InheritedSocket, inherited};
use overt::service::DatagramEcho;
use serving::{Echo, PATIENCE, connect, echoes, loops};

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
            InheritedSocket::Datagram(bind) if name != "wrong" => {
                println!("datagrams={name} {}", bind.at);
                engine.bind(socket, || DatagramEcho)
            }
            InheritedSocket::Listening(_) if name == "wrong" => {
                engine.bind(socket, || DatagramEcho)
            }
            _ => engine.listen(socket, || Echo),
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
    for number in ["2", "2000000000"] {
        let before = format!("{PASSES_TWO} export LISTEN_PID=1 LISTEN_FDS={number};");
        assert_eq!(run(&before, tcp(), tcp()).says("count="), "0");
    }
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
fn datagrams_that_came_before_the_service_ran_are_answered_by_it() {
    let path = std::env::temp_dir().join(format!("overt-passed-{}.dgram", std::process::id()));
    let (udp, unix) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UnixDatagram::bind(&path).unwrap());
    let at = udp.local_addr().unwrap();
    let own = std::env::temp_dir().join(format!("overt-passes-{}.dgram", std::process::id()));
    let (client, unix_client) =
        (UdpSocket::bind("127.0.0.1:0").unwrap(), UnixDatagram::bind(&own).unwrap());
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    unix_client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"early", at).unwrap();
    unix_client.send_to(b"early", &path).unwrap();

    let mut child = run(PASSES_TWO, udp, unix);
    assert_eq!(child.says("datagrams="), format!("web {at}"));
    assert_eq!(child.says("datagrams="), format!("admin unix:{}", path.display()));
    for _ in 0..2 {
        let (mut back, mut unix_back) = ([0; 9], [0; 9]);
        assert_eq!(client.recv_from(&mut back).unwrap(), (5, at));
        assert_eq!(unix_client.recv(&mut unix_back).unwrap(), 5);
        client.send_to(b"later", at).unwrap();
        unix_client.send_to(b"later", &path).unwrap();
    }
    drop(child);
    // The file belongs to whoever passed the socket.
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(&own).unwrap();
}

/// As [`PASSES_TWO`], with names that have the child take each for what it is not.
fn passed_as_what_it_is_not(third: impl Into<OwnedFd>) -> Child {
    run(&format!("{PASSES_TWO} export LISTEN_FDNAMES=wrong:admin;"), third, tcp())
}

#[test]
fn a_socket_is_not_used_for_what_it_is_not() {
    let mut child = passed_as_what_it_is_not(UdpSocket::bind("127.0.0.1:0").unwrap());
    assert_eq!(child.says("refused="), "the inherited socket `wrong` is for datagrams");
    child.says("serves=admin");
    let mut child = passed_as_what_it_is_not(tcp());
    assert_eq!(child.says("refused="), "the inherited socket `wrong` is not for datagrams");
    child.says("serves=admin");
}

#[test]
fn an_absurd_number_of_sockets_is_an_error_and_no_memory() {
    for number in ["4097", "2000000000", "99999999999999999999", "-1", "many"] {
        let before = format!("{PASSES_TWO} export LISTEN_FDS={number}; ulimit -v 4000000;");
        let error = format!("LISTEN_FDS is `{number}`: not a number from 0 to 4096");
        assert_eq!(run(&before, tcp(), tcp()).says("error="), error);
    }
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
