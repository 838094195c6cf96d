//! [`Paced`]: messages at a fixed rate, below saturation, whether or not the server keeps up.
//!
//! A latency counts from when its message was due, so that a server which stops for a while is
//! charged for all that it kept waiting. The client polls without sleeping, to be on time.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::echo::Echo;
use crate::load::{Budget, Client, PATIENCE, Sample, Until, silence};

pub(crate) struct Paced {
    echo: Echo,
    interval: Duration,
    /// Messages that were due while their connection was busy: when, by connection.
    late: Vec<VecDeque<Instant>>,
}

impl Paced {
    pub(crate) fn new(echo: Echo, per_second: f64) -> Self {
        let late = (0..echo.len()).map(|_| VecDeque::new()).collect();
        Self { echo, interval: Duration::from_secs_f64(1.0 / per_second.max(1.0)), late }
    }
}

impl Client for Paced {
    fn run(&mut self, until: Until) -> io::Result<Sample> {
        let (mut budget, mut sample) = (Budget::new(until), Sample::default());
        let (mut due, mut next, mut open) = (budget.began(), 0, true);
        let (mut awaited, mut heard) = (0, due);
        while open || awaited > 0 {
            let now = Instant::now();
            while open && due <= now {
                open = budget.take(1, now);
                if open {
                    awaited += 1;
                    match self.echo.is_idle(next) {
                        true => self.echo.begin(next, due)?,
                        false => self.late[next].push_back(due),
                    }
                    (due, next) = (due + self.interval, (next + 1) % self.late.len());
                }
            }
            let late = &mut self.late;
            let any = self.echo.wait(Duration::ZERO, |echo, index, began| {
                sample.latencies_ns.push(began.elapsed().as_nanos() as u32);
                (sample.messages, awaited) = (sample.messages + 1, awaited - 1);
                match late[index].pop_front() {
                    Some(due) => echo.begin(index, due),
                    None => Ok(()),
                }
            })?;
            if any {
                heard = now;
            } else if awaited > 0 && now - heard > PATIENCE {
                return Err(silence(awaited));
            }
        }
        sample.elapsed = budget.began().elapsed();
        Ok(sample)
    }
}
