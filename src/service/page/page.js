// The page: shows the rooms, and passes on what is typed. All that others wrote is set as text,
// never as HTML.

import { Connection, secret } from "./connection.js";
import { ENTRIES_MAX, Room, describe } from "./room.js";

const find = (id) => document.getElementById(id);
const rooms = new Map();
const waiting = new Map(); // what was said and is not acknowledged, by sequence number
let current = null;
let name = "";
const asides = []; // what was said to us alone while we were in no room
let own = null; // how far we have come in the room that is ours alone
let clock = 0; // what to add to the server's time
let textMax = 0;
let shown = {}; // what of which room is on the page
let pinned = false; // whether the end is to be seen, wherever it was scrolled to
let frame = 0;

// What outlives the page: `local` for all tabs, `session` for this one. Browsers may refuse both.
const store = (kind) => ({
  get(name) {
    try { return window[kind].getItem(name); } catch { return null; }
  },
  set(name, value) {
    try { window[kind].setItem(name, value); } catch { /* Forgotten with the page. */ }
  },
});
const [local, session] = [store("localStorage"), store("sessionStorage")];

// All tabs of a browser are one user, if they go by one name.
const key = local.get("key") ?? secret();
local.set("key", key);

const address = new URL("rooms", location.href.replace(/^http/, "ws"));
const connection = new Connection(address, {
  changed: () => showState(),
  greeting: () => [{ type: "hello", name, key, client: connection.client, seen: own ?? undefined }],
  heard: (message) => hear(message),
});

function hear(message) {
  const room = rooms.get(message.room);
  switch (message.type) {
    case "welcome":
      name = message.name;
      if (message.arrival === "lost" && own?.offset) {
        aside({ kind: "aside", text: "What was said to you alone meanwhile can't be fetched." });
      }
      own = { epoch: message.epoch, offset: message.offset };
      clock = Date.now() - message.now;
      textMax = message.text_max;
      connection.welcomed();
      rooms.forEach((room) => connection.ask(room.join()));
      connection.resend();
      connection.ask({ type: "rooms" });
      return enter();
    case "joined":
      room?.joined(message);
      break;
    case "post":
      if (message.room === `@${name}`) return whisper(message);
      // Others can choose the same number, but not the same name.
      if (message.from === name) settle(message.id);
      if (room?.post(message) && (room !== current || document.hidden)) room.unread++;
      break;
    case "gap":
      if (message.room === `@${name}`) return missed(message);
      connection.ask(room?.gap(message));
      break;
    case "history":
      connection.ask(room?.history(message));
      break;
    case "came":
    case "went":
    case "present":
      room?.[message.type](message);
      break;
    case "ack":
      settle(connection.id(message.seq));
      break;
    case "rooms":
      find("known").replaceChildren(...message.rooms.map(({ room }) => element("option", "", room)));
      break;
    case "kicked":
      return message.room === `@${name}` ? refused(`You were removed. ${message.why}`)
        : kicked(room, message.why);
    case "error":
      fail(message, room);
      break;
  }
  show();
}

// Something for us alone: shown wherever we are.
function whisper(post) {
  own.offset = post.offset;
  aside({ kind: "post", ...post });
}

function missed(gap) {
  own.offset = gap.last;
  aside({ kind: "aside", text: `Said to you alone: ${describe(gap)}` });
}

function aside(entry) {
  asides.push(entry);
  if (asides.length > ENTRIES_MAX) asides.shift();
  placeAsides();
  show();
}

function placeAsides() {
  if (current) asides.splice(0).forEach((entry) => current.add(entry));
}

// What we said has arrived, by its acknowledgement or by itself.
function settle(id) {
  for (const seq of waiting.keys()) {
    if (connection.id(seq) === id) {
      waiting.delete(seq);
      connection.pending.delete(seq);
    }
  }
}

function fail({ code, text, seq }, room) {
  if (code === "name_taken" || (code === "bad_name" && !room)) return refused(sentence(text));
  if (seq && waiting.has(seq)) waiting.get(seq).failed = text;
  else if (code !== "joined_already") find("hint").textContent = sentence(text);
  // It could not be joined.
  if (room && !room.epoch) forget(room);
}

function kicked(room, why) {
  if (!room) return;
  forget(room);
  find("hint").textContent = `You were removed from ${room.name}. ${why}`;
}

function refused(why) {
  connection.stop();
  find("refusal").textContent = why;
  find("app").hidden = true;
  find("hello").hidden = false;
  find("name").focus();
}

// Rooms: joining, leaving, and which one is shown.

function join(name) {
  if (!rooms.has(name)) {
    rooms.set(name, new Room(name));
    connection.ask(rooms.get(name).join());
  }
  turnTo(rooms.get(name));
}

function forget(room) {
  rooms.delete(room.name);
  remember();
  turnTo(rooms.values().next().value ?? null);
}

function turnTo(room) {
  current = room;
  placeAsides();
  remember();
  find("hint").textContent = "";
  show();
}

// A tab that is loaded again comes back to where it was.
function remember() {
  session.set("rooms", JSON.stringify([...rooms.keys()]));
  session.set("current", current?.name ?? "");
  if (current) local.set("room", current.name);
}

function say(text) {
  const seq = connection.say(current.name, text);
  waiting.set(seq, { room: current.name, text });
  pinned = true;
  show();
}

// Showing. At most once a frame, however much comes.

function show() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  if (current && !document.hidden) current.unread = 0;
  const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  document.title = unread ? `(${unread}) overt rooms` : "overt rooms";
  find("me").textContent = name;
  find("title").textContent = current ? current.name : "No room";
  find("leave").hidden = find("count").hidden = !current;
  find("count").textContent = current?.users === 1 ? "1 person" : `${current?.users ?? 0} people`;
  find("say").querySelectorAll("*").forEach((part) => (part.disabled = !current));
  drawTabs();
  drawPeople();
  drawLog();
}

function drawTabs() {
  const tabs = [...rooms.values()].map((room) => {
    const tab = element("button", "tab", room.name);
    if (room === current) tab.setAttribute("aria-current", "true");
    if (room.unread) {
      const badge = element("b", "", String(room.unread));
      badge.setAttribute("aria-label", `${room.unread} new`);
      tab.append(badge);
    }
    tab.addEventListener("click", () => turnTo(room));
    return tab;
  });
  const focused = [...find("tabs").children].indexOf(document.activeElement);
  find("tabs").replaceChildren(...tabs);
  tabs[focused]?.focus();
}

function drawPeople() {
  const people = [...(current?.people ?? [])].sort((a, b) => a.localeCompare(b));
  const list = people.map((one) => element("li", `hue-${hue(one)}`, one));
  const more = (current?.users ?? 0) - people.length;
  if (more > 0) list.push(element("li", "more", people.length ? `and ${more} more` : `${more} people`));
  const all = element("ul");
  all.append(...list);
  find("people").replaceChildren(all);
}

function drawLog() {
  const log = find("log");
  const below = log.scrollHeight - log.scrollTop;
  const follows = pinned || shown.room !== current || below - log.clientHeight < 60;
  const redraws = shown.room !== current || shown.edition !== current?.edition;
  pinned = false;
  if (redraws) {
    shown = { room: current, edition: current?.edition, end: current?.dropped };
    log.replaceChildren(...(current ? [element("div", "posts"), element("div", "waiting")] : []));
  }
  if (!current) return;
  const [posts, own] = log.children;
  const fresh = current.entries.slice(Math.max(0, shown.end - current.dropped));
  posts.append(...fresh.map((entry, at) => row(entry, fresh[at - 1] ?? shown.last)));
  shown.end = current.dropped + current.entries.length;
  shown.last = current.entries.at(-1);
  while (posts.children.length > ENTRIES_MAX) posts.firstChild.remove();
  drawOlder(posts);
  const unsent = [...waiting].filter(([, it]) => it.room === current.name);
  own.replaceChildren(...unsent.map((it, at) => unsentRow(it, at === 0)));
  if (follows) log.scrollTop = log.scrollHeight;
  else if (redraws) log.scrollTop = log.scrollHeight - below;
  if (follows) find("newer").hidden = true;
  else if (fresh.some((entry) => entry.kind === "post")) find("newer").hidden = redraws;
}

function drawOlder(posts) {
  posts.querySelector(".older")?.remove();
  if (!current.hasOlder) return;
  const older = element("button", "older", "Older messages");
  older.addEventListener("click", () => connection.ask(current.older()));
  posts.insertBefore(older, posts.children[current.start] ?? null);
}

function row(entry, before) {
  if (entry.kind === "note" || entry.kind === "aside") return element("p", "note", entry.text);
  if (entry.kind === "gap") return element("p", "note", describe(entry));
  const post = element("article", entry.from === name ? "post mine" : "post");
  const at = new Date(clock + entry.at);
  const follows = before?.kind === "post" && before.from === entry.from
    && before.room === entry.room && entry.at - before.at < 300_000;
  if (!follows) {
    const time = element("time", "", at.toLocaleTimeString([], { timeStyle: "short" }));
    time.dateTime = at.toISOString();
    const alone = entry.room.startsWith("@") ? [element("em", "", "to you alone")] : [];
    post.append(head(entry.from, time, ...alone));
  }
  post.append(element("p", "text", entry.text));
  return post;
}

function head(from, ...more) {
  const line = element("p", "head");
  line.append(element("strong", `hue-${hue(from)}`, from), ...more);
  return line;
}

function unsentRow([seq, { text, failed }], isFirst) {
  const post = element("article", failed ? "post mine failed" : "post mine unsent");
  if (isFirst) post.append(head(name));
  post.append(element("p", "text", text));
  const away = connection.state !== "open";
  const what = failed ? `Not sent: ${failed}.` : away ? "Will be sent when you are back." : "Sending…";
  post.append(element("p", "fate", what));
  if (failed) {
    const drop = element("button", "", "Remove");
    drop.addEventListener("click", () => (waiting.delete(seq), show()));
    post.lastChild.append(" ", drop);
  }
  return post;
}

function showState() {
  const left = Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000));
  const trip = connection.roundTrip;
  const words = {
    idle: "",
    connecting: "Connecting…",
    open: trip === null ? "Connected" : `Connected · ${trip < 10 ? trip.toFixed(1) : Math.round(trip)} ms`,
    waiting: navigator.onLine === false ? "No network" : `Connection lost · again in ${left} s`,
    stopped: "Not connected",
  };
  const state = find("state");
  if (state.textContent !== words[connection.state]) state.textContent = words[connection.state];
  state.className = connection.state;
  find("app").classList.toggle("away", connection.state !== "open");
  find("now").hidden = connection.state !== "waiting";
  show();
}

function element(kind, className = "", text = "") {
  const made = document.createElement(kind);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}.`;

// A colour for a name, always the same.
function hue(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % 8;
}

// Coming in.

function begin(wanted) {
  name = wanted;
  session.set("name", name);
  local.set("name", name);
  find("refusal").textContent = "";
  connection.open();
}

function enter() {
  find("hello").hidden = true;
  if (find("app").hidden) {
    find("app").hidden = false;
    find("say").text.focus();
  }
  show();
}

// The room that the address of the page names, if it does.
function roomInAddress() {
  try { return decodeURIComponent(location.hash.slice(1)); } catch { return ""; }
}

function restore() {
  find("name").value = local.get("name") ?? "";
  find("first").value = roomInAddress() || local.get("room") || "lobby";
  const before = JSON.parse(session.get("rooms") ?? "[]");
  const last = session.get("current");
  before.forEach((room) => rooms.set(room, new Room(room)));
  current = rooms.get(last) ?? rooms.values().next().value ?? null;
  const again = session.get("name");
  if (again && current) return begin(again);
  find("hello").hidden = false;
  find(find("name").value ? "first" : "name").focus();
}

find("hello").addEventListener("submit", (event) => {
  event.preventDefault();
  join(find("first").value.trim());
  begin(find("name").value.trim());
});

find("join").addEventListener("submit", (event) => {
  event.preventDefault();
  join(event.target.room.value.trim());
  event.target.reset();
  find("say").text.focus();
});

find("say").addEventListener("submit", (event) => {
  event.preventDefault();
  // Other control characters the server refuses; nobody sees them go.
  const text = event.target.text.value.replace(/[^\P{Cc}\n\t]/gu, "").trim();
  const size = new TextEncoder().encode(text).length;
  find("hint").textContent = size > textMax ? "That is too long." : "";
  if (!text || size > textMax || !current) return;
  say(text);
  event.target.reset();
  fit();
});

const box = find("say").text;
const fit = () => {
  box.rows = Math.min(6, box.value.split("\n").length);
};
box.addEventListener("input", fit);
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    find("say").requestSubmit();
  }
});

find("leave").addEventListener("click", () => {
  connection.ask({ type: "leave", room: current.name });
  forget(current);
});

find("me").addEventListener("click", () => {
  find("name").value = name;
  refused("");
});

find("count").addEventListener("click", (event) => {
  const open = document.body.classList.toggle("with-people");
  event.currentTarget.setAttribute("aria-expanded", String(open));
});

find("now").addEventListener("click", () => connection.hurry());
find("newer").addEventListener("click", () => {
  pinned = true;
  show();
});
find("log").addEventListener("scroll", () => {
  const log = find("log");
  if (log.scrollHeight - log.scrollTop - log.clientHeight < 60) find("newer").hidden = true;
});

// Alt and a digit turn to a room.
addEventListener("keydown", (event) => {
  const room = event.altKey && /^Digit[1-9]$/.test(event.code) && [...rooms.values()][event.code.at(-1) - 1];
  if (room) turnTo(room);
});

document.addEventListener("visibilitychange", show);
addEventListener("beforeunload", (event) => {
  if ([...waiting.values()].some(({ failed }) => !failed)) event.preventDefault();
});
setInterval(showState, 1000);
restore();
