//! The bench shows what a handler asks for: jobs, messages, a successor, other connections; and
//! does it when the test says so.

use std::io;

use overt::testing::Bench;
use overt::{Address, Config, Context, Dial, Group, Handler, Limits, Reason, Result};
use puppet::{B, Dialer, Puppet, Successor, Told, puppet, seconds, with};

#[path = "common/puppet.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod puppet;

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
fn who_is_read_from_while_its_output_waits_says_so_and_its_successor_does_not() {
    let mut plain = puppet();
    let mut duplex = puppet();
    for (bench, tells) in [(&mut plain, &b"o"[..]), (&mut duplex, b"Do")] {
        bench.set_window(0);
        bench.data(tells);
        assert!(bench.is_congested());
    }
    let (before, more) = (plain.unsent(), duplex.unsent());
    plain.data(b"1");
    duplex.data(b"1");
    assert_eq!((plain.unsent(), duplex.unsent()), (before, more + 1));
    duplex.data(b"u");
    duplex.data(b"1");
    assert_eq!(duplex.unsent(), more + 1);
    // Nothing is lost by it.
    duplex.set_window(usize::MAX);
    assert!(duplex.take_output().ends_with(b"<1"));
}

#[test]
fn an_end_behind_half_a_frame_keeps_nobody_busy_while_the_output_waits() {
    let mut bench = puppet();
    bench.set_window(0);
    bench.data(b"Do");
    bench.data(b".half a frame");
    assert!(bench.is_congested());
    let before = bench.unsent();
    bench.eof();
    // It is read from all the same, so it is told of the end at once.
    assert_eq!((bench.unsent(), bench.is_closing()), (before + b"eof ".len(), true));
}
