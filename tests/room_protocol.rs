//! The protocol of rooms over frames, on two loops, beside a line chat in the same rooms.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use overt::service::rooms::{RoomLimits, RoomSettings, Rooms};
use overt::service::{Chat, ChatLimits, RoomProtocol, RoomsByFrames};
use overt::{Config, Deadlines, Engine, Running};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);
const KEY: &str = "000102030405060708090a0b0c0d0e0f";

struct Server {
    frames: SocketAddr,
    lines: SocketAddr,
    rooms: Arc<Rooms>,
    running: Running,
}

fn serve(limits: RoomLimits, protocol: RoomProtocol) -> Server {
    // Nobody here hangs up before the shutdown is over.
    let deadlines = Deadlines { linger: Duration::from_millis(100), ..Deadlines::default() };
    let mut engine = Engine::new(Config { loops: 2, deadlines, ..Config::default() }).unwrap();
    let drain = protocol.drain.min(Duration::from_millis(200));
    let (rooms, protocol) = (Rooms::new(limits), Arc::new(RoomProtocol { drain, ..protocol }));
    let (by_frames, by_lines) = (rooms.clone(), rooms.clone());
    let guest = move || RoomsByFrames::new(by_frames.clone(), protocol.clone());
    let frames = engine.listen("127.0.0.1:0", guest).unwrap().socket_addr().unwrap();
    let chat = move || Chat::new(by_lines.clone(), ChatLimits::default());
    let lines = engine.listen("127.0.0.1:0", chat).unwrap().socket_addr().unwrap();
    Server { frames, lines, rooms, running: engine.start().unwrap() }
}

fn default() -> Server {
    serve(RoomLimits::default(), RoomProtocol::default())
}

struct Client(TcpStream);

impl Client {
    fn stranger(server: &Server) -> Self {
        let stream = TcpStream::connect(server.frames).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    fn new(server: &Server, name: &str) -> Self {
        let mut client = Self::stranger(server);
        client.says(&json!({ "type": "hello", "name": name, "key": KEY, "client": KEY }));
        assert_eq!(client.hears("welcome")["name"], name);
        client
    }

    fn says(&mut self, message: &Value) {
        self.says_bytes(message.to_string().as_bytes());
    }

    fn says_bytes(&mut self, message: &[u8]) {
        let frame = [&(message.len() as u32).to_be_bytes(), message].concat();
        self.0.write_all(&frame).unwrap();
    }

    /// The next message; null when the connection has ended.
    fn next(&mut self) -> Value {
        let mut prefix = [0; 4];
        if self.0.read_exact(&mut prefix).is_err() {
            return Value::Null;
        }
        let mut message = vec![0; u32::from_be_bytes(prefix) as usize];
        self.0.read_exact(&mut message).unwrap();
        serde_json::from_slice(&message).unwrap()
    }

    /// The next message of this type.
    fn hears(&mut self, wanted: &str) -> Value {
        loop {
            match self.next() {
                Value::Null => panic!("it ended before a {wanted}"),
                message if message["type"] == wanted => return message,
                _ => {}
            }
        }
    }

    fn joins(&mut self, room: &str) -> Value {
        self.says(&json!({ "type": "join", "room": room, "latest": 100 }));
        self.hears("joined")
    }

    fn is_refused(&mut self, message: &Value) -> String {
        self.says(message);
        let error = self.hears("error");
        assert_eq!(error["room"], message["room"]);
        error["code"].as_str().unwrap().to_owned()
    }
}

fn say(seq: u64, text: &str) -> Value {
    json!({ "type": "say", "room": "hall", "seq": seq, "text": text })
}

#[test]
fn whoever_asks_for_what_comes_after_all_offsets_gets_nothing_and_stays() {
    let server = default();
    let mut ann = Client::new(&server, "ann");
    ann.joins("hall");
    ann.says(&say(1, "hello"));
    ann.hears("ack");
    ann.says(&json!({ "type": "history", "room": "hall", "after": u64::MAX }));
    assert_eq!(ann.hears("history")["posts"], json!([]));
    let seen = json!({ "epoch": "ffffffffffffffff", "offset": u64::MAX });
    ann.says(&json!({ "type": "join", "room": "attic", "seen": seen }));
    assert_eq!(ann.hears("joined")["arrival"], "lost");
    server.running.shut_down().unwrap();
}

#[test]
fn frames_and_lines_meet_in_one_room() {
    let server = default();
    let mut ann = Client::new(&server, "ann");
    let joined = ann.joins("hall");
    assert_eq!((&joined["users"], &joined["names"]), (&json!(1), &json!(["ann"])));
    assert_eq!((&joined["arrival"], &joined["slow"]), (&json!("new"), &json!("drop_oldest")));

    let mut lines = BufReader::new(TcpStream::connect(server.lines).unwrap());
    lines.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    lines.get_mut().write_all(b"/nick bob\n/join hall\nhello ann\n").unwrap();
    let came = ann.hears("came");
    assert_eq!((&came["user"], &came["users"]), (&json!("bob"), &json!(2)));
    let post = ann.hears("post");
    assert_eq!((&post["from"], &post["text"]), (&json!("bob"), &json!("hello ann")));
    assert_eq!((&post["offset"], &post["room"]), (&json!(1), &json!("hall")));

    ann.says(&say(1, "two\nlines, \"quoted\""));
    let ack = ann.hears("ack");
    assert_eq!((&ack["seq"], &ack["offset"], &ack["again"]), (&json!(1), &json!(2), &json!(false)));
    assert_eq!(ann.hears("post")["id"], "00010203-1");
    let heard = lines.by_ref().lines().map(Result::unwrap).find(|line| line.starts_with('<'));
    assert_eq!(heard.unwrap(), "<ann> two lines, \"quoted\"");

    ann.says(&json!({ "type": "who", "room": "hall" }));
    assert_eq!(ann.hears("present")["names"], json!(["ann", "bob"]));
    ann.says(&json!({ "type": "rooms" }));
    let rooms = ann.hears("rooms");
    assert_eq!(rooms["rooms"], json!([{ "room": "hall", "users": 2 }]));
    ann.says(&json!({ "type": "say", "room": "@bob", "text": "psst" }));
    ann.hears("ack");
    let heard = lines.by_ref().lines().map(Result::unwrap).find(|line| line.contains("psst"));
    assert_eq!(heard.unwrap(), "<ann> psst");
    drop(lines);
    assert_eq!(ann.hears("went")["user"], "bob");
    ann.says(&json!({ "type": "leave", "room": "hall" }));
    ann.hears("left");
    server.running.shut_down().unwrap();
}

#[test]
fn whoever_comes_back_hears_what_they_missed_and_says_nothing_twice() {
    let server = default();
    let (mut ann, mut bob) = (Client::new(&server, "ann"), Client::stranger(&server));
    bob.says(&json!({ "type": "hello", "name": "bob" }));
    let epoch = ann.joins("hall")["epoch"].clone();
    bob.joins("hall");
    ann.says(&say(1, "one"));
    assert_eq!(ann.hears("ack")["offset"], 1);
    // It is lost before it has read the second acknowledgement.
    ann.says(&say(2, "two"));
    assert_eq!(bob.hears("post")["text"], "one");
    assert_eq!(bob.hears("post")["text"], "two");
    drop(ann);
    bob.hears("went");
    bob.says(&json!({ "type": "say", "room": "hall", "text": "three" }));
    bob.hears("ack");
    let mut ann = Client::new(&server, "ann");
    let seen = json!({ "epoch": epoch, "offset": 1 });
    ann.says(&json!({ "type": "join", "room": "hall", "seen": seen }));
    assert_eq!(ann.hears("joined")["arrival"], "resumed");
    ann.says(&say(2, "two"));
    ann.says(&say(3, "four"));
    let mut heard = Vec::new();
    while heard.len() < 5 {
        let message = ann.next();
        match message["type"].as_str().unwrap() {
            "post" => heard.push(message["text"].as_str().unwrap().to_owned()),
            "ack" => heard.push(format!("{} {}", message["offset"], message["again"])),
            other => assert_eq!(other, "came"),
        }
    }
    heard.sort_unstable();
    assert_eq!(heard, ["2 true", "4 false", "four", "three", "two"]);
    ann.says(&json!({ "type": "history", "room": "hall", "after": 1, "max": 2 }));
    let history = ann.hears("history");
    let texts: Vec<_> =
        history["posts"].as_array().unwrap().iter().map(|post| &post["text"]).collect();
    assert_eq!(texts, ["two", "three"]);
    server.running.shut_down().unwrap();
}

#[test]
fn a_gap_is_told_and_so_is_another_life_of_the_room() {
    let room = RoomSettings { history: 2, ..RoomSettings::default() };
    let limits = RoomLimits { room, ..RoomLimits::default() };
    let server = serve(limits.clone(), RoomProtocol::default());
    let mut ann = Client::new(&server, "ann");
    let epoch = ann.joins("hall")["epoch"].clone();
    for seq in 1..=5 {
        ann.says(&say(seq, "text"));
        ann.hears("ack");
    }
    let mut late = Client::new(&server, "late");
    let bookmark = json!({ "epoch": epoch, "offset": 1 });
    let join = json!({ "type": "join", "room": "hall", "seen": bookmark });
    late.says(&join);
    late.hears("joined");
    let gap = late.next();
    let expected = json!({ "type": "gap", "room": "hall", "first": 2, "last": 3, "why": "gone" });
    assert_eq!(gap, expected);
    assert_eq!(late.next()["offset"], 4);
    assert_eq!(late.next()["offset"], 5);
    server.running.shut_down().unwrap();
    let another = serve(limits, RoomProtocol::default());
    let mut ann = Client::new(&another, "ann");
    ann.says(&join);
    let joined = ann.hears("joined");
    assert_eq!((&joined["arrival"], &joined["offset"]), (&json!("lost"), &json!(0)));
    another.running.shut_down().unwrap();
}

#[test]
fn a_place_in_another_life_is_none_in_this_though_its_offset_was_reached() {
    let server = default();
    let mut ann = Client::new(&server, "ann");
    let epoch = ann.joins("hall")["epoch"].clone();
    (1..=3).for_each(|seq| ann.says(&say(seq, "text")));
    (1..=3).for_each(|_| _ = ann.hears("ack"));
    let other = json!("0000000000000001");
    // The last is one that nobody has reached yet.
    let cases = [(&epoch, 1, "resumed", 1), (&other, 1, "lost", 3), (&epoch, 4, "lost", 3)];
    for (number, (epoch, seen, arrival, offset)) in cases.into_iter().enumerate() {
        let mut bob = Client::new(&server, &format!("bob{number}"));
        let seen = json!({ "epoch": epoch, "offset": seen });
        bob.says(&json!({ "type": "join", "room": "hall", "seen": seen }));
        let joined = bob.hears("joined");
        assert_eq!((&joined["arrival"], &joined["offset"]), (&json!(arrival), &json!(offset)));
    }
    server.running.shut_down().unwrap();
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let limits = RoomLimits { rooms: 1, members_per_room: 2, ..RoomLimits::default() };
    let server = serve(limits, RoomProtocol { answer_max: 3, ..RoomProtocol::default() });
    let mut ann = Client::new(&server, "ann");
    let mut stranger = Client::stranger(&server);
    let join = json!({ "type": "join", "room": "hall" });
    assert_eq!(stranger.is_refused(&join), "hello_first");
    assert_eq!(stranger.is_refused(&json!({ "type": "hello", "name": "ann" })), "name_taken");
    assert_eq!(stranger.is_refused(&json!({ "type": "hello", "name": "a b" })), "bad_name");
    stranger.says(&json!({ "type": "hello" }));
    assert_eq!(stranger.hears("welcome")["name"], "guest-1");
    assert_eq!(stranger.is_refused(&json!({ "type": "hello" })), "hello_again");
    assert_eq!(stranger.is_refused(&say(1, "text")), "not_in_room");
    stranger.joins("hall");
    ann.joins("hall");
    assert_eq!(ann.is_refused(&join), "joined_already");
    assert_eq!(ann.is_refused(&json!({ "type": "join", "room": "attic" })), "too_many_rooms");
    assert_eq!(Client::new(&server, "cid").is_refused(&join), "room_full");
    assert_eq!(ann.is_refused(&say(1, "\u{1b}[2J")), "bad_text");
    assert_eq!(ann.is_refused(&say(2, &"x".repeat(16_385))), "too_large");
    ann.says(&say(3, &"x".repeat(16_384)));
    assert_eq!(ann.hears("ack")["seq"], 3);
    assert_eq!(ann.is_refused(&json!({ "type": "leave", "room": "@ann" })), "not_in_room");
    ann.says_bytes(b"{\"type\":\"shout\"}");
    assert_eq!(ann.hears("error")["code"], "malformed");
    assert_eq!(ann.next(), Value::Null);
    server.running.shut_down().unwrap();
}

#[test]
fn a_name_without_a_key_is_one_connections_alone_and_free_when_that_goes() {
    let server = default();
    let hello = |name: &str| json!({ "type": "hello", "name": name });
    let mut first = Client::stranger(&server);
    first.says(&hello("bob"));
    first.hears("welcome");
    let mut second = Client::stranger(&server);
    assert_eq!(second.is_refused(&hello("bob")), "name_taken");
    let with_key = json!({ "type": "hello", "name": "bob", "key": KEY });
    assert_eq!(second.is_refused(&with_key), "name_taken");
    assert_eq!(second.is_refused(&hello("guest-7")), "name_taken");
    drop(first);
    // Until its end was seen the name is taken.
    let code = loop {
        second.says(&with_key);
        match second.next() {
            message if message["type"] == "error" => assert_eq!(message["code"], "name_taken"),
            message => break message["type"].clone(),
        }
    };
    assert_eq!(code, "welcome");
    server.running.shut_down().unwrap();
}

#[test]
fn in_a_large_room_nobody_is_told_who_comes() {
    let limits = RoomLimits { names_told: 1, ..RoomLimits::default() };
    let server = serve(limits, RoomProtocol::default());
    let mut ann = Client::new(&server, "ann");
    ann.joins("hall");
    let mut bob = Client::new(&server, "bob");
    let joined = bob.joins("hall");
    assert_eq!((&joined["users"], &joined["names"]), (&json!(2), &json!(["ann"])));
    bob.says(&say(1, "hello"));
    assert_eq!(ann.next()["type"], "post");
    server.running.shut_down().unwrap();
}

#[test]
fn a_member_is_in_as_many_rooms_as_are_allowed_besides_its_own() {
    let limits = RoomLimits { rooms_per_member: 2, ..RoomLimits::default() };
    let server = serve(limits, RoomProtocol::default());
    let mut ann = Client::new(&server, "ann");
    ann.joins("hall");
    ann.joins("attic");
    let cellar = json!({ "type": "join", "room": "cellar" });
    assert_eq!(ann.is_refused(&cellar), "too_many_rooms_joined");
    ann.says(&json!({ "type": "leave", "room": "hall" }));
    ann.joins("cellar");
    server.running.shut_down().unwrap();
}

#[test]
fn a_room_that_was_empty_for_a_moment_does_not_make_place_for_another() {
    let server = serve(RoomLimits { rooms: 2, ..RoomLimits::default() }, RoomProtocol::default());
    let mut ann = Client::new(&server, "ann");
    ann.joins("attic");
    ann.says(&json!({ "type": "leave", "room": "attic" }));
    ann.hears("left");
    ann.joins("attic");
    let mut bob = Client::new(&server, "bob");
    bob.joins("hall");
    assert_eq!(bob.is_refused(&json!({ "type": "join", "room": "cellar" })), "too_many_rooms");
    assert_eq!(bob.joins("attic")["members"], 2);
    // Now the hall is empty, and goes before its time.
    bob.says(&json!({ "type": "leave", "room": "hall" }));
    bob.joins("cellar");
    assert_eq!(ann.is_refused(&json!({ "type": "join", "room": "hall" })), "too_many_rooms");
    server.running.shut_down().unwrap();
}

#[test]
fn whoever_talks_too_fast_is_slowed_and_loses_nothing() {
    let protocol = RoomProtocol {
        messages_at_once: 5,
        message_every: Duration::from_millis(2),
        ..RoomProtocol::default()
    };
    let server = serve(RoomLimits::default(), protocol);
    let mut ann = Client::new(&server, "ann");
    ann.joins("hall");
    (1..=200).for_each(|seq| ann.says(&say(seq, "text")));
    (1..=200).for_each(|seq| assert_eq!(ann.hears("ack")["seq"], seq));
    server.running.shut_down().unwrap();
}

#[test]
fn short_questions_with_long_answers_do_not_fill_the_memory() {
    let room = RoomSettings { history_bytes: 64 << 20, ..RoomSettings::default() };
    let protocol = RoomProtocol { messages_at_once: 10_000, ..RoomProtocol::default() };
    let server = serve(RoomLimits { room, ..RoomLimits::default() }, protocol);
    let mut ann = Client::new(&server, "ann");
    ann.joins("hall");
    for seq in 1..=100 {
        ann.says(&say(seq, &"x".repeat(16_000)));
        ann.hears("ack");
    }
    // Answers of 1.6 GB in all, to questions that fit into one read.
    let question = json!({ "type": "history", "room": "hall", "after": 0 });
    (0..1000).for_each(|_| ann.says(&question));
    for _ in 0..50 {
        let answer = ann.hears("history");
        assert_eq!(answer["posts"].as_array().unwrap().len(), (128 << 10) / 16_000);
    }
    assert_eq!(server.rooms.counts().0, 1);
    drop(ann);
    let report = server.running.shut_down().unwrap();
    assert_eq!(report.cut, 0);
}

#[test]
fn strangers_who_say_nothing_are_closed() {
    let protocol = RoomProtocol { hello: Duration::from_millis(50), ..RoomProtocol::default() };
    let server = serve(RoomLimits::default(), protocol);
    let mut ann = Client::new(&server, "ann");
    let mut silent = Client::stranger(&server);
    assert_eq!(silent.hears("error")["code"], "hello_late");
    assert_eq!(silent.next(), Value::Null);
    ann.says(&json!({ "type": "ping", "id": 7 }));
    assert_eq!(ann.hears("pong")["id"], 7);
    server.running.shut_down().unwrap();
}

#[test]
fn kicked_users_are_told_and_closed() {
    let server = default();
    let (mut ann, mut other) = (Client::new(&server, "ann"), Client::new(&server, "ann"));
    ann.joins("hall");
    other.joins("hall");
    assert_eq!(server.rooms.kick("hall", "ann", "too loud"), 2);
    assert_eq!(ann.hears("kicked")["why"], "too loud");
    assert_eq!(ann.is_refused(&say(1, "text")), "not_in_room");
    assert_eq!(server.rooms.kick("@ann", "ann", "bye"), 2);
    for client in [&mut ann, &mut other] {
        while client.hears("kicked")["room"] != "@ann" {}
        assert_eq!(client.next(), Value::Null);
    }
    server.running.shut_down().unwrap();
}

#[test]
fn a_shutdown_says_when_to_come_back() {
    let drain = Duration::from_millis(200);
    let server = serve(
        RoomLimits::default(),
        RoomProtocol { drain, retry: drain, ..RoomProtocol::default() },
    );
    let mut people: Vec<_> =
        (0..5).map(|number| Client::new(&server, &format!("n{number}"))).collect();
    let report = server.running.shut_down().unwrap();
    for client in &mut people {
        assert!(client.hears("bye")["retry"].as_u64().unwrap() <= 200);
        assert_eq!(client.next(), Value::Null);
    }
    assert_eq!((report.finished, report.cut), (5, 0));
}
