//! [`SocketEcho`]: a WebSocket that says everything back.

use crate::handler::{Never, Result};
use crate::service::http::{Params, Site};
use crate::service::websocket::{
    Origins, Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketSite,
};
use crate::wire::http::RequestHead;
use crate::wire::websocket::MessageLimits;

/// The longest messages of the usual conformance suite have 16 MiB.
const LIMITS: MessageLimits = MessageLimits { frame_max: 16 << 20, message_max: 16 << 20 };

/// Anybody's page may try it.
pub(super) fn echo() -> impl Site {
    let config =
        WebSocketConfig { limits: LIMITS, origins: Origins::Any, ..WebSocketConfig::default() };
    WebSocketSite::new(config, |_: &RequestHead, _: &Params| Ok::<_, Refusal>(SocketEcho))
}

struct SocketEcho;

impl WebSocketHandler for SocketEcho {
    type Message = Never;

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.text(text);
        Ok(())
    }

    fn on_binary(&mut self, bytes: &[u8], cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.binary(bytes);
        Ok(())
    }
}
