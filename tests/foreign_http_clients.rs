//! Clients of HTTP that are not ours: curl in all its ways, `wrk` and `ab`, and `slowhttptest`,
//! which attacks. `.ci/run` runs them; a program that is missing fails its test.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use overt::service::http::{Compression, Files, HttpServer, Onion, Router};
use overt::service::origin::origin;
use overt::{Config, Engine, Reason, Running};
use process::{Process, foreign};
use serving::address;

#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with the tests of the command, which use the rest")]
mod process;
#[path = "common/serving.rs"]
#[allow(dead_code, reason = "shared with the tests of the engine, which use the rest")]
mod serving;

/// The origin, in this process, so that it can be looked into.
struct Origin {
    running: Running,
    at: SocketAddr,
}

impl Origin {
    fn start() -> Self {
        let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
        let http = HttpServer::new(origin());
        let at = engine.listen("127.0.0.1:0", move || http.connection()).unwrap();
        Self { at: address(&at), running: engine.start().unwrap() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// How many connections ended for this reason.
    fn closes(&self, reason: Reason) -> u64 {
        let snapshots = self.running.handle().snapshot(0, process::PATIENCE);
        snapshots.iter().map(|snapshot| snapshot.ledger.closes(reason)).sum()
    }

    fn ends(self) {
        let report = self.running.shut_down().unwrap();
        assert_eq!(report.bytes_cut, 0);
    }
}

/// A folder of a test's own, gone with it.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("overt-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn with(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What curl prints. Silent, but for errors, and not for longer than a minute.
fn curl(arguments: &[&str]) -> String {
    curl_with(arguments, b"")
}

fn curl_with(arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "60", "--noproxy", "*"]).args(arguments);
    foreign(&mut command, input)
}

fn numbers() -> Vec<u8> {
    (0..400_000u32).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

#[test]
#[ignore = "needs curl"]
fn curl_gets_what_it_asks_for() {
    let origin = Origin::start();
    assert_eq!(curl(&[&origin.url("/")]), "hello\n");
    assert_eq!(curl(&["-0", "-i", &origin.url("/")]).lines().next(), Some("HTTP/1.1 200 OK"));
    let head = curl(&["-I", &origin.url("/bytes/123")]);
    assert!(head.contains("\ncontent-length: 123\r") && head.ends_with("\r\n\r\n"), "{head}");
    let fields = curl(&["-A", "me", "-H", "X-A: b", &origin.url("/echo")]);
    assert!(fields.contains("User-Agent: me\n") && fields.contains("X-A: b\n"), "{fields}");
    assert_eq!(curl(&["-b", "a=b; c=d", &origin.url("/cookie")]), "a=b\nc=d\n");
    let status = curl(&["-o", "/dev/null", "-w", "%{http_code}", &origin.url("/status/418")]);
    assert_eq!(status, "418");
    assert_eq!(curl(&[&origin.url("/delay/20")]), "waited 20 ms\n");
    let lines = curl(&["-D", "-", &origin.url("/stream/3")]);
    assert!(lines.contains("transfer-encoding: chunked\r"), "{lines}");
    assert!(lines.contains("line 1 of 3\nline 2 of 3\nline 3 of 3\n"), "{lines}");
    // What follows the body is shown behind the head.
    assert!(lines.contains("x-lines: 3\r"), "{lines}");
    let events = curl(&["-N", &origin.url("/sse?every=5&count=2")]);
    assert_eq!(events, "id: 1\ndata: tick 1\n\nid: 2\ndata: tick 2\n\n");
    origin.ends();
}

#[test]
#[ignore = "needs curl"]
fn curl_gets_its_bodies_back() {
    let (origin, folder) = (Origin::start(), Temporary::new("bodies"));
    let numbers = numbers();
    let file = format!("@{}", folder.with("numbers", &numbers));
    let text = String::from_utf8(numbers).unwrap();
    let url = origin.url("/");
    assert!(curl(&["--data-binary", &file, &url]) == text);
    assert!(curl(&["-H", "Transfer-Encoding: chunked", "--data-binary", &file, &url]) == text);
    assert!(curl_with(&["-X", "POST", "-T", "-", &url], text.as_bytes()) == text);
    assert!(curl(&["-0", "--data-binary", &file, &url]) == text);
    // With the word to go on, given once, before the answer.
    let arguments =
        ["-v", "--stderr", "-", "-H", "Expect: 100-continue", "--data-binary", "hello", &url];
    let told = curl(&arguments);
    let (before, after) = told.split_once("< HTTP/1.1 100 Continue").expect(&told);
    assert!(!before.contains("< HTTP") && after.contains("< HTTP/1.1 200 OK"), "{told}");
    origin.ends();
}

#[test]
#[ignore = "needs curl"]
fn curl_uses_one_connection_for_many_requests_and_many_for_two_hundred_at_once() {
    let origin = Origin::start();
    let many = origin.url("/bytes/[1-20]");
    let write = ["-o", "/dev/null", "-w", "%{num_connects}"];
    let connects = curl(&[&write[..], &[&many]].concat());
    assert_eq!(connects, format!("1{}", "0".repeat(19)));
    let old = ["-0", "-H", "Connection: keep-alive"];
    let connects = curl(&[&old[..], &write, &[&many]].concat());
    assert_eq!(connects, format!("1{}", "0".repeat(19)));
    let write = ["-Z", "--parallel-max", "200", "-o", "/dev/null", "-w", "%{http_code} "];
    let sizes = origin.url("/bytes/[1001-1200]");
    let codes = curl(&[&write[..], &[&sizes]].concat());
    assert_eq!(codes, "200 ".repeat(200));
    origin.ends();
}

#[test]
#[ignore = "needs curl"]
fn curl_takes_files_in_parts_and_compressed() {
    let folder = Temporary::new("files");
    let numbers = numbers();
    folder.with("numbers.txt", &numbers);
    folder.with("page.html", "<p>hello</p>".repeat(1000).as_bytes());
    let site = Router::new().fallback_site(Files::of(&folder.0).unwrap());
    let http = HttpServer::new(site.behind(Compression::default()));
    let mut engine = Engine::new(Config { loops: 1, workers: 1, ..Config::default() }).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", move || http.connection()).unwrap());
    let running = engine.start().unwrap();
    let url = |path: &str| format!("http://{at}{path}");
    let text = String::from_utf8(numbers).unwrap();
    assert!(curl(&[&url("/numbers.txt")]) == text);
    assert_eq!(curl(&["-r", "2-5", &url("/numbers.txt")]), text[2..6]);
    assert_eq!(curl(&["-r", "-7", &url("/numbers.txt")]), text[text.len() - 7..]);
    let two = curl(&["-r", "0-1,10-11", &url("/numbers.txt")]);
    assert!(two.contains("content-range: bytes 10-11/"), "{two}");
    // Goes on where it was cut off.
    let part = folder.with("part", &text.as_bytes()[..1_000_000]);
    curl(&["-C", "-", "-o", &part, &url("/numbers.txt")]);
    assert!(fs::read(&part).unwrap() == text.as_bytes());
    let tag = folder.0.join("tag").to_string_lossy().into_owned();
    curl(&["--etag-save", &tag, "-o", "/dev/null", &url("/numbers.txt")]);
    let code = ["--etag-compare", &tag, "-w", "%{http_code}", &url("/numbers.txt")];
    assert_eq!(curl(&code), "304");
    let packed = ["--compressed", "-w", "%{size_download}", &url("/page.html")];
    let page = curl(&packed);
    let (page, size) = page.split_at(12_000);
    assert!(page == "<p>hello</p>".repeat(1000) && size.parse::<u32>().unwrap() < 500, "{size}");
    running.shut_down().unwrap();
}

#[test]
#[ignore = "needs curl"]
fn curl_is_served_by_tls() {
    let folder = Temporary::new("tls");
    let overt = || Command::new(env!("CARGO_BIN_EXE_overt"));
    let out = folder.0.to_string_lossy().into_owned();
    foreign(overt().args(["cert", "--out", &out, "localhost"]), b"");
    let at = |name: &str| folder.0.join(name).to_string_lossy().into_owned();
    let (authority, chain, key) = (at("ca.pem"), at("cert.pem"), at("cert.key"));
    let server = Process::start(overt().args([
        "origin",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        &chain,
        "--tls-key",
        &key,
    ]));
    let address = server.address("origin");
    let url = |path: &str| format!("https://localhost:{}{path}", address.port());
    let resolve = format!("localhost:{}:127.0.0.1", address.port());
    let secured = ["--cacert", &authority, "--resolve", &resolve];
    let get = |more: &[&str]| curl(&[&secured[..], more].concat());
    assert_eq!(get(&[&url("/")]), "hello\n");
    assert_eq!(get(&["--tls-max", "1.2", &url("/")]), "hello\n");
    // It offers h2 as well, and takes what there is.
    let version = get(&["-o", "/dev/null", "-w", "%{http_version}", &url("/")]);
    assert_eq!(version, "1.1");
    let numbers = numbers();
    let file = format!("@{}", folder.with("numbers", &numbers));
    assert!(get(&["--data-binary", &file, &url("/")]).into_bytes() == numbers);
    let codes = get(&[
        "-Z",
        "--parallel-max",
        "50",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} ",
        &url("/bytes/[1001-1050]"),
    ]);
    assert_eq!(codes, "200 ".repeat(50));
    server.ends();
}

/// The number in the line that begins so.
fn told(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
    let number = line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name}: {text}"))
}

#[test]
#[ignore = "needs wrk and ab"]
fn load_generators_find_no_fault() {
    let origin = Origin::start();
    let url = origin.url("/");
    let text = foreign(Command::new("wrk").args(["-t1", "-c100", "-d1s", &url]), b"");
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    for keep_alive in [&["-k"][..], &[]] {
        let arguments = [&["-q", "-n", "3000", "-c", "50"], keep_alive, &[&url]].concat();
        let text = foreign(Command::new("ab").args(arguments), b"");
        assert_eq!(told(&text, "Complete requests"), 3000);
        assert_eq!(told(&text, "Failed requests"), 0);
        let kept = text.contains("Keep-Alive requests:    3000");
        assert_eq!(kept, !keep_alive.is_empty(), "{text}");
    }
    origin.ends();
}

/// Attacks with so many connections, and looks whether others are served meanwhile.
fn attacked(origin: &Origin, count: &str, path: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("slowhttptest");
    command.args(["-c", count, "-r", count, "-p", "5", "-u", &origin.url(path)]);
    let text = foreign(command.args(arguments), b"");
    // It prints in colours.
    let plain: String =
        text.split('\x1b').map(|part| part.split_once('m').map_or(part, |it| it.1)).collect();
    let looks: Vec<&str> =
        plain.lines().filter_map(|line| line.strip_prefix("service available:")).collect();
    assert!(!looks.is_empty(), "{plain}");
    assert!(looks.iter().all(|look| look.trim() == "YES"), "{plain}");
    assert_eq!(curl(&[&origin.url("/")]), "hello\n");
    plain
}

const ALL_GONE: &str = "No open connections left";

#[test]
#[ignore = "needs slowhttptest and curl"]
fn heads_that_drip_keep_nobody_out_and_end_in_time() {
    let origin = Origin::start();
    let text = attacked(&origin, "500", "/", &["-H", "-i", "3", "-x", "24", "-l", "60"]);
    assert!(text.contains(ALL_GONE), "{text}");
    assert!(origin.closes(Reason::ByUs) + origin.closes(Reason::ByPeer) >= 500);
    origin.ends();
}

#[test]
#[ignore = "needs slowhttptest and curl"]
fn bodies_that_drip_keep_nobody_out_and_end_in_time() {
    let origin = Origin::start();
    let text =
        attacked(&origin, "500", "/", &["-B", "-i", "3", "-s", "8192", "-x", "10", "-l", "60"]);
    assert!(text.contains(ALL_GONE), "{text}");
    origin.ends();
}

#[test]
#[ignore = "needs slowhttptest and curl"]
fn readers_that_drip_keep_nobody_out_and_are_cut_off() {
    let origin = Origin::start();
    let slow = ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-l", "25"];
    attacked(&origin, "500", "/bytes/20000000", &slow);
    // It does not notice that it was cut off before it has read all that came before.
    assert_eq!(origin.closes(Reason::LateRate), 500);
    origin.ends();
}

#[test]
#[ignore = "needs slowhttptest and curl"]
fn ranges_by_the_thousand_keep_nobody_out() {
    let origin = Origin::start();
    let text = attacked(&origin, "500", "/", &["-R", "-a", "10", "-b", "3000", "-l", "30"]);
    assert!(text.contains(ALL_GONE), "{text}");
    origin.ends();
}
