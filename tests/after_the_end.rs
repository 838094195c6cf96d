//! A connection that has said all it has to say is not disturbed, and loses nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use overt::{
    Close, Config, Context, Deadlines, Engine, Grace, Handler, Never, Outgoing, Reason, Result,
    Running, Timer,
};

const TICK: Timer = Timer::new(0);
const PATIENCE: Duration = Duration::from_secs(10);

fn serve<H: Handler>(config: Config, handler: impl Fn() -> H + Send + Sync + 'static) -> Served {
    let mut engine = Engine::new(Config { loops: 1, ..config }).unwrap();
    let at = engine.listen("127.0.0.1:0", handler).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let client = TcpStream::connect(at).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    (running, client)
}

type Served = (Running, TcpStream);

/// Ticks all the time, and closes when it hears something.
struct Ticks(Sender<Reason>);

impl Handler for Ticks {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.arm_every(TICK, Duration::from_millis(1));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.close();
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b".");
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        let _ = self.0.send(why.reason());
    }
}

#[test]
fn a_timer_does_not_write_behind_the_end() {
    let (tell, told) = channel();
    let (running, mut client) = serve(Config::default(), move || Ticks(tell.clone()));
    client.write_all(b"x").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    // It lingers, until the peer ends too. Another one, on the same loop, ticks meanwhile.
    let mut other = TcpStream::connect(client.peer_addr().unwrap()).unwrap();
    other.read_exact(&mut [0; 20]).unwrap();
    drop(client);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Reason::ByUs));
    drop(other);
    running.shut_down().unwrap();
}

#[test]
fn who_has_ended_in_order_is_not_cut_by_a_shutdown() {
    let (tell, told) = channel();
    let long = Duration::from_secs(60);
    let deadlines = Deadlines { linger: long, ..Deadlines::default() };
    let grace = Grace { drain: Duration::from_millis(50), ..Grace::default() };
    let config = Config { deadlines, grace, ..Config::default() };
    let (running, mut client) = serve(config, move || Ticks(tell.clone()));
    client.write_all(b"x").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    let report = running.shut_down().unwrap();
    assert_eq!((report.finished, report.cut), (1, 0));
    assert_eq!(told.recv(), Ok(Reason::ByUs));
}

/// Has what it hears answered by a worker, and ends when its peer does.
struct Finishes(Sender<Reason>);

impl Handler for Finishes {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(byte) = cx.input.take(1) {
            cx.effects.answer(byte, |byte, output| {
                // Work that takes its time, so that the end is asked for before it is done.
                let sum = (0..200_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
                std::hint::black_box(sum);
                output.put(byte);
            })?;
        }
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.finish();
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        let _ = self.0.send(why.reason());
    }
}

#[test]
fn an_end_of_output_waits_for_the_answers_of_workers() {
    let (tell, _told) = channel();
    let config = Config { workers: 1, ..Config::default() };
    let (running, mut client) = serve(config, move || Finishes(tell.clone()));
    client.write_all(b"abcdefgh").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answers = Vec::new();
    client.read_to_end(&mut answers).unwrap();
    assert_eq!(answers, b"abcdefgh");
    running.shut_down().unwrap();
}
