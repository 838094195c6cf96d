//! A handler on the bench is treated as an engine would: its peer, its clock, its limits, its end.

use std::time::Duration;

use overt::testing::Bench;
use overt::wire::{Codec, LengthPrefixed};
use overt::{
    Close, Config, Context, Deadline, Deadlines, Handler, Limits, Never, Reason, Result, Timer,
};
use puppet::{A, B, Puppet, Told, puppet, seconds, with};

#[path = "common/puppet.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod puppet;

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
    // What the peer said meanwhile is heard first.
    assert!(output.ends_with(b"1writable "), "{:?}", output.last_chunk::<20>());
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
#[should_panic(expected = "the connection is closed: by_us")]
fn a_dead_connection_hears_nothing() {
    let mut bench = puppet();
    bench.data(b"c");
    bench.message(Told::Said("dropped"));
    bench.data(b"1");
}

#[test]
fn a_long_time_passes_tick_by_tick() {
    struct Ticks;
    impl Handler for Ticks {
        type Message = Never;
        fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
            cx.effects.arm_every(A, Duration::from_millis(1));
            Ok(())
        }
        fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
            Ok(())
        }
    }
    let deadlines = Deadlines { idle: seconds(1000), ..Deadlines::default() };
    let mut bench = Bench::with(Config { deadlines, ..Config::default() }, Ticks);
    bench.advance(seconds(150));
    assert_eq!(bench.fired().len(), 150_000);
}

#[test]
#[should_panic(expected = "again and again")]
fn a_timer_that_is_armed_for_now_for_ever_is_found() {
    struct Impatient;
    impl Handler for Impatient {
        type Message = Never;
        fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
            cx.effects.arm(A, Duration::ZERO);
            Ok(())
        }
        fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
            cx.effects.arm(A, Duration::ZERO);
            Ok(())
        }
    }
    let mut bench = Bench::new(Impatient);
    bench.data(b"1");
    bench.advance(seconds(1));
}

#[test]
fn a_handler_may_end_before_it_began() {
    struct Brief(Result);
    impl Handler for Brief {
        type Message = Never;
        fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
            cx.output.put(b"bye ");
            cx.output.share(vec![b'.'; 1000].into());
            cx.output.put(b"bye");
            cx.effects.close();
            std::mem::replace(&mut self.0, Ok(()))
        }
        fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
            Ok(())
        }
    }
    let mut bench = Bench::new(Brief(Ok(())));
    let bye = [&b"bye "[..], &[b'.'; 1000], b"bye"].concat();
    assert_eq!((bench.take_output(), bench.closed()), (bye.clone(), Some(Reason::ByUs)));
    let mut bench = Bench::new(Brief(Err(Close::Protocol("no"))));
    assert_eq!((bench.take_output(), bench.closed()), (bye, Some(Reason::Protocol)));
    let mut bench = Bench::new(Brief(Err(Close::Panicked)));
    assert_eq!((bench.take_output(), bench.closed()), (vec![], Some(Reason::Panicked)));
    bench.advance(seconds(100));
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
