//! Files of a folder and of the program: whole, in parts, compressed, unchanged, and never those
//! that are none of the client's business.

use std::fs;
use std::path::PathBuf;

use overt::service::http::{Asset, Embedded, Files, HttpConnection, HttpServer, Router};
use overt::testing::Bench;
use overt::{Config, Limits};

use crate::{Seen, get, seen};

/// A folder of its own for each test, gone with it.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("overt-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("public/sub/.hidden")).unwrap();
        fs::create_dir_all(folder.join("public/empty")).unwrap();
        let write = |path: &str, text: &[u8]| fs::write(folder.join(path), text).unwrap();
        write("secret.txt", b"secret");
        write("public/a.txt", b"0123456789");
        write("public/sub/index.html", b"<p>index");
        write("public/sub/.hidden/b", b"hidden");
        write("public/.env", b"hidden");
        write("public/page.css", b"plain css");
        write("public/page.css.gz", b"gzipped css");
        write("public/page.css.br", b"brotli css");
        write("public/large", &large());
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(folder.join("secret.txt"), folder.join("public/link.txt")).unwrap();
            symlink(&folder, folder.join("public/up")).unwrap();
            symlink("a.txt", folder.join("public/inner.txt")).unwrap();
        }
        Self(folder)
    }

    fn files(&self) -> Files {
        Files::of(self.0.join("public")).unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn large() -> Vec<u8> {
    (0..250_000u32).flat_map(u32::to_be_bytes).collect()
}

fn bench(files: Files, workers: usize) -> Bench<HttpConnection<Files>> {
    let config = Config { workers, ..Config::default() };
    Bench::with(config, HttpServer::new(files).connection())
}

/// The answer to a request, whoever reads the file.
fn asked(folder: &Temporary, request: &str) -> Seen {
    let answers = [0, 1].map(|workers| {
        let mut bench = bench(folder.files(), workers);
        bench.data(format!("{request}\r\nHost: a\r\n\r\n").as_bytes());
        while bench.work() > 0 {}
        let mut sent = bench.take_output();
        loop {
            while bench.work() > 0 {}
            let more = bench.take_output();
            if more.is_empty() {
                break;
            }
            sent.extend(more);
        }
        seen(&sent).pop().unwrap()
    });
    assert_eq!(answers[0], answers[1]);
    answers[1].clone()
}

#[test]
fn a_file_is_served_as_what_its_name_says() {
    let folder = Temporary::new("whole");
    let answer = asked(&folder, "GET /a.txt HTTP/1.1");
    assert_eq!((answer.status, answer.text()), (200, "0123456789"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert!(answer.header("last-modified").is_some() && answer.header("etag").is_some());
    assert_eq!(asked(&folder, "GET /inner.txt HTTP/1.1").text(), "0123456789");
    assert_eq!(asked(&folder, "GET /sub/ HTTP/1.1").text(), "<p>index");
    let moved = asked(&folder, "GET /sub HTTP/1.1");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/sub/")));
    assert_eq!(asked(&folder, "POST /a.txt HTTP/1.1").status, 405);
    assert!(asked(&folder, "GET /large HTTP/1.1").body == large());
}

#[test]
fn a_folder_leads_to_its_index_and_never_to_another_host() {
    let folder = Temporary::new("moved");
    for (path, location) in
        [("/sub", "/sub/"), ("//sub", "/sub"), ("/sub?a=b", "/sub/?a=b"), ("//sub/?a", "/sub/?a")]
    {
        let moved = asked(&folder, &format!("GET {path} HTTP/1.1"));
        assert_eq!((moved.status, moved.header("location")), (301, Some(location)), "{path}");
    }
}

#[test]
fn who_spells_a_guarded_path_in_another_way_is_asked_who_he_is() {
    use overt::service::http::{Auth, Onion};
    let folder = Temporary::new("guarded");
    let guarded = folder.files().behind(Auth::one_token("sub", "secret"));
    let router = Router::new().site("/sub/{*path}", guarded).fallback_site(folder.files());
    let mut bench = Bench::with(Config::default(), HttpServer::new(router).connection());
    for path in
        ["/%73ub/index.html", "//sub/index.html", "/sub%2Findex.html", "/%73ub//%69ndex.html"]
    {
        bench.data(&get(path));
        let answer = seen(&bench.take_output()).remove(0);
        assert_ne!(answer.text(), "<p>index", "{path}");
        let location = answer.header("location").unwrap().to_owned();
        assert_eq!(location, "/sub/index.html");
        bench.data(&get(&location));
        assert_eq!(seen(&bench.take_output()).remove(0).status, 401, "{path}");
    }
}

#[test]
fn what_is_none_of_the_clients_business_is_not_there() {
    let folder = Temporary::new("escape");
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/sub/..%2f..%2f../secret.txt",
        "/link.txt",
        "/up/secret.txt",
        "/.env",
        "/sub/.hidden/b",
        "/none",
        "/a.txt/",
        "/a.txt/b",
        "/empty/",
        "/%00",
        "/page.css%00.txt",
    ] {
        let answer = asked(&folder, &format!("GET {path} HTTP/1.1"));
        assert_eq!((answer.status, answer.text()), (404, "Not Found\n"), "{path}");
    }
}

#[test]
fn parts_are_given_as_they_are_asked_for() {
    let folder = Temporary::new("parts");
    let part = |range: &str| asked(&folder, &format!("GET /a.txt HTTP/1.1\r\nRange: {range}"));
    let one = part("bytes=2-4");
    assert_eq!((one.status, one.text()), (206, "234"));
    assert_eq!(one.header("content-range"), Some("bytes 2-4/10"));
    assert_eq!(part("bytes=-3").text(), "789");
    assert_eq!(part("bytes=8-").text(), "89");
    assert_eq!(part("lines=1-2").status, 200);
    let none = part("bytes=10-");
    assert_eq!((none.status, none.header("content-range")), (416, Some("bytes */10")));
    let two = part("bytes=0-1,5-6");
    let kind = two.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let expected = format!(
        "\r\n--{boundary}\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-range: bytes 0-1/10\r\n\r\n01\r\n--{boundary}\r\n\
         content-type: text/plain; charset=utf-8\r\ncontent-range: bytes 5-6/10\r\n\r\n56\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!((two.status, two.text()), (206, &*expected));
    let far = asked(&folder, "GET /large HTTP/1.1\r\nRange: bytes=500000-799999");
    assert!(far.body == large()[500_000..800_000]);
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let folder = Temporary::new("conditions");
    let whole = asked(&folder, "GET /a.txt HTTP/1.1");
    let (tag, date) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());
    let with = |fields: &str| asked(&folder, &format!("GET /a.txt HTTP/1.1\r\n{fields}"));
    let same = with(&format!("If-None-Match: {tag}"));
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(tag)));
    assert_eq!(with("If-None-Match: \"other\"").status, 200);
    assert_eq!(with(&format!("If-Modified-Since: {date}")).status, 304);
    assert_eq!(with("If-Match: \"other\"").status, 412);
    let range = |validator: &str| with(&format!("Range: bytes=0-1\r\nIf-Range: {validator}"));
    assert_eq!((range(tag).status, range(date).status), (206, 206));
    assert_eq!(range("\"other\"").text(), "0123456789");
}

#[test]
fn what_was_compressed_before_goes_to_who_takes_it_so() {
    let folder = Temporary::new("packed");
    let with = |accepts: &str| {
        let answer =
            asked(&folder, &format!("GET /page.css HTTP/1.1\r\nAccept-Encoding: {accepts}"));
        assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        answer.text().to_owned()
    };
    assert_eq!(with("gzip, br"), "brotli css");
    assert_eq!(with("gzip, br;q=0.5"), "gzipped css");
    assert_eq!(with("gzip"), "gzipped css");
    assert_eq!(with("identity"), "plain css");
    let plain = asked(&folder, "GET /a.txt HTTP/1.1\r\nAccept-Encoding: gzip, br");
    assert_eq!((plain.text(), plain.header("content-encoding")), ("0123456789", None));
}

#[test]
fn a_large_file_waits_for_its_reader_a_piece_at_a_time() {
    let folder = Temporary::new("slow");
    let limits = Limits { output_high: 1000, output_low: 500, ..Limits::default() };
    for workers in [0, 1] {
        let config = Config { workers, limits: limits.clone(), ..Config::default() };
        let mut bench = Bench::with(config, HttpServer::new(folder.files()).connection());
        bench.set_window(0);
        bench.data(&get("/large"));
        while bench.work() > 0 {}
        assert!(bench.unsent() < 300_000, "{}", bench.unsent());
        bench.set_window(50_000);
        let mut all = Vec::new();
        loop {
            let some = bench.take_output();
            let worked = bench.work();
            if some.is_empty() && worked == 0 {
                break;
            }
            all.extend(some);
        }
        assert!(seen(&all)[0].body == large());
    }
}

#[test]
fn a_file_that_shrinks_cuts_its_answer() {
    let folder = Temporary::new("shrinks");
    let limits = Limits { output_high: 1000, output_low: 500, ..Limits::default() };
    let config = Config { workers: 1, limits, ..Config::default() };
    let mut bench = Bench::with(config, HttpServer::new(folder.files()).connection());
    bench.set_window(1000);
    bench.data(&get("/large"));
    while bench.work() > 0 {}
    fs::write(folder.0.join("public/large"), b"short").unwrap();
    bench.set_window(usize::MAX);
    while bench.closed().is_none() {
        bench.take_output();
        bench.work();
    }
    assert_eq!(bench.closed(), Some(overt::Reason::Io));
}

#[test]
fn a_route_names_a_folder() {
    let folder = Temporary::new("route");
    let router = Router::new().site("/static/{*path}", folder.files().cache("max-age=60"));
    let mut bench = Bench::with(Config::default(), HttpServer::new(router).connection());
    bench.data(&get("/static/sub/index.html"));
    let answer = seen(&bench.take_output()).remove(0);
    assert_eq!((answer.text(), answer.header("cache-control")), ("<p>index", Some("max-age=60")));
}

#[test]
fn files_of_the_program_are_served_from_memory() {
    let page = Asset::new("/", "<p>hello").gzip("packed").cache_control("no-cache");
    let site = Embedded::new([page, Asset::new("/a.css", "p {}"), Asset::new("/ü", "u")]);
    let mut bench = crate::bench(site);
    let mut asked = |request: &str| {
        bench.data(format!("{request}\r\nHost: a\r\n\r\n").as_bytes());
        crate::only(&mut bench)
    };
    let whole = asked("GET / HTTP/1.1");
    assert_eq!(whole.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!((whole.text(), whole.header("cache-control")), ("<p>hello", Some("no-cache")));
    let packed = asked("GET / HTTP/1.1\r\nAccept-Encoding: gzip");
    assert_eq!((packed.text(), packed.header("content-encoding")), ("packed", Some("gzip")));
    assert_ne!(packed.header("etag"), whole.header("etag"));
    let tag = whole.header("etag").unwrap();
    assert_eq!(asked(&format!("GET / HTTP/1.1\r\nIf-None-Match: {tag}")).status, 304);
    assert_eq!(asked("GET /a.css HTTP/1.1\r\nRange: bytes=0-0").text(), "p");
    assert_eq!(asked("GET /%C3%BC HTTP/1.1").text(), "u");
    assert_eq!(asked("GET /%61.css HTTP/1.1").header("location"), Some("/a.css"));
    assert_eq!(asked("GET /b HTTP/1.1").status, 404);
    assert_eq!(asked("DELETE / HTTP/1.1").status, 405);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Files::of("no/such/folder").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("`no/such/folder`"), "{error}");
}
