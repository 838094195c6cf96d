//! Messages between connections of several loops: each sender's stay in order, and none comes to
//! whoever has the place of the dead.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use overt::sim::{Simulation, seeds};
use overt::{Address, Config, Context, Group, Handler, Reason, Result};

use crate::{assert_closes, small_limits, some_spin};

type Members = Arc<Mutex<Vec<Address<(u8, u32)>>>>;

/// Tells all members each byte that it receives, numbered.
struct Member {
    members: Members,
    by_group: bool,
    told: u32,
}

impl Handler for Member {
    type Message = (u8, u32);

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.members.lock().unwrap().push(cx.effects.address());
        cx.output.put(b"hello");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let members = self.members.lock().unwrap();
        for name in cx.input.iter() {
            let message = (*name, self.told);
            self.told += 1;
            match self.by_group {
                true => assert_eq!(Group::of(&*members).send(message), 0),
                false => members.iter().for_each(|member| member.send(message).unwrap()),
            }
        }
        cx.input.clear();
        Ok(())
    }

    fn on_message(&mut self, (name, number): (u8, u32), cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(&[name]);
        cx.output.put(&number.to_be_bytes());
        Ok(())
    }
}

pub(crate) fn scenario(sim: &mut Simulation) {
    const MEMBERS: usize = 4;
    let (members, by_group) = (Members::default(), sim.random(2) == 0);
    let loops = 1 + sim.random(3);
    let (limits, spin) = (small_limits(sim), some_spin(sim));
    let engine = sim.engine(Config { loops, limits, spin, ..Config::default() });
    let all = members.clone();
    let member = move || Member { members: all.clone(), by_group, told: 0 };
    engine.listen("10.0.0.1:7002", member).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..MEMBERS).map(|_| sim.connect("10.0.0.1:7002")).collect();
    sim.run_until(|| clients.iter().all(|client| client.received_in_all() == 5));
    let counts: Vec<usize> = clients.iter().map(|_| sim.random(30)).collect();
    for (name, client) in clients.iter().enumerate() {
        client.take();
        client.send(&vec![name as u8; counts[name]]);
    }
    let bytes = 5 + 5 * counts.iter().sum::<usize>() as u64;
    sim.run_until(|| clients.iter().all(|client| client.received_in_all() == bytes));
    for client in &clients {
        let mut next = [0; MEMBERS];
        for message in client.received().chunks(5) {
            let name = usize::from(message[0]);
            assert_eq!(message[1..], u32::to_be_bytes(next[name]), "from {name}");
            next[name] += 1;
        }
        client.finish();
    }
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByPeer]);
}

#[test]
fn each_senders_messages_stay_in_order() {
    seeds(300, scenario);
}

/// Who is called what, and where each is to be reached.
type Names = Arc<Mutex<Vec<(u8, Address<u8>)>>>;

/// Says its name to those who ask, and what it is told.
struct Named(u8, Names);

impl Handler for Named {
    type Message = u8;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.0 = cx.input[0];
        self.1.lock().unwrap().push((self.0, cx.effects.address()));
        cx.input.clear();
        cx.output.put(b"!");
        Ok(())
    }

    fn on_message(&mut self, name: u8, cx: &mut Context<'_, Self>) -> Result {
        assert_eq!(name, self.0, "a message for the dead came to the living");
        cx.output.put(b"m");
        Ok(())
    }
}

pub(crate) fn the_dead(sim: &mut Simulation) {
    let addresses = Arc::new(Mutex::new(Vec::new()));
    let loops = 1 + sim.random(2);
    let engine = sim.engine(Config { loops, ..Config::default() });
    let all = addresses.clone();
    engine.listen("10.0.0.1:7002", move || Named(0, all.clone())).unwrap();
    let handle = engine.handle();
    let living = Cell::new(0);
    for name in 1..12 {
        let client = sim.connect("10.0.0.1:7002");
        client.send(&[name]);
        sim.run_until(|| client.received() == b"!");
        // All that ever lived are told their names, while this one goes.
        for (name, address) in addresses.lock().unwrap().iter() {
            address.send(*name).unwrap();
        }
        if sim.random(3) > 0 {
            client.reset();
        } else {
            living.set(living.get() + 1);
        }
    }
    sim.run_until(|| handle.connections() == living.get());
    assert_closes(sim, &[Reason::Reset, Reason::ByPeer]);
    assert_eq!(crate::counted(sim, "panics"), 0);
}

#[test]
fn a_message_for_the_dead_does_not_come_to_the_living() {
    seeds(300, the_dead);
}
