//! The smallest services: [`Echo`]; [`DatagramEcho`]; and frames that come back, answered on the
//! loop ([`FramesOnLoop`]) or by the workers ([`FramesByWorkers`]).

use crate::handler::{Context, Datagrams, Handler, Never, Result, SocketContext};
use crate::net::Remote;
use crate::wire::{Codec, LengthPrefixed};

/// What comes in goes out.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

impl Handler for Echo {
    type Message = Never;

    #[inline]
    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }
}

/// Each datagram goes back to whoever it says that it comes from.
#[derive(Clone, Copy, Debug)]
pub struct DatagramEcho;

impl Datagrams for DatagramEcho {
    type Message = Never;

    #[inline]
    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        cx.send_to(from, datagram)
    }
}

/// Each frame goes back unchanged, in the visit that read it.
#[derive(Clone, Copy, Debug)]
pub struct FramesOnLoop {
    /// How frames are cut, and how large they may be.
    pub codec: LengthPrefixed,
}

impl Handler for FramesOnLoop {
    type Message = Never;

    #[inline]
    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(frame) = self.codec.decode(cx.input)? {
            self.codec.encode(frame, cx.output)?;
        }
        Ok(())
    }
}

/// Each frame goes back unchanged, by way of a worker. Answers come in the order of the frames.
#[derive(Clone, Copy, Debug)]
pub struct FramesByWorkers {
    /// How frames are cut, and how large they may be.
    pub codec: LengthPrefixed,
}

impl Handler for FramesByWorkers {
    type Message = Never;

    #[inline]
    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(frame) = self.codec.decode(cx.input)? {
            let mut codec = self.codec;
            cx.effects.answer(frame, move |frame, output| {
                // It came in as a frame of this codec, so it fits.
                let _ = codec.encode(frame, output);
            })?;
        }
        Ok(())
    }
}
