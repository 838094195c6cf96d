//! [`Machine`]: what the comparison runs on: its processors, its limits, and the tools that are
//! installed.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Descriptors that are not connections.
const DESCRIPTORS_OTHER: usize = 200;

pub(crate) struct Machine {
    servers: usize,
    client: usize,
    pub(crate) connections_max: usize,
    pub(crate) valgrind: bool,
    pub(crate) strace: bool,
}

impl Machine {
    /// Looks around, and moves this process, the client, to a processor of its own.
    pub(crate) fn prepare() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut processors = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
        let servers = processors.next().unwrap_or(0);
        let client = processors.next().unwrap_or(servers);
        sched_setaffinity(None, &only(client))?;
        let connections_max = raise_descriptors()?.saturating_sub(DESCRIPTORS_OTHER);
        let (valgrind, strace) = (is_installed("valgrind"), is_installed("strace"));
        Ok(Self { servers, client, connections_max, valgrind, strace })
    }

    /// Runs `spawn` where servers run, so that all that it starts stays there.
    pub(crate) fn on_servers_processor<T>(
        &self,
        spawn: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        sched_setaffinity(None, &only(self.servers))?;
        let spawned = spawn();
        sched_setaffinity(None, &only(self.client))?;
        spawned
    }

    /// What it is, in a line for the report.
    pub(crate) fn describe(&self) -> String {
        let line = |command: &mut Command| {
            let output = command.output().ok().filter(|output| output.status.success());
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let parts = [
            line(Command::new("uname").args(["-s", "-r", "-m"])),
            line(Command::new("rustc").arg("--version")),
            line(Command::new("go").arg("version")),
            line(Command::new("cc").arg("--version"))
                .and_then(|text| text.lines().next().map(str::to_owned)),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What the figures lack here.
    pub(crate) fn shortcomings(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.servers == self.client {
            found.push("one processor only: servers and client share it, and all times with it");
        }
        if !self.valgrind {
            found.push("valgrind is not installed: instructions per message are left out");
        }
        if !self.strace {
            found.push("strace is not installed: system calls per message are left out");
        }
        found.into_iter().map(str::to_owned).collect()
    }
}

/// The servers that are built of other languages, if their compilers are there.
pub(crate) struct Built {
    pub(crate) go: Result<PathBuf, String>,
    pub(crate) c: Result<PathBuf, String>,
}

impl Built {
    pub(crate) fn build(folder: &std::path::Path) -> Self {
        let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        let (go, c) = (folder.join("go-peer"), folder.join("epoll"));
        let mut with_go = Command::new("go");
        with_go.current_dir(sources.join("go")).env("GOTOOLCHAIN", "local");
        with_go.args(["build", "-o"]).arg(&go).arg(".");
        let mut with_cc = Command::new("cc");
        with_cc.args(["-O2", "-o"]).arg(&c).arg(sources.join("c/epoll.c"));
        Self { go: build("go", with_go, go), c: build("cc", with_cc, c) }
    }
}

fn build(tool: &str, mut command: Command, built: PathBuf) -> Result<PathBuf, String> {
    match command.status() {
        Ok(status) if status.success() => Ok(built),
        Ok(status) => Err(format!("{tool} did not build its servers: {status}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("{tool} is not installed: its servers are left out"))
        }
        Err(error) => Err(format!("{tool} did not run: {error}")),
    }
}

fn only(processor: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(processor);
    set
}

/// As many descriptors as this process may have; the servers inherit that.
fn raise_descriptors() -> io::Result<usize> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.current.map_or(usize::MAX, |current| current as usize))
}

fn is_installed(tool: &str) -> bool {
    let mut probe = Command::new(tool);
    probe.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
