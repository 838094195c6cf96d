//! The demonstration: every service in one process on loopback, and the commands to try.

use std::net::{Ipv4Addr, SocketAddr};

use super::arguments::Demonstration;
use super::failure::Failure;
use super::server::{Server, say};
use crate::engine::Config;
use crate::net::Endpoint;
use crate::service::rooms::{RoomLimits, Rooms};
use crate::service::{Chat, ChatLimits, DatagramEcho, Echo, FramesByWorkers};
use crate::wire::LengthPrefixed;

const CURE: &str = "choose other ports with --base-port, such as --base-port 8000";

pub(super) fn run(demonstration: &Demonstration) -> Result<(), Failure> {
    let base = demonstration.base_port;
    let at = |number: u16| {
        let port = if base == 0 { 0 } else { base + number };
        Endpoint::from(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    let mut server = Server::new(Config { workers: 2, ..Config::default() }, CURE)?;
    let (rooms, limits) = (Rooms::new(RoomLimits::default()), ChatLimits::default());
    let codec = LengthPrefixed::MIB;
    let echo = server.listen(&at(0), || Echo)?;
    let frames = server.listen(&at(1), move || FramesByWorkers { codec })?;
    let chat = server.listen(&at(2), move || Chat::new(rooms.clone(), limits.clone()))?;
    let udp = server.bind(&at(3), || DatagramEcho)?;

    say(format_args!("overt {}: all of this is served by one process.", env!("CARGO_PKG_VERSION")));
    tell("echo", &echo, "what you send comes back", &nc("nc", &echo));
    tell(
        "frames",
        &frames,
        "4 bytes of length, then the frame: a worker sends it back",
        &python(&frames),
    );
    tell("chat", &chat, "rooms and names; talk from two terminals", &nc("nc", &chat));
    tell("udp echo", &udp, "each datagram comes back", &nc("nc -u", &udp));
    say("\nCtrl-C drains and ends it; overt --help shows each service alone, with its settings.");
    server.run(None)
}

fn tell(name: &str, at: &Endpoint, what: &str, how: &str) {
    say(format_args!("\n  {name:<9} on {at}   {what}\n            {how}"));
}

fn nc(program: &str, at: &Endpoint) -> String {
    at.socket_addr().map_or_else(String::new, |at| format!("{program} {} {}", at.ip(), at.port()))
}

fn python(at: &Endpoint) -> String {
    let Some(at) = at.socket_addr() else { return String::new() };
    let connect = format!("socket.create_connection((\"{}\", {}))", at.ip(), at.port());
    let talk = r#"s.sendall(b"\0\0\0\5hello"); print(s.recv(99))"#;
    format!("python3 -c 'import socket; s = {connect}; {talk}'")
}
