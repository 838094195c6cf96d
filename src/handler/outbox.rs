//! [`Outbox`]: the datagrams that a socket is to send.
//!
//! Successive datagrams of one size to one peer are gathered into a run, which the system takes in
//! one call where it can cut it up again (segmentation offload). What the socket has no room for
//! waits here, up to a bound; what is more than that is dropped and counted: to lose a datagram is
//! what every user of UDP is prepared for, and to grow without end is what nobody is.

use std::collections::VecDeque;

use crate::net::{Remote, Transmit};

/// The most that one datagram can carry: 65,535 bytes less the headers of UDP and IPv4 (RFC 768).
pub(crate) const DATAGRAM_MAX: usize = 65_507;
/// The most that one run may carry: the same for UDP over IPv6, whose length field counts its own
/// header too, and nothing for luck.
const RUN_MAX: usize = 65_487;
/// From so many bytes on, waiting for more gathers nothing: two full runs.
const WORTH_SENDING: usize = 2 * RUN_MAX;

pub(crate) struct Outbox {
    /// Those of all runs, one after another; the first `gone` are sent already.
    bytes: Vec<u8>,
    gone: usize,
    runs: VecDeque<Run>,
    /// How many bytes may wait, bookkeeping included.
    max: usize,
    /// How many datagrams one call takes.
    segments_max: usize,
    /// Datagrams dropped because too many wait.
    dropped: u64,
}

/// Datagrams to one peer, all of `segment` bytes but the last.
struct Run {
    to: Remote,
    len: usize,
    segment: usize,
    count: usize,
    /// Whether the system takes it in one call; else it is sent one by one.
    whole: bool,
}

impl Outbox {
    pub(crate) fn new(max: usize) -> Self {
        let (bytes, runs) = (Vec::new(), VecDeque::new());
        Self { bytes, gone: 0, runs, max, segments_max: 1, dropped: 0 }
    }

    pub(crate) fn set_segments_max(&mut self, segments_max: usize) {
        self.segments_max = segments_max.max(1);
    }

    #[inline]
    pub(crate) fn put(&mut self, to: &Remote, datagram: &[u8]) {
        if self.len() + datagram.len() > self.max {
            self.dropped += 1;
            return;
        }
        let size = datagram.len();
        match self.runs.back_mut() {
            Some(run) if run.takes(to, size, self.segments_max) => {
                run.len += size;
                run.count += 1;
            }
            _ => {
                let to = to.clone();
                self.runs.push_back(Run { to, len: size, segment: size, count: 1, whole: true });
            }
        }
        self.bytes.extend_from_slice(datagram);
    }

    /// Bytes that wait, with what it takes to keep them: empty datagrams count, too.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.gone + self.runs.len() * size_of::<Run>()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    #[inline]
    pub(crate) fn is_worth_sending(&self) -> bool {
        self.bytes.len() >= WORTH_SENDING
    }

    /// How many datagrams wait.
    pub(crate) fn count(&self) -> usize {
        self.runs.iter().map(|run| run.count).sum()
    }

    /// How many were dropped since the last call.
    #[inline]
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// What is to be sent next.
    #[inline]
    pub(crate) fn front(&self) -> Option<Transmit<'_>> {
        let run = self.runs.front()?;
        let bytes = self.bytes.get(self.gone..self.gone + run.next_len())?;
        Some(Transmit { to: &run.to, bytes, segment: run.segment })
    }

    /// What [`front`](Self::front) gave is sent. Tells how many datagrams that were.
    #[inline]
    pub(crate) fn sent_front(&mut self) -> usize {
        let Some(run) = self.runs.front_mut() else { return 0 };
        let (len, count) = (run.next_len(), if run.whole { run.count } else { 1 });
        self.gone += len;
        run.len -= len;
        run.count -= count;
        if run.count == 0 {
            self.runs.pop_front();
        }
        if self.runs.is_empty() {
            self.bytes.clear();
            self.gone = 0;
        }
        count
    }

    /// The system did not take what [`front`](Self::front) gave in one call: from now on it gets it
    /// one by one. Tells whether that makes a difference.
    pub(crate) fn split_front(&mut self) -> bool {
        match self.runs.front_mut() {
            Some(run) if run.whole && run.count > 1 => {
                run.whole = false;
                true
            }
            _ => false,
        }
    }

    /// Gives up on what [`front`](Self::front) gave; tells whom it was for.
    pub(crate) fn drop_front(&mut self) -> Option<Remote> {
        let to = self.runs.front()?.to.clone();
        self.sent_front();
        Some(to)
    }

    /// The rest has to wait: makes room for what comes meanwhile.
    pub(crate) fn hold(&mut self) {
        self.bytes.drain(..self.gone);
        self.gone = 0;
    }
}

impl Run {
    #[inline]
    fn takes(&self, to: &Remote, size: usize, segments_max: usize) -> bool {
        // The last one, and only that, may be shorter than the rest.
        size != 0
            && size <= self.segment
            && self.len == self.segment * self.count
            && self.count < segments_max
            && self.len + size <= RUN_MAX
            && self.whole
            && self.to == *to
    }

    #[inline]
    fn next_len(&self) -> usize {
        if self.whole { self.len } else { self.segment.min(self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn peer(port: u16) -> Remote {
        Remote::from(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn outbox(max: usize) -> Outbox {
        let mut outbox = Outbox::new(max);
        outbox.set_segments_max(64);
        outbox
    }

    /// `port: bytes/segment` of each call that it takes to send all.
    fn calls(outbox: &mut Outbox) -> Vec<String> {
        let mut calls = Vec::new();
        while let Some(next) = outbox.front() {
            let Remote::Ip(to) = next.to else { continue };
            calls.push(format!("{}: {}/{}", to.port(), next.bytes.len(), next.segment));
            outbox.sent_front();
        }
        calls
    }

    #[test]
    fn datagrams_of_one_size_to_one_peer_leave_together() {
        let mut outbox = outbox(1 << 20);
        (0..3).for_each(|_| outbox.put(&peer(1), &[0; 100]));
        outbox.put(&peer(2), &[0; 100]);
        outbox.put(&peer(1), &[0; 100]);
        assert_eq!(outbox.count(), 5);
        assert_eq!(calls(&mut outbox), ["1: 300/100", "2: 100/100", "1: 100/100"]);
        assert!(outbox.is_empty());
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn only_the_last_of_a_run_is_shorter() {
        let mut outbox = outbox(1 << 20);
        [100, 100, 40, 40, 100, 0, 0].iter().for_each(|&size| outbox.put(&peer(1), &vec![0; size]));
        let want = ["1: 240/100", "1: 40/40", "1: 100/100", "1: 0/0", "1: 0/0"];
        assert_eq!(calls(&mut outbox), want);
    }

    #[test]
    fn a_run_is_no_longer_than_the_system_takes() {
        let mut outbox = outbox(1 << 20);
        (0..65).for_each(|_| outbox.put(&peer(1), &[0; 10]));
        (0..5).for_each(|_| outbox.put(&peer(1), &[0; 20_000]));
        let want = ["1: 640/10", "1: 10/10", "1: 60000/20000", "1: 40000/20000"];
        assert_eq!(calls(&mut outbox), want);
    }

    #[test]
    fn what_the_system_does_not_cut_up_goes_one_by_one() {
        let mut outbox = outbox(1 << 20);
        [100, 100, 40].iter().for_each(|&size| outbox.put(&peer(1), &vec![0; size]));
        assert!(outbox.split_front());
        assert!(!outbox.split_front());
        outbox.put(&peer(1), &[0; 100]);
        assert_eq!(outbox.drop_front(), Some(peer(1)));
        assert_eq!(calls(&mut outbox), ["1: 100/100", "1: 40/100", "1: 100/100"]);
    }

    #[test]
    fn too_much_is_dropped_and_counted_even_if_it_is_empty() {
        let mut outbox = outbox(1000);
        (0..1000).for_each(|_| outbox.put(&peer(1), &[]));
        let waiting = outbox.count();
        assert!(waiting < 1000 / size_of::<Run>() + 2, "{waiting}");
        assert_eq!(outbox.take_dropped(), 1000 - waiting as u64);
        assert_eq!(outbox.take_dropped(), 0);
    }

    #[test]
    fn what_is_gone_makes_room_when_the_rest_waits() {
        let mut outbox = outbox(1100);
        [400, 300, 200].iter().for_each(|&size| outbox.put(&peer(1), &vec![0; size]));
        outbox.split_front();
        outbox.sent_front();
        outbox.hold();
        outbox.put(&peer(1), &[7; 400]);
        assert_eq!(outbox.take_dropped(), 0);
        assert_eq!(calls(&mut outbox).len(), 3);
    }
}
