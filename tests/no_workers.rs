//! An engine without workers says so, instead of promising an answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use overt::{Close, Config, Context, Engine, Handler, Outgoing, Reason, Result};

struct Asks(Sender<Reason>);

impl Handler for Asks {
    type Message = u8;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        match cx.input.take(1) {
            Some(b"a") => cx.effects.answer(b"", |_, _| {}),
            Some(b"o") => cx.effects.offload(|| 0),
            Some(b"u") => cx.effects.offload_unordered(|| 0),
            _ => Ok(()),
        }
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        let _ = self.0.send(why.reason());
    }
}

#[test]
fn who_gives_work_to_nobody_is_closed() {
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let (tell, told) = channel();
    let asks = move || Asks(tell.clone());
    let at = engine.listen("127.0.0.1:0", asks).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    for how in [b"a", b"o", b"u"] {
        let mut client = TcpStream::connect(at).unwrap();
        client.write_all(how).unwrap();
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(Reason::OverJobs), "{how:?}");
        let _ = client.read(&mut [0]);
    }
    running.shut_down().unwrap();
}
