//! [`Session`]: one client's side of the protocol, whatever carries it.

use std::sync::Arc;
use std::time::Duration;

use super::config::RoomProtocol;
use super::heard::Heard;
use super::teller::{Teller, Wire};
use super::told::{RoomTold, Told};
use crate::handler::{Address, Result};
use crate::service::pace::Pace;
use crate::service::rooms::{Claim, Draft, Mail, Member, Post, PostId, Refused, Rooms, Since};

/// A client: first a stranger, then a member.
pub(super) struct Session {
    rooms: Arc<Rooms>,
    pub(super) protocol: Arc<RoomProtocol>,
    member: Option<Member>,
    /// Under which its posts are numbered.
    publisher: Option<u128>,
    pace: Pace,
}

/// What a session is to know of the connection and the moment.
pub(super) struct Turn {
    pub(super) now: Duration,
    pub(super) address: Address<Mail>,
    /// A random number.
    pub(super) life: u64,
}

/// What becomes of the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    /// Nothing is to be read from it for so long.
    Pause(Duration),
    /// It is to be closed: it was told why.
    Close,
}

impl Session {
    pub(super) fn new(rooms: Arc<Rooms>, protocol: Arc<RoomProtocol>) -> Self {
        Self { rooms, protocol, member: None, publisher: None, pace: Pace::default() }
    }

    /// Whether the client has said who it is.
    pub(super) fn is_known(&self) -> bool {
        self.member.is_some()
    }

    /// A message came.
    pub(super) fn hear<W: Wire>(&mut self, message: &[u8], turn: &Turn, wire: &mut W) -> Then {
        let mut teller = self.teller(turn.now, wire);
        let heard: Heard<'_> = match serde_json::from_slice(message) {
            Ok(heard) => heard,
            Err(error) => {
                let (code, text) = ("malformed", &*error.to_string());
                teller.tell(&Told::Error { code, text, room: None, seq: None });
                return Then::Close;
            }
        };
        if let Err((code, text)) = self.answer(&heard, turn, &mut teller) {
            let (room, seq) = heard.about();
            teller.tell(&Told::Error { code, text: &text, room, seq });
        }
        let RoomProtocol { message_every, messages_at_once, .. } = *self.protocol;
        let wait = self.pace.count(turn.now, message_every, messages_at_once);
        wait.map_or(Then::GoOn, Then::Pause)
    }

    /// Does what a message asks for; or tells a stable name for why not, and the same in words.
    fn answer<W: Wire>(
        &mut self,
        heard: &Heard<'_>,
        turn: &Turn,
        teller: &mut Teller<'_, W>,
    ) -> Result<(), (&'static str, String)> {
        let refused = |why: Refused| (why.name(), why.to_string());
        match (heard, &mut self.member) {
            (Heard::Hello { .. }, None) => self.enter(heard, turn, teller).map_err(refused),
            (Heard::Hello { .. }, Some(_)) => Err(("hello_again", "you said that before".into())),
            (_, None) => Err(("hello_first", "say who you are first".into())),
            (Heard::Say { text, .. }, _) if text.chars().any(is_out_of_place) => {
                Err(("bad_text", "control characters have no place in a text".into()))
            }
            (heard, Some(member)) => {
                let asked = Asked { rooms: &self.rooms, publisher: self.publisher, turn };
                let max = self.protocol.answer_max;
                asked.grant(heard, member, max, teller).map_err(refused)
            }
        }
    }

    fn enter<W: Wire>(
        &mut self,
        hello: &Heard<'_>,
        turn: &Turn,
        teller: &mut Teller<'_, W>,
    ) -> Result<(), Refused> {
        let Heard::Hello { name, key, client, seen } = hello else { return Ok(()) };
        let since = Since { bookmark: seen.map(Into::into), latest: 0 };
        let claim = Claim { name: name.as_deref(), key: key.map(|key| key.0.0), since };
        let address = turn.address.clone();
        let (member, arrival) = Member::enter(&self.rooms, address, claim, turn.life)?;
        let member = self.member.insert(member);
        teller.welcome(member, arrival);
        member.go_on(teller);
        self.publisher = client.map(|client| client.0.0);
        Ok(())
    }

    /// Mail came.
    pub(super) fn mail<W: Wire>(
        &mut self,
        mail: Mail,
        now: Duration,
        wire: &mut W,
    ) -> Result<Then> {
        let mut teller = self.teller(now, wire);
        let Some(member) = &mut self.member else { return Ok(Then::GoOn) };
        member.mail(mail, &mut teller)?;
        Ok(then(member))
    }

    /// The peer takes more.
    pub(super) fn go_on<W: Wire>(&mut self, now: Duration, wire: &mut W) {
        let mut teller = self.teller(now, wire);
        if let Some(member) = &mut self.member {
            member.go_on(&mut teller);
        }
    }

    /// It is time to look for what no mail told of.
    pub(super) fn tick<W: Wire>(&mut self, now: Duration, wire: &mut W) -> Then {
        let mut teller = self.teller(now, wire);
        let Some(member) = &mut self.member else { return Then::GoOn };
        member.tick(now, &mut teller);
        then(member)
    }

    /// It is time that the client had said who it is.
    pub(super) fn hello_is_due<W: Wire>(&mut self, now: Duration, wire: &mut W) -> Then {
        if self.is_known() {
            return Then::GoOn;
        }
        let (code, text) = ("hello_late", "nobody said who it is");
        self.teller(now, wire).tell(&Told::Error { code, text, room: None, seq: None });
        Then::Close
    }

    fn teller<'a, W: Wire>(&self, now: Duration, wire: &'a mut W) -> Teller<'a, W> {
        Teller { wire, now, text_max: self.rooms.limits().body_max }
    }
}

/// The first of these posts, as many as one answer has room for: at least one. Who wants more asks
/// again.
fn at_once(posts: &[Arc<Post>]) -> &[Arc<Post>] {
    const BYTES: usize = 128 << 10;
    let mut bytes = 0;
    let fits = |post: &&Arc<Post>| {
        bytes += post.body.len();
        bytes <= BYTES
    };
    let count = posts.iter().take_while(fits).count().max(1).min(posts.len());
    posts.get(..count).unwrap_or_default()
}

/// Whether a member may stay.
fn then(member: &Member) -> Then {
    if member.is_welcome() { Then::GoOn } else { Then::Close }
}

/// Beyond line feeds and tabs, nobody needs control characters, and terminals obey them.
fn is_out_of_place(letter: char) -> bool {
    letter.is_control() && letter != '\n' && letter != '\t'
}

/// What a member asks for.
struct Asked<'a> {
    rooms: &'a Rooms,
    publisher: Option<u128>,
    turn: &'a Turn,
}

impl Asked<'_> {
    fn grant<W: Wire>(
        &self,
        heard: &Heard<'_>,
        member: &mut Member,
        max: usize,
        teller: &mut Teller<'_, W>,
    ) -> Result<(), Refused> {
        match heard {
            Heard::Hello { .. } => {}
            Heard::Join { room, seen, latest } => {
                let since = Since { bookmark: seen.map(Into::into), latest: *latest };
                member.join(room, since, self.turn.life, teller)?;
            }
            Heard::Leave { room } => {
                member.leave(room)?;
                teller.tell(&Told::Left { room });
            }
            Heard::Say { room, text, seq, key } => {
                let id = self.publisher.zip(*seq);
                let id = id.map(|(publisher, sequence)| PostId { publisher, sequence });
                let key = key.as_deref().map(Into::into);
                let draft = Draft { id, key, ..Draft::new(text.as_bytes()) };
                let published = member.publish(room, draft, self.turn.now)?;
                let (offset, again) = (published.offset, published.again);
                teller.tell(&Told::Ack { room, seq: *seq, offset, again });
            }
            Heard::History { room, after, max: wanted } => {
                let posts = member.history(room, *after, wanted.map_or(max, |it| it.min(max)))?;
                let posts = at_once(&posts).iter().map(|post| (&**post).into()).collect();
                teller.tell(&Told::History { room, after: *after, posts });
            }
            Heard::Who { room } => {
                let presence = member.room(room).ok_or(Refused::NotThere)?.who(max);
                let (users, members) = (presence.users, presence.members);
                teller.tell(&Told::Present { room, users, members, names: &presence.names });
            }
            Heard::Rooms => {
                let (rooms, count) = self.rooms.list(max);
                let told = rooms.iter().map(|(room, users)| RoomTold { room, users: *users });
                teller.tell(&Told::Rooms { rooms: told.collect(), count });
            }
            Heard::Ping { id } => {
                let now = self.turn.now.as_millis() as u64;
                teller.tell(&Told::Pong { id: *id, now });
            }
        }
        Ok(())
    }
}
