// What the page knows of a room (src/service/page/room.js), without a browser.
// Usage: node room.mjs. Started by .ci/page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../../src/service/page/room.js", import.meta.url), "utf8");
const { ENTRIES_MAX, Room } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const EPOCH = "0123456789abcdef";
const post = (offset, more = {}) => ({ room: "hall", offset, from: "ann", at: 0, text: `${offset}`, ...more });
const gone = (first, last) => ({ kind: "gap", first, last, why: "gone" });
const texts = (room) => room.entries.map(({ kind, text, first, last }) => text ?? `${kind} ${first}-${last}`);

// Somebody who has come in, and was told the posts after `offset`, up to `last`.
function guest(offset, last, epoch = EPOCH) {
  const room = new Room("hall");
  room.joined({ epoch, offset, arrival: "new", users: 1, names: ["ann"] });
  for (let at = offset + 1; at <= last; at++) room.post(post(at));
  return room;
}

const cases = {
  "a post that is told in two lives of a room is shown once"() {
    const room = guest(0, 0);
    assert.equal(room.post(post(1, { id: "aa-1" })), true);
    room.joined({ epoch: "1", offset: 0, arrival: "lost", users: 1, names: [] });
    assert.equal(room.post(post(1, { id: "aa-1" })), false);
    assert.equal(room.post(post(2)), true);
    assert.equal(room.post(post(3)), true, "without an id nothing is known");
  },

  "nobody can swallow what another says by using its number first"() {
    const room = guest(0, 0);
    assert.equal(room.post(post(1, { from: "mallory", id: "aa-1" })), true);
    assert.equal(room.post(post(2, { from: "ann", id: "aa-1" })), true);
  },

  "older posts that don't fit into one answer are asked for again, and not said to be gone"() {
    const room = guest(100, 101);
    assert.deepEqual(room.older(), { type: "history", room: "hall", after: 50, max: 50 });
    const posts = (first, last) => Array.from({ length: last - first + 1 }, (_, at) => post(first + at));
    const next = room.history({ posts: posts(51, 58) });
    assert.deepEqual(next, { type: "history", room: "hall", after: 58, max: 42 });
    assert.equal(room.history({ posts: posts(59, 100) }), null);
    assert.deepEqual(texts(room), posts(51, 101).map(({ text }) => text));
    assert.equal(room.first, 51);
  },

  "what the server has no longer is a gap, and asked for once"() {
    const room = guest(100, 101);
    room.older();
    assert.equal(room.history({ posts: [] }), null);
    assert.deepEqual(texts(room), ["gap 51-100", "101"]);
    assert.equal(room.hasOlder, false);
  },

  "what was dropped from the page can be fetched again from where it ends"() {
    const room = guest(0, ENTRIES_MAX + 7);
    assert.equal(room.first, 8);
    room.gap({ first: ENTRIES_MAX + 8, last: ENTRIES_MAX + 20, why: "gone" });
    for (let at = 0; at < ENTRIES_MAX; at++) room.post(post(ENTRIES_MAX + 21 + at));
    assert.equal(room.entries[0].offset, ENTRIES_MAX + 21);
    assert.equal(room.first, ENTRIES_MAX + 21);
  },

  "what was said to us alone, or in an earlier life, does not change where we are"() {
    const room = guest(2000, 2001);
    room.joined({ epoch: "1", offset: 10, arrival: "lost", users: 1, names: [] });
    assert.equal(room.first, 11);
    for (let at = 11; at < 10 + ENTRIES_MAX; at++) room.post(post(at));
    assert.equal(room.first, 11);
    const alone = guest(0, 0);
    alone.add({ kind: "post", ...post(7, { room: "@ann" }) });
    for (let at = 1; at <= ENTRIES_MAX; at++) alone.post(post(at));
    assert.equal(alone.first, 1);
  },

  "a gap of an earlier life is not filled with posts of this one"() {
    const room = guest(0, 0);
    room.gap({ first: 1, last: 5, why: "gone" });
    room.joined({ epoch: "1", offset: 5, arrival: "lost", users: 1, names: [] });
    room.older();
    room.history({ posts: [1, 2, 3, 4, 5].map((offset) => post(offset)) });
    assert.deepEqual(room.entries[0], gone(1, 5));
    assert.deepEqual(texts(room).slice(-5), ["1", "2", "3", "4", "5"]);
  },
};

for (const [name, run] of Object.entries(cases)) {
  run();
  console.log(`ok ${name}`);
}
