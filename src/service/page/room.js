// What this page knows of one room. Nothing here touches the page itself: `page.js` shows it.

// So many entries are kept and shown.
export const ENTRIES_MAX = 500;
const LATEST = 50;

export class Room {
  constructor(name) {
    this.name = name;
    this.epoch = null;
    this.cursor = 0; // everything up to here was told
    this.first = 0; // the oldest that is shown
    this.entries = []; // posts, gaps, notes about them, and what was said to us alone
    this.dropped = 0; // entries that were once here, before those that are
    this.edition = 0; // changes whenever entries do otherwise than at their end
    this.known = new Set(); // posts that are shown
    this.people = new Set();
    this.users = 0;
    this.unread = 0;
    this.asked = null; // a part of the history that is on its way
  }

  // How to come in: where we were, or with the latest.
  join() {
    const seen = this.epoch ? { epoch: this.epoch, offset: this.cursor } : undefined;
    return { type: "join", room: this.name, seen, latest: LATEST };
  }

  joined({ epoch, offset, arrival, users, names }) {
    if (arrival !== "resumed") {
      if (arrival === "lost") {
        this.add({ kind: "note", text: "The room has begun anew since you were here. " +
          "What was said meanwhile can't be fetched." });
      }
      this.epoch = epoch;
      this.cursor = offset;
      this.first = offset + 1;
    }
    this.asked = null;
    this.present({ users, names });
  }

  // Tells whether it is new here: a post that is sent to two lives of a room is shown once.
  post(post) {
    this.cursor = post.offset;
    if (this.known.has(identity(post))) return false;
    if (post.id) this.known.add(identity(post));
    this.add({ kind: "post", ...post });
    return true;
  }

  // Tells what to ask for, if it may still be had.
  gap({ first, last, why }) {
    this.cursor = last;
    const gap = { kind: "gap", first, last, why };
    this.add(gap);
    return why === "slow" ? this.ask(gap) : null;
  }

  // Where the present life of the room begins among the entries.
  get start() {
    return this.entries.findLastIndex(({ kind }) => kind === "note") + 1;
  }

  // Whether there may be more before what is shown.
  get hasOlder() {
    return this.epoch && this.first > 1 && this.entries[this.start]?.kind !== "gap";
  }

  // The part of the history that comes before what is shown.
  older() {
    const after = Math.max(0, this.first - 1 - LATEST);
    return this.first > 1 ? this.ask({ first: after + 1, last: this.first - 1 }) : null;
  }

  ask({ first, last }) {
    if (this.asked) return null;
    this.asked = { first, last };
    return { type: "history", room: this.name, after: first - 1, max: last - first + 1 };
  }

  // Tells what to ask for next: one answer has not room for everything.
  history({ posts }) {
    const asked = this.asked;
    if (!asked) return null;
    this.asked = null;
    this.edition++;
    const missing = (first, last) => (first > last ? [] : [{ kind: "gap", first, last, why: "gone" }]);
    const found = [];
    let next = asked.first;
    for (const post of posts.filter((post) => post.offset <= asked.last)) {
      found.push(...missing(next, post.offset - 1), { kind: "post", ...post });
      if (post.id) this.known.add(identity(post));
      next = post.offset + 1;
    }
    found.push(...missing(next, asked.last));
    const { start } = this;
    const isIt = (it, at) => at >= start && it.kind === "gap" && it.first === asked.first;
    const at = this.entries.findIndex(isIt);
    if (at >= 0) this.entries.splice(at, 1, ...found);
    else this.entries.splice(start, 0, ...found);
    this.first = Math.min(this.first, asked.first);
    return next > asked.first && next <= asked.last ? this.ask({ first: next, last: asked.last }) : null;
  }

  present({ users, names }) {
    this.users = users;
    this.people = new Set(names);
  }

  came({ user, users }) {
    this.users = users;
    this.people.add(user);
  }

  went({ user, users }) {
    this.users = users;
    this.people.delete(user);
  }

  add(entry) {
    this.entries.push(entry);
    while (this.entries.length > ENTRIES_MAX) {
      // What is of an earlier life of the room, or was said to us alone, has other offsets.
      const isOfNow = this.start === 0;
      const dropped = this.entries.shift();
      this.known.delete(identity(dropped));
      this.dropped++;
      if (isOfNow && dropped.kind === "gap") this.first = dropped.last + 1;
      if (isOfNow && dropped.room === this.name) this.first = dropped.offset + 1;
    }
  }
}

// What a post is known by. Anybody can choose an id that another has; but not a name.
const identity = ({ from, id }) => id && `${from} ${id}`;

// What is said of posts that are missing.
export function describe({ first, last, why }) {
  const count = last - first + 1;
  const posts = count === 1 ? "1 message is" : `${count} messages are`;
  if (why === "superseded") return `${posts} left out: later ones count instead.`;
  if (why === "slow") return `${posts} missing here: this page was too slow for them.`;
  return `${posts} missing here: the server no longer has them.`;
}
