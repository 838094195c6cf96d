//! Workers serve all loops: one that is busy with a long job gets no other job from any of them
//! while another worker is free.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use overt::{Balance, Config, Context, Engine, Handler, Never, Result, Spread};

/// Each byte is a job. That of an `E` ends when somebody gives the sign.
struct Jobs(Arc<Barrier>);

impl Handler for Jobs {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(byte) = cx.input.take(1) {
            let barrier = self.0.clone();
            cx.effects.answer(byte, move |byte, output| {
                if byte == b"E" {
                    barrier.wait();
                }
                output.put(byte);
            })?;
        }
        Ok(())
    }
}

#[test]
fn a_job_that_does_not_end_holds_up_no_job_of_another_loop() {
    let spread = Spread::HandOff(Balance::RoundRobin);
    let config = Config { loops: 2, workers: 2, spread, ..Config::default() };
    let mut engine = Engine::new(config).unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let for_jobs = barrier.clone();
    let at = engine.listen("127.0.0.1:0", move || Jobs(for_jobs.clone())).unwrap();
    let at = at.socket_addr().unwrap();
    let running = engine.start().unwrap();

    let mut endless = TcpStream::connect(at).unwrap();
    endless.write_all(b"E").unwrap();
    let in_flight = || {
        let snapshots = running.handle().snapshot(0, Duration::from_secs(10));
        let workers = snapshots.iter().flat_map(|snapshot| &snapshot.workers);
        workers.map(|worker| worker.jobs).sum::<u32>()
    };
    while in_flight() == 0 {
        std::thread::yield_now();
    }
    // Every other one lives on the other loop.
    for number in 0..8 {
        let mut client = TcpStream::connect(at).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.write_all(b"x").unwrap();
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap_or_else(|error| panic!("client {number}: {error}"));
        assert_eq!(answer, *b"x");
    }
    barrier.wait();
    let mut answer = [0];
    endless.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"E");
    running.shut_down().unwrap();
}
