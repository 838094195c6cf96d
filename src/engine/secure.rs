//! How a connection that is encrypted reads and writes: socket → open → input, output → seal →
//! socket. What it has for that is [`Secure`].
//!
//! Content that came is opened at once, so that what waits here is never more than the beginning of
//! a record. Content to send waits in the output, as that of any other connection, and is sealed
//! when the socket takes what was sealed before; so all that bounds output bounds it here, too.

use std::any::Any;
use std::sync::Arc;

use super::connection::Connection;
use super::core::Core;
use super::flag::{
    CLOSING, EOF, HANDSHAKING, HELD, LINGERING, PAUSED, READABLE, SECURED, TELL_EOF, WRITABLE,
};
use super::ledger::{self, Phase};
use super::sealed::{Secure, Shaken};
use crate::base::buffer::Buffer;
use crate::handler::stage::Event;
use crate::handler::{Bound, Close, Deadline, Result};
use crate::net::layer::{Opened, Progress, TlsError};
use crate::net::{Net, TlsFailure};

/// What the loop lends to read sealed bytes into: several records, and more than the longest
/// message of a handshake (64 KiB) in whatever pieces it comes.
const CAME: usize = 128 * 1024;
/// Content that is sealed for one write: four records.
const SEAL: usize = 64 * 1024;
/// Sealed bytes that may wait: what one write was given, and as much that the layer has to say of
/// itself. A peer that makes it say more, and does not read, is closed.
const UNSENT_MAX: usize = 2 * SEAL;
/// Less room in the input than this is not worth a read.
const ROOM_MIN: usize = 1024;

impl<N: Net> Connection<N> {
    /// From its beginning on, this connection is encrypted. The handshake may take until `until`,
    /// in milliseconds since the loop began.
    pub(super) fn secure(&mut self, secure: Secure, until: u64, core: &mut Core<N>) {
        self.flags |= SECURED | HANDSHAKING;
        self.kept.get_or_insert_default().secure = Some(Box::new(secure));
        self.set_due(Deadline::Handshake as usize, until, core);
    }

    fn secured(&mut self) -> Option<&mut Secure> {
        self.kept.as_mut()?.secure.as_deref_mut()
    }

    /// Sealed bytes that came, and sealed bytes that are to be sent.
    pub(super) fn sealed(&self) -> (usize, usize) {
        self.kept.as_ref().map_or((0, 0), |kept| kept.sealed())
    }

    /// Lets the handler see what was agreed on.
    pub(super) fn show_facts(&self, core: &mut Core<N>) {
        let secure = self.kept.as_ref().and_then(|kept| kept.secure.as_ref());
        if let Some(facts) = secure.and_then(|secure| secure.facts.as_ref()) {
            core.stage.asked.tls = Some((self.id(), facts.clone()));
        }
    }

    /// The first visit: a client has something to say before it reads.
    pub(super) fn greet(&mut self, core: &mut Core<N>) -> Result {
        let Some(secure) = self.secured() else { return Ok(()) };
        if std::mem::replace(&mut secure.has_begun, true) {
            return Ok(());
        }
        core.blocks.came.clear();
        self.open_what_came(core)
    }

    /// Socket → input, `most` bytes of the socket's at most.
    pub(super) fn fill_and_open(&mut self, most: usize, core: &mut Core<N>) -> Result<usize> {
        let unread = core.stage.input.len();
        let Some(secure) = self.kept.as_mut().and_then(|kept| kept.secure.as_deref_mut()) else {
            return Ok(0);
        };
        secure.unread_before = unread;
        let stays = !secure.goes_aside(self.facts.out, &core.stage.asked.desk);
        if self.flags & HANDSHAKING != 0 && core.handshakes_left == 0 && stays {
            return Ok(0); // It is still readable, and so comes again in the next turn.
        }
        // What is opened is never longer than what came.
        let room = core.stage.input.extendable().saturating_sub(secure.unopened.len());
        if room < ROOM_MIN {
            return Ok(0); // In the next visit it has an input of its own.
        }
        let came = &mut core.blocks.came;
        came.clear();
        came.put(&secure.unopened);
        let size = CAME.saturating_sub(came.len()).min(room).min(most);
        let count = match core.net.read(&mut self.stream, came.room(size)) {
            Ok(count @ 1..) => count,
            Ok(0) => return Err(self.was_cut()),
            other => return Ok(self.not_read(other, core)?),
        };
        came.filled_more(count);
        self.note_read(count, size, core);
        self.open_what_came(core)?;
        Ok(count)
    }

    /// The peer's end came, and it had not said that it would.
    #[cold]
    fn was_cut(&self) -> Close {
        let (failure, what) = match self.flags & HANDSHAKING {
            0 => (TlsFailure::Truncated, "the peer ended without saying so (close_notify)"),
            _ => (TlsFailure::Unfinished, "the peer ended before the handshake did"),
        };
        TlsError::new(failure, what).into()
    }

    /// Opens all that can be, and keeps the rest.
    fn open_what_came(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & HANDSHAKING != 0 && self.shakes_aside(core) {
            return Ok(());
        }
        let Some(secure) = self.kept.as_mut().and_then(|kept| kept.secure.as_deref_mut()) else {
            return Ok(());
        };
        let Some(layer) = &mut secure.layer else { return Ok(()) };
        let (came, input) = (&mut core.blocks.came, &mut core.stage.input);
        let unread = input.len();
        let Opened { taken, progress } = layer.open(came.filled_mut(), input, &mut secure.unsent);
        if self.flags & HANDSHAKING != 0 && taken > 0 {
            core.handshakes_left = core.handshakes_left.saturating_sub(1);
        }
        core.mark.overhead += (taken - (input.len() - unread).min(taken)) as u64;
        came.consume(taken);
        let rest = came.filled();
        secure.unopened.clear();
        match rest.is_empty() {
            true => secure.unopened = Vec::new(),
            false => secure.unopened.extend_from_slice(rest),
        }
        self.go_on(progress, core)
    }

    /// Gives what came to a worker, if handshakes are for workers and one has room; tells whether.
    fn shakes_aside(&mut self, core: &mut Core<N>) -> bool {
        let (id, came) = (self.id(), core.blocks.came.filled());
        let desk = &mut core.stage.asked.desk;
        let Some(secure) = self.kept.as_mut().and_then(|kept| kept.secure.as_deref_mut()) else {
            return false;
        };
        if came.is_empty() || !secure.goes_aside(self.facts.out, desk) {
            return false;
        }
        if let Some(layer) = secure.layer.take() {
            let came = came.to_vec();
            secure.unopened = Vec::new();
            desk.offload(id, &mut self.facts.out, true, move || Shaken::new(layer, came));
            self.flags |= HELD; // Nothing is read while it is away.
        }
        true
    }

    /// A message during the handshake: the layer that a worker had, or one for the handler, which
    /// was open before if it began TLS itself.
    pub(super) fn take_while_shaking(
        &mut self,
        message: &mut dyn Any,
        core: &mut Core<N>,
    ) -> Result {
        let Some(shaken) = message.downcast_mut::<Option<Shaken>>() else {
            return self.dispatch(Event::Message(message), core);
        };
        let (Some(shaken), Some(secure)) = (shaken.take(), self.secured()) else { return Ok(()) };
        secure.layer = Some(shaken.layer);
        secure.unopened = shaken.unopened;
        secure.unsent.put(shaken.sealed.filled());
        core.stage.input.extend(&shaken.content);
        self.go_on(shaken.progress, core)
    }

    /// Draws the consequences of what was opened.
    fn go_on(&mut self, progress: Result<Progress, TlsError>, core: &mut Core<N>) -> Result {
        let Some(secure) = self.secured() else { return Ok(()) };
        let full = secure.unopened.len() >= CAME;
        if secure.unsent.len() > UNSENT_MAX {
            return Err(Close::Over(Bound::Output));
        }
        match progress {
            Err(error) => {
                // What came before is true all the same, and may be the reason.
                if self.has_opened_something(core) {
                    self.dispatch_data(core)?;
                }
                self.fail(error, core)
            }
            Ok(_) if full => {
                let what = "a message of the handshake is too long";
                self.fail(TlsError::new(TlsFailure::Malformed, what), core)
            }
            Ok(Progress::Handshaking) => Ok(()),
            Ok(Progress::Open) => self.is_open(core),
            Ok(Progress::Ended) => {
                self.is_open(core)?;
                self.flags |= EOF | TELL_EOF;
                Ok(())
            }
        }
    }

    /// The handshake is done: the handler may begin, if it has not.
    fn is_open(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & HANDSHAKING == 0 {
            return Ok(());
        }
        self.flags &= !HANDSHAKING;
        self.due.clear(Deadline::Handshake as usize);
        if let Some(secure) = self.secured() {
            secure.facts = secure.layer.as_ref().map(|layer| Arc::new(layer.facts()));
        }
        self.show_facts(core);
        self.open(core)
    }

    /// Whether the latest read gave something that the handler wants to know.
    pub(super) fn has_opened_something(&mut self, core: &Core<N>) -> bool {
        let unread = core.stage.input.len();
        let wanted = self.flags & (PAUSED | CLOSING | HELD | HANDSHAKING) == 0;
        wanted && self.secured().is_some_and(|secure| unread > secure.unread_before)
    }

    /// Output → socket.
    pub(super) fn seal_and_flush(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & WRITABLE == 0 {
            return Ok(());
        }
        core.blocks.sealed.clear();
        // What the layer has to say of itself goes along with content; but no more is sealed while
        // the socket has what was.
        let mut joins = true;
        if let Some(secure) = self.secured().filter(|secure| !secure.unsent.is_empty()) {
            core.blocks.sealed.put(secure.unsent.filled());
            secure.unsent = Buffer::default();
            joins = !secure.is_refused;
        }
        let sent = self.seal_and_write(joins, core);
        if let Some(secure) = self.secured() {
            secure.is_refused = !core.blocks.sealed.is_empty();
            secure.unsent.put(core.blocks.sealed.filled());
        }
        sent
    }

    fn seal_and_write(&mut self, mut joins: bool, core: &mut Core<N>) -> Result {
        while self.flags & WRITABLE != 0 {
            if joins || core.blocks.sealed.is_empty() {
                self.seal(core)?;
                joins = false;
            }
            if core.blocks.sealed.is_empty() {
                break;
            }
            match core.net.write(&mut self.stream, core.blocks.sealed.filled()) {
                Ok(count) => {
                    if ledger::ON {
                        core.ledger.writes += 1;
                    }
                    core.ledger.bytes_written += count as u64;
                    core.blocks.sealed.consume(count);
                }
                Err(error) => self.not_written(error, core)?,
            }
        }
        core.lap(Phase::Write);
        Ok(())
    }

    /// Seals what one write can take of the output.
    fn seal(&mut self, core: &mut Core<N>) -> Result {
        if core.blocks.sealed.is_empty() {
            core.blocks.sealed.clear();
        }
        if core.stage.output.is_empty() || self.flags & HANDSHAKING != 0 {
            return Ok(());
        }
        let Some(secure) = self.secured() else { return Ok(()) };
        let Some(layer) = &mut secure.layer else { return Ok(()) };
        let blocks = &mut core.blocks;
        let content = core.stage.output.front(SEAL, &mut blocks.gathered);
        layer.seal(content, &mut secure.unopened, &mut blocks.sealed)?;
        let count = content.len();
        core.stage.output.sent(count);
        Ok(())
    }

    /// All is sealed: tells the peer so, once. Tells whether all is sent.
    pub(super) fn has_sealed_the_end(&mut self, core: &mut Core<N>) -> Result<bool> {
        let Some(secure) = self.secured() else { return Ok(true) };
        if let Some(layer) = secure.layer.as_mut().filter(|_| !secure.end_is_sealed) {
            secure.end_is_sealed = true;
            layer.seal_end(&mut secure.unopened, &mut secure.unsent)?;
            self.seal_and_flush(core)?;
        }
        Ok(self.sealed().1 == 0)
    }

    /// TLS failed. The peer is told by an alert, if the socket takes it; what it sends meanwhile is
    /// dropped, so that no reset destroys the alert.
    #[cold]
    fn fail(&mut self, error: TlsError, core: &mut Core<N>) -> Result {
        core.stage.input.clear();
        core.stage.output.clear();
        let told = self.seal_and_flush(core).is_ok() && core.net.finish(&mut self.stream).is_ok();
        if !told || self.flags & EOF != 0 {
            return Err(error.into());
        }
        if let Some(secure) = self.secured() {
            secure.unopened = Vec::new();
            secure.unsent = Buffer::default();
            secure.failed = Some(error);
        }
        self.flags = self.flags & !HANDSHAKING | CLOSING | LINGERING | READABLE;
        self.due.clear(Deadline::Handshake as usize);
        let linger = u64::from(core.times.linger);
        self.set_due(Deadline::Drain as usize, core.now() + linger, core);
        self.linger(core)
    }

    /// Why it ends really, and so why it ended: what failed comes before what followed from it.
    pub(super) fn real_reason(&mut self, why: Close) -> Close {
        self.secured().and_then(|secure| secure.failed.take()).map_or(why, Close::Tls)
    }

    /// It ends without having asked the peer, but in order: the peer is told, if the socket takes
    /// it, and if all was sent that came before.
    pub(super) fn part(&mut self, core: &mut Core<N>) {
        if self.flags & (HANDSHAKING | LINGERING) == 0 && self.unsent() == 0 {
            // Nobody is left to be told that it could not be said.
            let _ = self.has_sealed_the_end(core);
        }
    }
}
