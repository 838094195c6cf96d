//! [`Order`]: what a loop is told to do by the engine, or by another loop.

use std::io;

use crossbeam_channel::Sender;

use super::snapshot::LoopSnapshot;
use super::socket::Service;
use crate::handler::mail::{ConnectionId, Envelope, Home};
use crate::handler::stage::{AnyHandler, DialOrder};
use crate::net::{Endpoint, Net, Peer};

pub(crate) enum Order<N: Net> {
    /// A connection that another loop accepted.
    Adopt { stream: N::Stream, peer: Peer, gate: u16 },
    /// There may be a place for those who wait at listeners of this loop.
    AcceptAgain,
    /// A connection that was open before it came here.
    Enroll { stream: N::Stream, peer: Peer, handler: Box<dyn AnyHandler> },
    /// A datagram socket that is bound.
    Serve { socket: N::Datagram, at: Endpoint, service: Service },
    /// A connection to open.
    Dial(DialOrder),
    /// The addresses of a host that a dial waits for.
    Resolved { dial: ConnectionId, endpoints: io::Result<Vec<Endpoint>> },
    /// Shut down gracefully; told again, at once.
    Shutdown,
    /// Another loop has ended.
    AnotherEnded,
    /// Tell what you are doing.
    Snapshot { connections_max: usize, reply: Sender<LoopSnapshot> },
}

impl<N: Net> Order<N> {
    /// Posts this; gives it back if the loop has ended.
    pub(crate) fn post(self, home: &Home) -> Result<(), Self> {
        let Err(back) = home.post(Envelope::Order(Box::new(self))) else { return Ok(()) };
        match back {
            Envelope::Order(order) => match order.downcast() {
                Ok(order) => Err(*order),
                Err(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
