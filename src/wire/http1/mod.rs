//! HTTP/1.1 (RFC 9112), sans-IO: [`RequestDecoder`] and [`ResponseEncoder`] for servers,
//! [`RequestEncoder`] and [`ResponseDecoder`] for clients.
//!
//! A message comes as a head, a body in pieces as they lie in the input, and an end. Nothing is
//! copied but the head, and nothing is allocated once a decoder has seen its first.
//!
//! ```text
//!            ┌──────────── 1xx, of responses
//!            ▼            │
//! ──► Head ──┴► Body … ──►┴ End ──► the next Head
//!       │
//!       └─► what follows is another protocol's: CONNECT, 101 Switching Protocols
//! ```
//!
//! They are strict. Where one program reads a message in another way than the next, a request can
//! be smuggled past the first; so whatever RFC 9112 lets a recipient reject is rejected, and the
//! connection is over: see [`HttpError`](super::http::HttpError).
//!
//! ```
//! use overt::wire::http::{BodyLength, HttpDate, HttpLimits, ResponseHead, StatusCode};
//! use overt::wire::http1::{RequestDecoder, RequestEvent, ResponseEncoder};
//! use overt::{Input, Output};
//!
//! let (mut decoder, mut output) = (RequestDecoder::new(HttpLimits::default()), Output::default());
//! let mut encoder = ResponseEncoder::default();
//! let mut input = Input::from(&b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n"[..]);
//! while let Some(event) = decoder.decode(&mut input)? {
//!     match event {
//!         RequestEvent::Head(request) => {
//!             encoder.begin(request);
//!             let head = ResponseHead::new(StatusCode::OK);
//!             encoder.head(&head, BodyLength::Known(5), Some(&HttpDate::at(0)), &mut output)?;
//!         }
//!         RequestEvent::Body(_) => {}
//!         RequestEvent::End(_) => {
//!             encoder.body(b"hello", &mut output)?;
//!             encoder.end(None, &mut output)?;
//!         }
//!     }
//! }
//! assert!(output.to_vec().starts_with(b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 "));
//! assert!(output.to_vec().ends_with(b"\r\ncontent-length: 5\r\n\r\nhello"));
//! assert!(encoder.keeps_alive());
//! # Ok::<(), overt::wire::http::HttpError>(())
//! ```

mod body;
mod body_encoder;
mod chunks;
mod framing;
mod head;
mod request_decoder;
mod request_encoder;
mod response_decoder;
mod response_encoder;
mod search;
mod state;
mod status;

pub use request_decoder::{RequestDecoder, RequestEvent};
pub use request_encoder::RequestEncoder;
pub use response_decoder::{ResponseDecoder, ResponseEvent};
pub use response_encoder::ResponseEncoder;
