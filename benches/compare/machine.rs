//! [`Machine`]: what the comparison runs on: its processors, its limits, and the tools that are
//! installed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
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

/// The servers that are written in other languages, if what they need is there.
pub(crate) struct Built {
    pub(crate) go: Result<PathBuf, String>,
    pub(crate) c: Result<PathBuf, String>,
    /// With a package that has to be fetched.
    pub(crate) go_web: Result<PathBuf, String>,
    /// The script, beside the package that it needs.
    pub(crate) node: Result<PathBuf, String>,
    /// The folder in which it runs.
    pub(crate) nginx: Result<PathBuf, String>,
}

impl Built {
    /// Builds what is there; `web` only if the rows ask for it.
    pub(crate) fn build(folder: &Path, web: bool) -> Self {
        let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        let with_go = |source: &str, to: &Path| {
            let mut with_go = Command::new("go");
            with_go.current_dir(sources.join(source)).env("GOTOOLCHAIN", "local");
            with_go.args(["build", "-o"]).arg(to).arg(".");
            build("go", with_go, to.to_owned())
        };
        let c = folder.join("epoll");
        let mut with_cc = Command::new("cc");
        with_cc.args(["-O2", "-o"]).arg(&c).arg(sources.join("c/epoll.c"));
        let unasked = || Err("the rows of the web were not asked for".to_owned());
        Self {
            go: with_go("go", &folder.join("go-peer")),
            c: build("cc", with_cc, c),
            go_web: if web { with_go("go-web", &folder.join("go-web-peer")) } else { unasked() },
            node: if web { node(&sources, folder) } else { unasked() },
            nginx: if web { nginx(folder) } else { unasked() },
        }
    }
}

fn node(sources: &Path, folder: &Path) -> Result<PathBuf, String> {
    let to = folder.join("node");
    let copy = |file: &str| fs::copy(sources.join("node").join(file), to.join(file));
    let copied = fs::create_dir_all(&to).and_then(|()| copy("package.json"));
    copied.and_then(|_| copy("ws.js")).map_err(|error| format!("{}: {error}", to.display()))?;
    let mut npm = Command::new("npm");
    npm.current_dir(&to).args(["install", "--silent", "--no-audit", "--no-fund"]);
    build("npm", npm, to.join("ws.js"))
}

fn nginx(folder: &Path) -> Result<PathBuf, String> {
    let to = folder.join("nginx");
    fs::create_dir_all(&to).map_err(|error| format!("{}: {error}", to.display()))?;
    let mut probe = Command::new("nginx");
    probe.arg("-v").stderr(Stdio::null());
    build("nginx", probe, to)
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
