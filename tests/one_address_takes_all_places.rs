//! One address may have so many connections, open them so fast, or none at all.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::net::SocketAddr;

use overt::base::AccessList;
use overt::{Admission, Engine, Running};
use serving::{Echo, address, connect, count, echoes, loops, wait_until};

fn serve(admission: Admission) -> (Running, SocketAddr) {
    let mut engine = Engine::new(loops(2)).unwrap();
    let at = engine.listen_with("127.0.0.1:0", admission, || Echo).unwrap();
    (engine.start().unwrap(), address(&at))
}

#[test]
fn an_address_has_as_many_connections_as_it_may_have() {
    let (running, at) = serve(Admission { per_address: Some(3), ..Admission::default() });
    let mut served: Vec<_> = (0..3).map(|_| connect(at)).collect();
    assert!(served.iter_mut().all(echoes));
    assert!(!echoes(&mut connect(at)));
    served.pop();
    wait_until("one is gone", || running.handle().connections() == 2);
    assert!(echoes(&mut connect(at)));
    assert_eq!(count(running.handle(), |ledger| ledger.refused), 1);
    running.shut_down().unwrap();
}

#[test]
fn an_address_that_comes_too_fast_is_refused() {
    let rate_per_address = Some((1, 5));
    let (running, at) = serve(Admission { rate_per_address, ..Admission::default() });
    let served = (0..20).filter(|_| echoes(&mut connect(at))).count() as u64;
    // More only if the machine took seconds for this.
    assert!((5..20).contains(&served), "{served}");
    assert_eq!(count(running.handle(), |ledger| ledger.refused), 20 - served);
    running.shut_down().unwrap();
}

#[test]
fn an_address_that_is_denied_is_refused() {
    let mut access = AccessList::default();
    access.deny("127.0.0.0/8".parse().unwrap());
    let (running, at) = serve(Admission { access, ..Admission::default() });
    assert!(!echoes(&mut connect(at)));
    wait_until("nobody is in", || running.handle().connections() == 0);
    running.shut_down().unwrap();
}

#[test]
fn a_listener_that_is_full_waits_and_the_other_goes_on() {
    let mut engine = Engine::new(loops(2)).unwrap();
    let narrow = Admission { connections: Some(1), ..Admission::default() };
    let narrow = address(&engine.listen_with("127.0.0.1:0", narrow, || Echo).unwrap());
    let wide = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    let mut first = connect(narrow);
    assert!(echoes(&mut first));
    let mut second = connect(narrow);
    wait_until("it waits", || count(running.handle(), |ledger| ledger.accepts_paused) > 0);
    assert!(echoes(&mut connect(wide)));
    drop(first);
    assert!(echoes(&mut second));
    running.shut_down().unwrap();
}

#[test]
fn a_factory_that_panics_costs_no_place() {
    let mut engine = Engine::new(loops(2)).unwrap();
    let one = Admission { connections: Some(1), ..Admission::default() };
    let broken = || -> Echo { panic!("on purpose") };
    let at = address(&engine.listen_with("127.0.0.1:0", one, broken).unwrap());
    let running = engine.start().unwrap();
    assert!((0..5).all(|_| !echoes(&mut connect(at))));
    wait_until("all are gone", || running.handle().connections() == 0);
    assert_eq!(count(running.handle(), |ledger| ledger.panics), 5);
    running.shut_down().unwrap();
}
