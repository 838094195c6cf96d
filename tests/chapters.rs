//! Every chapter of `examples/` works as its first lines say: started, talked to, and ended.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use process::{PATIENCE, Process, connected, datagram, hears};

#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with the tests of the command, which use the rest")]
mod process;

const ANY: &str = "127.0.0.1:0";

/// The folder of the chapters, built as this test was. `cargo test` builds them too, but not if it
/// is told which test to run.
fn chapters() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("this test runs");
        let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--examples", "--quiet"]);
        cargo.arg("--target-dir").arg(profile.parent().expect("target"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        if cfg!(feature = "full") {
            cargo.args(["--features", "full"]);
        }
        assert!(cargo.status().expect("the cargo that built this test still runs").success());
        profile.join("examples")
    })
}

fn chapter(name: &str, arguments: &[&str]) -> Process {
    Process::start(Command::new(chapters().join(name)).args(arguments))
}

#[test]
fn chapter_00_bare_mio_answers_one_polite_client() {
    let server = chapter("00_bare_mio", &[ANY]);
    let mut client = connected(server.address("bare mio"));
    client.write_all(b"hello\n").unwrap();
    let expected = "say something\nyou said: hello\n";
    assert_eq!(hears(&mut client, expected.len()), expected);
    // It has no way to end properly: that is the first thing that is wrong with it.
}

#[test]
fn chapter_01_echoes() {
    let server = chapter("01_echo", &[ANY]);
    let mut client = connected(server.address("echo"));
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut echo = String::new();
    client.read_to_string(&mut echo).unwrap();
    assert_eq!(echo, "hello");
    server.ends();
}

#[test]
fn chapter_02_counts_in_order_and_refuses_long_frames() {
    let server = chapter("02_frames_and_workers", &[ANY]);
    let at = server.address("frames");
    let mut client = connected(at);
    client.write_all(b"\0\0\0\x0227\0\0\0\x016\0\0\0\x03abc").unwrap();
    let expected =
        "\0\0\0\x09111 steps\0\0\0\x078 steps\0\0\0\x25not a number that this can be told of";
    assert_eq!(hears(&mut client, expected.len()), expected);
    let mut client = connected(at);
    client.write_all(b"\xff\xff\xff\xff").unwrap();
    let mut nothing = Vec::new();
    // The end, or a reset.
    let _ = client.read_to_end(&mut nothing);
    assert!(nothing.is_empty());
    server.ends();
}

#[test]
fn chapter_03_asks_and_ticks() {
    let server = chapter("03_timers_and_deadlines", &[ANY]);
    let mut client = BufReader::new(connected(server.address("a quiz")));
    let mut hears = || {
        let mut line = String::new();
        client.read_line(&mut line).unwrap();
        line
    };
    let sum = |question: &str| {
        let numbers = question.split(' ').filter_map(|word| word.parse::<u32>().ok());
        numbers.sum::<u32>()
    };
    let right = sum(&hears());
    assert_eq!(hears(), "tick\n");
    client_says(&mut client, &format!("{right}\nno\nno\nno\n"));
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    let said: Vec<&str> = said.lines().filter(|line| *line != "tick").collect();
    assert_eq!(said[0], "right");
    assert_eq!(said.iter().filter(|line| line.starts_with("wrong: it was ")).count(), 3);
    assert_eq!(said.last(), Some(&"that was it"));
    drop(client);
    server.prints_at_last("a player is gone");
    server.ends();
}

fn client_says(client: &mut BufReader<std::net::TcpStream>, what: &str) {
    client.get_mut().write_all(what.as_bytes()).unwrap();
}

#[test]
fn chapter_04_numbers_the_datagrams_of_each_peer() {
    let server = chapter("04_udp", &[ANY]);
    let at = server.address("echo");
    for _ in 0..2 {
        assert_eq!(datagram(at, b"hello"), b"1: hello");
    }
    server.ends();
}

#[test]
fn chapter_05_comes_back() {
    let server = TcpListener::bind(ANY).unwrap();
    let at = server.local_addr().unwrap().to_string();
    let client = chapter("05_client_that_reconnects", &[&at]);
    for _ in 0..3 {
        let (mut stream, _) = server.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        client.prints_at_last("connected to");
        assert_eq!(hears(&mut stream, 6), "hello ");
        stream.write_all(b"welcome\n").unwrap();
        client.prints_at_last("heard: welcome");
        drop(stream);
        client.prints_at_last("not connected");
    }
    client.ends();
}

#[test]
fn chapter_06_carries_on() {
    let server = TcpListener::bind(ANY).unwrap();
    let to = server.local_addr().unwrap().to_string();
    let tunnel = chapter("06_tunnel", &[ANY, &to]);
    let mut near = connected(tunnel.address("a tunnel"));
    let (mut far, _) = server.accept().unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    near.write_all(b"question").unwrap();
    assert_eq!(hears(&mut far, 8), "question");
    far.write_all(b"answer").unwrap();
    assert_eq!(hears(&mut near, 6), "answer");
    drop((near, far));
    tunnel.ends();
}

#[test]
fn chapter_07_tells_everybody() {
    let server = chapter("07_chat", &[ANY]);
    let at = server.address("a chat");
    let mut ann = BufReader::new(connected(at));
    let ann_is_called = ann.get_ref().local_addr().unwrap();
    let hears = |person: &mut BufReader<std::net::TcpStream>, what: &str| {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(person.read_line(&mut line).unwrap() > 0, "no `{what}`");
        }
    };
    // Two loops may take the two in in either order, so one is there before the other comes.
    hears(&mut ann, &format!("* {ann_is_called} is here"));
    let mut bob = BufReader::new(connected(at));
    let bob_is_called = bob.get_ref().local_addr().unwrap();
    hears(&mut ann, &format!("* {bob_is_called} is here"));
    client_says(&mut ann, "hello \x1b[2J\n");
    hears(&mut bob, &format!("<{ann_is_called}> hello [2J\n"));
    drop(ann);
    hears(&mut bob, "* somebody left");
    drop(bob);
    server.ends();
}

#[test]
fn chapter_08_finds_what_loopback_hides() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(chapters().join("08_simulation"));
        let output = command.args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (held, said) = run(&[]);
    assert!(held && said.contains("in every world"), "{said}");
    let (held, said) = run(&["naive"]);
    assert!(!held && said.contains("OVERT_SEED="), "{said}");
}

#[cfg(feature = "websocket")]
#[test]
fn chapter_11_tells_everybody_in_the_room_and_those_who_come_late() {
    let server = chapter("11_websocket_chat", &[ANY]);
    let at = server.address("a chat");
    let mut browser = connected(at);
    browser.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("new WebSocket("), "{page}");
    let open = || {
        let mut socket = connected(at);
        let fields = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13";
        let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
        let request = format!("GET /chat HTTP/1.1\r\nhost: {at}\r\n{fields}\r\n{key}\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head += &hears(&mut socket, 1);
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        socket
    };
    // Frames of a server are short here: two bytes, then the text.
    let hears_line = |socket: &mut std::net::TcpStream| {
        let mut header = [0; 2];
        socket.read_exact(&mut header).unwrap();
        hears(socket, header[1].into())
    };
    let mut ann = open();
    assert_eq!(hears_line(&mut ann), "* guest-1 here");
    ann.write_all(b"\x81\x85\0\0\0\0hello").unwrap(); // The mask is nothing.
    assert_eq!(hears_line(&mut ann), "<guest-1> hello");
    let mut bob = open();
    assert_eq!(hears_line(&mut bob), "* guest-1, guest-2 here");
    assert_eq!(hears_line(&mut bob), "<guest-1> hello");
    assert_eq!(hears_line(&mut ann), "* guest-2 came");
    drop(bob);
    assert_eq!(hears_line(&mut ann), "* guest-2 went");
    drop(ann);
    server.ends();
}
