//! [`main`]: from the command line to a server that runs.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use super::arguments::{Arguments, Chat, Command, Echo, Frames, Origin, Proxy, UdpEcho};
use super::cert;
use super::demonstration;
use super::failure::Failure;
use super::server::{Server, say};
use crate::engine::{Config, Limits};
use crate::service::http::{HttpConfig, HttpServer};
use crate::service::origin::origin;
use crate::service::rooms::{RoomLimits, Rooms};
use crate::service::{self, ChatLimits, DatagramEcho, FramesByWorkers, FramesOnLoop};
use crate::wire::LengthPrefixed;

/// How another address is chosen.
const CURE: &str = "choose another address with --listen ADDR";

/// Runs the command. The exit code is 0 if it served and ended properly, 2 if the command line is
/// wrong, 1 if the system would not do it.
pub fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    #[cfg(target_os = "linux")]
    if let Err(error) = crate::net::raise_descriptor_limit() {
        log::warn!("the limit of open descriptors stays as it is: {error}");
    }
    match arguments().and_then(|arguments| arguments.map_or(Ok(()), run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.what);
            ExitCode::from(failure.code)
        }
    }
}

/// The command line; `None` if it asked for help, which was given.
fn arguments() -> Result<Option<Arguments>, Failure> {
    match Arguments::try_parse() {
        Ok(arguments) => Ok(Some(arguments)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                let _ = error.print(); // Nobody reads it: nobody is told.
                Ok(None)
            }
            _ => Err(Failure::usage(&error)),
        },
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        None => demonstration::run(&arguments.demonstration),
        Some(Command::Echo(echo)) => run_echo(&echo),
        Some(Command::Frames(frames)) => run_frames(&frames),
        Some(Command::Chat(chat)) => run_chat(&chat),
        Some(Command::UdpEcho(echo)) => run_udp_echo(&echo),
        Some(Command::Origin(origin)) => run_origin(&origin),
        Some(Command::Proxy(proxy)) => run_proxy(&proxy),
        Some(Command::Cert(cert)) => cert::run(&cert),
    }
}

fn run_echo(Echo { listen, tls, engine }: &Echo) -> Result<(), Failure> {
    let mut server = Server::new(engine.config(), CURE)?.tls(tls.server(&[])?);
    server.listen_all("echo", listen, || service::Echo)?;
    server.run(engine.stats.every)
}

fn run_frames(frames: &Frames) -> Result<(), Failure> {
    let config = frames.engine.config();
    // A frame must fit into the input, and its answer into the output.
    let room = (frames.frame_max as usize).saturating_add(1 << 20);
    let limits = Limits {
        jobs_per_connection: frames.jobs,
        input_max: config.limits.input_max.max(room),
        output_max: config.limits.output_max.max(room),
        ..config.limits
    };
    let config = Config { workers: frames.workers, limits, ..config };
    let codec = LengthPrefixed::new(frames.frame_max);
    let mut server = Server::new(config, CURE)?;
    match frames.workers {
        0 => server.listen_all("frames", &frames.listen, move || FramesOnLoop { codec })?,
        _ => server.listen_all("frames", &frames.listen, move || FramesByWorkers { codec })?,
    }
    server.run(frames.engine.stats.every)
}

fn run_chat(Chat { listen, engine }: &Chat) -> Result<(), Failure> {
    let mut server = Server::new(engine.config(), CURE)?;
    let (rooms, limits) = (Rooms::new(RoomLimits::default()), ChatLimits::default());
    let chat = move || service::Chat::new(rooms.clone(), limits.clone());
    server.listen_all("chat", listen, chat)?;
    say("talk to it from two terminals; /help says how");
    server.run(engine.stats.every)
}

fn run_udp_echo(UdpEcho { listen, stats, loops }: &UdpEcho) -> Result<(), Failure> {
    let mut server = Server::new(loops.config(), CURE)?;
    for at in listen {
        let at = server.bind(at, || DatagramEcho)?;
        say(format_args!("udp echo on {at}"));
    }
    server.run(stats.every)
}

fn run_origin(Origin { listen, tls, engine }: &Origin) -> Result<(), Failure> {
    let config = engine.config();
    // The longest message of a WebSocket goes back at once.
    let output_max = config.limits.output_max.max(32 << 20);
    let config = Config { limits: Limits { output_max, ..config.limits }, ..config };
    let mut server = Server::new(config, CURE)?.tls(tls.server(&["http/1.1"])?);
    let deadlines = engine.http_deadlines();
    let http = HttpServer::with(HttpConfig { deadlines, ..HttpConfig::default() }, origin());
    server.listen_all("origin", listen, move || http.connection())?;
    server.run(engine.stats.every)
}

fn run_proxy(Proxy { listen, proxy, tls, engine }: &Proxy) -> Result<(), Failure> {
    let http = proxy.server(engine.http_deadlines())?;
    let tls = tls.server(&["http/1.1"])?;
    let name = if tls.is_some() { "https proxy" } else { "proxy" };
    let mut server = Server::new(engine.config(), CURE)?.tls(tls);
    server.listen_all(name, listen, move || http.connection())?;
    server.run(engine.stats.every)
}
