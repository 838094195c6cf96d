//! What simulated peers do when it is their turn: look, send some, receive some.

use std::io::IoSlice;
use std::net::IpAddr;

use super::link::{CLIENT, Owner, State};
use super::network::{Event, Network, Outside};
use super::peer::{PeerState, Reading, Status};
use crate::net::Endpoint;

impl Network {
    pub(crate) fn connect_peer(&mut self, from: IpAddr, to: &Endpoint) -> usize {
        let peer = self.peers.len();
        match self.connect(Owner::Peer(peer), from, to) {
            Ok(link) => self.add_peer(link, CLIENT, None),
            Err(_) => {
                let peer = self.add_peer(usize::MAX, CLIENT, None);
                self.peers[peer].status = Status::Failed;
                peer
            }
        }
    }

    pub(super) fn add_peer(&mut self, link: usize, side: usize, script: Option<usize>) -> usize {
        let number = self.peers.len();
        if let Some(link) = self.link(link) {
            link.ends[side].owner = Owner::Peer(number);
        }
        self.peers.push(PeerState::new(link, side, script));
        self.rouse(number);
        number
    }

    pub(crate) fn peer(&mut self, peer: usize) -> &mut PeerState {
        &mut self.peers[peer]
    }

    /// A peer may have something to do.
    pub(crate) fn rouse(&mut self, peer: usize) {
        let Some(state) = self.peers.get_mut(peer) else { return };
        if !std::mem::replace(&mut state.listed, true) {
            self.active.push(peer);
        }
    }

    pub(crate) fn close_peer(&mut self, peer: usize, reset: bool) {
        let (link, side) = (self.peers[peer].link, self.peers[peer].side);
        self.peers[peer].outbox.clear();
        self.close(link, side, reset);
    }

    /// One of the peers that have something to do does some of it.
    pub(crate) fn act(&mut self) -> Option<Outside> {
        let chosen = self.chance.below(self.active.len());
        if chosen >= self.active.len() {
            return None;
        }
        let peer = self.active.swap_remove(chosen);
        self.peers[peer].listed = false;
        self.look(peer);
        let (sends, reads) = (self.send_some(peer), self.receive_some(peer));
        if sends || reads {
            self.rouse(peer);
        }
        self.look(peer);
        self.peers[peer].script.map(|script| Outside::Script { peer, script })
    }

    /// A peer looks at how its stream is.
    fn look(&mut self, peer: usize) {
        let (number, side) = (self.peers[peer].link, self.peers[peer].side);
        let Some(link) = self.link(number) else { return };
        let (end, pipe) = (&link.ends[side], &link.pipes[1 - side]);
        let status = match end.state {
            State::Connecting => Status::Connecting,
            State::Failed(_) => Status::Failed,
            State::Open if !pipe.arrived.is_empty() => Status::Open,
            State::Open if end.cut => Status::Reset,
            State::Open if pipe.ended => Status::Ended,
            State::Open => Status::Open,
        };
        self.peers[peer].status = status;
    }

    /// Tells whether there is more to be sent at once.
    fn send_some(&mut self, peer: usize) -> bool {
        let (window, number) = (self.faults.window, self.peers[peer].link);
        let (side, waiting) = (self.peers[peer].side, self.peers[peer].outbox.len());
        let slow = self.chance.happens(self.faults.slow_peers);
        let Some(link) = self.link(number) else { return false };
        let (end, pipe) = (&link.ends[side], &mut link.pipes[side]);
        if end.closed || end.cut || end.state != State::Open || pipe.finished {
            return false;
        }
        let most = waiting.min(window.saturating_sub(pipe.sent.len()));
        pipe.wanted |= most < waiting;
        let count = if slow { self.chance.some_of(most) } else { most };
        let bytes: Vec<u8> = self.peers[peer].outbox.drain(..count).collect();
        if count > 0 {
            self.send(number, side, &[IoSlice::new(&bytes)], count);
        }
        if waiting == count && self.peers[peer].finishing {
            // Can't fail: it was looked at above.
            let _ = self.finish(number, side);
        }
        count < most
    }

    /// Tells whether there is more to be received at once.
    fn receive_some(&mut self, peer: usize) -> bool {
        let (clock, number) = (self.clock, self.peers[peer].link);
        let (side, reading) = (self.peers[peer].side, self.peers[peer].reading);
        let slow = self.chance.happens(self.faults.slow_peers);
        let early = clock < self.peers[peer].read_again;
        let Some(link) = self.link(number) else { return false };
        if link.ends[side].closed || link.ends[side].state != State::Open {
            return false;
        }
        let waiting = link.pipes[1 - side].arrived.len();
        let most = match reading {
            Reading::Eager => waiting,
            Reading::Never => 0,
            Reading::Slow { .. } if early => 0,
            Reading::Slow { bytes, .. } => waiting.min(bytes),
        };
        if most == 0 {
            return false;
        }
        let count = if slow { self.chance.some_of(most) } else { most };
        let mut bytes = vec![0; count];
        if let Some(link) = self.link(number) {
            link.pipes[1 - side].take(&mut bytes);
        }
        self.trace(9, count);
        self.peers[peer].received.extend(bytes);
        self.peers[peer].received_in_all += count as u64;
        self.go_on(number, 1 - side);
        if let Reading::Slow { every, .. } = reading {
            self.peers[peer].read_again = clock + every;
            self.happen(every, Event::Act(peer));
            return false;
        }
        count < waiting
    }
}
