//! [`Server`]: a process to measure, on a processor of its own; and what it has used so far.
//!
//! All servers, in whatever language, print one line when they listen: their port and their
//! process. They serve until they are killed.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::machine::Machine;

/// In which variable of the environment proxies find the address of their origin.
pub(crate) const ORIGIN: &str = "COMPARE_ORIGIN";

/// For a proxy: where its origin is.
pub(crate) fn origin() -> io::Result<String> {
    std::env::var(ORIGIN).map_err(|_| io::Error::other("there is no origin"))
}

/// Said by a server in this program when it listens.
pub(crate) fn announce(port: u16) {
    println!("{port} {}", std::process::id());
}

pub(crate) struct Server {
    child: Child,
    /// Not the child, if that is a tool which runs the server.
    process: u32,
    at: SocketAddr,
    name: String,
}

impl Server {
    /// Starts `command` on the servers' processor, and waits until it listens.
    pub(crate) fn start(machine: &Machine, name: &str, command: &mut Command) -> io::Result<Self> {
        machine.on_servers_processor(|| Self::beside(name, command))
    }

    /// Starts `command` on the client's processor: it is not what is measured.
    pub(crate) fn beside(name: &str, command: &mut Command) -> io::Result<Self> {
        let failed = |what: &dyn std::fmt::Display| {
            io::Error::other(format!("the server {name} did not start: {what}"))
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let mut line = String::new();
        if let Some(output) = &mut child.stdout {
            BufReader::new(output).read_line(&mut line)?;
        }
        let announced = line.trim().split_once(' ');
        let announced =
            announced.and_then(|(port, process)| Some((port.parse().ok()?, process.parse().ok()?)));
        let Some((port, process)) = announced else {
            let _ = child.kill();
            child.wait()?;
            return Err(failed(&format!("it said `{}`", line.trim())));
        };
        let at = (Ipv4Addr::LOCALHOST, port).into();
        Ok(Self { child, process, at, name: name.into() })
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Processor time of all its threads. To be asked when it has nothing left to do: the kernel
    /// brings this up to date when a thread goes to sleep, which is waited for.
    pub(crate) fn processor_time(&self) -> io::Result<Duration> {
        const PATIENCE: Duration = Duration::from_millis(20);
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE && self.threads("stat")?.iter().any(|stat| is_busy(stat)) {
        }
        let nanoseconds = |schedstat: &String| {
            let first = schedstat.split_whitespace().next();
            first.and_then(|first| first.parse::<u64>().ok())
        };
        match self.threads("schedstat")?.iter().map(nanoseconds).sum() {
            Some(sum) => Ok(Duration::from_nanos(sum)),
            None => Err(io::Error::other("the kernel does not count processor time (schedstat)")),
        }
    }

    /// This file of each thread.
    fn threads(&self, file: &str) -> io::Result<Vec<String>> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process))?;
        threads.map(|thread| fs::read_to_string(thread?.path().join(file))).collect()
    }

    /// Bytes of memory that are really there.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.process))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no Rss in smaps_rollup"))
    }

    /// Asks it to end, and waits: a tool that runs it then writes down what it found.
    pub(crate) fn end(mut self) -> io::Result<()> {
        if let Some(process) = Pid::from_raw(self.process as i32) {
            rustix::process::kill_process(process, Signal::TERM)?;
        }
        self.child.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `stat` is `PROCESS (NAME) STATE …`, and a name may contain anything.
fn is_busy(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R'))
}
