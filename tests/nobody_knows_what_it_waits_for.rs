//! A snapshot says of each connection, in a sentence, whom it waits for, and until when; and of
//! each loop, where its time went.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use overt::{Config, ConnectionSnapshot, Context, Engine, Handle, Handler, Never, Result, Timer};
use serving::{PATIENCE, address, connect, loops, wait_until};

/// More than the buffers of both kernels hold.
const MORE_THAN_FITS: usize = 24 << 20;

/// Does what the first byte says; jobs end when the test lets them.
struct Obeys(Arc<Barrier>);

impl Handler for Obeys {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let Some(what) = cx.input.first().copied() else { return Ok(()) };
        if what == b'f' {
            return Ok(()); // The rest of a frame is missing.
        }
        cx.input.clear();
        match what {
            b'p' => cx.effects.pause(),
            b't' => cx.effects.arm(Timer::new(1), Duration::from_secs(9)),
            b'c' => cx.effects.close(),
            b'o' => cx.output.put(&vec![7; MORE_THAN_FITS]),
            b'e' => {
                cx.output.put(&vec![7; MORE_THAN_FITS]);
                cx.effects.close();
            }
            b'j' | b'h' => {
                let barrier = self.0.clone();
                let work = move |_: &[u8], _: &mut overt::Output| {
                    barrier.wait();
                };
                cx.effects.answer(&[], work)?;
                if what == b'h' {
                    cx.effects.answer(&[], |_, _| ())?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn config() -> Config {
    let mut config = loops(1);
    config.workers = 1;
    config.limits.jobs_per_connection = 2;
    config.limits.output_max = 2 * MORE_THAN_FITS;
    config
}

/// What each waits for, in parts; of the last, the time is left out.
const SENTENCES: [(&str, &[&str]); 9] = [
    ("-", &["waiting for PEER to send", "idle deadline in"]),
    (
        "f..",
        &["waiting for PEER to send the rest of a frame: 3 bytes are here", "rate deadline in"],
    ),
    ("p", &["waiting for HANDLER: it paused reading", "idle deadline in"]),
    ("t", &["waiting for PEER to send", "timer 1 in"]),
    ("c", &["waiting for PEER to close: all is sent", "closing", "end in"]),
    ("o", &["waiting for PEER to read: # bytes unsent", "reading paused by high water", "rate"]),
    (
        "e",
        &[
            "waiting for PEER to read: # bytes unsent",
            "reading paused by high water",
            "closing",
            "rate",
        ],
    ),
    ("j", &["waiting for WORKER: 1 job in flight", "idle deadline in"]),
    (
        "h",
        &["waiting for WORKER: 2 jobs in flight", "reading held back by jobs", "idle deadline in"],
    ),
];

#[test]
fn each_kind_of_waiting_has_its_sentence() {
    let barrier = Arc::new(Barrier::new(2));
    let mut engine = Engine::new(config()).unwrap();
    let obeys = {
        let barrier = barrier.clone();
        move || Obeys(barrier.clone())
    };
    let at = address(&engine.listen("127.0.0.1:0", obeys).unwrap());
    let running = engine.start().unwrap();
    let handle = running.handle();

    let mut clients = Vec::new();
    for (order, parts) in SENTENCES {
        let mut client = connect(at);
        client.write_all(order.as_bytes()).unwrap();
        let mut last = String::new();
        for _ in 0..1000 {
            last = sentence(handle, &client);
            if says(&last, parts) {
                break;
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        assert!(says(&last, parts), "{order}: {last}");
        clients.push(client);
    }
    drop(clients);
    for _ in 0..2 {
        barrier.wait();
    }
    running.shut_down().unwrap();
}

/// Whether a sentence has exactly these parts. `#` stands for a number.
fn says(sentence: &str, parts: &[&str]) -> bool {
    let said: Vec<_> = sentence.split("; ").collect();
    let (Some((until, said)), Some((deadline, parts))) = (said.split_last(), parts.split_last())
    else {
        return false;
    };
    let same = |(said, part): (&&str, &&str)| match part.split_once('#') {
        Some((before, after)) => said
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|number| number.parse::<usize>().is_ok()),
        None => said == part,
    };
    until.starts_with(deadline) && said.len() == parts.len() && said.iter().zip(parts).all(same)
}

fn sentence(handle: &Handle, client: &TcpStream) -> String {
    let name = client.local_addr().unwrap().to_string();
    find(handle, |one| one.peer == name).map(|one| one.waiting_for).unwrap_or_default()
}

fn find(
    handle: &Handle,
    which: impl Fn(&ConnectionSnapshot) -> bool,
) -> Option<ConnectionSnapshot> {
    let snapshots = handle.snapshot(usize::MAX, PATIENCE);
    snapshots.into_iter().flat_map(|one| one.some_connections).find(which)
}

/// Sends without end, so that its connection always has something to do.
fn flood(at: SocketAddr) -> (TcpStream, thread::JoinHandle<()>) {
    let mut writer = connect(at);
    let stream = writer.try_clone().unwrap();
    (stream, thread::spawn(move || while writer.write_all(&[b'-'; 65_536]).is_ok() {}))
}

#[test]
fn who_is_busy_is_said_to_be_running() {
    let mut engine = Engine::new(config()).unwrap();
    let nothing = Arc::new(Barrier::new(1));
    let at = address(&engine.listen("127.0.0.1:0", move || Obeys(nothing.clone())).unwrap());
    let running = engine.start().unwrap();
    let (stream, writer) = flood(at);
    wait_until("it runs", || {
        sentence(running.handle(), &stream).starts_with("running: in the queue of its loop;")
    });
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    writer.join().unwrap();
    running.shut_down().unwrap();
}

#[cfg(feature = "ledger")]
#[test]
fn the_phases_of_a_loop_add_up_to_the_time_that_it_ran() {
    let mut engine = Engine::new(loops(2)).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || serving::Echo).unwrap());
    let running = engine.start().unwrap();
    let mut clients: Vec<_> = (0..20).map(|_| connect(at)).collect();
    for _ in 0..200 {
        assert!(clients.iter_mut().all(serving::echoes));
    }
    for one in running.handle().snapshot(0, PATIENCE) {
        let phases = overt::Phase::ALL.iter().map(|phase| one.ledger.nanoseconds(*phase));
        assert_eq!(phases.sum::<u64>(), one.ledger.total());
        assert!(one.ledger.total() / 1_000_000 >= one.age_ms, "{one:?}");
    }
    drop(clients);
    running.shut_down().unwrap();
}

#[cfg(feature = "json")]
#[test]
fn a_snapshot_is_read_as_json() {
    let mut engine = Engine::new(config()).unwrap();
    let nothing = Arc::new(Barrier::new(1));
    let at = address(&engine.listen("127.0.0.1:0", move || Obeys(nothing.clone())).unwrap());
    let running = engine.start().unwrap();
    let mut client = connect(at);
    client.write_all(b"f..").unwrap();
    wait_until("it waits", || sentence(running.handle(), &client).contains("3 bytes are here"));
    let json = running.handle().snapshot(1, PATIENCE)[0].to_json();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["connections"], 1);
    assert_eq!(value["phase"], "ready");
    assert_eq!(value["workers"][0]["jobs"], 0);
    assert_eq!(value["ledger"]["accepted"], 1);
    assert!(value["ledger"]["phases_ns"]["wait"].is_u64());
    let connection = &value["some_connections"][0];
    assert_eq!(connection["peer"], client.local_addr().unwrap().to_string());
    assert_eq!(connection["unread"], 3);
    assert!(connection["handler"].as_str().unwrap().ends_with("Obeys"));
    assert!(connection["waiting_for"].as_str().unwrap().starts_with("waiting for PEER"));
    drop(client);
    running.shut_down().unwrap();
}
