//! The demonstration: every service in one process on loopback, and the commands to try.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::arguments::{Demonstration, PAGE};
use super::failure::Failure;
use super::server::{Server, say};
use crate::engine::Config;
use crate::net::Endpoint;
use crate::service::http::HttpServer;
use crate::service::rooms::{RoomLimits, Rooms};
use crate::service::websocket::{Drain, WebSocketConfig};
use crate::service::{
    Chat, ChatLimits, DatagramEcho, Echo, FramesByWorkers, RoomProtocol, RoomsByFrames, room_page,
};
use crate::wire::LengthPrefixed;

const CURE: &str = "choose other ports with --base-port, such as --base-port 8000";

pub(super) fn run(demonstration: &Demonstration) -> Result<(), Failure> {
    let base = demonstration.base_port;
    let at = |number: u16| {
        let port = if base == 0 { 0 } else { base + number };
        Endpoint::from(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    let mut server = Server::new(Config { workers: 2, ..Config::default() }, CURE)?;
    let codec = LengthPrefixed::MIB;
    let echo = server.listen(&at(0), || Echo)?;
    let frames = server.listen(&at(1), move || FramesByWorkers { codec })?;
    let udp = server.bind(&at(3), || DatagramEcho)?;
    let Talk { chat, rooms, page } = Talk::listen(&mut server, &at)?;

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
    tell("rooms", &rooms, "the same rooms by JSON in frames", "docs/rooms.md describes it");
    tell("page", &page, "the same rooms in a browser", &format!("http://{page}/"));
    say("\nCtrl-C drains and ends it; overt --help shows each service alone, with its settings.");
    server.run(None)
}

/// The rooms, and the three ways into them.
struct Talk {
    chat: Endpoint,
    rooms: Endpoint,
    page: Endpoint,
}

impl Talk {
    fn listen(server: &mut Server, at: &impl Fn(u16) -> Endpoint) -> Result<Self, Failure> {
        let rooms = Rooms::new(RoomLimits::default());
        // Whoever stops the demonstration does not want to wait for it.
        let (drain, retry) = (Duration::from_secs(1), Duration::from_secs(2));
        let protocol = Arc::new(RoomProtocol { drain, retry, ..RoomProtocol::default() });
        let drain = Drain { spread: drain, retry, ..Drain::default() };
        let config = WebSocketConfig { drain, ..WebSocketConfig::default() };
        let http = HttpServer::new(room_page(&rooms, &protocol, config));
        let page = server.listen(&at(PAGE), move || http.connection())?;
        let (by_lines, limits) = (rooms.clone(), ChatLimits::default());
        let chat = server.listen(&at(2), move || Chat::new(by_lines.clone(), limits.clone()))?;
        let guest = move || RoomsByFrames::new(rooms.clone(), protocol.clone());
        let rooms = server.listen(&at(4), guest)?;
        Ok(Self { chat, rooms, page })
    }
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
