//! The HTTP client with servers that are not ours, from threads that wait; and what a reverse proxy
//! holds when nobody reads.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use certificates::Authority;
use nginx::Nginx;
use overt::service::http::HttpServer;
use overt::service::http::client::{
    Blocking, Client, ClientConfig, Failure, ProxyServer, Request, Wait,
};
use overt::service::http::proxy::{Backend, ReverseProxy};
use overt::tls::{Roots, TlsClient};
use overt::{Config, Engine, Running};

#[path = "common/certificates.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest")]
mod certificates;
#[path = "common/nginx.rs"]
mod nginx;

const PATIENCE: Duration = Duration::from_secs(60);

fn engine() -> Running {
    Engine::new(Config { loops: 2, ..Config::default() }).unwrap().start().unwrap()
}

fn numbers(count: usize) -> Vec<u8> {
    (0..count as u32 / 4).flat_map(|number| number.to_be_bytes()).collect()
}

#[test]
fn nginx_is_asked_from_many_threads_on_few_connections() {
    let nginx = Nginx::start(
        "asked",
        "",
        "keepalive_requests 50; location /moved { return 302 /large; }
         location /tells { return 200 '$request_method $http_a'; }",
    );
    let whole = numbers(3_000_000);
    nginx.put("large", &whole);
    let running = engine();
    let client = Client::default();
    let url = |path: &str| format!("http://{}/{path}", nginx.at);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let blocking = Blocking::on(client.clone(), running.handle().clone());
                let request = Request::get(&url("moved")).unwrap().redirects(1);
                let mut response = blocking.send(request).unwrap();
                assert_eq!(response.status(), 200);
                assert!(response.whole(4_000_000).unwrap() == whole);
                for _ in 0..50 {
                    let request = Request::get(&url("tells")).unwrap().header("A", "b");
                    let mut body = String::new();
                    blocking.send(request).unwrap().read_to_string(&mut body).unwrap();
                    assert_eq!(body, "GET b");
                }
            });
        }
    });
    let counts = client.counts();
    assert!(counts.open <= 8 && counts.resting <= counts.open && counts.held == 0, "{counts:?}");
    let blocking = Blocking::on(client.clone(), running.handle().clone());
    let mut missing = blocking.send(Request::get(&url("missing")).unwrap()).unwrap();
    assert_eq!(missing.status(), 404);
    assert!(matches!(missing.whole(10), Err(Failure::Large)));
    running.shut_down().unwrap();
    assert_eq!(client.counts().open, 0);
}

#[test]
fn failures_are_told_apart_over_sockets_too() {
    // It accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = engine();
    let config = ClientConfig { first_byte: Duration::from_millis(200), ..ClientConfig::default() };
    let blocking = Blocking::on(Client::new(config), running.handle().clone());
    let ask = |url: &str| match blocking.send(Request::get(url).unwrap()) {
        Ok(response) => panic!("{url}: {}", response.status()),
        Err(failure) => failure,
    };
    let late = ask(&format!("http://{}/", silent.local_addr().unwrap()));
    assert!(matches!(late, Failure::Late(Wait::FirstByte)), "{late:?}");
    let refused = ask(&format!("http://{dead}/"));
    assert!(matches!(refused, Failure::Connect(_)), "{refused:?}");
    let unknown = ask("http://nobody.invalid/");
    assert!(matches!(unknown, Failure::Resolve(_)), "{unknown:?}");
    running.shut_down().unwrap();
    // Nobody is left to ask.
    let gone = ask(&format!("http://{dead}/"));
    assert!(matches!(gone, Failure::Reset(_) | Failure::Shutdown), "{gone:?}");
}

/// An nginx that speaks TLS as `localhost`, and the authority that vouches for it.
fn certified(name: &str) -> (Nginx, Authority) {
    let authority = Authority::new("good");
    let signed = authority.sign(&["localhost"]);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let write = |kind: &str, text: &str| {
        let path = folder.join(format!("{name}-{kind}.pem"));
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (cert, key) = (write("cert", &signed.certificate), write("key", &signed.key));
    let nginx =
        Nginx::start(name, "ssl", &format!("ssl_certificate {cert}; ssl_certificate_key {key};"));
    nginx.put("a", b"hello");
    (nginx, authority)
}

/// A client that trusts this authority alone.
fn trusting(authority: &Authority, proxy: Option<ProxyServer>) -> Client {
    let roots = Roots::none().and_pem(authority.pem().as_bytes()).unwrap();
    let tls = Some(TlsClient::builder().roots(roots).build().unwrap());
    Client::new(ClientConfig { tls, proxy, ..ClientConfig::default() })
}

#[test]
fn a_certificate_that_does_not_hold_is_told_as_such() {
    let (nginx, good) = certified("certified");
    let bad = Authority::new("bad");
    let running = engine();
    let ask = |authority: &Authority, host: &str| {
        let blocking = Blocking::on(trusting(authority, None), running.handle().clone());
        let url = format!("https://{host}:{}/a", nginx.at.port());
        blocking.send(Request::get(&url).unwrap())?.whole(100)
    };
    assert_eq!(ask(&good, "localhost").unwrap(), b"hello");
    assert!(matches!(ask(&bad, "localhost"), Err(Failure::Tls(_))));
    assert!(matches!(ask(&good, "127.0.0.1"), Err(Failure::Tls(_))));
    running.shut_down().unwrap();
}

/// A proxy that opens tunnels, as many as it is asked for, and says how often it was.
fn tunnels() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, opened) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = opened.clone();
    // Ends with the test.
    thread::spawn(move || {
        for near in listener.incoming().map_while(|near| near.ok()) {
            let mut head = BufReader::new(near.try_clone().unwrap());
            let mut line = String::new();
            head.read_line(&mut line).unwrap();
            let to = line.split(' ').nth(1).unwrap().to_owned();
            while line != "\r\n" {
                line.clear();
                head.read_line(&mut line).unwrap();
            }
            let far = TcpStream::connect(&*to).unwrap();
            (&near).write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            for (mut from, mut to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))]
                .map(|(from, to)| (from.unwrap(), to.unwrap()))
            {
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    (at, opened)
}

#[test]
fn a_tunnel_through_a_proxy_is_encrypted_to_its_far_end() {
    let (nginx, good) = certified("tunnelled");
    let bad = Authority::new("bad");
    let (proxy, opened) = tunnels();
    let running = engine();
    let asking = |authority: &Authority| {
        let client = trusting(authority, Some(ProxyServer::new(proxy)));
        Blocking::on(client, running.handle().clone())
    };
    let request = || Request::get(&format!("https://localhost:{}/a", nginx.at.port())).unwrap();
    let trusts = asking(&good);
    for _ in 0..5 {
        assert_eq!(trusts.send(request()).unwrap().whole(100).unwrap(), b"hello");
    }
    assert_eq!(opened.load(Ordering::Relaxed), 1);
    assert!(matches!(asking(&bad).send(request()), Err(Failure::Tls(_))));
    running.shut_down().unwrap();
}

/// A backend that answers one request with so many bytes, and tells how many it could send.
fn fountain(count: usize) -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).unwrap() > 0);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n").unwrap();
        stream.write_all(&numbers(count)).unwrap();
    });
    (at, serving)
}

#[test]
fn a_client_that_does_not_read_makes_a_proxy_hold_little() {
    // More than all buffers of the kernel hold.
    const ALL: usize = 64 << 20;
    let (at, serving) = fountain(ALL);
    let proxy = ReverseProxy::to([Backend::at(at, "fountain")]);
    let http = HttpServer::new(proxy.clone());
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let front = engine.listen("127.0.0.1:0", move || http.connection()).unwrap();
    let running = engine.start().unwrap();
    let mut client = TcpStream::connect(front.socket_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    // The backend's side waits for the client's as soon as all buffers are full.
    let until = Instant::now() + PATIENCE;
    loop {
        let loops = running.handle().snapshot(8, PATIENCE);
        let sides: Vec<_> = loops.iter().flat_map(|each| &each.some_connections).collect();
        let held: usize = sides.iter().map(|side| side.unread + side.unsent).sum();
        let held = held + proxy.counts().held;
        assert!(held < 1 << 20, "{held} bytes are held");
        // It may wait for a moment before, too.
        let waits = sides.iter().any(|side| side.waiting_for.contains("paused reading"));
        if waits && proxy.counts().held >= 128 << 10 {
            break;
        }
        assert!(Instant::now() < until, "nobody waits: {sides:?}");
    }
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    assert!(answer[body..] == numbers(ALL));
    serving.join().unwrap();
    let most = proxy.counts().held_most;
    assert!(most < 512 << 10, "{most} bytes were between the two connections");
    running.shut_down().unwrap();
}
