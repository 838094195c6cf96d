//! How connections are told something from elsewhere: [`Address`] names one, [`Group`] many.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::mail::{ConnectionId, Copies, Envelope, Home};

/// A weak reference to a connection whose handler takes messages of type `M`: to be cloned, sent to
/// other threads, and kept after the connection closed. Messages to the dead are dropped.
///
/// It is typed by the message, not by the handler: members of one chat may speak different
/// protocols.
///
/// ```
/// use std::sync::mpsc::{Sender, channel};
///
/// use overt::testing::Bench;
/// use overt::{Address, Context, Handler, Result};
///
/// /// Passes on to its peer what anybody tells it.
/// struct Speaker(Sender<Address<String>>);
///
/// impl Handler for Speaker {
///     type Message = String;
///
///     fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
///         let _ = self.0.send(cx.effects.address());
///         Ok(())
///     }
///
///     fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
///         cx.input.clear();
///         Ok(())
///     }
///
///     fn on_message(&mut self, message: String, cx: &mut Context<'_, Self>) -> Result {
///         cx.output.put(message.as_bytes());
///         Ok(())
///     }
/// }
///
/// let (told, addresses) = channel();
/// let mut bench = Bench::new(Speaker(told));
/// addresses.recv().unwrap().send("hello".to_owned()).unwrap(); // from any thread
/// bench.deliver();
/// assert_eq!(bench.take_output(), b"hello");
/// ```
pub struct Address<M> {
    id: ConnectionId,
    home: Home,
    /// How many messages may wait for the loop.
    waiting_max: u32,
    message: PhantomData<fn(M)>,
}

/// A message that could not be sent, given back.
pub enum SendError<M> {
    /// `Limits::mailbox` messages wait for the connection's loop. Nobody is made to wait here: slow
    /// down, drop the message, or try again later.
    Full(M),
    /// The loop has ended.
    Gone(M),
}

impl<M: Send + 'static> Address<M> {
    pub(crate) fn new(id: ConnectionId, home: Home, waiting_max: u32) -> Self {
        Self { id, home, waiting_max, message: PhantomData }
    }

    /// Which connection this is.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Sends `message` to the connection: it comes to `on_message`, in the order of sending. It is
    /// never delivered within this call, even to a connection of the same loop.
    pub fn send(&self, message: M) -> Result<(), SendError<M>> {
        if self.home.len() >= self.waiting_max as usize {
            return Err(SendError::Full(message));
        }
        match self.home.post(Envelope::Deliver(self.id, Box::new(Some(message)))) {
            Ok(()) => Ok(()),
            Err(Envelope::Deliver(_, mut message)) => {
                match message.downcast_mut::<Option<M>>().and_then(Option::take) {
                    Some(message) => Err(SendError::Gone(message)),
                    None => Ok(()),
                }
            }
            Err(_) => Ok(()),
        }
    }

    /// As [`send`](Self::send), however much mail waits: for words of which a sender has at most
    /// one under way, so that they are bounded by what there is to speak of. Tells whether the loop
    /// still runs.
    #[cfg(feature = "http")]
    pub(crate) fn nudge(&self, message: M) -> bool {
        self.home.post(Envelope::Deliver(self.id, Box::new(Some(message)))).is_ok()
    }

    /// Whether both name the same connection, of the same engine.
    #[cfg(feature = "http")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.home, &other.home)
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { home: self.home.clone(), message: PhantomData, ..*self }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.id)
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "too many messages wait for the connection's loop",
            Self::Gone(_) => "the connection's loop has ended",
        })
    }
}

impl<M> std::error::Error for SendError<M> {}

/// Many connections, told the same thing by one envelope for each loop that has members, and a
/// clone of the message for each member. What rooms stand on.
pub struct Group<M> {
    loops: Vec<(Home, Arc<[ConnectionId]>)>,
    waiting_max: u32,
    message: PhantomData<fn(M)>,
}

impl<M: Clone + Send + 'static> Group<M> {
    /// The connections at these addresses.
    pub fn of<'a>(addresses: impl IntoIterator<Item = &'a Address<M>>) -> Self {
        let mut loops: Vec<(Home, Vec<ConnectionId>)> = Vec::new();
        let mut waiting_max = u32::MAX;
        for Address { id, home, waiting_max: max, .. } in addresses {
            waiting_max = waiting_max.min(*max);
            match loops.iter_mut().find(|(known, _)| Arc::ptr_eq(known, home)) {
                Some((_, members)) => members.push(*id),
                None => loops.push((home.clone(), vec![*id])),
            }
        }
        let loops = loops.into_iter().map(|(home, members)| (home, members.into())).collect();
        Self { loops, waiting_max, message: PhantomData }
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        self.loops.iter().map(|(_, members)| members.len()).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.loops.is_empty()
    }

    /// Sends a clone of `message` to each member. Tells to how many it could not be sent, because
    /// their loop has ended, or has too much mail waiting (`Limits::mailbox`).
    pub fn send(&self, message: M) -> usize {
        let mut missed = 0;
        for (home, members) in &self.loops {
            let original = Box::new(Original { message: message.clone(), copy: None });
            let full = home.len() >= self.waiting_max as usize;
            if full || home.post(Envelope::Fan(members.clone(), original)).is_err() {
                missed += members.len();
            }
        }
        missed
    }
}

impl<M> Clone for Group<M> {
    fn clone(&self) -> Self {
        Self { loops: self.loops.clone(), ..*self }
    }
}

impl<M> fmt::Debug for Group<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.loops.iter().flat_map(|(_, members)| &**members)).finish()
    }
}

struct Original<M> {
    message: M,
    copy: Option<M>,
}

impl<M: Clone + Send + 'static> Copies for Original<M> {
    fn fresh(&mut self) -> &mut dyn Any {
        self.copy = Some(self.message.clone());
        &mut self.copy
    }
}
