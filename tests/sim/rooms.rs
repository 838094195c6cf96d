//! Rooms: whatever the network does, each member is told each offset once, in order, and what it
//! missed when it comes back; and nothing is left when all have gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use overt::service::rooms::{Draft, RoomLimits, RoomSettings, Rooms, Slow};
use overt::sim::{Faults, Reading, Seeds, Simulation, seeds};
use overt::{Config, Deadlines, Limits, Reason};

use crate::room_guest::{AT, Client, Guest, Seen};
use crate::{assert_closes, closes, small_limits};

const HALL: &str = "hall";
const SAY: usize = 8;

fn serve(sim: &mut Simulation, limits: Limits, rooms: RoomLimits) -> Arc<Rooms> {
    let patient = Duration::from_secs(3600);
    let deadlines = Deadlines {
        idle: patient,
        drain: patient,
        frame: patient,
        rate: 0,
        ..Deadlines::default()
    };
    let engine = sim.engine(Config { loops: 0, limits, deadlines, ..Config::default() });
    let rooms = Rooms::new(rooms);
    let served = rooms.clone();
    engine.listen(AT, move || Guest::new(served.clone())).unwrap();
    rooms
}

/// So many people in the hall, each of whom has come in.
fn people(sim: &mut Simulation, count: usize) -> Vec<Client> {
    let mut people: Vec<_> = (0..count)
        .map(|number| Client::new(sim, &format!("n{number}"), 1 + number as u128))
        .collect();
    people.iter().for_each(|client| client.send("join hall - 1000"));
    sim.run_until(|| people.iter_mut().all(|client| client.read().rooms.contains_key(HALL)));
    people
}

/// Runs until each has been told everything up to `head`.
fn all_told(sim: &mut Simulation, people: &mut [Client], head: u64) {
    sim.run_until(|| people.iter_mut().all(|client| client.read().seen(HALL).cursor == head));
}

/// Whatever two were told about the same offset is the same.
fn agree(people: &[Client]) {
    let mut truth = BTreeMap::new();
    for client in people {
        for (offset, said) in &client.seen(HALL).told {
            if let Ok(said) = said {
                assert_eq!(truth.entry(*offset).or_insert(said), &said);
            }
        }
    }
}

/// What each publisher said is there once, in the order in which they said it.
fn nothing_twice(seen: &Seen) {
    let mut last = BTreeMap::new();
    for said in seen.all() {
        let before = last.insert(said.publisher, said.sequence).unwrap_or(0);
        assert_eq!(said.sequence, before + 1);
    }
}

fn all_leave(sim: &mut Simulation, rooms: &Rooms, people: &[Client]) {
    people.iter().for_each(|client| client.peer.close());
    let everybody_gone = || rooms.snapshot(99).iter().all(|room| room.members == 0);
    sim.run_until(everybody_gone);
    sim.run_for(3 * rooms.limits().linger);
    rooms.sweep(sim.now());
    assert_eq!(rooms.counts(), (0, 0, 0), "{:?}", rooms.snapshot(99));
}

pub(crate) fn everybody_is_told(sim: &mut Simulation) {
    let rooms = serve(sim, small_limits(sim), RoomLimits::default());
    let mut people = people(sim, 4);
    for _ in 0..SAY {
        people.iter_mut().for_each(|client| client.say(HALL, "-", "hello"));
    }
    all_told(sim, &mut people, 4 * SAY as u64);
    agree(&people);
    for client in &people {
        nothing_twice(client.seen(HALL));
        assert_eq!(client.seen(HALL).all().len() as u64, 4 * SAY as u64 - client.seen(HALL).first);
        assert!(client.unacknowledged.is_empty() && client.refused.is_empty());
    }
    all_leave(sim, &rooms, &people);
    assert_closes(sim, &[Reason::ByPeer, Reason::Reset]);
}

pub(crate) fn mail_is_lost(sim: &mut Simulation) {
    let limits = Limits { mailbox: 1 + sim.random(3) as u32, ..small_limits(sim) };
    let rooms = serve(sim, limits, RoomLimits::default());
    let mut people = people(sim, 3);
    for _ in 0..SAY {
        people.iter_mut().for_each(|client| client.say(HALL, "-", "hello"));
    }
    all_told(sim, &mut people, 3 * SAY as u64);
    people.iter().for_each(|client| nothing_twice(client.seen(HALL)));
    all_leave(sim, &rooms, &people);
}

pub(crate) fn connections_are_lost(sim: &mut Simulation) {
    let history = [2, 10, 1000][sim.random(3)];
    let room = RoomSettings { history, ..RoomSettings::default() };
    let rooms = serve(sim, small_limits(sim), RoomLimits { room, ..RoomLimits::default() });
    let mut people = people(sim, 4);
    for number in 0..SAY {
        people.iter_mut().for_each(|client| client.say(HALL, "-", "hello"));
        sim.run_for(Duration::from_millis(sim.random(20) as u64));
        if number + 1 < SAY {
            let unlucky = sim.random(people.len());
            people[unlucky].come_back(sim);
        }
    }
    sim.run_until(|| people.iter_mut().all(|client| client.read().unacknowledged.is_empty()));
    // Each post was accepted once, however often it was sent.
    all_told(sim, &mut people, 4 * SAY as u64);
    agree(&people);
    for client in &people {
        let seen = client.seen(HALL);
        assert_eq!(seen.told.len() as u64, 4 * SAY as u64 - seen.first);
        if history == 1000 {
            nothing_twice(seen);
        }
        // A name that is still held by a connection that is not known to be dead can be shared.
        assert!(client.refused.is_empty(), "{:?}", client.refused);
        assert!(seen.arrivals[1..].iter().all(|arrival| arrival == "Resumed"));
    }
    all_leave(sim, &rooms, &people);
}

/// One reads slowly, or not at all for a while.
fn somebody_is_slow(sim: &mut Simulation, slow: Slow) -> (Arc<Rooms>, Vec<Client>) {
    let room = RoomSettings { slow, history: 10, history_bytes: 1 << 20 };
    let Limits { output_high, output_low, .. } = Limits::default();
    let limits = Limits { output_high, output_low, ..small_limits(sim) };
    let rooms = serve(sim, limits, RoomLimits { room, ..RoomLimits::default() });
    let mut people = people(sim, 3);
    people[0].peer.set_reading(Reading::Never);
    let text = "x".repeat(8000);
    for number in 0..200 {
        let key = ["a", "b", "c"][number % 3];
        people[1].say(HALL, key, &format!("{number}-{text}"));
        if number % 10 == 9 {
            // The others don't wait, and miss nothing.
            all_told(sim, &mut people[1..], number as u64 + 1);
        }
    }
    people[1..].iter().for_each(|client| assert_eq!(client.seen(HALL).all().len(), 200));
    people[0].peer.set_reading(Reading::Eager);
    (rooms, people)
}

pub(crate) fn slow_members_drop_the_newest(sim: &mut Simulation) {
    let (rooms, mut people) = somebody_is_slow(sim, Slow::DropNewest);
    all_told(sim, &mut people, 200);
    agree(&people);
    let seen = people[0].seen(HALL);
    // What was there before it was slow comes first, whatever has left the history.
    assert!(seen.missing("slow") > 0 && seen.told[&1].is_ok(), "{:?}", rooms.snapshot(9));
    let snapshot = rooms.find(HALL).unwrap().snapshot();
    assert_eq!(snapshot.missed.slow as usize, seen.missing("slow"));
    all_leave(sim, &rooms, &people);
}

pub(crate) fn slow_members_drop_the_oldest(sim: &mut Simulation) {
    let (rooms, mut people) = somebody_is_slow(sim, Slow::DropOldest);
    all_told(sim, &mut people, 200);
    agree(&people);
    let seen = people[0].seen(HALL);
    assert!(seen.missing("gone") > 0);
    assert!((191..=200).all(|offset| seen.told[&offset].is_ok()));
    let snapshot = rooms.find(HALL).unwrap().snapshot();
    assert_eq!(snapshot.missed.gone as usize, seen.missing("gone"));
    all_leave(sim, &rooms, &people);
}

pub(crate) fn slow_members_keep_the_latest(sim: &mut Simulation) {
    let (rooms, mut people) = somebody_is_slow(sim, Slow::KeepLatest);
    all_told(sim, &mut people, 200);
    agree(&people);
    let seen = people[0].seen(HALL);
    assert!(seen.missing("superseded") > 0 && seen.missing("gone") == 0);
    assert!((198..=200).all(|offset| seen.told[&offset].is_ok()));
    // Whoever comes late gets each key once.
    people.push(Client::new(sim, "late", 99));
    people[3].send("join hall - 1000");
    sim.run_until(|| people[3].read().rooms.contains_key(HALL));
    all_told(sim, &mut people, 200);
    assert_eq!(people[3].seen(HALL).all().len(), 3);
    all_leave(sim, &rooms, &people);
}

pub(crate) fn slow_members_are_closed(sim: &mut Simulation) {
    let (rooms, mut people) = somebody_is_slow(sim, Slow::Close);
    sim.run_until(|| people[0].peer.is_over());
    assert_eq!(closes(sim, Reason::OverOutput), 1);
    assert_eq!(rooms.find(HALL).unwrap().snapshot().missed.closed, 1);
    // It comes back, and is told what became of all of it.
    people[0].come_back(sim);
    all_told(sim, &mut people, 200);
    all_leave(sim, &rooms, &people);
}

pub(crate) fn people_come_and_go(sim: &mut Simulation) {
    // Some rooms are too large for names.
    let names_told = [3, 100][sim.random(2)];
    let limits = RoomLimits { names_told, ..RoomLimits::default() };
    let rooms = serve(sim, small_limits(sim), limits);
    let mut stay = people(sim, 2);
    for _ in 0..3 {
        let count = 1 + sim.random(3);
        let mut go: Vec<_> = (0..count)
            .map(|number| Client::new(sim, &format!("g{number}"), 100 + number as u128))
            .collect();
        go.iter().for_each(|client| client.send("join hall - 0"));
        sim.run_until(|| go.iter_mut().all(|client| client.read().rooms.contains_key(HALL)));
        // The second device of somebody changes nothing for the others.
        let mut device = Client::new(sim, "g0", 100);
        device.send("join hall - 0");
        sim.run_until(|| device.read().rooms.contains_key(HALL));
        let leaves = sim.random(go.len());
        go[leaves].send("leave hall");
        let kicked = rooms.kick(HALL, &format!("g{}", sim.random(count)), "because");
        assert!(kicked <= 2);
        let stayed = |sim: &mut Simulation, stay: &mut Vec<Client>| {
            sim.run_until(|| {
                let there = rooms.find(HALL).unwrap().who(99);
                let names: Vec<_> = there.names.iter().map(|name| name.to_string()).collect();
                stay.iter_mut().all(|client| {
                    let seen = client.read().seen(HALL);
                    let named = seen.names.iter().eq(&names) || there.users > names_told;
                    seen.users == there.users && named
                })
            });
        };
        stayed(sim, &mut stay);
        go.iter().chain([&device]).for_each(|client| client.peer.reset());
        sim.run_until(|| rooms.find(HALL).unwrap().who(0).members == 2);
        stayed(sim, &mut stay);
    }
    all_leave(sim, &rooms, &stay);
}

pub(crate) fn a_room_begins_another_life(sim: &mut Simulation) {
    let rooms = serve(sim, small_limits(sim), RoomLimits::default());
    let mut people = people(sim, 2);
    people[0].say(HALL, "-", "hello");
    all_told(sim, &mut people, 1);
    all_leave(sim, &rooms, &people);
    people[0].come_back(sim);
    sim.run_until(|| people[0].read().seen(HALL).arrivals.len() == 2);
    let seen = people[0].seen(HALL);
    assert_eq!((seen.arrivals[1].as_str(), seen.cursor), ("Lost", 0));
    all_leave(sim, &rooms, &people);
}

pub(crate) fn a_user_is_told_on_all_devices(sim: &mut Simulation) {
    let rooms = serve(sim, small_limits(sim), RoomLimits::default());
    let mut devices: Vec<_> = (0..3).map(|_| Client::new(sim, "ann", 7)).collect();
    let mut bob = Client::new(sim, "bob", 8);
    sim.run_until(|| devices.iter_mut().all(|device| device.read().rooms.contains_key("@ann")));
    let mut thief = Client::new(sim, "ann", 9);
    sim.run_until(|| !thief.read().refused.is_empty());
    assert_eq!(thief.refused, ["name_taken"]);
    sim.run_until(|| bob.read().rooms.contains_key("@bob"));
    for _ in 0..SAY {
        bob.say("@ann", "-", "psst");
    }
    sim.run_until(|| {
        devices.iter_mut().all(|device| device.read().seen("@ann").cursor == SAY as u64)
    });
    devices.iter().for_each(|device| nothing_twice(device.seen("@ann")));
    assert_eq!(rooms.kick("@ann", "ann", "bye"), 3);
    sim.run_until(|| devices.iter_mut().all(|device| device.read().seen("@ann").kicked));
    devices.extend([bob, thief]);
    all_leave(sim, &rooms, &devices);
}

/// The mail that tells of the removal is lost, as the mailbox is full.
pub(crate) fn somebody_is_removed(sim: &mut Simulation) {
    let limits = Limits { mailbox: 1, ..Limits::default() };
    let rooms = serve(sim, limits, RoomLimits::default());
    let mut people = people(sim, 2);
    sim.run_for(Duration::from_secs(1));
    let server: Arc<str> = "server".into();
    let post = |sim: &Simulation, room: &str| {
        rooms.publish(room, &server, Draft::new(b"psst"), sim.now()).unwrap();
    };
    post(sim, "@n0");
    post(sim, HALL);
    sim.run_for(Duration::from_secs(1));
    post(sim, HALL);
    assert_eq!(rooms.kick(HALL, "n0", "because"), 1);
    post(sim, HALL);
    sim.run_until(|| people[0].read().seen(HALL).kicked);
    sim.run_until(|| people[1].read().seen(HALL).cursor == 3);
    assert!(people[0].seen(HALL).cursor < 3, "heard what was said after it was removed");
    all_leave(sim, &rooms, &people);
}

#[test]
fn who_was_removed_does_not_hear_what_is_said_after_that() {
    seeds(30, somebody_is_removed);
}

/// Where slow members are closed: somebody new, who reads nothing of a long history for a while.
pub(crate) fn somebody_reads_the_history(sim: &mut Simulation) {
    let room = RoomSettings { slow: Slow::Close, history: 1000, history_bytes: 16 << 20 };
    let rooms = serve(sim, Limits::default(), RoomLimits { room, ..RoomLimits::default() });
    let mut people = people(sim, 1);
    let text = "x".repeat(8000);
    (0..100).for_each(|_| people[0].say(HALL, "-", &text));
    all_told(sim, &mut people, 100);
    let late = Client::new(sim, "late", 99);
    late.peer.set_reading(Reading::Never);
    late.send("join hall - 1000");
    let members = || rooms.find(HALL).unwrap().snapshot().members;
    sim.run_until(|| members() == 2);
    sim.run_for(Duration::from_secs(1));
    people[0].say(HALL, "-", "news");
    sim.run_for(Duration::from_secs(1));
    late.peer.set_reading(Reading::Eager);
    people.push(late);
    sim.run_until(|| people[1].read().rooms.contains_key(HALL));
    all_told(sim, &mut people, 101);
    assert_eq!(closes(sim, Reason::OverOutput), 0);
    all_leave(sim, &rooms, &people);
}

#[test]
fn who_reads_a_long_history_is_not_taken_for_slow() {
    Seeds::new(6).faults(Faults::calm()).run(somebody_reads_the_history);
}

/// Its time runs from when it was left last, not from when it was left for a moment.
#[test]
fn a_room_that_was_left_twice_lingers_from_the_second_time_on() {
    Seeds::new(5).faults(Faults::calm()).run(|sim| {
        let rooms = serve(sim, Limits::default(), RoomLimits::default());
        let people = people(sim, 1);
        let members = |count| {
            let rooms = rooms.clone();
            move || rooms.find(HALL).is_some_and(|room| room.snapshot().members == count)
        };
        people[0].send("leave hall");
        sim.run_until(members(0));
        sim.run_for(rooms.limits().linger - Duration::from_secs(20));
        people[0].send("join hall - 0");
        sim.run_until(members(1));
        people[0].send("leave hall");
        sim.run_until(members(0));
        sim.run_for(Duration::from_secs(100));
        assert!(rooms.find(HALL).is_some(), "went before its time");
        sim.run_for(2 * rooms.limits().linger);
        assert!(rooms.find(HALL).is_none(), "stayed for ever");
    });
}

#[test]
fn everybody_is_told_everything_once_and_in_order() {
    seeds(100, everybody_is_told);
}

/// Not only when members look for themselves, every five seconds.
#[test]
fn posts_are_told_at_once_and_to_slow_members_as_soon_as_they_read() {
    Seeds::new(6).faults(Faults::calm()).run(|sim| {
        let room = RoomSettings { history_bytes: 16 << 20, ..RoomSettings::default() };
        let rooms = serve(sim, Limits::default(), RoomLimits { room, ..RoomLimits::default() });
        let mut people = people(sim, 3);
        people[0].peer.set_reading(Reading::Never);
        let (began, text) = (sim.now(), "x".repeat(8000));
        for _ in 0..200 {
            people[1].say(HALL, "-", &text);
        }
        all_told(sim, &mut people[1..], 200);
        assert!(sim.now() < began + Duration::from_secs(1));
        people[0].peer.set_reading(Reading::Eager);
        all_told(sim, &mut people, 200);
        assert!(sim.now() < began + Duration::from_secs(2));
        people.iter().for_each(|client| nothing_twice(client.seen(HALL)));
        all_leave(sim, &rooms, &people);
    });
}

#[test]
fn what_no_mail_told_of_is_told_all_the_same() {
    seeds(100, mail_is_lost);
}

#[test]
fn whoever_comes_back_is_told_exactly_what_they_missed() {
    seeds(100, connections_are_lost);
}

#[test]
fn slow_members_are_told_what_they_miss_and_nobody_waits_for_them() {
    seeds(6, slow_members_drop_the_newest);
    seeds(6, slow_members_drop_the_oldest);
    seeds(6, slow_members_keep_the_latest);
    seeds(6, slow_members_are_closed);
}

#[test]
fn everybody_knows_who_is_there_in_the_end() {
    seeds(50, people_come_and_go);
}

#[test]
fn a_bookmark_of_another_life_is_not_taken_for_one_of_this() {
    seeds(30, a_room_begins_another_life);
}

#[test]
fn all_devices_of_a_user_are_told_and_nobody_else_can_take_the_name() {
    seeds(30, a_user_is_told_on_all_devices);
}
