//! [`Fountain`]: as many bytes, or lines, as were asked for, and no faster than they are taken.

use crate::handler::{Never, Result};
use crate::service::http::{Exchange, ExchangeContext, Params, Response};
use crate::wire::http::{BodyLength, Headers, RequestHead, ResponseHead, StatusCode};

/// See the [module](self).
pub(super) struct Fountain {
    kind: Kind,
    /// How many bytes or lines are asked for, and how many were sent.
    count: Option<u64>,
    sent: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bytes,
    Lines,
}

/// What bytes look like: each tells its place, as far as one byte can.
static PATTERN: [u8; 4096] = {
    let mut pattern = [0; 4096];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = at as u8;
        at += 1;
    }
    pattern
};

impl Fountain {
    pub(super) fn bytes(head: &RequestHead, params: &Params) -> Self {
        Self { kind: Kind::Bytes, count: params.number(head.path(), "count"), sent: 0 }
    }

    pub(super) fn lines(head: &RequestHead, params: &Params) -> Self {
        Self { kind: Kind::Lines, count: params.number(head.path(), "count"), sent: 0 }
    }

    /// Sends until there is no more, or the peer must first take some.
    fn flow(&mut self, cx: &mut ExchangeContext<'_, Never>) {
        let Some(count) = self.count.filter(|_| !cx.is_finished()) else { return };
        while self.sent < count && !cx.is_congested() {
            match self.kind {
                Kind::Bytes => {
                    let most = (count - self.sent).min(PATTERN.len() as u64);
                    cx.send(&PATTERN[..most as usize]);
                    self.sent += most;
                }
                Kind::Lines => {
                    self.sent += 1;
                    cx.send(format!("line {} of {count}\n", self.sent).as_bytes());
                }
            }
        }
        if self.sent >= count {
            let mut trailers = Headers::default();
            if self.kind == Kind::Lines {
                // Digits can stand in a field.
                let _ = trailers.append("x-lines", count.to_string());
            }
            cx.finish_with(&trailers);
        }
    }
}

impl Exchange for Fountain {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let Some(count) = self.count else {
            let response = Response::error(StatusCode::BAD_REQUEST, "not a number");
            cx.answer(response.head(), response.body());
            return Ok(());
        };
        let (kind, length) = match self.kind {
            Kind::Bytes => ("application/octet-stream", BodyLength::Known(count)),
            Kind::Lines => ("text/plain", BodyLength::Unknown),
        };
        cx.respond(&ResponseHead::new(StatusCode::OK).header("content-type", kind), length);
        self.flow(cx);
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.flow(cx);
        Ok(())
    }
}
