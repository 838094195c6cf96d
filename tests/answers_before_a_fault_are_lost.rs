//! Frames that came before a bad one were answered, and their answers are sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use overt::service::FramesOnLoop;
use overt::wire::LengthPrefixed;
use overt::{Config, Engine};

#[test]
fn a_bad_frame_does_not_take_the_answers_to_good_ones_with_it() {
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let codec = LengthPrefixed::new(100);
    let at = engine.listen("127.0.0.1:0", move || FramesOnLoop { codec }).unwrap();
    let running = engine.start().unwrap();
    let mut client = TcpStream::connect(at.socket_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let good = b"\0\0\0\x05hello\0\0\0\x05world";
    client.write_all(&[&good[..], b"\0\0\x01\0too long"].concat()).unwrap();
    let mut answers = [0; 18];
    client.read_exact(&mut answers).unwrap();
    assert_eq!(&answers, good);
    // What was not read makes it a reset, or not: in any case, an end.
    assert!(!matches!(client.read(&mut answers), Ok(1..)));
    running.shut_down().unwrap();
}
