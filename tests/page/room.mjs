// What the page knows of a room (src/service/page/room.js), without a browser.
// Usage: node room.mjs. Started by .ci/page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../../src/service/page/room.js", import.meta.url), "utf8");
const { Room } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const EPOCH = "0123456789abcdef";
const post = (offset, more = {}) => ({ room: "hall", offset, from: "ann", at: 0, text: `${offset}`, ...more });

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
};

for (const [name, run] of Object.entries(cases)) {
  run();
  console.log(`ok ${name}`);
}
