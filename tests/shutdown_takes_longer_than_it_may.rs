//! A connection that does not end must not hold up a shutdown for longer than the grace time, not
//! even if nothing else ever wakes the loop.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::time::Duration;

use overt::{Config, Context, Engine, Handler, Never, Result, ShutdownPhase};
use serving::{PATIENCE, address, connect, echoes, loops, wait_until};

/// Echoes, and does not end when asked to.
struct Stays;

impl Handler for Stays {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_drain(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }
}

fn short() -> Config {
    let mut config = loops(2);
    config.grace.drain = Duration::from_millis(100);
    config.grace.forced = Duration::from_millis(100);
    config
}

#[test]
fn a_connection_that_stays_is_cut_when_the_time_is_over() {
    let mut engine = Engine::new(short()).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Stays).unwrap());
    let handle = engine.handle();
    let running = engine.start().unwrap();
    let mut client = connect(at);
    assert!(echoes(&mut client));
    let (end, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || end.send(running.shut_down().unwrap()));
    // Such a loop once slept on, until the idle deadline came near.
    let report = ended.recv_timeout(PATIENCE).unwrap();
    assert_eq!((report.cut, report.finished), (1, 0));
    assert_eq!(handle.phase(), ShutdownPhase::Ended);
    assert!(!echoes(&mut client));
}

#[test]
fn a_lame_duck_still_serves_newcomers() {
    let mut config = short();
    config.grace.lame_duck = Duration::from_secs(3600);
    let mut engine = Engine::new(config).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Stays).unwrap());
    let running = engine.start().unwrap();
    running.handle().shut_down();
    wait_until("it is a lame duck", || running.handle().phase() >= ShutdownPhase::LameDuck);
    assert!(echoes(&mut connect(at)));
    running.shut_down().unwrap();
}
