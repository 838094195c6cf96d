//! An origin to test against, in the manner of httpbin: for clients, proxies, load generators and
//! anybody's conformance suite.
//!
//! | request | is answered with |
//! | --- | --- |
//! | `GET`, `HEAD`, `OPTIONS /` | 200, `hello` |
//! | `POST /` | the body that came, and the fields behind it |
//! | `/echo` | the fields of the request, a line each |
//! | `/cookie` | the cookies of the request, `name=value` a line each |
//! | `/bytes/N` | `N` bytes, of known length |
//! | `/stream/N` | `N` lines, of unknown length, and a trailer `x-lines` |
//! | `/delay/MS` | 200 after so many milliseconds, at most a minute |
//! | `/status/N` | this status |
//! | `/ws` | a WebSocket that says everything back; with the feature `websocket` |
//! | `/sse` | an event every second; `?every=MS&count=N`, and `Last-Event-ID` is honoured |

mod echo;
mod fountain;
mod later;
mod site;
#[cfg(feature = "websocket")]
mod socket;

pub use site::origin;
