//! The command line: what can be written, and the [`Config`] that it means.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::cert::Cert;
use super::proxy::ProxyArguments;
use super::tls::Tls;
use super::units::{length, number, size, time};
use crate::engine::{Admission, Balance, Config, Deadlines, Grace, Limits, Spread, WhenFull};
use crate::net::Endpoint;
use crate::service::http::HttpDeadlines;

const EXAMPLES: &str = "\
Examples:
  overt                                           the demonstration, on 7000 to 7004 and 8080
  overt --base-port 8000                          the same on other ports
  overt echo --listen 127.0.0.1:9000 --loops 1    what comes in goes out
  overt frames --workers 4 --frame-max 64K        length-prefixed frames, answered by workers
  overt chat --listen unix:/tmp/chat.sock         a chat for this machine (nc -U /tmp/chat.sock)
  overt udp-echo --listen [::]:9000               each datagram comes back, by IPv4 and IPv6
  overt origin --listen 127.0.0.1:8000            an HTTP server to test clients against
  overt proxy --to 127.0.0.1:8000                 a reverse proxy on port 8080
  overt cert                                      a certificate for --tls-cert and --tls-key

An ADDR is 127.0.0.1:7000, [::1]:7000 or unix:/path; port 0 takes any that is free. A TIME is a
number with a unit, as 500ms or 30s; a SIZE is in bytes, or as 64K or 8M. Set RUST_LOG=debug to see
every connection that ends, and why. Ctrl-C drains and ends; a second one ends at once. SIGHUP has
certificates read again.";

/// Networking services on event loops, to try out and to put load on. Without a command: all of
/// them at once on loopback, as a demonstration.
#[derive(Parser)]
#[command(name = "overt", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) demonstration: Demonstration,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// The page of the demonstration is so far above its other ports: 8080, if they begin at 7000.
pub(super) const PAGE: u16 = 1080;

#[derive(Args)]
pub(super) struct Demonstration {
    /// The first of the five ports of the demonstration, whose page is 1080 above; 0 for any that
    /// are free
    #[arg(long, value_name = "PORT", default_value_t = 7000,
          value_parser = clap::value_parser!(u16).range(..=i64::from(u16::MAX - PAGE)))]
    pub(super) base_port: u16,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// What comes in goes out
    Echo(Echo),
    /// Frames with 4 bytes of length (big-endian) before them; each comes back unchanged
    Frames(Frames),
    /// A line chat with rooms; talk to it with nc
    Chat(Chat),
    /// Each datagram comes back
    UdpEcho(UdpEcho),
    /// An HTTP server to test against: /echo, /bytes/N, /delay/MS, /status/N, /sse and others
    Origin(Origin),
    /// A reverse proxy for HTTP, in front of one backend or several
    Proxy(Box<Proxy>),
    /// Make a certificate for development, and an authority that signs it
    Cert(Cert),
}

#[derive(Args)]
pub(super) struct Echo {
    /// Where to listen; may be given several times
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7000")]
    pub(super) listen: Vec<Endpoint>,
    #[command(flatten)]
    pub(super) tls: Tls,
    #[command(flatten)]
    pub(super) engine: Engine,
}

#[derive(Args)]
pub(super) struct Frames {
    /// Where to listen; may be given several times
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7001")]
    pub(super) listen: Vec<Endpoint>,
    /// Threads that answer; with 0 the loop answers itself
    #[arg(long, value_name = "N", value_parser = number::<usize>, default_value_t = 2)]
    pub(super) workers: usize,
    /// The longest frame that is accepted
    #[arg(long, value_name = "SIZE", value_parser = length, default_value = "1M")]
    pub(super) frame_max: u32,
    /// Frames of one connection at the workers, above which it is not read from
    #[arg(long, value_name = "N", value_parser = number::<u32>, default_value_t = 1024)]
    pub(super) jobs: u32,
    #[command(flatten)]
    pub(super) engine: Engine,
}

#[derive(Args)]
pub(super) struct Chat {
    /// Where to listen; may be given several times
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7002")]
    pub(super) listen: Vec<Endpoint>,
    #[command(flatten)]
    pub(super) engine: Engine,
}

#[derive(Args)]
pub(super) struct UdpEcho {
    /// Where to take datagrams; may be given several times
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7003")]
    pub(super) listen: Vec<Endpoint>,
    #[command(flatten)]
    pub(super) stats: Stats,
    #[command(flatten)]
    pub(super) loops: Loops,
}

#[derive(Args)]
pub(super) struct Origin {
    /// Where to listen; may be given several times
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
    pub(super) listen: Vec<Endpoint>,
    #[command(flatten)]
    pub(super) tls: Tls,
    #[command(flatten)]
    pub(super) engine: Engine,
}

#[derive(Args)]
pub(super) struct Proxy {
    /// Where to listen; may be given several times
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(super) listen: Vec<Endpoint>,
    #[command(flatten)]
    pub(super) proxy: ProxyArguments,
    #[command(flatten)]
    pub(super) tls: Tls,
    #[command(flatten)]
    pub(super) engine: Engine,
}

#[derive(Args)]
pub(super) struct Engine {
    #[command(flatten)]
    pub(super) stats: Stats,
    #[command(flatten)]
    loops: Loops,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    times: TimeArguments,
}

#[derive(Args)]
pub(super) struct Stats {
    /// Print what each loop did as a line of JSON, every second or TIME
    #[arg(long = "stats", value_name = "TIME", value_parser = time, num_args = 0..=1,
          require_equals = true, default_missing_value = "1s", help_heading = None)]
    pub(super) every: Option<Duration>,
}

#[derive(Args)]
#[command(next_help_heading = "Loops")]
pub(super) struct Loops {
    /// Loops, each on a thread of its own; 0 for one per processor
    #[arg(long, value_name = "N", value_parser = number::<usize>, default_value_t = 0)]
    loops: usize,
    /// Keep each loop on a processor of its own (Linux)
    #[arg(long)]
    pin: bool,
    /// Poll for so long before sleeping: 20us to 200us answer faster, and keep a processor busy
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "0s")]
    spin: Duration,
}

#[derive(Clone, Copy, ValueEnum)]
enum SpreadBy {
    ReusePort,
    RoundRobin,
    Least,
    TwoChoices,
    Source,
}

#[derive(Clone, Copy, ValueEnum)]
enum Full {
    Wait,
    Refuse,
}

#[derive(Args)]
#[command(next_help_heading = "Limits")]
struct LimitArguments {
    /// Who gives connections to loops: the kernel, or the first loop, by one of these rules
    #[arg(long, value_name = "HOW", value_enum, default_value_t = SpreadBy::ReusePort,
          help_heading = "Loops")]
    spread: SpreadBy,
    /// Open connections in all
    #[arg(long, value_name = "N", value_parser = number::<u32>, default_value_t = 65_536)]
    connections: u32,
    /// Open connections from one address (IPv6: from one /64) [default: any number]
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    per_address: Option<u32>,
    /// New connections per second from one address [default: any number]
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    rate_per_address: Option<u32>,
    /// More connections than that in all wait in the kernel's queue, or are reset
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Full::Wait)]
    when_full: Full,
    /// Unsent bytes above which a connection is not read from
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "256K")]
    output_high: usize,
    /// Unsent bytes below which reading goes on
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "64K")]
    output_low: usize,
    /// Unsent bytes above which a connection is closed
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "8M")]
    output_max: usize,
    /// Bytes that all connections together may hold
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "1G")]
    memory: usize,
}

#[derive(Args)]
#[command(next_help_heading = "Deadlines")]
struct TimeArguments {
    /// Without a byte received or sent
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60s")]
    idle: Duration,
    /// From the first byte of a frame to its last; requests of HTTP have times of their own
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60s")]
    frame_deadline: Duration,
    /// While output waits and the peer takes nothing
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "30s")]
    drain_deadline: Duration,
    /// The age of a connection
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1d")]
    lifetime: Duration,
    /// After Ctrl-C or SIGTERM: for connections to end properly
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "30s")]
    grace: Duration,
}

impl Engine {
    /// The configuration that was asked for.
    pub(super) fn config(&self) -> Config {
        Config {
            spread: self.limits.spread.into(),
            limits: self.limits.limits(),
            deadlines: self.times.deadlines(),
            grace: Grace { drain: self.times.grace, ..Grace::default() },
            ..self.loops.config()
        }
    }

    /// The deadlines of HTTP, which has one of its own for connections that are idle.
    pub(super) fn http_deadlines(&self) -> HttpDeadlines {
        HttpDeadlines { idle: self.times.idle, ..HttpDeadlines::default() }
    }
}

impl Loops {
    /// The default configuration but for the loops.
    pub(super) fn config(&self) -> Config {
        Config { loops: self.loops, pin: self.pin, spin: self.spin, ..Config::default() }
    }
}

impl From<SpreadBy> for Spread {
    fn from(by: SpreadBy) -> Self {
        match by {
            SpreadBy::ReusePort => Self::ReusePort,
            SpreadBy::RoundRobin => Self::HandOff(Balance::RoundRobin),
            SpreadBy::Least => Self::HandOff(Balance::LeastConnections),
            SpreadBy::TwoChoices => Self::HandOff(Balance::PowerOfTwo),
            SpreadBy::Source => Self::HandOff(Balance::SourceHash),
        }
    }
}

impl LimitArguments {
    fn limits(&self) -> Limits {
        Limits {
            connections: self.connections,
            connections_per_loop: self.connections,
            when_full: match self.when_full {
                Full::Wait => WhenFull::StopAccepting,
                Full::Refuse => WhenFull::Refuse,
            },
            output_high: self.output_high,
            output_low: self.output_low,
            output_max: self.output_max,
            memory_max: self.memory as u64,
            admission: Admission {
                per_address: self.per_address,
                // As many at once as in a second.
                rate_per_address: self.rate_per_address.map(|rate| (rate, rate)),
                ..Admission::default()
            },
            ..Limits::default()
        }
    }
}

impl TimeArguments {
    fn deadlines(&self) -> Deadlines {
        Deadlines {
            idle: self.idle,
            frame: self.frame_deadline,
            drain: self.drain_deadline,
            lifetime: self.lifetime,
            ..Deadlines::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_not_said_is_as_the_engine_has_it() {
        let arguments = Arguments::try_parse_from(["overt", "echo"]).unwrap();
        let Some(Command::Echo(echo)) = arguments.command else { panic!("not echo") };
        assert_eq!(format!("{:?}", echo.engine.config()), format!("{:?}", Config::default()));
        let (ours, http) = (echo.engine.http_deadlines(), HttpDeadlines::default());
        assert_eq!(format!("{ours:?}"), format!("{http:?}"));
    }

    #[test]
    fn a_client_of_http_may_be_idle_for_as_long_as_is_said() {
        let line = ["overt", "origin", "--idle", "5m"];
        let Some(Command::Origin(origin)) = Arguments::try_parse_from(line).unwrap().command else {
            panic!("not origin")
        };
        assert_eq!(origin.engine.http_deadlines().idle, Duration::from_secs(300));
        assert_eq!(origin.engine.config().deadlines.idle, Duration::from_secs(300));
    }

    #[test]
    fn statistics_are_not_a_matter_of_tls() {
        for (name, command) in Arguments::command().get_subcommands().map(|it| (it.get_name(), it))
        {
            let stats = command.get_arguments().find(|it| it.get_id() == "every");
            assert_eq!(stats.and_then(|it| it.get_help_heading()), None, "{name}");
        }
    }
}
