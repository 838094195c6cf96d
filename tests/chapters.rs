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

/// All that is said until the end, in answer to `request`.
#[cfg(feature = "http")]
fn says_all(stream: &mut (impl Read + Write), request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[cfg(feature = "http")]
#[test]
fn chapter_09_answers_now_by_a_worker_and_while_it_listens() {
    let server = chapter("09_http", &[ANY]);
    let mut client = connected(server.address("http"));
    let answers = says_all(
        &mut client,
        "GET /hello/Ada%20L HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /primes/100 HTTP/1.1\r\nHost: a\r\n\r\n\
         PUT /shout HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nloud!",
    );
    assert!(answers.contains("\r\n\r\nhello Ada L\nHTTP/1.1 200 OK\r\n"), "{answers}");
    assert!(answers.contains("\r\n\r\n25\nHTTP/1.1 200 OK\r\n"), "{answers}");
    assert!(answers.ends_with("\r\n\r\n5\r\nLOUD!\r\n0\r\n\r\n"), "{answers}");
    drop(client);
    server.ends();
}

#[cfg(all(feature = "http", feature = "tls"))]
#[test]
fn chapter_10_encrypts_and_sends_everybody_there() {
    use overt::tls::rustls::crypto::aws_lc_rs::default_provider;
    use overt::tls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("overt-chapter-10-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let chain = file("cert.pem", certified.cert.pem());
    let key = file("cert.key", certified.signing_key.serialize_pem());
    let server = chapter("10_https", &[ANY, ANY, &chain, &key]);
    let (https, http) = (server.address("https"), server.address("http,"));
    std::fs::remove_dir_all(&folder).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let tls = ClientConnection::new(config.into(), "localhost".try_into().unwrap()).unwrap();
    let mut client = StreamOwned::new(tls, connected(https));
    let close = "Host: localhost\r\nConnection: close\r\n\r\n";
    let answer = says_all(&mut client, &format!("GET / HTTP/1.1\r\n{close}"));
    assert!(answer.contains("strict-transport-security: max-age=86400\r\n"), "{answer}");
    assert!(answer.contains("\r\n\r\nTLS 1.3, TLS13_AES_"), "{answer}");
    let answer = says_all(&mut connected(http), &format!("GET /a?b HTTP/1.1\r\n{close}"));
    assert!(answer.starts_with("HTTP/1.1 308 Permanent Redirect\r\n"), "{answer}");
    let location = format!("\r\nlocation: https://localhost:{}/a?b\r\n", https.port());
    assert!(answer.contains(&location), "{answer}");
    drop(client);
    server.ends();
}

#[cfg(feature = "http")]
#[test]
fn chapter_12_brings_answers_from_behind() {
    let server = TcpListener::bind(ANY).unwrap();
    let to = server.local_addr().unwrap().to_string();
    let proxy = chapter("12_reverse_proxy", &[ANY, &to]);
    let at = proxy.address("a proxy to");
    let mut client = connected(at);
    client.write_all(b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n").unwrap();
    let (mut backend, _) = server.accept().unwrap();
    backend.set_read_timeout(Some(PATIENCE)).unwrap();
    let expected = "GET /a HTTP/1.1\r\n";
    assert_eq!(hears(&mut backend, expected.len()), expected);
    backend.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
    let mut client = BufReader::new(client);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(client.read_line(&mut line).unwrap() > 0);
    }
    let mut body = [0; 5];
    client.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"hello");
    client_says(&mut client, "GET /proxy-status HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
    let mut status = String::new();
    client.read_to_string(&mut status).unwrap();
    assert!(status.contains("ClientCounts { open: 1, resting: 1, held: 0"), "{status}");
    drop((client, backend));
    proxy.ends();
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
