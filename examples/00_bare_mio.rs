//! The problem: a server on bare mio, as everybody writes it first. It answers each line.
//!
//! ```text
//! cargo run --release --example 00_bare_mio
//! nc 127.0.0.1 7000
//! ```
//!
//! It works, for one polite client. Thirteen things are wrong with it, each marked where it is, and
//! each a bug that real servers have had. None is mio's, which says what the kernel says, and no
//! more: this is the work that is left to whoever uses it. In brackets: where overt does it.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    stream: TcpStream,
    unsent: Vec<u8>,
}

fn main() -> io::Result<()> {
    let at = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".into());
    let mut listener = TcpListener::bind(at.parse().map_err(io::Error::other)?)?;
    println!("bare mio on {}", listener.local_addr()?);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(256));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = slab::Slab::new();
    // 1. Ctrl-C cuts every answer in the middle. [engine/shutdown.rs]
    loop {
        // 2. A signal interrupts this (Ctrl-Z and `fg` are enough), and `?` ends the server.
        //    [net/os/mod.rs]
        // 3. Nobody looks at the time: a peer that sends nothing, or one byte a minute, keeps its
        //    descriptor for ever. [engine/deadlines.rs]
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => accept(&mut listener, &poll, &mut connections)?,
                // 4. A token is a slot, and slots are used again at once. Where reading and writing
                //    are two events (kqueue), or one connection may close another, an event in this
                //    batch may be meant for the dead, and comes to whoever was accepted into its
                //    slot since. [`ConnectionId` has a generation]
                Token(slot) => {
                    let Some(connection) = connections.get_mut(slot) else { continue };
                    // 5. One peer's reset is everybody's end: `?`. [`Close::Reset`, for one]
                    let mut open = !event.is_readable() || read(connection)?;
                    open &= write(connection).is_ok();
                    if !open {
                        // 6. Answers that wait are lost with it, though the peer may only have
                        //    closed its sending half; and if bytes of the peer are unread, closing
                        //    sends a reset, which destroys even answers that were sent.
                        //    [`Handler::on_eof`, and lingering: Connection::end]
                        connections.remove(slot);
                    }
                }
            }
        }
    }
}

fn accept(
    listener: &mut TcpListener,
    poll: &Poll,
    connections: &mut slab::Slab<Connection>,
) -> io::Result<()> {
    // 7. "Sixteen at a time, to be fair." But the edge is spent: the seventeenth waits until an
    //    eighteenth comes. [a listener stays in the loop's list until `WouldBlock`]
    for _ in 0..16 {
        let (mut stream, _) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // 8. Out of descriptors (EMFILE): `?` would end the server; going on, as here, loses
            //    the edge, and those who wait are not served when descriptors are free again;
            //    trying at once burns a core. [engine/accept.rs looks again by timer]
            Err(_) => break,
        };
        // 9. As many connections as anybody likes to open. [`Limits`]
        let slot = connections.vacant_entry();
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(slot.key()), both)?;
        slot.insert(Connection { stream, unsent: b"say something\n".into() });
    }
    Ok(())
}

/// Tells whether the connection is still open.
fn read(connection: &mut Connection) -> io::Result<bool> {
    let mut block = [0; 4096];
    // 10. A peer that sends faster than this reads keeps the loop here, and everybody else waits.
    //     [`Limits::read_per_visit`, then to the back of the run queue]
    loop {
        match connection.stream.read(&mut block) {
            Ok(0) => return Ok(false),
            // 11. What one `read` gives is not what one `write` sent: half a line gets an answer of
            //     its own, and two lines get one between them. [wire/: `Codec`]
            // 12. Nothing bounds this. Once the rest is kept (13), it grows for as long as a peer
            //     sends and does not read. [`Limits::output_high`, `Limits::output_max`]
            Ok(count) => {
                connection.unsent.extend(b"you said: ");
                connection.unsent.extend(&block[..count]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

fn write(connection: &mut Connection) -> io::Result<()> {
    // 13. A slow peer takes a part; for the rest comes `WouldBlock`, and it is dropped, so that the
    //     stream has a hole. Trying on in a loop is worse: one peer that does not read then stops
    //     the world, at full speed. [Connection::flush keeps it, and goes on when writable]
    match connection.stream.write_all(&std::mem::take(&mut connection.unsent)) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}
