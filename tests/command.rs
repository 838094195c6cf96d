//! The `overt` command as people use it: what it starts, what it says, and how it refuses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use process::{Process, connected, datagram, hears};

#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with the tests of the chapters, which use the rest")]
mod process;

const ANY: &str = "127.0.0.1:0";

fn overt(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overt"));
    command.args(arguments);
    command
}

fn ended(arguments: &[&str]) -> Output {
    overt(arguments).output().expect("it was built for this test")
}

/// The one line on standard error, after the exit code was looked at.
fn refusal(arguments: &[&str], code: i32) -> String {
    let output = ended(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    assert!(output.stdout.is_empty());
    said
}

/// What comes back for `bytes`, if nothing else follows them.
fn answer(at: std::net::SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut client = connected(at);
    client.write_all(bytes).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn a_low_limit_of_descriptors_is_raised_as_far_as_it_may_be() {
    let command = "ulimit -Sn 32 && exec \"$0\" echo --listen 127.0.0.1:0 --loops 1";
    let mut shell = Command::new("sh");
    let server = Process::start(shell.args(["-c", command, env!("CARGO_BIN_EXE_overt")]));
    let echo = server.address("echo ");
    let mut clients: Vec<_> = (0..100).map(|_| connected(echo)).collect();
    for client in &mut clients {
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn without_arguments_it_serves_everything_and_says_how_to_try_it() {
    let server = Process::start(&mut overt(&["--base-port", "0"]));
    let echo = server.address("echo ");
    server.prints_at_last(&format!("nc 127.0.0.1 {}", echo.port()));
    let frames = server.address("frames ");
    server.prints_at_last("python3 -c");
    let chat = server.address("chat ");
    server.prints_at_last(&format!("nc 127.0.0.1 {}", chat.port()));
    let udp = server.address("udp echo ");
    server.prints_at_last(&format!("nc -u 127.0.0.1 {}", udp.port()));
    let rooms = server.address("rooms ");
    let page = server.address("page ");
    server.prints_at_last(&format!("http://{page}/"));
    server.prints_at_last("Ctrl-C");
    assert_eq!(answer(echo, b"hello"), b"hello");
    assert_eq!(answer(frames, b"\0\0\0\x02hi\0\0\0\0"), b"\0\0\0\x02hi\0\0\0\0");
    let mut member = BufReader::new(connected(chat));
    let mut welcome = String::new();
    member.read_line(&mut welcome).unwrap();
    assert_eq!(welcome, "* welcome! you are guest-1; /help says what you can do\n");
    assert_eq!(datagram(udp, b"hello"), b"hello");
    let mut guest = connected(rooms);
    guest.write_all(b"\0\0\0\x10{\"type\":\"hello\"}").unwrap();
    assert!(hears(&mut guest, 21).ends_with("{\"type\":\"welcome\""));
    let mut browser = connected(page);
    browser.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(hears(&mut browser, 15).starts_with("HTTP/1.1 200 OK"));
    drop((member, guest, browser));
    let last = server.ends().pop().unwrap();
    assert!(last.starts_with("ended after "), "{last}");
}

#[test]
#[ignore = "needs python3"]
fn the_line_of_python_that_it_prints_works() {
    let server = Process::start(&mut overt(&["--base-port", "0"]));
    let python = server.prints_at_last("python3 -c");
    let printed = process::foreign(Command::new("sh").args(["-c", python.trim()]), b"");
    assert_eq!(printed.trim(), r"b'\x00\x00\x00\x05hello'");
    server.ends();
}

#[test]
fn each_service_stands_alone() {
    let many = "x".repeat(3 << 20);
    let server = Process::start(&mut overt(&["echo", "--listen", ANY, "--loops", "1"]));
    assert_eq!(answer(server.address("echo"), many.as_bytes()), many.as_bytes());
    server.ends();
    for workers in ["0", "2"] {
        let arguments = ["frames", "--listen", ANY, "--loops", "2", "--workers", workers];
        let server = Process::start(&mut overt(&arguments));
        let at = server.address("frames");
        let frames: Vec<u8> = (0..1000u32)
            .flat_map(|number| [4u32.to_be_bytes(), number.to_be_bytes()].concat())
            .collect();
        assert_eq!(answer(at, &frames), frames);
        let report = server.ends().pop().unwrap();
        assert!(report.ends_with("no connection was open"), "{report}");
    }
    let server = Process::start(&mut overt(&["chat", "--listen", ANY]));
    let mut member = connected(server.address("chat"));
    assert_eq!(hears(&mut member, 10), "* welcome!");
    drop(member);
    server.ends();
    let server = Process::start(&mut overt(&["udp-echo", "--listen", ANY, "--loops", "2"]));
    let at = server.address("udp echo");
    for size in [0, 1, 1200, 9000] {
        assert_eq!(datagram(at, &vec![b'x'; size]), vec![b'x'; size]);
    }
    server.ends();
}

#[test]
fn it_listens_at_several_addresses_and_at_paths() {
    let path = std::env::temp_dir().join(format!("overt-test-{}.sock", std::process::id()));
    let unix = format!("unix:{}", path.display());
    let server = Process::start(&mut overt(&["echo", "--listen", ANY, "--listen", &unix]));
    assert_eq!(answer(server.address("echo"), b"by tcp"), b"by tcp");
    server.prints_at_last(&unix);
    let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    client.write_all(b"by path").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut echo = String::new();
    client.read_to_string(&mut echo).unwrap();
    assert_eq!(echo, "by path");
    server.ends();
    assert!(!path.exists(), "the path is left behind");
}

#[cfg(target_os = "linux")]
#[test]
fn one_loop_is_one_thread() {
    for arguments in [&["echo"][..], &["frames", "--workers", "0"]] {
        let server = Process::start(overt(arguments).args(["--listen", ANY, "--loops", "1"]));
        let at = server.address("on");
        assert_eq!(answer(at, b"\0\0\0\x01a"), b"\0\0\0\x01a");
        let threads = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap().count();
        assert_eq!(threads, 1, "{arguments:?}");
        server.ends();
    }
}

#[test]
fn limits_and_deadlines_of_the_command_line_are_kept() {
    let arguments = ["frames", "--listen", ANY, "--frame-max", "4", "--idle", "1s"];
    let server = Process::start(&mut overt(&arguments));
    let at = server.address("frames");
    let mut client = connected(at);
    client.write_all(b"\0\0\0\x04four").unwrap();
    assert_eq!(hears(&mut client, 8), "\0\0\0\x04four");
    client.write_all(b"\0\0\0\x05").unwrap();
    let ended =
        |mut client: std::net::TcpStream| matches!(client.read(&mut [0; 1]), Ok(0) | Err(_));
    assert!(ended(client), "a frame that is too long");
    assert!(ended(connected(at)), "an idle connection");
    server.ends();

    let server = Process::start(&mut overt(&[
        "echo",
        "--listen",
        ANY,
        "--connections",
        "1",
        "--when-full",
        "refuse",
    ]));
    let at = server.address("echo");
    let mut first = connected(at);
    first.write_all(b"a").unwrap();
    assert_eq!(hears(&mut first, 1), "a");
    assert!(ended(connected(at)), "one too many");
    drop(first);
    server.ends();
}

#[test]
fn the_ledger_is_printed_as_json() {
    let server =
        Process::start(&mut overt(&["echo", "--listen", ANY, "--loops", "1", "--stats=20ms"]));
    assert_eq!(answer(server.address("echo"), b"hello"), b"hello");
    let line = server.prints_at_last("\"bytes_read\":5");
    let ledger: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ledger["ledger"]["bytes_written"], 5);
    server.ends();
}

#[test]
fn help_shows_what_can_be_written() {
    for (arguments, expected) in [
        (&["--help"][..], "overt echo --listen 127.0.0.1:9000 --loops 1"),
        (&["help", "frames"], "--frame-max <SIZE>"),
        (&["echo", "--help"], "--idle <TIME>"),
        (&["--version"], "overt 0."),
    ] {
        let output = ended(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected), "{arguments:?}");
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn what_is_written_wrong_is_said_in_one_line() {
    for (arguments, expected) in [
        (&["ehco"][..], "a similar subcommand exists: 'echo'"),
        (&["--no-such"], "unexpected argument '--no-such'"),
        (&["--base-port", "64456"], "64456 is not in 0..=64455"),
        (&["echo", "--listen", "localhost:80"], "write IP:PORT or unix:PATH"),
        (&["echo", "--listen"], "a value is required for '--listen <ADDR>'"),
        (&["echo", "--idle", "30"], "write a whole number with its unit, as in 500ms"),
        (&["echo", "--output-high", "1Q"], "as in 64K, 8M, 1G"),
        (&["echo", "--loops", "two"], "write a whole number"),
        (&["echo", "--when-full", "maybe"], "possible values: wait, refuse"),
        (&["frames", "--frame-max", "8G"], "at most 4294967295 bytes"),
        (&["--base-port", "8000", "echo"], "cannot be used with"),
    ] {
        let said = refusal(arguments, 2);
        assert!(said.starts_with("error: ") && said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn an_address_in_use_is_named_with_the_way_to_another() {
    let taken = TcpListener::bind(ANY).unwrap();
    let at = taken.local_addr().unwrap();
    let said = refusal(&["echo", "--listen", &at.to_string()], 1);
    assert!(said.contains(&at.to_string()) && said.contains("--listen ADDR"), "{said}");
    let taken = std::net::UdpSocket::bind(ANY).unwrap();
    let udp = taken.local_addr().unwrap();
    let said = refusal(&["udp-echo", "--listen", &udp.to_string()], 1);
    assert!(said.contains(&udp.to_string()) && said.contains("--listen ADDR"), "{said}");
    let base = at.port().min(64_455);
    if base == at.port() {
        let said = refusal(&["--base-port", &base.to_string()], 1);
        assert!(said.contains(&at.to_string()) && said.contains("--base-port"), "{said}");
    }
}

#[test]
fn what_is_under_way_is_finished_before_it_ends() {
    let room = ["--output-high", "4M", "--stats=20ms"];
    let server = Process::start(overt(&["echo", "--listen", ANY, "--loops", "1"]).args(room));
    let mut client = connected(server.address("echo"));
    // Not read: all of it waits in the server, or on the way, while that is asked to end.
    let many = vec![b'x'; 1 << 20];
    client.write_all(&many).unwrap();
    server.prints_at_last(&format!("\"bytes_read\":{},", many.len()));
    server.signal("INT");
    let mut echo = Vec::new();
    client.read_to_end(&mut echo).unwrap();
    assert!(echo == many, "{} of {} bytes", echo.len(), many.len());
    drop(client);
    let report = server.prints_at_last("ended after");
    assert!(report.ends_with("1 connection finished properly"), "{report}");
}

#[test]
fn a_certificate_is_made_and_nothing_is_overwritten() {
    let folder = std::env::temp_dir().join(format!("overt-cert-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let out = folder.to_str().unwrap();
    let path = |name: &str| format!("{out}/{name}");
    let made = ended(&["cert", "--out", out, "localhost"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let authority = std::fs::read(path("ca.pem")).unwrap();
    for name in ["ca.key", "cert.key"] {
        let mode = std::fs::metadata(path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others can read {name}");
    }
    let said = refusal(&["cert", "--out", out], 1);
    assert!(said.contains("cert.pem` is there already; choose another --name"), "{said}");
    let made = ended(&["cert", "--out", out, "--name", "other", "other.example"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    assert_eq!(std::fs::read(path("ca.pem")).unwrap(), authority);
    let (cert, key) = (path("cert.pem"), path("cert.key"));
    let echo = ["echo", "--listen", ANY, "--loops", "1", "--tls-cert", &cert, "--tls-key"];
    let said = refusal(&[&echo[..], &[&path("other.key")]].concat(), 2);
    assert!(said.contains("does not belong to its first certificate"), "{said}");
    let server = Process::start(&mut overt(&[&echo[..], &[&key]].concat()));
    // A record that is no TLS is answered by one: an alert.
    assert_eq!(answer(server.address("echo"), b"hello").first(), Some(&21));
    server.ends();
    std::fs::remove_file(path("ca.key")).unwrap();
    let said = refusal(&["cert", "--out", out, "--name", "third"], 2);
    assert!(said.contains("ca.pem` is there without `"), "{said}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
#[ignore = "needs openssl"]
fn openssl_trusts_what_overt_cert_made() {
    let folder = std::env::temp_dir().join(format!("overt-trust-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let out = folder.to_str().unwrap();
    let path = |name: &str| format!("{out}/{name}");
    assert_eq!(ended(&["cert", "--out", out]).status.code(), Some(0));
    let (cert, key) = (path("cert.pem"), path("cert.key"));
    let tls = ["--tls-cert", &cert, "--tls-key", &key];
    let server = Process::start(&mut overt(&[&["echo", "--listen", ANY], &tls[..]].concat()));
    let mut openssl = Command::new("openssl");
    let at = server.address("echo").to_string();
    openssl.args(["s_client", "-connect", &at, "-CAfile", &path("ca.pem")]);
    // Strictly, as Python does unless told otherwise.
    openssl.args(["-x509_strict", "-verify_return_error", "-verify_hostname", "localhost"]);
    openssl.arg("-brief");
    let output = openssl.stdin(std::process::Stdio::null()).output().expect("it is needed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("Verification: OK"), "{said}");
    server.ends();
    std::fs::remove_dir_all(&folder).unwrap();
}
