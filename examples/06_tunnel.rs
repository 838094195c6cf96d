//! A tunnel: what comes to one address is carried on to another, both ways.
//!
//! ```text
//! cargo run --release --example 01_echo
//! cargo run --release --example 06_tunnel -- 127.0.0.1:7001 127.0.0.1:7000
//! nc 127.0.0.1 7001
//! ```
//!
//! The whole of it is in `src/service/tunnel.rs`; this is how it is used. Try to break it: stop the
//! reader for a while (Ctrl-Z, then `fg`). The writer stops too, as the tunnel holds a megabyte and
//! no more; then all of it arrives.
//!
//! ```text
//! nc -l 127.0.0.1 7000 | md5sum                      in place of the echo
//! head -c 1G /dev/zero | nc -N 127.0.0.1 7001
//! ```

use overt::service::Tunnel;
use overt::{Config, Dial, Engine};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let at = arguments.next().unwrap_or_else(|| "127.0.0.1:7001".into());
    let to = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".into());
    // An address, a path of a Unix socket, or a name, which is then resolved for each connection.
    let dial: Dial = to.parse()?;
    let mut engine = Engine::new(Config::default())?;
    // Each connection gets a tunnel of its own; both of its sides live on one loop.
    let at = engine.listen(&*at, move || Tunnel::to(dial.clone()))?;
    println!("a tunnel to {to} on {at}");
    let report = engine.run()?;
    println!("{report:?}");
    Ok(())
}
