//! What a [`Line`] does when it speaks no HTTP: the tunnel that it asks a proxy for, before
//! anything else; and the protocol that both sides may have agreed on, such as WebSocket, of which
//! it knows nothing and passes bytes.

use super::failure::Failure;
use super::line::{Line, Stage};
use super::pipe::Up;
use super::route::Tunnel;
use super::watch::Due;
use crate::handler::{Close, Context, Handler, Result};
use crate::wire::http::{BodyLength, Headers, HttpError, Method, RequestHead};
use crate::wire::http1::{ResponseDecoder, ResponseEvent};

impl Line {
    /// Asks the proxy at the other end for a way to where the question is to go.
    pub(super) fn ask_for_tunnel(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let Some(tunnel) = &self.tunnel else { return Ok(()) };
        self.stage = Stage::Tunnelling;
        let asked = connect(tunnel).and_then(|head| {
            self.decoder.expect(&head);
            self.encoder.head(&head, BodyLength::Empty, cx.output)?;
            self.encoder.end(None, cx.output)
        });
        self.check(asked)?;
        self.watch.set(Due::Progress, Some(cx.effects.now() + self.connect));
        self.arm(cx);
        Ok(())
    }

    pub(super) fn hear_of_tunnel(&mut self, cx: &mut Context<'_, Self>) -> Result {
        loop {
            match self.decoder.decode(cx.input) {
                Ok(None) => break,
                Ok(Some(ResponseEvent::Head(head))) if !head.status().is_success() => {
                    let status = head.status();
                    return self.fail(Failure::Proxy(status), Close::ByUs);
                }
                Ok(Some(_)) => {}
                Err(error) => {
                    return self.fail(Failure::Protocol(error.what), Close::Protocol(error.what));
                }
            }
        }
        if !self.decoder.is_raw() {
            return Ok(());
        }
        self.decoder = ResponseDecoder::new(self.limits.clone());
        self.encoder = Default::default();
        self.open_through_tunnel(cx)
    }

    /// The way is free; what is encrypted opens once more when the handshake is done.
    fn open_through_tunnel(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let tunnel = self.tunnel.take();
        #[cfg(feature = "tls")]
        if let Some((tls, to)) = tunnel.as_ref().and_then(|it| Some((it.tls.as_ref()?, &it.to))) {
            cx.effects.start_tls(tls, to.host());
            return Ok(());
        }
        drop(tunnel);
        self.on_open(cx)
    }

    /// Both sides agreed on another protocol.
    pub(super) fn become_raw(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.stage = Stage::Raw { up: false, down: false };
        // Whoever speaks it has times of its own; the engine's idle deadline bounds silence.
        self.watch.clear();
        cx.effects.settled();
        self.pass_down(cx)?;
        self.pass_up(cx)
    }

    /// Input → pipe.
    pub(super) fn pass_down(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let Some(far) = &self.far else { return Err(Close::ByUs) };
        if cx.input.is_empty() {
            return Ok(());
        }
        let has_room = far.body(cx.input);
        cx.input.clear();
        match has_room {
            true => Ok(()),
            false => self.pause(cx),
        }
    }

    /// Pipe → output.
    pub(super) fn pass_up(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while !cx.output.is_congested() {
            let Some(far) = &self.far else { return Err(Close::ByUs) };
            match far.take() {
                Up::Chunk(bytes) => cx.output.share(bytes),
                Up::Nothing => break,
                Up::End(_) => {
                    cx.effects.finish();
                    return self.half_ended(true, false, cx);
                }
            }
        }
        Ok(())
    }

    pub(super) fn ended_raw(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if let Some(far) = &self.far {
            far.end(Headers::default());
        }
        self.half_ended(false, true, cx)
    }

    fn half_ended(&mut self, up: bool, down: bool, cx: &mut Context<'_, Self>) -> Result {
        if let Stage::Raw { up: up_ended, down: down_ended } = &mut self.stage {
            *up_ended |= up;
            *down_ended |= down;
            if *up_ended && *down_ended {
                cx.effects.close();
            }
        }
        Ok(())
    }
}

fn connect(tunnel: &Tunnel) -> std::result::Result<RequestHead, HttpError> {
    let to = tunnel.to.authority_with_port();
    let mut head = RequestHead::new(Method::CONNECT, &to)?.header("Host", &to);
    if let Some(authorization) = &tunnel.authorization {
        head = head.header("Proxy-Authorization", authorization);
    }
    Ok(head)
}
