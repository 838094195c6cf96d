//! [`Program`]: a server to measure, and how it is started: [`Programs`].

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::machine::Built;
use crate::server::{ORIGIN, Server};
use crate::wire::FOLDER;

/// What a server is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    Overt,
    /// overt again, with the ledger compiled out.
    #[value(skip)]
    NoLedger,
    Tokio,
    Go,
    C,
    Nginx,
    Node,
}

/// One server: what it is written with, and which one of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) peer: Peer,
    pub(crate) kind: &'static str,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Overt => "overt",
            Self::NoLedger => "overt, no ledger",
            Self::Tokio => "tokio",
            Self::Go => "Go",
            Self::C => "epoll in C",
            Self::Nginx => "nginx",
            Self::Node => "Node",
        }
    }
}

impl Program {
    pub(crate) const fn new(peer: Peer, kind: &'static str) -> Self {
        Self { peer, kind }
    }

    pub(crate) fn name(self) -> String {
        let form = match self.kind {
            "raw-16k" => ", 16 KiB buffer",
            "raw-64k" => ", 64 KiB buffer",
            "proxy-64k" => ", 64 KiB buffers",
            "framed-send" => ", send().await",
            "workers-blocking" => ", spawn_blocking",
            "workers" => ", worker",
            "spin" => ", spinning",
            "timers-asking" => ", asking the wheel",
            "framed" if self.peer == Peer::Tokio => ", one write a read",
            "http" | "https" if self.peer == Peer::Tokio => ", hyper",
            "http" | "https" if self.peer == Peer::Go => ", net/http",
            "proxy" if self.peer == Peer::Go => ", httputil",
            "tls" if self.peer == Peer::Tokio => "-rustls",
            "ws" | "ws-broadcast" => match self.peer {
                Peer::Tokio => ", tungstenite",
                Peer::Go => ", gorilla",
                Peer::Node => ", ws",
                _ => "",
            },
            "ws-fast" => ", fastwebsockets",
            _ => "",
        };
        format!("{}{form}", self.peer.name())
    }
}

/// Where the programs are.
pub(crate) struct Programs {
    pub(crate) built: Built,
    pub(crate) this: PathBuf,
    /// This program without the ledger, or why it isn't there.
    pub(crate) no_ledger: Result<PathBuf, String>,
    /// The folder of the certificate, if there is one.
    pub(crate) certificate: Option<PathBuf>,
    /// What proxies stand before, if there are any.
    pub(crate) origin: Option<Server>,
}

impl Programs {
    /// What starts it, or why it can't be started here.
    pub(crate) fn command(&self, program: Program) -> Result<Command, String> {
        let ours = |path: &PathBuf, peer: &str| {
            let mut command = Command::new(path);
            command.args(["--serve", peer, program.kind]);
            command
        };
        let other = |path: &Result<PathBuf, String>| {
            let mut command = Command::new(path.clone()?);
            command.arg(program.kind).env("GOMAXPROCS", "1");
            Ok(command)
        };
        let is_web =
            ["http", "ws", "tls", "proxy"].iter().any(|prefix| program.kind.starts_with(prefix));
        let mut command = match program.peer {
            Peer::Overt => Ok::<_, String>(ours(&self.this, "overt")),
            Peer::NoLedger => self.no_ledger.clone().map(|path| ours(&path, "overt")),
            Peer::Tokio => Ok(ours(&self.this, "tokio")),
            Peer::Go if is_web => other(&self.built.go_web),
            Peer::Go => other(&self.built.go),
            Peer::C => other(&self.built.c),
            Peer::Node => {
                let mut command = Command::new("node");
                command.arg(self.built.node.clone()?).arg(program.kind);
                Ok(command)
            }
            Peer::Nginx => {
                let folder = self.built.nginx.as_ref().map_err(String::clone)?;
                nginx(folder, program.kind, self.origin.as_ref())
                    .map_err(|error| format!("nginx cannot be set up: {error}"))
            }
        }?;
        if let Some(folder) = &self.certificate {
            command.env(FOLDER, folder);
        }
        if let Some(origin) = &self.origin {
            command.env(ORIGIN, origin.at().to_string());
        }
        Ok(command)
    }

    /// What can't be compared here. What the ledger's row lacks, it says itself.
    pub(crate) fn shortcomings(&self) -> impl Iterator<Item = &String> {
        let Built { go, c, go_web, node, nginx } = &self.built;
        let missing = [go, c, go_web, node, nginx];
        missing.into_iter().filter_map(|program| program.as_ref().err())
    }
}

/// One process of nginx, at a port that was free a moment ago. It says nothing by itself.
fn nginx(folder: &Path, kind: &str, origin: Option<&Server>) -> io::Result<Command> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let tls = match kind {
        "https" => {
            "ssl; ssl_certificate ../cert.pem; ssl_certificate_key ../key.pem; \
                 ssl_protocols TLSv1.3"
        }
        _ => "",
    };
    let (upstream, answer) = match origin.filter(|_| kind.starts_with("proxy")) {
        Some(origin) => (nginx_upstream(origin), NGINX_PROXY),
        None => (String::new(), "default_type text/plain; return 200 hello;"),
    };
    let buffers = match kind {
        "proxy-64k" => "proxy_buffer_size 64k; proxy_buffers 4 64k; proxy_busy_buffers_size 128k;",
        _ => "",
    };
    let settings = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr crit;
        events {{ worker_connections 20000; }}
        http {{
            access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            {buffers} {upstream}
            server {{
                listen 127.0.0.1:{port} backlog=4096 {tls};
                location / {{ {answer} }}
            }}
        }}"
    );
    std::fs::write(folder.join("nginx.conf"), settings)?;
    let mut command = Command::new("sh");
    let script = format!("echo {port} $$; exec nginx -p \"$0\" -c nginx.conf");
    command.arg("-c").arg(script).arg(folder);
    Ok(command)
}

/// It tells the origin what overt does, but for `Forwarded` and `Via`.
const NGINX_PROXY: &str = "proxy_pass http://origin; proxy_http_version 1.1;
    proxy_set_header Connection ''; proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;";

fn nginx_upstream(origin: &Server) -> String {
    let at = origin.at();
    format!(
        "upstream origin {{
            server {at}; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 1h;
        }}"
    )
}

/// What all proxies stand before: not measured, and the same for all.
pub(crate) fn start_origin(this: &Path) -> io::Result<Server> {
    Server::beside("origin", Command::new(this).args(["--serve", "overt", "origin"]))
}

/// Builds this program again, with the ledger compiled out.
pub(crate) fn build_without_ledger() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args(["bench", "--no-run", "--bench", "compare", "--message-format", "json"]);
    build.args(["--no-default-features", "--features", "full,signals"]);
    let output = build.output().map_err(|error| format!("cargo did not run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("overt was not built without its ledger: {}", said.trim()));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let message = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
    let program = messages.lines().filter_map(message).find_map(|message| {
        let is_this = message["target"]["name"] == "compare";
        message["executable"].as_str().filter(|_| is_this).map(PathBuf::from)
    });
    program.ok_or_else(|| "cargo did not tell where it built overt without its ledger".into())
}
