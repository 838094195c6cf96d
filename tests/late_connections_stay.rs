//! Each deadline ends a connection that is late, and for its own reason.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use overt::net::Listen;
use overt::wire::{Codec, LengthPrefixed};
use overt::{Close, Config, Context, Engine, Handler, Never, Outgoing, Reason, Result, Running};
use serving::{PATIENCE, address, connect, echoes, loops};

/// Soon, and long enough to be waited for.
const SOON: Duration = Duration::from_millis(100);

/// More than the buffers of both kernels hold.
const MORE_THAN_FITS: usize = 24 << 20;

/// What a connection does.
#[derive(Clone, Copy)]
enum Does {
    Echo,
    EchoFrames,
    SendMuch,
    SendMuchWithin(Duration),
    ReceiveWithin(Duration),
    CloseAtOnce,
}

/// Does it, and says in the end why it ended.
struct Subject {
    does: Does,
    told: Sender<Reason>,
}

impl Handler for Subject {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let now = cx.effects.now();
        match self.does {
            Does::Echo | Does::EchoFrames => {}
            Does::SendMuch => cx.output.put(&vec![7; MORE_THAN_FITS]),
            Does::SendMuchWithin(time) => {
                cx.output.put(&vec![7; MORE_THAN_FITS]);
                cx.effects.set_write_deadline(Some(now + time));
            }
            Does::ReceiveWithin(time) => cx.effects.set_read_deadline(Some(now + time)),
            Does::CloseAtOnce => cx.effects.close(),
        }
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let Does::EchoFrames = self.does else {
            cx.output.append(cx.input);
            return Ok(());
        };
        let mut codec = LengthPrefixed::MIB;
        while let Some(frame) = codec.decode(cx.input)? {
            codec.encode(frame, cx.output)?;
        }
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.told.send(why.reason()).unwrap();
    }
}

fn config(set: impl FnOnce(&mut Config)) -> Config {
    let mut config = loops(1);
    config.limits.output_max = 2 * MORE_THAN_FITS;
    set(&mut config);
    config
}

/// A server of one kind, a client of it, and why the server's side ends.
fn serve(does: Does, config: Config) -> (Running, TcpStream, Receiver<Reason>) {
    let (told, why) = channel();
    let mut engine = Engine::new(config).unwrap();
    let subject = move || Subject { does, told: told.clone() };
    let at = address(&engine.listen("127.0.0.1:0", subject).unwrap());
    (engine.start().unwrap(), connect(at), why)
}

/// Why a connection ends to which nothing is sent, and from which nothing is read.
fn why_silence_ends(does: Does, config: Config) -> Reason {
    let (running, client, why) = serve(does, config);
    let why = why.recv_timeout(PATIENCE).unwrap();
    drop(client);
    running.shut_down().unwrap();
    why
}

#[test]
fn silence_ends_at_the_idle_deadline() {
    let config = config(|config| config.deadlines.idle = SOON);
    assert_eq!(why_silence_ends(Does::Echo, config), Reason::LateIdle);
}

#[test]
fn a_first_frame_that_never_comes_ends_at_its_deadline() {
    let config = config(|config| config.deadlines.first_frame = Some(SOON));
    assert_eq!(why_silence_ends(Does::EchoFrames, config), Reason::LateFrame);
}

#[test]
fn a_read_deadline_ends_who_sends_nothing() {
    let does = Does::ReceiveWithin(SOON);
    assert_eq!(why_silence_ends(does, config(|_| {})), Reason::LateRead);
}

#[test]
fn a_write_deadline_ends_who_takes_nothing() {
    let does = Does::SendMuchWithin(SOON);
    assert_eq!(why_silence_ends(does, config(|_| {})), Reason::LateWrite);
}

#[test]
fn output_that_nobody_takes_ends_at_the_drain_deadline() {
    let config = config(|config| config.deadlines.drain = SOON);
    assert_eq!(why_silence_ends(Does::SendMuch, config), Reason::LateDrain);
}

#[test]
fn who_was_told_the_end_and_does_not_go_is_not_waited_for() {
    let config = config(|config| config.deadlines.linger = SOON);
    let (running, mut client, why) = serve(Does::CloseAtOnce, config);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(why.recv_timeout(PATIENCE).unwrap(), Reason::ByUs);
    running.shut_down().unwrap();
}

#[test]
fn a_frame_that_is_never_completed_ends_at_its_deadline() {
    let config = config(|config| config.deadlines.frame = SOON);
    let (running, mut client, why) = serve(Does::EchoFrames, config);
    client.write_all(b"\0\0\0\x04pin").unwrap();
    assert_eq!(why.recv_timeout(PATIENCE).unwrap(), Reason::LateFrame);
    running.shut_down().unwrap();
}

#[test]
fn a_frame_that_trickles_in_ends_at_the_rate_deadline() {
    let config = config(|config| {
        config.deadlines.rate = 1_000_000;
        config.deadlines.rate_window = SOON;
    });
    let (running, mut client, why) = serve(Does::EchoFrames, config);
    client.write_all(&1_000_000_u32.to_be_bytes()).unwrap();
    let ended = loop {
        match why.try_recv() {
            Ok(ended) => break ended,
            Err(TryRecvError::Disconnected) => panic!("the server is gone"),
            // An error once the other side is closed.
            Err(TryRecvError::Empty) => drop(client.write(b"x")),
        }
        thread::park_timeout(Duration::from_millis(1));
    };
    assert_eq!(ended, Reason::LateRate);
    running.shut_down().unwrap();
}

#[test]
fn the_busiest_connection_ends_when_it_is_too_old() {
    let config = config(|config| config.deadlines.lifetime = SOON);
    let (running, mut client, why) = serve(Does::Echo, config);
    while echoes(&mut client) {}
    assert_eq!(why.recv_timeout(PATIENCE).unwrap(), Reason::LateLifetime);
    running.shut_down().unwrap();
}

/// Linux drops whoever comes when the queue of a listener is full, so connecting takes for ever.
#[cfg(target_os = "linux")]
#[test]
fn connecting_to_who_never_answers_ends_at_the_handshake_deadline() {
    let mut deaf = Engine::new(loops(1)).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let full = Listen { backlog: 0, ..Listen::at(any) };
    let at = address(&deaf.listen(full, || serving::Echo).unwrap());
    let _waits = connect(at);

    let (told, why) = channel();
    let mut engine = Engine::new(config(|config| config.deadlines.handshake = SOON)).unwrap();
    engine.connect(at, Subject { does: Does::Echo, told });
    let running = engine.start().unwrap();
    assert_eq!(why.recv_timeout(PATIENCE).unwrap(), Reason::LateHandshake);
    running.shut_down().unwrap();
}
