//! [`WebSocketHandler`]: the state machine of one WebSocket, as users write it; and
//! [`WebSocketContext`], its surroundings.

use std::time::Duration;

use super::closed::Closed;
use super::talk::Talk;
use crate::base::Output;
use crate::handler::{Address, ConnectionId, Dial, Effects, Handler, Outgoing, Result, Timer};
use crate::net::{Peer, TlsFacts};
use crate::wire::websocket::{CloseCode, Decoder, Kind, Prepared};

/// The state machine of one WebSocket, of a server or a client: what a
/// [`Handler`] is to a connection.
///
/// Returning `Err` ends the connection at once, without a word; [`WebSocketContext::close`] ends it
/// as the protocol wants it. A panic ends this one connection.
pub trait WebSocketHandler: Send + Sized + 'static {
    /// What others can say to this WebSocket, through its [`Address`].
    type Message: Send + 'static;

    /// The handshake is done. The first call.
    fn on_open(&mut self, _cx: &mut WebSocketContext<'_, Self>) -> Result {
        Ok(())
    }

    /// A message of text came. Closes with [`CloseCode::UNSUPPORTED`], unless overridden.
    fn on_text(&mut self, _text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.close(CloseCode::UNSUPPORTED, "no text is taken here");
        Ok(())
    }

    /// A message of bytes came. Closes with [`CloseCode::UNSUPPORTED`], unless overridden.
    fn on_binary(&mut self, _bytes: &[u8], cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.close(CloseCode::UNSUPPORTED, "only text is taken here");
        Ok(())
    }

    /// Somebody sent a message to the [`Address`], or work that was
    /// [offloaded](WebSocketContext::offload) is done.
    fn on_message(
        &mut self,
        _message: Self::Message,
        _cx: &mut WebSocketContext<'_, Self>,
    ) -> Result {
        Ok(())
    }

    /// A timer that was [armed](WebSocketContext::arm) fired.
    fn on_timer(&mut self, _timer: Timer, _cx: &mut WebSocketContext<'_, Self>) -> Result {
        Ok(())
    }

    /// What waits to be sent fell below the low-water mark, after it was
    /// [too much](WebSocketContext::is_congested).
    fn on_writable(&mut self, _cx: &mut WebSocketContext<'_, Self>) -> Result {
        Ok(())
    }

    /// The peer answered a ping of the heartbeat, after this time.
    fn on_round_trip(&mut self, _time: Duration, _cx: &mut WebSocketContext<'_, Self>) -> Result {
        Ok(())
    }

    /// A graceful shutdown began. Unless overridden, the connection is closed within the time of
    /// [`Drain`](super::Drain), at a moment of its own; that of a client at once.
    fn on_drain(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.drain();
        Ok(())
    }

    /// It is over. Consumes the handler, so that a client can be moved into its next connection.
    fn on_close(self, _closed: Closed, _outgoing: &mut Outgoing<'_>) {}
}

/// A connection that speaks WebSocket: the handler that [`accept`](super::accept) gives, for a
/// connection to be [upgraded](Effects::upgrade) to, or that a [`WebSocketClient`] becomes.
///
/// [`WebSocketClient`]: super::WebSocketClient
pub struct WebSocket<H: WebSocketHandler> {
    pub(super) decoder: Decoder,
    pub(super) talk: Talk,
    pub(super) handler: H,
}

/// A handler's surroundings, lent for one call: what it can send, ask for, and know.
pub struct WebSocketContext<'a, H: WebSocketHandler> {
    pub(super) talk: &'a mut Talk,
    pub(super) output: &'a mut Output,
    pub(super) effects: Effects<'a, WebSocket<H>>,
}

impl<H: WebSocketHandler> WebSocketContext<'_, H> {
    /// Sends a message of text. Dropped if the end was said already.
    #[inline]
    pub fn text(&mut self, text: &str) {
        self.talk.send(Kind::Text, text.as_bytes(), self.output, &mut self.effects);
    }

    /// Sends a message of bytes. Dropped if the end was said already.
    #[inline]
    pub fn binary(&mut self, bytes: &[u8]) {
        self.talk.send(Kind::Binary, bytes, self.output, &mut self.effects);
    }

    /// Sends a message that is sent to many, without encoding it again. Dropped if the end was
    /// said already.
    #[inline]
    pub fn prepared(&mut self, message: &Prepared) {
        self.talk.send_prepared(message, self.output, &mut self.effects);
    }

    /// Says that this is the end, for a reason of at most 123 bytes, and closes when the peer has
    /// said so too. What the peer still sends is dropped. Only the first call counts.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        self.talk.close(code, reason, self.output, &mut self.effects);
    }

    /// Closes within the time of [`Drain`](super::Drain), at a moment that is drawn by chance, with
    /// a hint when to come back. Until then all goes on. A client closes at once.
    pub fn drain(&mut self) {
        self.talk.drain(&mut self.effects);
    }

    /// Whether the end was not said yet, by either side.
    pub fn is_open(&self) -> bool {
        self.talk.is_open()
    }

    /// Whether more waits to be sent than the high-water mark (`Limits::output_high`) allows. If
    /// so, nothing is read, and `on_writable` will follow.
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.output.is_congested()
    }

    /// How many bytes wait to be sent.
    pub fn unsent(&self) -> usize {
        self.output.len()
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.talk.protocol()
    }

    /// How long the latest ping of the heartbeat and its pong took: the time on the network, and
    /// the time in which either end had something else to do.
    pub fn round_trip(&self) -> Option<Duration> {
        self.talk.round_trip()
    }

    /// Hands over no more messages, and reads no more, until [`resume`](Self::resume). The kernel
    /// then slows the peer. Does nothing once the end was said.
    pub fn pause(&mut self) {
        self.talk.pause(&mut self.effects);
    }

    /// Goes on where it was paused.
    pub fn resume(&mut self) {
        self.talk.resume(&mut self.effects);
    }

    /// The time of this turn of the loop, since the loop began.
    pub fn now(&self) -> Duration {
        self.effects.now()
    }

    /// Which connection this is.
    pub fn id(&self) -> ConnectionId {
        self.effects.id()
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.effects.peer()
    }

    /// What was agreed on with the peer by TLS; `None` if the connection is plain.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.effects.tls()
    }

    /// How others reach this WebSocket.
    pub fn address(&self) -> Address<H::Message> {
        self.effects.address()
    }

    /// 64 random bits, for jitter and choices. Not for secrets.
    pub fn random(&mut self) -> u64 {
        self.effects.random()
    }

    /// Arms `timer` as [`Effects::arm`] does. The last of the connection's timers, number 3, is
    /// taken: arming it does nothing.
    pub fn arm(&mut self, timer: Timer, after: Duration) {
        if timer != Talk::TIMER {
            self.effects.arm(timer, after);
        }
    }

    /// Arms `timer` to fire again and again, as [`Effects::arm_every`] does.
    pub fn arm_every(&mut self, timer: Timer, period: Duration) {
        if timer != Talk::TIMER {
            self.effects.arm_every(timer, period);
        }
    }

    /// Disarms `timer`.
    pub fn disarm(&mut self, timer: Timer) {
        if timer != Talk::TIMER {
            self.effects.disarm(timer);
        }
    }

    /// Runs `work` on a worker; its result comes to [`WebSocketHandler::on_message`], in order. See
    /// [`Effects::offload`].
    pub fn offload(&mut self, work: impl FnOnce() -> H::Message + Send + 'static) -> Result {
        self.effects.offload(work)
    }

    /// Opens an outgoing connection on this same loop.
    pub fn connect(&mut self, dial: impl Into<Dial>, handler: impl Handler) {
        self.effects.connect(dial, handler);
    }
}
