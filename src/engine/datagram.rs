//! Datagram sockets. (Being written.)

use super::event_loop::EventLoop;
use crate::handler::ConnectionId;
use crate::net::Net;

/// A datagram socket of a loop.
pub(crate) struct Socket<N: Net> {
    id: ConnectionId,
    #[allow(dead_code)]
    socket: N::Datagram,
}

impl<N: Net> Socket<N> {
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }
}

impl<N: Net> EventLoop<N> {
    pub(super) fn enqueue_socket(&mut self, _id: ConnectionId) {}
    pub(super) fn visit_socket(&mut self, _id: ConnectionId) {}
    pub(super) fn socket_reminded(&mut self, _id: ConnectionId) {}
}
