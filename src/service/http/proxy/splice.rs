//! [`Splice`]: a client's connection after both sides agreed on another protocol, such as
//! WebSocket: bytes pass both ways as they are, and so do their ends.

use crate::handler::{Bound, Close, Context, Handler, Result};
use crate::service::http::client::{Call, Failure, Part, Ready};
use crate::wire::http::Headers;

/// The client's side of a conversation that a proxy no longer understands. The other side is the
/// connection of the call.
pub struct Splice {
    call: Call,
    /// Whether the backend is too slow to take more.
    paused: bool,
    /// Which sides have ended.
    client_ended: bool,
    backend_ended: bool,
}

impl Splice {
    pub(super) fn new(call: Call) -> Self {
        Self { call, paused: false, client_ended: false, backend_ended: false }
    }

    fn look(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if self.paused && self.call.room() > 0 {
            self.paused = false;
            cx.effects.resume();
        }
        while !cx.output.is_congested() {
            match self.call.next(&mut cx.effects) {
                Some(Part::Body(bytes)) => cx.output.share(bytes),
                Some(Part::End(_)) => {
                    self.backend_ended = true;
                    cx.effects.finish();
                    self.close_if_both_ended(cx);
                }
                Some(Part::Failed(failure)) => return Err(cut(failure)),
                Some(Part::Head(_) | Part::Interim(_)) => {}
                None => break,
            }
        }
        Ok(())
    }

    fn close_if_both_ended(&self, cx: &mut Context<'_, Self>) {
        if self.client_ended && self.backend_ended {
            cx.effects.close();
        }
    }
}

impl Handler for Splice {
    type Message = Ready;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.read_while_congested();
        self.call.adopt(&cx.effects);
        self.look(cx)
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.call.send(cx.input);
        cx.input.clear();
        if self.call.room() == 0 {
            if cx.effects.memory_left() == 0 {
                return Err(Close::Over(Bound::Memory));
            }
            self.paused = true;
            cx.effects.pause();
        }
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.client_ended = true;
        self.call.finish(Headers::default());
        self.close_if_both_ended(cx);
        Ok(())
    }

    fn on_message(&mut self, _: Ready, cx: &mut Context<'_, Self>) -> Result {
        self.look(cx)
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.look(cx)
    }

    /// Nobody can tell where this conversation ends: it goes on until its peers end it.
    fn on_drain(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }
}

/// What befell one side is passed on to the other.
pub(super) fn cut(failure: Failure) -> Close {
    match failure {
        Failure::Reset(Some(error)) => Close::Reset(error),
        Failure::Shutdown => Close::Shutdown,
        failure => Close::Reset(std::io::Error::other(failure)),
    }
}
