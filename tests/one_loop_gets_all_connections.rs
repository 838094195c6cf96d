//! Each way of spreading connections over loops spreads them as it says.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::Read;
use std::net::{SocketAddr, TcpStream};

use overt::{Balance, Context, Engine, Handler, Never, Result, Running, Spread};
use serving::{PATIENCE, address, connect, loops, wait_until};

const LOOPS: usize = 4;

/// Says the number of its loop.
struct Where;

impl Handler for Where {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(&[cx.effects.id().home() as u8]);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }
}

fn serve(spread: Spread) -> (Running, SocketAddr) {
    let mut config = loops(LOOPS);
    config.spread = spread;
    let mut engine = Engine::new(config).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Where).unwrap());
    (engine.start().unwrap(), at)
}

/// So many connections, each with the number of its loop.
fn open(at: SocketAddr, count: usize) -> Vec<(usize, TcpStream)> {
    (0..count).map(|_| connect(at)).map(|stream| (home(&stream), stream)).collect()
}

fn home(mut stream: &TcpStream) -> usize {
    let mut home = [0];
    stream.read_exact(&mut home).unwrap();
    home[0].into()
}

/// How many connections each loop has.
fn counts(clients: &[(usize, TcpStream)]) -> [usize; LOOPS] {
    let mut counts = [0; LOOPS];
    clients.iter().for_each(|(home, _)| counts[*home] += 1);
    counts
}

#[test]
fn round_robin_gives_to_each_in_turn() {
    let (running, at) = serve(Spread::HandOff(Balance::RoundRobin));
    let clients = open(at, 40);
    let first = clients[0].0;
    let in_turn = |(index, (home, _)): (usize, &(usize, _))| *home == (first + index) % LOOPS;
    assert!(clients.iter().enumerate().all(in_turn));
    // What the loops themselves count is the same.
    let snapshots = running.handle().snapshot(0, PATIENCE);
    let held: Vec<_> = snapshots.iter().map(|one| one.connections).collect();
    assert_eq!(held, counts(&clients));
    drop(clients);
    running.shut_down().unwrap();
}

#[test]
fn least_connections_fills_up_the_loop_that_has_the_fewest() {
    let (running, at) = serve(Spread::HandOff(Balance::LeastConnections));
    let mut clients = open(at, 40);
    assert_eq!(counts(&clients), [10; LOOPS]);
    clients.retain(|(home, _)| *home != 2);
    wait_until("they are gone", || running.handle().connections() == 30);
    let newcomers = open(at, 10);
    assert_eq!(counts(&newcomers), [0, 0, 10, 0]);
    drop((clients, newcomers));
    running.shut_down().unwrap();
}

#[test]
fn of_two_drawn_loops_the_emptier_is_taken() {
    let (running, at) = serve(Spread::HandOff(Balance::PowerOfTwo));
    let clients = open(at, 800);
    let counts = counts(&clients);
    let (most, least) = (counts.iter().max().unwrap(), counts.iter().min().unwrap());
    // Of one that is drawn alone, some loop would have 25 more than another, as a rule.
    assert!(most - least <= 10, "{counts:?}");
    drop(clients);
    running.shut_down().unwrap();
}

/// The whole network 127.0.0.0/8 is this machine, on Linux.
#[cfg(target_os = "linux")]
#[test]
fn one_address_always_comes_to_the_same_loop_and_many_to_all() {
    let (running, at) = serve(Spread::HandOff(Balance::SourceHash));
    let mut clients = Vec::new();
    for last in 1..=64 {
        let pair = [(); 2].map(|()| connect_from([127, 0, 0, last], at));
        let homes = pair.each_ref().map(home);
        assert_eq!(homes[0], homes[1], "127.0.0.{last}");
        clients.extend(homes.into_iter().zip(pair));
    }
    let counts = counts(&clients);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    drop(clients);
    running.shut_down().unwrap();
}

#[cfg(target_os = "linux")]
fn connect_from(ip: [u8; 4], to: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_spreads_over_all_loops() {
    let (running, at) = serve(Spread::ReusePort);
    let clients = open(at, 200);
    let counts = counts(&clients);
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
    drop(clients);
    running.shut_down().unwrap();
}
