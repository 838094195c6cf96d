//! [`Echo`]: a body that comes back, while it comes.

use crate::handler::{Never, Result};
use crate::service::http::{Exchange, ExchangeContext};
use crate::wire::http::{Headers, RequestHead, ResponseHead, StatusCode};

/// Gives a body back, piece by piece, with the fields behind it.
pub(super) struct Echo;

impl Exchange for Echo {
    type Message = Never;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let kind = head.headers.get("content-type").unwrap_or(b"application/octet-stream");
        let answer = ResponseHead::new(StatusCode::OK).header("content-type", kind);
        cx.respond(&answer, head.body_length());
        Ok(())
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.send(piece);
        Ok(())
    }

    fn on_end(&mut self, trailers: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.finish_with(trailers);
        Ok(())
    }
}
