//! [`Socket`]: a datagram socket of a loop.

use crate::handler::ConnectionId;
use crate::net::Net;

/// A datagram socket of a loop.
pub(crate) struct Socket<N: Net> {
    pub(super) id: ConnectionId,
    #[allow(dead_code)]
    pub(super) socket: N::Datagram,
}

impl<N: Net> Socket<N> {
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }
}
