//! [`Log`]: what was posted in a room and is still kept, and which publishers are remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::limits::{RoomLimits, RoomSettings, Slow};
use super::post::{Post, PostId};

/// The history of a room: posts by rising offsets, of which the oldest go first. In a room that
/// keeps the latest, those that were superseded are gone, too.
#[derive(Default)]
pub(super) struct Log {
    posts: VecDeque<Arc<Post>>,
    bytes: usize,
    /// The offset of the latest post about each key that is still kept.
    keys: BTreeMap<Arc<str>, u64>,
    publishers: Publishers,
}

impl Log {
    /// Takes the next post in, and drops what there is no room for. `all` counts the bytes of all
    /// histories.
    pub(super) fn append(
        &mut self,
        post: Arc<Post>,
        settings: &RoomSettings,
        limits: &RoomLimits,
        all: &AtomicUsize,
    ) {
        if let Some(id) = post.id {
            self.publishers.note(id, post.offset, limits.publishers);
        }
        let key = post.key.as_ref().filter(|_| settings.slow == Slow::KeepLatest);
        let superseded = key.and_then(|key| self.keys.insert(key.clone(), post.offset));
        superseded.into_iter().for_each(|offset| self.remove(offset, all));
        self.bytes += post.cost();
        all.fetch_add(post.cost(), Relaxed);
        self.posts.push_back(post);
        while self.posts.len() > settings.history
            || self.bytes > settings.history_bytes
            || all.load(Relaxed) > limits.history_bytes
        {
            let Some(oldest) = self.posts.front() else { break };
            self.remove(oldest.offset, all);
        }
    }

    fn remove(&mut self, offset: u64, all: &AtomicUsize) {
        let at = self.place_of(offset);
        let Some(post) = self.posts.remove(at) else { return };
        self.bytes -= post.cost();
        all.fetch_sub(post.cost(), Relaxed);
        if let Some(key) = post.key.as_ref().filter(|key| self.keys.get(*key) == Some(&offset)) {
            self.keys.remove(key);
        }
    }

    /// How many of the posts have offsets below this one.
    fn place_of(&self, offset: u64) -> usize {
        self.posts.partition_point(|post| post.offset < offset)
    }

    /// The posts after this offset that are kept, oldest first, at most `max`.
    pub(super) fn after(&self, offset: u64, max: usize) -> Vec<Arc<Post>> {
        self.posts.range(self.place_of(offset.saturating_add(1))..).take(max).cloned().collect()
    }

    /// The offset after which the latest `count` posts come; `head` if none are kept.
    pub(super) fn before_latest(&self, count: usize, head: u64) -> u64 {
        let first = self.posts.len().saturating_sub(count);
        self.posts.get(first).map_or(head, |post| post.offset - 1)
    }

    /// Whether a publisher has used this id, or a later one, already.
    pub(super) fn knows(&self, id: PostId) -> bool {
        self.publishers.last_of(id.publisher).is_some_and(|last| id.sequence <= last)
    }

    /// Where the post with this id went, if it is still kept.
    pub(super) fn find(&self, id: PostId) -> Option<u64> {
        self.posts.iter().rev().find(|post| post.id == Some(id)).map(|post| post.offset)
    }

    /// Posts kept, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.posts.len(), self.bytes)
    }

    /// Drops all, and counts no more.
    pub(super) fn clear(&mut self, all: &AtomicUsize) {
        all.fetch_sub(self.bytes, Relaxed);
        *self = Self::default();
    }
}

/// The latest sequence number of each publisher, for as many as there is room for.
#[derive(Default)]
struct Publishers {
    by_name: BTreeMap<u128, Latest>,
    /// Who published at which offset: the one to forget comes first.
    by_offset: BTreeMap<u64, u128>,
}

struct Latest {
    sequence: u64,
    offset: u64,
}

impl Publishers {
    fn last_of(&self, publisher: u128) -> Option<u64> {
        self.by_name.get(&publisher).map(|latest| latest.sequence)
    }

    fn note(&mut self, id: PostId, offset: u64, max: usize) {
        let latest = Latest { sequence: id.sequence, offset };
        if let Some(before) = self.by_name.insert(id.publisher, latest) {
            self.by_offset.remove(&before.offset);
        }
        self.by_offset.insert(offset, id.publisher);
        while self.by_name.len() > max {
            let Some((_, forgotten)) = self.by_offset.pop_first() else { break };
            self.by_name.remove(&forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use std::time::Duration;

    use super::*;

    struct Room {
        log: Log,
        settings: RoomSettings,
        limits: RoomLimits,
        all: AtomicUsize,
        head: u64,
    }

    fn room(slow: Slow, history: usize) -> Room {
        let settings = RoomSettings { slow, history, ..RoomSettings::default() };
        let (log, limits, all) = (Log::default(), RoomLimits::default(), AtomicUsize::new(0));
        Room { log, settings, limits, all, head: 0 }
    }

    impl Room {
        fn post(&mut self, key: Option<&str>, id: Option<PostId>, size: usize) {
            self.head += 1;
            let post = Post {
                room: "room".into(),
                offset: self.head,
                from: "ann".into(),
                by: None,
                id,
                key: key.map(Into::into),
                body: Bytes::from(vec![0; size]),
                at: Duration::ZERO,
                encodings: Default::default(),
            };
            self.log.append(post.into(), &self.settings, &self.limits, &self.all);
        }

        fn kept(&self) -> Vec<u64> {
            self.log.after(0, usize::MAX).iter().map(|post| post.offset).collect()
        }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_too_large_ones() {
        let mut room = room(Slow::DropOldest, 3);
        for _ in 0..5 {
            room.post(None, None, 10);
        }
        assert_eq!(room.kept(), [3, 4, 5]);
        assert_eq!(room.log.after(3, 1)[0].offset, 4);
        assert!(room.log.after(5, 9).is_empty() && room.log.after(u64::MAX, 9).is_empty());
        assert_eq!(room.log.before_latest(2, 5), 3);
        assert_eq!(room.log.before_latest(9, 5), 2);
        assert_eq!(room.log.before_latest(0, 5), 5);
        room.post(None, None, room.settings.history_bytes);
        assert_eq!(room.kept(), [0; 0]);
        assert_eq!((room.log.bytes, room.all.load(Relaxed)), (0, 0));
    }

    #[test]
    fn a_room_gives_up_its_own_posts_when_all_rooms_hold_too_much() {
        let mut room = room(Slow::DropOldest, 9);
        room.post(None, None, 10);
        room.all.fetch_add(room.limits.history_bytes, Relaxed);
        room.post(None, None, 10);
        assert_eq!((room.kept(), room.log.bytes), (vec![], 0));
        assert_eq!(room.all.load(Relaxed), room.limits.history_bytes);
    }

    #[test]
    fn the_latest_of_each_key_takes_the_place_of_the_one_before() {
        let mut room = room(Slow::KeepLatest, 3);
        for key in [Some("a"), Some("b"), None, Some("a")] {
            room.post(key, None, 1);
        }
        assert_eq!(room.kept(), [2, 3, 4]);
        room.post(Some("c"), None, 1);
        assert_eq!(room.kept(), [3, 4, 5]);
        // `b` was dropped for want of room: a new one supersedes nothing.
        room.post(Some("b"), None, 1);
        assert_eq!(room.kept(), [4, 5, 6]);
        assert_eq!(room.log.keys.len(), 3);
        room.log.clear(&room.all);
        assert_eq!(room.all.load(Relaxed), 0);
    }

    #[test]
    fn whoever_published_nothing_for_longest_is_forgotten_first() {
        let mut room = room(Slow::DropOldest, 100);
        room.limits.publishers = 2;
        let id = |publisher, sequence| PostId { publisher, sequence };
        for (publisher, sequence) in [(1, 1), (2, 7), (1, 2), (3, 1)] {
            room.post(None, Some(id(publisher, sequence)), 1);
        }
        let known = |publisher, sequence| room.log.knows(id(publisher, sequence));
        assert!(known(1, 1) && known(1, 2) && !known(1, 3));
        assert!(!known(2, 7) && known(3, 1));
        assert_eq!(room.log.find(id(1, 1)), Some(1));
        assert_eq!(room.log.publishers.by_offset.len(), 2);
    }
}
