//! A handler on the bench shows all that it asks for, and is treated as an engine would.

use std::io;
use std::time::Duration;

use overt::testing::Bench;
use overt::wire::{Codec, LengthPrefixed};
use overt::{
    Address, Close, Config, Context, Deadline, Deadlines, Dial, Group, Handler, Limits, Never,
    Outgoing, Reason, Result, Timer,
};

const A: Timer = Timer::new(0);
const B: Timer = Timer::new(3);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Does what it is told, a letter each, and tells what happens to it.
#[derive(Default)]
struct Puppet {
    closes_at_drain: bool,
}

enum Told {
    Said(&'static str),
    Done(u8),
}

impl Handler for Puppet {
    type Message = Told;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"open ");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some([letter]) = cx.input.first_chunk().copied() {
            cx.input.consume(1);
            match letter {
                b'a' => cx.effects.arm(A, seconds(5)),
                b'b' => cx.effects.arm_every(B, seconds(2)),
                b'B' => cx.effects.disarm(B),
                b'0' => cx.effects.arm(A, Duration::ZERO),
                b'c' => cx.effects.close(),
                b'f' => cx.effects.finish(),
                b'p' => cx.effects.pause(),
                b'r' => cx.effects.set_read_deadline(Some(cx.effects.now() + seconds(3))),
                b'w' => cx.effects.set_write_deadline(Some(cx.effects.now() + seconds(3))),
                b'R' => cx.effects.set_read_deadline(None),
                b'o' => cx.output.put(&[b'.'; 300 * 1024]),
                b'j' => cx.effects.answer(b"frame", |frame, output| output.put(frame))?,
                b'k' => cx.effects.offload(|| Told::Done(7))?,
                b'!' => cx.effects.answer(b"", |_, _| panic!("in a job"))?,
                b'm' => drop(cx.effects.address().send(Told::Said("to myself"))),
                b'd' => cx.effects.connect(Dial::host("example.org", 80), Dialer { left: 1 }),
                b'u' => cx.effects.upgrade(Successor),
                b'e' => return Err(Close::Protocol("e")),
                b'.' => return Ok(()),
                _ => cx.output.put(&[letter]),
            }
        }
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"eof ");
        cx.effects.close();
        Ok(())
    }

    fn on_message(&mut self, message: Told, cx: &mut Context<'_, Self>) -> Result {
        match message {
            Told::Said("resume") => cx.effects.resume(),
            Told::Said(text) => cx.output.put(text.as_bytes()),
            Told::Done(number) => cx.output.put(format!("done {number} ").as_bytes()),
        }
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"tick ");
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"writable ");
        Ok(())
    }

    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"drain ");
        if self.closes_at_drain {
            cx.effects.close();
        }
        Ok(())
    }

    fn on_close(self, _: Close, outgoing: &mut Outgoing<'_>) {
        outgoing.connect(Dial::host("after", 1), Dialer { left: 0 });
    }
}

/// Tries again, a few times, each after a longer while.
struct Dialer {
    left: u32,
}

impl Handler for Dialer {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"knock");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }

    fn on_close(self, _: Close, outgoing: &mut Outgoing<'_>) {
        if let Some(left) = self.left.checked_sub(1) {
            let dial = Dial::host("example.org", 80).after(seconds(3));
            outgoing.connect(dial, Self { left });
        }
    }
}

struct Successor;

impl Handler for Successor {
    type Message = u8;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"<");
        cx.output.append(cx.input);
        cx.effects.arm(B, seconds(1));
        Ok(())
    }
}

fn puppet() -> Bench<Puppet> {
    let mut bench = Bench::new(Puppet::default());
    assert_eq!(bench.take_output(), b"open ");
    bench
}

fn with(config: Config) -> Bench<Puppet> {
    let mut bench = Bench::with(Config { workers: 1, ..config }, Puppet::default());
    assert_eq!(bench.take_output(), b"open ");
    bench
}

#[test]
fn bytes_go_in_and_come_out() {
    let mut bench = puppet();
    bench.data(b"123");
    bench.data(b"45");
    assert_eq!(bench.take_output(), b"12345");
    assert_eq!(bench.take_output(), b"");
    assert_eq!(bench.unread(), b"");
    bench.data(b"1.678");
    assert_eq!((bench.take_output(), bench.unread()), (b"1".to_vec(), &b"678"[..]));
    bench.data(b"9");
    assert_eq!(bench.take_output(), b"6789");
}

#[test]
fn timers_fire_when_the_clock_gets_there() {
    let mut bench = puppet();
    bench.data(b"ab");
    assert_eq!((bench.timer(A), bench.timer(B)), (Some(seconds(5)), Some(seconds(2))));
    bench.advance(Duration::from_millis(1_999));
    assert_eq!(bench.fired(), []);
    bench.advance(Duration::from_millis(1));
    assert_eq!((bench.fired(), bench.take_output()), (vec![B], b"tick ".to_vec()));
    bench.advance(seconds(5));
    assert_eq!(bench.fired(), [B, A, B]);
    bench.data(b"B");
    bench.advance(seconds(10));
    assert_eq!((bench.fired(), bench.timer(A), bench.timer(B)), (vec![], None, None));
    assert_eq!(bench.now(), seconds(1 + 17));
}

#[test]
fn a_timer_for_now_fires_when_the_clock_is_asked() {
    let mut bench = puppet();
    bench.data(b"0");
    bench.advance(Duration::ZERO);
    assert_eq!(bench.fired(), [A]);
}

#[test]
fn deadlines_pass() {
    let mut bench = puppet();
    bench.data(b"r");
    assert_eq!(bench.deadline(Deadline::Read), Some(seconds(3)));
    bench.advance(seconds(3));
    assert_eq!(bench.closed(), Some(Reason::LateRead));

    let mut bench = puppet();
    bench.data(b"rR");
    assert_eq!(bench.deadline(Deadline::Read), None);
    bench.advance(seconds(59));
    assert_eq!(bench.closed(), None);
    bench.advance(seconds(1));
    assert_eq!(bench.closed(), Some(Reason::LateIdle));

    let mut bench = puppet();
    bench.set_window(0);
    bench.data(b"w1");
    bench.advance(seconds(3));
    assert_eq!(bench.closed(), Some(Reason::LateWrite));
}

#[test]
fn deadlines_are_those_of_the_configuration() {
    let deadlines = Deadlines { idle: seconds(2), ..Deadlines::default() };
    let mut bench = with(Config { deadlines, ..Config::default() });
    assert_eq!(bench.deadline(Deadline::Idle), Some(seconds(2)));
    bench.advance(seconds(2));
    assert_eq!(bench.closed_because(), Some("late_idle"));
}

#[test]
fn a_paused_handler_is_told_nothing_until_it_resumes() {
    let mut bench = puppet();
    bench.data(b"1p");
    bench.data(b"23");
    assert!(bench.is_paused());
    assert_eq!(bench.take_output(), b"1");
    bench.message(Told::Said("resume"));
    assert!(!bench.is_paused());
    assert_eq!(bench.take_output(), b"23");
}

#[test]
fn a_peer_that_does_not_read_makes_congestion_and_its_end_is_told() {
    let mut bench = puppet();
    bench.set_window(1000);
    bench.data(b"o");
    bench.data(b"1");
    assert!(bench.is_congested());
    assert_eq!((bench.take_output().len(), bench.unsent()), (1000, 300 * 1024 - 2000));
    bench.set_window(1 << 20);
    assert!(!bench.is_congested());
    let output = bench.take_output();
    assert!(output.ends_with(b".writable 1"), "{:?}", output.last_chunk::<20>());
    assert_eq!(bench.unsent(), 0);
}

#[test]
fn closing_waits_for_the_output() {
    let mut bench = puppet();
    bench.set_window(0);
    bench.data(b"1c");
    assert!(bench.is_closing() && !bench.is_finished());
    assert_eq!(bench.closed(), None);
    bench.set_window(10);
    assert_eq!(bench.closed(), Some(Reason::ByUs));
    assert_eq!(bench.take_output(), b"1");
    assert!(bench.is_finished());
}

#[test]
fn a_finished_handler_still_hears_the_peer() {
    let mut bench = puppet();
    bench.data(b"f");
    assert!(bench.is_finished());
    assert_eq!(bench.closed(), None);
    bench.data(b"1");
    bench.eof();
    assert_eq!(bench.closed(), Some(Reason::ByPeer));
}

#[test]
fn the_peer_ends_or_cuts_it() {
    let mut bench = puppet();
    bench.eof();
    assert_eq!(bench.take_output(), b"eof ");
    assert_eq!(bench.closed(), Some(Reason::ByPeer));

    let mut bench = puppet();
    bench.reset();
    assert_eq!(bench.closed(), Some(Reason::Reset));
}

#[test]
fn an_error_closes_with_its_reason() {
    let mut bench = puppet();
    bench.data(b"1e");
    assert_eq!(bench.closed(), Some(Reason::Protocol));
    assert_eq!(bench.closed_because(), Some("protocol: e"));
    assert_eq!(bench.handler_name(), None);
}

#[test]
fn a_shutdown_is_told() {
    let mut bench = puppet();
    bench.drain();
    assert_eq!((bench.take_output(), bench.closed()), (b"drain ".to_vec(), None));
    let mut bench = Bench::new(Puppet { closes_at_drain: true });
    bench.drain();
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn jobs_wait_for_the_workers_and_are_answered_in_order() {
    let mut bench = puppet();
    bench.data(b"jkjc");
    assert_eq!((bench.jobs(), bench.take_output()), (3, vec![]));
    assert!(bench.is_closing());
    assert_eq!(bench.work(), 3);
    assert_eq!(bench.take_output(), b"framedone 7 frame");
    assert_eq!((bench.jobs(), bench.closed()), (0, Some(Reason::ByUs)));
}

#[test]
fn too_many_jobs_hold_the_reading() {
    let limits = Limits { jobs_per_connection: 2, ..Limits::default() };
    let mut bench = with(Config { limits, ..Config::default() });
    bench.data(b"jj");
    bench.data(b"1");
    assert!(bench.is_held());
    assert_eq!(bench.take_output(), b"");
    assert_eq!(bench.work(), 2);
    assert!(!bench.is_held());
    assert_eq!(bench.take_output(), b"frameframe1");
}

#[test]
fn one_connection_may_be_held_by_the_jobs_of_all() {
    let limits = Limits { jobs: 1, ..Limits::default() };
    let mut bench = with(Config { limits, ..Config::default() });
    for _ in 0..3 {
        bench.data(b"j");
        bench.data(b"1");
        assert!(bench.is_held());
        bench.work();
        assert_eq!(bench.take_output(), b"frame1");
    }
}

#[test]
fn a_panic_in_a_job_closes_the_connection() {
    let mut bench = puppet();
    bench.data(b"!");
    assert_eq!(bench.work(), 1);
    assert_eq!(bench.closed(), Some(Reason::Panicked));
}

#[test]
fn without_workers_there_are_no_jobs() {
    let mut bench = Bench::with(Config::default(), Puppet::default());
    bench.data(b"j");
    assert_eq!(bench.closed(), Some(Reason::OverJobs));
}

#[test]
fn messages_wait_until_they_are_delivered() {
    let mut bench = puppet();
    bench.data(b"m");
    assert_eq!((bench.mail(), bench.take_output()), (1, vec![]));
    assert_eq!(bench.deliver(), 1);
    assert_eq!(bench.take_output(), b"to myself");
    let address: Address<Told> = bench.address();
    address.send(Told::Said("from elsewhere")).unwrap();
    assert_eq!(bench.deliver(), 1);
    assert_eq!(bench.take_output(), b"from elsewhere");
    bench.message(Told::Said("at once"));
    assert_eq!(bench.take_output(), b"at once");
}

#[test]
fn a_group_reaches_its_member() {
    struct Member;
    impl Handler for Member {
        type Message = u8;
        fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
            Ok(())
        }
        fn on_message(&mut self, letter: u8, cx: &mut Context<'_, Self>) -> Result {
            cx.output.put(&[letter]);
            Ok(())
        }
    }
    let mut bench = Bench::new(Member);
    let address = bench.address();
    assert_eq!(Group::of([&address, &address]).send(b'x'), 0);
    bench.deliver();
    assert_eq!(bench.take_output(), b"xx");
}

#[test]
fn a_successor_takes_over_what_is_unread() {
    let mut bench = puppet();
    bench.data(b"1u.rest");
    assert_eq!(bench.handler_name(), Some(std::any::type_name::<Successor>()));
    let mut bench = bench.upgraded::<Successor>();
    let _: &Successor = bench.handler();
    assert_eq!(bench.take_output(), b"1<rest");
    bench.advance(seconds(1));
    assert_eq!(bench.fired(), [B]);
    bench.message(1);
}

#[test]
#[should_panic(expected = "Puppet, not")]
fn a_handler_that_was_not_handed_over_is_no_successor() {
    puppet().upgraded::<Successor>();
}

#[test]
fn dials_are_shown_and_can_be_answered_or_refused() {
    let mut bench = puppet();
    bench.data(b"d");
    let [dialed] = bench.take_dials().try_into().unwrap();
    assert_eq!(dialed.dial, Dial::host("example.org", 80));
    bench.refuse(dialed, io::ErrorKind::ConnectionRefused.into());
    let [again] = bench.take_dials().try_into().unwrap();
    assert_eq!(again.dial, Dial::host("example.org", 80).after(seconds(3)));
    let mut dialer = again.connect::<Dialer>();
    assert_eq!((dialer.take_output(), dialer.handler().left), (b"knock".to_vec(), 0));
    bench.data(b"c");
    let [last] = bench.take_dials().try_into().unwrap();
    assert_eq!(last.dial, Dial::host("after", 1));
}

#[test]
#[should_panic(expected = "the connection is closed: by_us")]
fn a_dead_connection_hears_nothing() {
    let mut bench = puppet();
    bench.data(b"c");
    bench.message(Told::Said("dropped"));
    bench.data(b"1");
}

#[test]
#[should_panic(expected = "keeps itself busy")]
fn a_handler_that_never_rests_is_found() {
    struct Restless;
    impl Handler for Restless {
        type Message = Never;
        fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
            cx.effects.resume();
            Ok(())
        }
    }
    Bench::new(Restless).data(b"1");
}

#[test]
fn a_frame_too_large_closes_and_the_frame_budget_loses_none() {
    struct Frames(LengthPrefixed);
    impl Handler for Frames {
        type Message = Never;
        fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
            while let Some(frame) = self.0.decode(cx.input)? {
                self.0.encode(frame, cx.output)?;
            }
            Ok(())
        }
    }
    let limits = Limits { frames_per_visit: 3, read_per_visit: 100, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let mut bench = Bench::with(config, Frames(LengthPrefixed::new(9)));
    let frames = b"\0\0\0\x02ab".repeat(1000);
    bench.data(&frames);
    assert_eq!(bench.take_output(), frames);
    bench.data(b"\0\0\0\x0a");
    let why = "wire: a frame of 10 bytes where 9 are allowed, at byte 0";
    assert_eq!(bench.closed_because(), Some(why));
}
