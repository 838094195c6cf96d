//! SIGTERM under load: whatever was sent before it is answered, by workers, on every loop, however
//! much of it was held back; a second signal does not wait.
#![cfg(unix)]

#[allow(dead_code, reason = "shared")]
#[path = "common/child.rs"]
mod child;
#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::{Read, Write};

use child::{Child, IS_CHILD};
use overt::{Balance, Config, Context, Engine, Handler, Never, Result, Spread};
use serving::{address, connect};

/// Requests of one byte; each is answered by a worker, with itself.
struct Answers;

impl Handler for Answers {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while cx.effects.jobs() < 16
            && let Some(request) = cx.input.take(1)
        {
            match request == b"!" {
                // Never done: whoever waits for this waits in vain.
                true => cx.effects.answer(request, |_, _| {
                    loop {
                        std::thread::park();
                    }
                })?,
                false => cx.effects.answer(request, |request, output| output.put(request))?,
            }
        }
        Ok(())
    }
}

#[test]
fn server() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    let spread = Spread::HandOff(Balance::RoundRobin);
    let mut config = Config { loops: 3, workers: 2, spread, ..Config::default() };
    config.limits.jobs_per_connection = 16;
    let mut engine = Engine::new(config).unwrap();
    println!("at={}", address(&engine.listen("127.0.0.1:0", || Answers).unwrap()));
    let report = engine.run().unwrap();
    println!("finished={} cut={} jobs_cut={}.", report.finished, report.cut, report.jobs_cut);
}

#[test]
fn all_that_was_sent_before_the_signal_is_answered() {
    const REQUESTS: usize = 20_000;
    let mut child = Child::run("server", "");
    let at = child.says("at=").parse().unwrap();
    // Two for loops 1 and 2, none for loop 0: it ends first, and must not force the others.
    let mut idle = connect(at);
    let mut clients: Vec<_> = (0..8).map(|_| connect(at)).collect();
    for client in clients.iter_mut().chain([&mut idle]) {
        client.write_all(&[7]).unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    for client in &mut clients {
        client.write_all(&[7; REQUESTS]).unwrap();
    }
    child.signal("TERM");
    for client in &mut clients {
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).unwrap();
        assert_eq!(answers.len(), REQUESTS);
    }
    assert_eq!(child.says("finished="), "9 cut=0 jobs_cut=0.");
}

#[test]
fn a_second_signal_does_not_wait_and_the_report_says_what_was_cut() {
    let mut child = Child::run("server", "");
    let at = child.says("at=").parse().unwrap();
    let (mut client, mut last) = (connect(at), connect(at));
    for client in [&mut client, &mut last] {
        client.write_all(b"a").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    client.write_all(b"!").unwrap();
    child.signal("TERM");
    // Told: the one that waits for nothing is closed.
    assert_eq!(last.read(&mut [0]).unwrap(), 0);
    child.signal("TERM");
    assert_eq!(child.says("finished="), "1 cut=1 jobs_cut=1.");
    assert!(client.read(&mut [0]).map_or(true, |count| count == 0));
}
