//! Echo in twenty lines: what comes in goes out.
//!
//! ```text
//! cargo run --release --example 01_echo
//! nc 127.0.0.1 7000
//! ```

use overt::{Config, Context, Engine, Handler, Never, Result};

struct Echo;

impl Handler for Echo {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    let config = Config { loops: 1, ..Config::default() };
    let mut engine = Engine::new(config)?;
    let at =
        engine.listen(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:7000"), || Echo)?;
    println!("echo on {at}");
    let report = engine.run()?;
    println!("{report:?}");
    Ok(())
}
