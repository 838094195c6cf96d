//! [`Compression`]: a layer that compresses answers by gzip, where the client takes them so and it
//! is worth it.

use super::exchange::ExchangeContext;
use super::gzip::{self, Offer};
use super::layer::{Entry, Layer};
use crate::handler::Never;
use crate::wire::http::{RequestHead, choose_encoding};

/// Compresses answers by gzip: text of all kinds that is not compressed already, unless the answer
/// says `no-transform`. Files that never change are better compressed once, and served so.
///
/// It is done on the loop, so what it costs is bounded: by `most` for bodies that come at once, and
/// by the pace of the client for those that stream. Each answer under way holds about 300 KiB.
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    /// Bodies of fewer bytes are sent as they are: they would fit into one packet anyway. 1,024.
    pub least: u64,
    /// Bodies of more bytes, of known length, are sent as they are: they would hold up the loop.
    /// 1 MiB.
    pub most: u64,
    /// 1, the fastest, to 9, the smallest. 4.
    pub level: u32,
}

impl Default for Compression {
    fn default() -> Self {
        Self { least: 1024, most: 1 << 20, level: 4 }
    }
}

impl Layer for Compression {
    type State = ();

    fn enter(&self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Entry<()> {
        let Self { least, most, level } = *self;
        // A compressor is large. Where memory is short, the answer is sent as it is.
        let is_accepted = cx.effects.memory_left() >= gzip::HELD
            && choose_encoding(&head.headers, &["gzip"]).is_some();
        cx.lane.offer(Offer { is_accepted, least, most, level });
        Entry::Pass(())
    }
}
