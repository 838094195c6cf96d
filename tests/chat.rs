//! A chat over real sockets, on two loops: rooms, names, order, and people who behave badly.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use overt::service::rooms::{RoomLimits, RoomSettings, Rooms, Slow};
use overt::service::{Chat, ChatLimits};
use overt::{Config, Deadlines, Engine, Handle, Limits, Reason, Running};

const PATIENCE: Duration = Duration::from_secs(10);

fn chat(limits: ChatLimits) -> (SocketAddr, Running) {
    chat_in(RoomLimits::default(), limits)
}

fn chat_in(rooms: RoomLimits, limits: ChatLimits) -> (SocketAddr, Running) {
    let engine_limits = Limits { output_high: 64 << 10, output_low: 16 << 10, ..Limits::default() };
    // Nobody here hangs up before the shutdown is over.
    let deadlines = Deadlines { linger: Duration::from_millis(100), ..Deadlines::default() };
    let config = Config { loops: 2, limits: engine_limits, deadlines, ..Config::default() };
    let mut engine = Engine::new(config).unwrap();
    let rooms = Rooms::new(rooms);
    let chat = move || Chat::new(rooms.clone(), limits.clone());
    let at = engine.listen("127.0.0.1:0", chat).unwrap();
    (at.socket_addr().unwrap(), engine.start().unwrap())
}

/// Somebody with a name, who has read everything so far.
struct Person {
    lines: BufReader<TcpStream>,
}

impl Person {
    fn stranger(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { lines: BufReader::new(stream) }
    }

    fn new(at: SocketAddr, name: &str) -> Self {
        let mut person = Self::stranger(at);
        person.says(&format!("/nick {name}"));
        person.hears_at_last(&format!("* you are now {name}"));
        person
    }

    fn says(&mut self, line: &str) {
        self.lines.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The next line; empty when the connection has ended.
    fn hears(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads up to this line; tells what came before it.
    fn hears_at_last(&mut self, expected: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            match self.hears() {
                line if line == expected => return before,
                line if line.is_empty() => panic!("no `{expected}` in {before:?}"),
                line => before.push(line),
            }
        }
    }
}

#[test]
fn a_line_is_heard_in_its_room_and_nowhere_else() {
    let (at, running) = chat(ChatLimits::default());
    let (mut ann, mut bob, mut cid) =
        (Person::new(at, "ann"), Person::new(at, "bob"), Person::new(at, "cid"));
    ann.says("/join attic");
    ann.hears_at_last("* in attic: ann");
    bob.says("/join attic");
    ann.hears_at_last("* bob joined");
    cid.says("in the lobby");
    ann.says("in the attic");
    bob.hears_at_last("<ann> in the attic");
    bob.says("/leave");
    bob.hears_at_last("* you left attic");
    assert_eq!(ann.hears(), "* bob left");
    bob.says("alone");
    assert_eq!(bob.hears(), "* you are in no room: /join one");
    bob.says("/join lobby");
    assert_eq!(bob.hears(), "* in lobby: bob, cid");
    cid.hears_at_last("* bob joined");
    drop(bob);
    assert_eq!(cid.hears(), "* bob left");
    ann.says("/who");
    assert_eq!(ann.hears(), "* in attic: ann");
    running.shut_down().unwrap();
}

#[test]
fn names_are_unique_and_free_again_when_somebody_goes() {
    let (at, running) = chat(ChatLimits::default());
    let (mut ann, mut bob) = (Person::new(at, "ann"), Person::new(at, "bob"));
    bob.says("/nick ann");
    assert_eq!(bob.hears(), "* that name is taken");
    bob.says("/nick a\x1bb");
    assert_eq!(bob.hears(), "* a name is a few letters, digits, - or _");
    ann.says("/quit");
    bob.hears_at_last("* ann left");
    bob.says("/nick ann");
    assert_eq!(bob.hears(), "* you are now ann");
    running.shut_down().unwrap();
}

#[test]
fn everybody_hears_two_who_speak_at_once_in_the_same_order() {
    let limits = ChatLimits { lines_at_once: 1000, ..ChatLimits::default() };
    let (at, running) = chat(limits);
    let mut listeners: Vec<_> =
        (0..6).map(|number| Person::new(at, &format!("ear-{number}"))).collect();
    let mut speakers = [Person::new(at, "ann"), Person::new(at, "bob")];
    for number in 0..200 {
        speakers.iter_mut().for_each(|speaker| speaker.says(&number.to_string()));
    }
    let said = |person: &mut Person| {
        let mut heard = Vec::new();
        while heard.len() < 400 {
            heard.push(person.hears());
            heard.retain(|line| line.starts_with('<'));
        }
        heard
    };
    let first = said(&mut listeners[0]);
    for name in ["<ann>", "<bob>"] {
        let own = first.iter().filter(|line| line.starts_with(name));
        assert!(
            own.eq((0..200).map(|number| format!("{name} {number}")).collect::<Vec<_>>().iter())
        );
    }
    for listener in &mut listeners[1..] {
        assert_eq!(said(listener), first);
    }
    running.shut_down().unwrap();
}

#[test]
fn somebody_who_does_not_read_is_dropped_and_nobody_else_misses_a_line() {
    let limits =
        ChatLimits { lines_at_once: 1_000_000, line_max: 16 << 10, ..ChatLimits::default() };
    let room = RoomSettings { slow: Slow::Close, ..RoomSettings::default() };
    let (at, running) = chat_in(RoomLimits { room, ..RoomLimits::default() }, limits);
    let _deaf = Person::new(at, "deaf");
    let (mut ann, mut bob) = (Person::new(at, "ann"), Person::new(at, "bob"));
    let long = "x".repeat(15 << 10);
    let mut said = 0;
    let gone = |handle: &Handle| {
        let loops = handle.snapshot(0, PATIENCE);
        loops.iter().map(|each| each.ledger.closes(Reason::OverOutput)).sum::<u64>() > 0
    };
    while !gone(running.handle()) {
        for _ in 0..10 {
            ann.says(&format!("{said} {long}"));
            let before = bob.hears_at_last(&format!("<ann> {said} {long}"));
            assert!(!before.iter().any(|line| line.starts_with('<')));
            said += 1;
        }
        assert!(said < 100_000, "the deaf one is still there");
    }
    running.shut_down().unwrap();
}

#[test]
fn somebody_who_reads_too_late_is_told_how_much_they_missed() {
    const LINES: usize = 1500;
    let limits =
        ChatLimits { lines_at_once: 1_000_000, line_max: 16 << 10, ..ChatLimits::default() };
    let (at, running) = chat(limits);
    let (mut late, mut ann) = (Person::new(at, "late"), Person::new(at, "ann"));
    let long = "x".repeat(15 << 10);
    (0..LINES).for_each(|number| ann.says(&format!("{number} {long}")));
    ann.says("that was all");
    ann.says("/leave");
    ann.hears_at_last("* you left lobby");
    let (mut heard, mut missed) = (0, 0);
    for line in late.hears_at_last("<ann> that was all") {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["<ann>", number, _] => {
                assert_eq!(number, (heard + missed).to_string());
                heard += 1;
            }
            ["*", count, "lines", ..] => missed += count.parse::<usize>().unwrap(),
            _ => {}
        }
    }
    assert_eq!(heard + missed, LINES);
    assert!(missed > 0);
    running.shut_down().unwrap();
}

#[test]
fn somebody_who_talks_too_fast_is_slowed_and_loses_nothing() {
    let limits = ChatLimits {
        lines_at_once: 5,
        line_every: Duration::from_millis(5),
        ..ChatLimits::default()
    };
    let (at, running) = chat(limits);
    let (mut ann, mut bob) = (Person::new(at, "ann"), Person::new(at, "bob"));
    let all: String = (0..100).map(|number| format!("{number}\n")).collect();
    ann.says(all.trim_end());
    for number in 0..100 {
        bob.hears_at_last(&format!("<ann> {number}"));
    }
    running.shut_down().unwrap();
}

#[test]
fn the_silent_are_pinged_and_then_dropped() {
    let limits =
        ChatLimits { ping_every: Duration::from_millis(20), pings_max: 3, ..ChatLimits::default() };
    let (at, running) = chat(limits);
    let mut silent = Person::stranger(at);
    let heard = silent.hears_at_last("* nobody is there: good bye");
    assert_eq!(heard.iter().filter(|line| *line == "* ping").count(), 3);
    assert_eq!(silent.hears(), "");
    running.shut_down().unwrap();
}

#[test]
fn what_is_too_long_or_too_many_is_refused_in_words() {
    // As long as one lingers, there is no room for another: so it doesn't.
    let limits = RoomLimits {
        rooms: 2,
        members_per_room: 2,
        linger: Duration::ZERO,
        ..RoomLimits::default()
    };
    let (at, running) = chat_in(limits, ChatLimits::default());
    let (mut ann, mut bob) = (Person::new(at, "ann"), Person::new(at, "bob"));
    let mut cid = Person::stranger(at);
    cid.hears_at_last("* that room is full");
    ann.says("/join attic");
    ann.hears_at_last("* in attic: ann");
    bob.says("/join cellar");
    bob.hears_at_last("* there are too many rooms already");
    bob.says("/shout");
    assert_eq!(bob.hears(), "* /shout is no command; /help lists them");
    bob.says(&"x".repeat(1000));
    assert_eq!(bob.hears(), "* a line is at most 512 bytes: good bye");
    assert_eq!(bob.hears(), "");
    running.shut_down().unwrap();
}

#[test]
fn a_shutdown_says_good_bye() {
    let (at, running) = chat(ChatLimits::default());
    let mut ann = Person::new(at, "ann");
    let report = running.shut_down().unwrap();
    ann.hears_at_last("* the server goes down: good bye");
    assert_eq!((report.finished, report.cut), (1, 0));
}
