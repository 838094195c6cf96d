//! Datagram sockets. (Being written.)

use super::state::EventLoop;
use crate::handler::ConnectionId;
use crate::net::Net;

impl<N: Net> EventLoop<N> {
    pub(super) fn enqueue_socket(&mut self, _id: ConnectionId) {}
    pub(super) fn visit_socket(&mut self, _id: ConnectionId) {}
    pub(super) fn socket_reminded(&mut self, _id: ConnectionId) {}
}
