//! A tunnel between two peers loses nothing and changes nothing, whatever the network does; and if
//! one peer is cut off, so is the other.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use overt::service::Tunnel;
use overt::sim::{Peer, Reading, Simulation, Status, seeds};
use overt::{Config, Handle, Limits, Reason};

use crate::assert_closes;

const AT: &str = "10.0.0.1:7001";
const TO: &str = "10.0.0.2:7000";

/// Bytes of which each tells its place.
fn numbers(count: usize, salt: u32) -> Vec<u8> {
    (0..count as u32 / 4).flat_map(|number| (number ^ salt).to_be_bytes()).collect()
}

/// What the server at the far end does, and what it has received.
#[derive(Default)]
struct Far {
    answer: Vec<u8>,
    /// After so many bytes it cuts the stream.
    cuts_after: Option<u64>,
    reading: Option<Reading>,
    begun: bool,
    received: Vec<u8>,
    status: Option<Status>,
}

fn serve(sim: &mut Simulation, far: Far) -> Rc<RefCell<Far>> {
    let far = Rc::new(RefCell::new(far));
    let shared = far.clone();
    sim.serve(TO, move |peer: &Peer| {
        let far = &mut *shared.borrow_mut();
        if !far.begun {
            far.begun = true;
            far.reading.take().into_iter().for_each(|reading| peer.set_reading(reading));
            peer.send(&far.answer);
            if far.cuts_after.is_none() {
                peer.finish();
            }
        }
        far.received.extend(peer.take());
        far.status = Some(peer.status());
        if far.cuts_after.is_some_and(|count| peer.received_in_all() >= count) {
            peer.reset();
        }
    });
    far
}

fn listen(sim: &mut Simulation) -> Handle<impl overt::net::Net> {
    // What a tunnel holds is bounded by its window, so so little must do.
    let limits = Limits { output_max: 1 << 20, ..Limits::default() };
    let engine = sim.engine(Config { loops: 0, limits, ..Config::default() });
    let to: SocketAddr = TO.parse().unwrap();
    engine.listen(AT, move || Tunnel::to(to)).unwrap();
    engine.handle()
}

pub(crate) fn both_ways(sim: &mut Simulation) {
    let question = numbers(4 * sim.random(20_000), 0);
    let answer = numbers(4 * sim.random(20_000), 1 << 31);
    let slow = Reading::Slow { bytes: 20_000, every: Duration::from_millis(50) };
    let reading = (sim.random(2) == 0).then_some(slow);
    let far = serve(sim, Far { answer: answer.clone(), reading, ..Far::default() });
    let handle = listen(sim);
    let near = sim.connect(AT);
    near.send(&question);
    near.finish();
    sim.run_until(|| near.is_over() && far.borrow().status == Some(Status::Ended));
    assert!(near.received() == answer && far.borrow().received == question);
    assert_eq!(near.status(), Status::Ended);
    near.close();
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByPeer]);
}

pub(crate) fn cut(sim: &mut Simulation) {
    let question = numbers(40_000, 0);
    let after = sim.random(question.len()) as u64;
    let far = serve(sim, Far { cuts_after: Some(after), ..Far::default() });
    let handle = listen(sim);
    let near = sim.connect(AT);
    near.send(&question);
    sim.run_until(|| near.is_over() && handle.connections() == 0);
    // Only a reset tells the near end that not all of what it sent was taken.
    assert_eq!(near.status(), Status::Reset);
    assert!(question.starts_with(&far.borrow().received));
    assert_closes(sim, &[Reason::Reset]);
}

pub(crate) fn nobody_listens(sim: &mut Simulation) {
    let handle = listen(sim);
    let near = sim.connect(AT);
    near.send(b"question");
    sim.run_until(|| near.is_over() && handle.connections() == 0);
    assert_eq!(near.received(), b"");
    assert_closes(sim, &[Reason::Unreachable]);
}

#[test]
fn bytes_and_ends_pass_both_ways() {
    seeds(200, both_ways);
}

#[test]
fn a_cut_at_any_byte_is_passed_on() {
    seeds(200, cut);
}

#[test]
fn where_nobody_listens_the_near_end_is_told() {
    seeds(50, nobody_listens);
}

#[test]
fn more_than_a_tunnel_holds_gets_through_a_slow_reader() {
    seeds(5, |sim| {
        let question = numbers(4 << 20, 0);
        let reading = Some(Reading::Slow { bytes: 100_000, every: Duration::from_millis(100) });
        let far = serve(sim, Far { reading, ..Far::default() });
        let handle = listen(sim);
        let near = sim.connect(AT);
        near.send(&question);
        near.finish();
        sim.run_until(|| far.borrow().status == Some(Status::Ended) && near.is_over());
        assert!(far.borrow().received == question);
        near.close();
        sim.run_until(|| handle.connections() == 0);
        assert_closes(sim, &[Reason::ByPeer]);
    });
}

#[test]
fn a_server_that_hears_only_as_fast_as_it_is_heard_does_not_wait_for_ever() {
    seeds(30, |sim| {
        let limits = Limits { output_high: 4000, output_low: 1000, ..Limits::default() };
        let config = Config { limits, ..Config::default() };
        sim.engine(config.clone()).listen(TO, || overt::service::Echo).unwrap();
        let to: SocketAddr = TO.parse().unwrap();
        sim.engine(config).listen(AT, move || Tunnel::to(to)).unwrap();
        let near = sim.connect(AT);
        let question = numbers(400_000, 0);
        near.send(&question);
        sim.run_until(|| near.received_in_all() == question.len() as u64);
        assert!(near.received() == question);
    });
}
