//! A datagram socket over loopback: what comes is answered exactly, whatever else comes with it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use overt::net::Remote;
use overt::{Address, Close, Config, Datagrams, Engine, Limits, Never, Outgoing, Reason};
use overt::{Result, SocketContext, Timer};
use udp::{Echo, SOON, ask, client, config, receive, snapshot, start};

#[path = "common/udp.rs"]
mod udp;

#[test]
fn each_datagram_comes_back_whole_and_alone() {
    let (running, at) = start(|| Echo);
    let socket = client(at);
    for size in [0, 1, 64, 1200, 1473, 9000, 65_507] {
        let question: Vec<u8> = (0..size).map(|at| (at * 7 % 251) as u8).collect();
        assert_eq!(ask(&socket, &question), question);
    }
    running.shut_down().unwrap();
}

#[test]
fn what_is_sent_at_once_comes_back_in_order() {
    let (running, at) = start(|| Echo);
    let socket = client(at);
    for round in 100..150_u8 {
        // Sizes that can't all be gathered: longer, shorter and empty ones.
        let sizes = [100, 100, 100, 40, 40, 100, 0, 0, 1200, 1200, 7];
        let questions: Vec<Vec<u8>> = sizes.iter().map(|&size| vec![round; size]).collect();
        questions.iter().for_each(|question| assert!(socket.send(question).is_ok()));
        for question in &questions {
            assert_eq!(&receive(&socket).unwrap(), question);
        }
    }
    running.shut_down().unwrap();
}

/// Two engines play with each other: one sends bursts that leave in few calls, the other gets each
/// in few, and answers in few.
#[cfg(feature = "linux")]
#[test]
fn bursts_leave_and_arrive_in_few_calls_both_ways() {
    const BURST: u32 = 50;
    const ROUNDS: u32 = 40;
    /// Sends a burst, and the next when that has come back; tells when all have.
    struct Player(SocketAddr, Sender<()>, u32);
    impl Player {
        fn play(&self, cx: &mut SocketContext<'_, Never>) -> Result {
            (self.2..self.2 + BURST).try_for_each(|number| {
                let mut datagram = [7; 1200];
                datagram[..4].copy_from_slice(&number.to_be_bytes());
                cx.send_to(&self.0.into(), &datagram)
            })
        }
    }
    impl Datagrams for Player {
        type Message = Never;
        fn on_open(&mut self, cx: &mut SocketContext<'_, Never>) -> Result {
            self.play(cx)
        }
        fn on_datagram(
            &mut self,
            datagram: &[u8],
            _: &Remote,
            cx: &mut SocketContext<'_, Never>,
        ) -> Result {
            assert_eq!((datagram.len(), &datagram[..4]), (1200, &self.2.to_be_bytes()[..]));
            self.2 += 1;
            match self.2 {
                number if number == BURST * ROUNDS => drop(self.1.send(())),
                number if number % BURST == 0 => return self.play(cx),
                _ => {}
            }
            Ok(())
        }
    }
    let (server, at) = start(|| Echo);
    let (done, all_came) = channel();
    let mut engine = Engine::new(config(1)).unwrap();
    engine.bind("127.0.0.1:0", move || Player(at, done.clone(), 0)).unwrap();
    let player = engine.start().unwrap();
    all_came.recv_timeout(SOON).unwrap();
    for running in [server, player] {
        let ledger = snapshot(&running).ledger;
        let all = u64::from(BURST * ROUNDS);
        assert_eq!((ledger.datagrams_sent, ledger.datagrams_received), (all, all));
        assert!(ledger.sends <= all / 4, "{ledger:?}");
        assert!(ledger.receives <= all / 4, "{ledger:?}");
        running.shut_down().unwrap();
    }
}

#[test]
fn a_refused_datagram_costs_nobody_else_anything() {
    let (running, at) = start(|| Echo);
    let socket = client(at);
    for question in [&b"one"[..], b"!two", b"three"] {
        socket.send(question).unwrap();
    }
    assert_eq!(receive(&socket).unwrap(), b"one");
    assert_eq!(receive(&socket).unwrap(), b"three");
    assert_eq!(snapshot(&running).ledger.datagrams_refused, 1);
    running.shut_down().unwrap();
}

/// Counts how often it was made, and what it was told at the end.
struct Fragile(Echo, Arc<AtomicU32>, Arc<Mutex<Vec<Reason>>>);

impl Datagrams for Fragile {
    type Message = Never;

    fn on_open(&mut self, _: &mut SocketContext<'_, Never>) -> Result {
        self.1.fetch_add(1, Relaxed);
        Ok(())
    }

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        self.0.on_datagram(datagram, from, cx)
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.2.lock().unwrap().push(why.reason());
    }
}

#[test]
fn after_a_panic_a_fresh_state_machine_goes_on_and_no_datagram_is_lost() {
    let (made, told) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(Vec::new())));
    let counters = (made.clone(), told.clone());
    let (running, at) = start(move || Fragile(Echo, counters.0.clone(), counters.1.clone()));
    let socket = client(at);
    for question in [&b"one"[..], b"*", b"two", b"*", b"three"] {
        socket.send(question).unwrap();
    }
    for answer in [&b"one"[..], b"two", b"three"] {
        assert_eq!(receive(&socket).unwrap(), answer);
    }
    assert_eq!(snapshot(&running).ledger.panics, 2);
    running.shut_down().unwrap();
    assert_eq!(made.load(Relaxed), 3);
    assert_eq!(*told.lock().unwrap(), [Reason::Panicked, Reason::Panicked, Reason::ByUs]);
}

#[test]
fn a_flood_does_not_starve_others_and_a_spent_budget_loses_no_edge() {
    let limits = Limits { datagrams_per_visit: 1, ..Limits::default() };
    let mut engine = Engine::new(Config { limits, ..config(1) }).unwrap();
    let at = engine.bind("127.0.0.1:0", || Echo).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let socket = client(at);
    for round in 0..20_u8 {
        (0..100).for_each(|_| assert_eq!(socket.send(&[round]).unwrap(), 1));
        (0..100).for_each(|_| assert_eq!(receive(&socket).unwrap(), [round]));
    }
    running.shut_down().unwrap();
}

#[test]
fn a_storm_of_random_bytes_leaves_the_socket_serving() {
    let (running, at) = start(|| Echo);
    let stormy = client(at);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..3000 {
        let datagram: Vec<u8> = (0..state % 97)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        state = state.wrapping_add(12_345);
        // Some of them panic the handler; and what does not fit into the kernel's buffer is lost.
        stormy.send(&datagram).unwrap();
    }
    let (socket, end) = (client(at), Instant::now() + SOON);
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    loop {
        socket.send(b"are you there?").unwrap();
        match receive(&socket) {
            Ok(answer) => break assert_eq!(answer, b"are you there?"),
            Err(_) => assert!(Instant::now() < end, "no answer after the storm"),
        }
    }
    running.shut_down().unwrap();
}

/// Tells whoever sent it to what became of a datagram to somebody else.
struct Relay(Option<Remote>);

impl Datagrams for Relay {
    type Message = Never;

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        self.0 = Some(from.clone());
        match cx.send_to(from, &vec![0; 65_508]) {
            Err(too_large) => cx.send_to(from, too_large.to_string().as_bytes())?,
            Ok(()) => unreachable!("a datagram of 65,508 bytes"),
        }
        let nowhere = SocketAddr::from(([255, 255, 255, 255], 9));
        (0..3).try_for_each(|_| cx.send_to(&nowhere.into(), datagram))
    }

    fn on_unsent(
        &mut self,
        to: &Remote,
        error: io::Error,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        let asked = self.0.as_ref().unwrap();
        cx.send_to(asked, format!("{to}: {:?}", error.kind()).as_bytes())
    }
}

#[test]
fn who_sends_what_cannot_be_sent_is_told() {
    let (running, at) = start(|| Relay(None));
    let socket = client(at);
    let too_large = "io: a datagram of 65508 bytes; 65507 are the most";
    assert_eq!(ask(&socket, b"hello"), too_large.as_bytes());
    for _ in 0..3 {
        // Broadcast was not asked for, so the system refuses it.
        assert_eq!(receive(&socket).unwrap(), b"255.255.255.255:9: PermissionDenied");
    }
    let ledger = snapshot(&running).ledger;
    assert_eq!((ledger.datagrams_dropped, ledger.datagrams_sent), (3, 4));
    running.shut_down().unwrap();
}

enum News {
    Say(&'static str),
    Worked(Remote, Vec<u8>),
}

/// Speaks to the first who spoke to it: on a timer, when told to, and after work.
struct Agent(Sender<Address<News>>, Option<Remote>);

const TICK: Timer = Timer::new(1);

impl Datagrams for Agent {
    type Message = News;

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, News>,
    ) -> Result {
        self.1 = Some(from.clone());
        match datagram {
            b"tick" => cx.arm_every(TICK, Duration::from_millis(1)),
            b"stop" => cx.disarm(TICK),
            b"address" => drop(self.0.send(cx.address())),
            other => {
                let (from, other) = (from.clone(), other.to_vec());
                cx.offload(move || News::Worked(from, other.repeat(2)))?;
            }
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut SocketContext<'_, News>) -> Result {
        assert_eq!(timer, TICK);
        cx.send_to(self.1.as_ref().unwrap(), b"tock")
    }

    fn on_message(&mut self, message: News, cx: &mut SocketContext<'_, News>) -> Result {
        match message {
            News::Say(text) => cx.send_to(self.1.as_ref().unwrap(), text.as_bytes()),
            News::Worked(to, text) => cx.send_to(&to, &text),
        }
    }
}

#[test]
fn timers_messages_and_workers_reach_a_socket() {
    let (address, addresses) = channel();
    let (running, at) = start(move || Agent(address.clone(), None));
    let socket = client(at);
    socket.send(b"tick").unwrap();
    (0..3).for_each(|_| assert_eq!(receive(&socket).unwrap(), b"tock"));
    socket.send(b"stop").unwrap();
    socket.send(b"address").unwrap();
    addresses.recv_timeout(SOON).unwrap().send(News::Say("news")).unwrap();
    let not_a_tock = |socket| loop {
        match receive(socket).unwrap() {
            tock if tock == b"tock" => {}
            other => break other,
        }
    };
    assert_eq!(not_a_tock(&socket), b"news");
    assert_eq!(ask(&socket, b"work"), b"workwork");
    running.shut_down().unwrap();
}
