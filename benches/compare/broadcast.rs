//! [`Listeners`]: one of many connections says something, and all hear it. A message of the report
//! is one delivery.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Poll, Token};

use crate::echo::connect;
use crate::load::{Budget, Client, PATIENCE, Sample, Until, silence};
use crate::message::Talk;
use crate::wire::Wire;

pub(crate) struct Listeners {
    poll: Poll,
    members: Vec<Wire<TcpStream>>,
    line: Vec<u8>,
    /// How long it is when it is heard.
    heard: usize,
}

impl Listeners {
    pub(crate) fn connect(to: SocketAddr, count: usize, talk: Talk) -> io::Result<Self> {
        let poll = Poll::new()?;
        let members = connect(&poll, to, count, &talk)?;
        let Talk { batch, answer, .. } = talk;
        let mut this = Self { members, poll, line: batch, heard: answer };
        this.await_all()?;
        Ok(this)
    }

    /// Speaks until everybody hears it: only then has the server let them all in.
    fn await_all(&mut self) -> io::Result<()> {
        let (began, mut heard) = (Instant::now(), 0);
        while heard < self.members.len() {
            if began.elapsed() > PATIENCE {
                return Err(silence(self.members.len() - heard));
            }
            self.speak()?;
            heard = self.hear(self.members.len() * self.heard, Some(PATIENCE / 100))? / self.heard;
        }
        Ok(())
    }

    fn speak(&mut self) -> io::Result<()> {
        self.members[0].write_all(&self.line)
    }

    /// Reads so many bytes, or all that come until none do for `patience`; tells how many.
    fn hear(&mut self, bytes: usize, patience: Option<std::time::Duration>) -> io::Result<usize> {
        let (mut events, mut block) = (Events::with_capacity(1024), [0; 4096]);
        let mut heard = 0;
        while heard < bytes {
            self.poll.poll(&mut events, Some(patience.unwrap_or(PATIENCE)))?;
            if events.is_empty() {
                break;
            }
            for event in events.iter().filter(|event| event.is_readable()) {
                let Token(index) = event.token();
                match self.members[index].read(&mut block) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => heard += count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(heard)
    }
}

impl Client for Listeners {
    fn run(&mut self, until: Until) -> io::Result<Sample> {
        let (mut budget, mut sample) = (Budget::new(until), Sample::default());
        let members = self.members.len() as u64;
        let bytes = self.members.len() * self.heard;
        loop {
            let began = Instant::now();
            if !budget.take(members, began) {
                break;
            }
            self.speak()?;
            let heard = self.hear(bytes, None)?;
            if heard < bytes {
                return Err(silence((bytes - heard) / self.heard));
            }
            sample.messages += members;
            sample.latencies_ns.push(began.elapsed().as_nanos() as u32);
        }
        sample.elapsed = budget.began().elapsed();
        Ok(sample)
    }
}
