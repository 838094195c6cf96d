//! Whole engines in a simulated network: one scenario a file, each named by what it shows.

use std::time::Duration;

use overt::sim::{Seeds, Simulation};
use overt::{Limits, Reason};

#[cfg(feature = "http")]
#[path = "common/answers.rs"]
#[allow(dead_code, reason = "shared with the tests of HTTP on the bench, which use the rest")]
mod answers;

#[path = "sim/admission.rs"]
mod admission;
#[cfg(feature = "http")]
#[path = "sim/asker.rs"]
mod asker;
#[path = "sim/backpressure.rs"]
mod backpressure;
#[cfg(feature = "http")]
#[path = "sim/behind.rs"]
mod behind;
#[cfg(feature = "tls")]
#[path = "common/certificates.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest")]
mod certificates;
#[path = "sim/chat.rs"]
mod chat;
#[path = "sim/datagrams.rs"]
mod datagrams;
#[path = "sim/dialing.rs"]
mod dialing;
#[path = "sim/echo.rs"]
mod echo;
#[path = "sim/fairness.rs"]
mod fairness;
#[cfg(feature = "http")]
#[path = "sim/half_sent_bodies.rs"]
mod half_sent_bodies;
#[cfg(feature = "tls")]
#[path = "sim/handshake_bursts.rs"]
mod handshake_bursts;
#[cfg(feature = "http")]
#[path = "sim/http.rs"]
mod http;
#[cfg(feature = "http")]
#[path = "sim/http_client.rs"]
mod http_client;
#[cfg(feature = "http")]
#[path = "sim/http_client_waits.rs"]
mod http_client_waits;
#[cfg(feature = "http")]
#[path = "sim/http_garbled.rs"]
mod http_garbled;
#[cfg(feature = "http")]
#[path = "sim/http_proxy.rs"]
mod http_proxy;
#[cfg(all(feature = "http", feature = "tls"))]
#[path = "sim/http_secured.rs"]
mod http_secured;
#[path = "sim/lingering.rs"]
mod lingering;
#[path = "sim/messages.rs"]
mod messages;
#[cfg(feature = "http")]
#[path = "sim/origin.rs"]
mod origin;
#[path = "sim/panics.rs"]
mod panics;
#[cfg(feature = "http")]
#[path = "sim/proxy_talk.rs"]
mod proxy_talk;
#[path = "sim/reconnect.rs"]
mod reconnect;
#[path = "sim/room_guest.rs"]
mod room_guest;
#[cfg(feature = "json")]
#[path = "sim/room_protocol.rs"]
mod room_protocol;
#[path = "sim/rooms.rs"]
mod rooms;
#[path = "sim/shutdown.rs"]
mod shutdown;
#[path = "sim/sockets.rs"]
mod sockets;
#[path = "sim/time.rs"]
mod time;
#[cfg(feature = "tls")]
#[path = "sim/tls.rs"]
mod tls;
#[cfg(feature = "tls")]
#[path = "sim/tls_under_pressure.rs"]
mod tls_under_pressure;
#[path = "sim/tunnel.rs"]
mod tunnel;
#[cfg(feature = "websocket")]
#[path = "sim/websocket.rs"]
mod websocket;
#[path = "sim/workers.rs"]
mod workers;

/// The scenarios that hold whatever the seed.
const SCENARIOS: &[fn(&mut Simulation)] = &[
    admission::exhausted,
    admission::nobody_is_left,
    backpressure::fountain,
    backpressure::others_finish,
    chat::scenario,
    echo::scenario,
    #[cfg(feature = "http")]
    http_client::all_shapes,
    #[cfg(feature = "http")]
    http_client::cut,
    #[cfg(feature = "http")]
    http_client::fickle,
    #[cfg(feature = "http")]
    http_client::slow_taker,
    #[cfg(feature = "http")]
    http::cut,
    #[cfg(feature = "http")]
    http::drain,
    #[cfg(feature = "http")]
    http::garbled,
    #[cfg(feature = "http")]
    http::pipelined,
    #[cfg(all(feature = "http", feature = "tls"))]
    http_secured::encrypted,
    #[cfg(feature = "http")]
    http_garbled::replies,
    #[cfg(feature = "http")]
    http_garbled::requests,
    #[cfg(feature = "http")]
    http_proxy::all_shapes,
    #[cfg(feature = "http")]
    http_proxy::client_gone,
    #[cfg(feature = "http")]
    http_proxy::cut,
    #[cfg(feature = "http")]
    proxy_talk::fickle,
    #[cfg(feature = "http")]
    proxy_talk::upgrade,
    lingering::scenario,
    messages::scenario,
    messages::the_dead,
    panics::scenario,
    shutdown::forced,
    shutdown::under_load,
    reconnect::comes_back,
    reconnect::gives_up,
    #[cfg(feature = "json")]
    room_protocol::scenario,
    rooms::a_room_begins_another_life,
    rooms::a_user_is_told_on_all_devices,
    rooms::connections_are_lost,
    rooms::everybody_is_told,
    rooms::mail_is_lost,
    rooms::people_come_and_go,
    rooms::slow_members_are_closed,
    rooms::slow_members_drop_the_newest,
    rooms::slow_members_drop_the_oldest,
    rooms::slow_members_keep_the_latest,
    sockets::echo,
    sockets::silence,
    #[cfg(feature = "tls")]
    tls::echo,
    #[cfg(feature = "tls")]
    tls::cut,
    #[cfg(feature = "tls")]
    tls::strangers,
    #[cfg(feature = "tls")]
    tls::all_ways,
    #[cfg(feature = "tls")]
    tls_under_pressure::slow,
    #[cfg(feature = "tls")]
    tls_under_pressure::drained,
    tunnel::both_ways,
    tunnel::cut,
    tunnel::nobody_listens,
    #[cfg(feature = "websocket")]
    websocket::messages,
    #[cfg(feature = "websocket")]
    websocket::silence,
    workers::frames,
    workers::offloaded,
];

/// A mix of all, from `OVERT_SEED`, for `OVERT_SIM_SECONDS` or two seconds.
#[test]
fn fresh_seeds() {
    let run = Seeds::lasting(Duration::from_secs(2)).run(|sim| {
        let chosen = sim.random(SCENARIOS.len());
        SCENARIOS[chosen](sim);
    });
    println!("{run} seeds");
    assert!(run > 0);
}

/// Small budgets, drawn anew each time: whoever has spent one must go on by itself.
fn small_limits(sim: &Simulation) -> Limits {
    let output_low = sim.random(2000);
    Limits {
        output_high: output_low + 1 + sim.random(5000),
        output_low,
        read_per_visit: 1 + sim.random(5000),
        frames_per_visit: 1 + sim.random(4) as u32,
        accepts_per_turn: 1 + sim.random(3) as u32,
        messages_per_turn: 1 + sim.random(5) as u32,
        jobs_per_connection: 1 + sim.random(8) as u32,
        jobs: 1 + sim.random(12) as u32,
        job_bytes: 1 + sim.random(10_000),
        ..Limits::default()
    }
}

/// Often none, and sometimes some: a loop that polls for a while must hear of everything, too.
fn some_spin(sim: &Simulation) -> Duration {
    Duration::from_micros([0, 0, 20, 200][sim.random(4)])
}

/// How many connections closed for this reason, on all loops.
fn closes(sim: &Simulation, reason: Reason) -> u64 {
    sim.ledgers().iter().map(|ledger| ledger.closes(reason)).sum()
}

/// All connections ended for one of these reasons.
fn assert_closes(sim: &Simulation, expected: &[Reason]) {
    for reason in Reason::ALL.iter().filter(|reason| !expected.contains(reason)) {
        assert_eq!(closes(sim, *reason), 0, "{}", reason.name());
    }
}

/// A counter of the ledgers, of all loops.
fn counted(sim: &Simulation, name: &str) -> u64 {
    let count = |ledger: &overt::Ledger| {
        let mut counters = ledger.counters();
        counters.find(|(counter, _)| *counter == name).map(|(_, count)| count)
    };
    let ledgers = sim.ledgers();
    ledgers.iter().map(|ledger| count(ledger).expect("there is no such counter")).sum()
}
