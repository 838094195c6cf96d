//! An idle TLS connection costs little more than a plain one: no buffer, only what rustls keeps.
#![cfg(all(target_os = "linux", feature = "command"))]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use overt::tls::{Roots, TlsClient};
use overt::{Config, Context, Deadlines, Dial, Engine, Handler, Never, Result};
use process::{PATIENCE, Process};

#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod process;

/// Bytes that an idle TLS connection may cost beyond a plain one.
const MORE_MAX: usize = 5 * 1024;
/// Connections that are there before memory is looked at for the first time, and those that come
/// after it.
const FIRST: u32 = 300;
const COUNT: u32 = 1500;

/// Has one byte echoed, then is silent.
struct Idle(Arc<AtomicU32>);

impl Handler for Idle {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"x");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        self.0.fetch_add(1, Relaxed);
        Ok(())
    }
}

/// The resident memory of a process, in bytes: `proc(5)`, `VmRSS`.
fn resident(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// What each idle connection adds to a server.
fn cost(more: &[&str], dial: impl Fn(SocketAddr) -> Dial) -> usize {
    let mut overt = Command::new(env!("CARGO_BIN_EXE_overt"));
    overt.args(["echo", "--listen", "127.0.0.1:0", "--loops", "1", "--idle", "1h"]).args(more);
    let server = Process::start(&mut overt);
    let dial = dial(server.address("echo"));
    let idle = std::time::Duration::from_secs(3600);
    // As many at once take longer than one.
    let deadlines = Deadlines { idle, handshake: PATIENCE, ..Deadlines::default() };
    let engine = Engine::new(Config { loops: 1, deadlines, ..Config::default() }).unwrap();
    let clients = engine.start().unwrap();
    let echoed = Arc::new(AtomicU32::new(0));
    let grow = |to: u32| {
        // Not all at once, or what many handshakes need at the same time would be counted.
        while echoed.load(Relaxed) < to {
            let before = echoed.load(Relaxed);
            for _ in 0..20 {
                clients.handle().connect(dial.clone(), Idle(echoed.clone()));
            }
            let until = std::time::Instant::now() + PATIENCE;
            while echoed.load(Relaxed) < before + 20 {
                assert!(std::time::Instant::now() < until, "no echo came");
                std::thread::park_timeout(std::time::Duration::from_millis(1));
            }
        }
        resident(server.id())
    };
    let (before, after) = (grow(FIRST), grow(FIRST + COUNT));
    clients.shut_down().unwrap();
    server.ends();
    after.saturating_sub(before) / COUNT as usize
}

#[test]
fn an_idle_tls_connection_is_small() {
    let folder = std::env::temp_dir().join(format!("overt-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let mut overt = Command::new(env!("CARGO_BIN_EXE_overt"));
    let made = overt.args(["cert", "--out", folder.to_str().unwrap()]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let roots = Roots::none().and_file(path("ca.pem")).unwrap();
    let client = TlsClient::builder().roots(roots).resumption(false).build().unwrap();
    let plain = cost(&[], Dial::to);
    let (cert, key) = (path("cert.pem"), path("cert.key"));
    let tls = cost(&["--tls-cert", &cert, "--tls-key", &key], |at| Dial::to(at).tls(&client));
    std::fs::remove_dir_all(&folder).unwrap();
    println!("an idle connection takes {plain} bytes, by TLS {tls}");
    assert!(tls <= plain + MORE_MAX, "{tls} bytes by TLS, {plain} without");
}
