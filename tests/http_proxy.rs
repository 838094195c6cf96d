//! `overt proxy` between real programs: curl and Python before it, nginx and Python behind it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use certificates::Authority;
use nginx::Nginx;
use process::{Process, foreign};

#[path = "common/certificates.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest")]
mod certificates;
#[path = "common/nginx.rs"]
mod nginx;
#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest")]
mod process;

/// A proxy to this, and its URL.
struct Proxy {
    _process: Process,
    url: String,
}

fn proxy(to: &str, arguments: &[&str]) -> Proxy {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overt"));
    command.args(["proxy", "--listen", "127.0.0.1:0", "--loops", "2", "--to", to]).args(arguments);
    let process = Process::start(&mut command);
    let at = process.address("proxy on");
    Proxy { _process: process, url: format!("http://{at}") }
}

fn curl(arguments: &[&str]) -> String {
    foreign(Command::new("curl").args(["--silent", "--show-error"]).args(arguments), b"")
}

/// A folder for what a test writes.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Bytes of which each tells its place.
fn numbers(count: usize) -> Vec<u8> {
    (0..count as u32 / 4).flat_map(|number| number.to_be_bytes()).collect()
}

#[test]
fn what_nginx_serves_comes_through_unchanged() {
    let nginx = Nginx::start("serves", "", "keepalive_requests 7;");
    let whole = numbers(20_000_000);
    nginx.put("large", &whole);
    nginx.put("small.txt", b"hello\n");
    let proxy = proxy(&nginx.at.to_string(), &[]);
    let url = |path: &str| format!("{}/{path}", proxy.url);

    let file = folder("proxy-serves").join("large");
    curl(&["--output", file.to_str().unwrap(), &url("large")]);
    assert!(fs::read(&file).unwrap() == whole);

    assert_eq!(curl(&["--range", "1-3", &url("small.txt")]), "ell");
    let head = curl(&["--head", &url("large")]).to_lowercase();
    assert!(head.contains("content-length: 20000000\r\n") && head.contains("via: 1.1 overt\r\n"));
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let status = "%{http_code} ";
    let asked = format!("If-None-Match: {etag}");
    let same = curl(&["--write-out", status, "--header", &asked, &url("large")]);
    assert_eq!(same, "304 ");
    let missing = curl(&["--write-out", status, "--output", "/dev/null", &url("missing")]);
    assert_eq!(missing, "404 ");

    // More requests than nginx answers on one connection.
    let many = url("small.txt?[1-100]");
    assert_eq!(curl(&[&many]), "hello\n".repeat(100));
    let parallel = curl(&["--parallel", "--parallel-max", "20", &many]);
    assert_eq!(parallel.matches("hello").count(), 100, "{parallel}");
    assert_eq!(curl(&["--http1.0", &url("small.txt")]), "hello\n");
}

#[test]
fn bodies_arrive_with_their_length_known_or_not() {
    let location = "location /put/ { dav_methods PUT; root FOLDER; }";
    let nginx = Nginx::start("bodies", "", location);
    let proxy = proxy(&nginx.at.to_string(), &[]);
    let (whole, file) = (numbers(5_000_000), folder("proxy-bodies").join("whole"));
    fs::write(&file, &whole).unwrap();
    let file = file.to_str().unwrap();
    for (name, field) in [
        // Waits for the word of the other side before it sends the body.
        ("known", "Expect: 100-continue"),
        ("unknown", "Transfer-Encoding: chunked"),
        ("at-once", "Expect:"),
    ] {
        let url = format!("{}/put/{name}", proxy.url);
        let sent = ["--header", field, "--upload-file", file, "--write-out", "%{http_code}"];
        assert_eq!(curl(&[&sent[..], &[&url]].concat()), "201", "{name}");
        assert!(fs::read(nginx.folder.join("put").join(name)).unwrap() == whole, "{name}");
    }
}

#[test]
fn https_before_it_and_behind_it() {
    let authority = Authority::new("a test");
    let folder = folder("proxy-https");
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    let signed = authority.sign(&["localhost", "127.0.0.1"]);
    let root = write("root.pem", &authority.pem());
    let (cert, key) = (write("cert.pem", &signed.certificate), write("key.pem", &signed.key));
    let tells = format!(
        "ssl_certificate {cert}; ssl_certificate_key {key}; location / {{ return 200 \
         '$http_x_forwarded_proto $http_x_forwarded_for $http_x_forwarded_host $http_forwarded'; }}"
    );
    let nginx = Nginx::start("https", "ssl", &tells);
    let to = format!("https://localhost:{}", nginx.at.port());
    let tls = ["--tls-cert", &cert, "--tls-key", &key, "--backend-ca", &root];
    let proxy = proxy(&to, &tls);
    let url = proxy.url.replace("http://", "https://");
    let host = url.trim_start_matches("https://");
    let told = curl(&["--cacert", &root, "--header", "X-Forwarded-For: 6.6.6.6", &url]);
    let expected = format!("https 127.0.0.1 {host} for=127.0.0.1;host=\"{host}\";proto=https");
    assert_eq!(told, expected);

    // A backend whose certificate nobody trusts is no backend.
    let distrusting = self::proxy(&to, &[]);
    let status = curl(&["--write-out", "%{http_code}", "--output", "/dev/null", &distrusting.url]);
    assert_eq!(status, "502");
}

#[test]
fn a_backend_that_went_away_is_passed_over_and_comes_back() {
    let nginx = Nginx::start("alive", "", "");
    nginx.put("a", b"alive\n");
    // A port that was free a moment ago: nobody listens there.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = proxy(&dead.to_string(), &["--to", &nginx.at.to_string()]);
    let url = format!("{}/a?[1-20]", proxy.url);
    assert_eq!(curl(&[&url]), "alive\n".repeat(20));
}

#[test]
fn a_websocket_passes_through() {
    let script = r#"
import asyncio, sys, websockets
async def echo(socket):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd.code == 4000
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        print(port, flush=True)
        url = (await asyncio.to_thread(sys.stdin.readline)).strip()
        async with websockets.connect(url, max_size=None) as client:
            for size in [0, 1, 125, 126, 65536, 1000000]:
                await client.send("a" * size)
                assert await client.recv() == "a" * size
            await asyncio.gather(*[client.send(b"b" * 1000) for _ in range(100)])
            for _ in range(100):
                assert await client.recv() == b"b" * 1000
            await (await client.ping())
            await client.close(4000, "enough")
            assert client.close_code == 4000
        print("passed", flush=True)
asyncio.run(main())
"#;
    let mut python = python_with("websockets");
    python.args(["-c", script]).stdin(std::process::Stdio::piped());
    let mut child = python.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut lines, &mut line).unwrap();
    let proxy = proxy(&format!("127.0.0.1:{}", line.trim()), &[]);
    let url = proxy.url.replace("http://", "ws://");
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{url}\n").as_bytes()).unwrap();
    line.clear();
    std::io::BufRead::read_line(&mut lines, &mut line).unwrap();
    assert_eq!(line, "passed\n");
    assert!(child.wait().unwrap().success());
}

/// A Python that has this package, installed where only tests look.
fn python_with(package: &str) -> Command {
    let packages = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{package}"));
    let python = || {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &packages);
        python
    };
    let has = python().args(["-c", &format!("import {package}")]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"]).arg(&packages).arg(package);
        foreign(&mut pip, b"");
    }
    python()
}
