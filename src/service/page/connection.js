// The connection to the server: it is opened, kept alive, and comes back by itself. What was sent
// and not acknowledged is kept here, and sent again.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
// A server that takes connections and drops them at once is as little use as none.
const PROVED_AFTER = 2_000;
const PING_EVERY = 10_000;
const PONG_WITHIN = 8_000;

export class Connection {
  // `listener` has: changed(), the state or the round-trip time; heard(message); and
  // greeting(), which gives the messages that come first on each new connection.
  constructor(url, listener) {
    this.url = url;
    this.listener = listener;
    this.state = "idle"; // connecting, open, waiting, stopped
    this.retryAt = 0;
    this.roundTrip = null;
    this.client = secret();
    this.pending = new Map(); // by sequence number, oldest first
    this.sequence = 0;
    this.failures = 0;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  open() {
    clearTimeout(this.timer);
    this.change("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    // Events of a socket that was given up are nobody's.
    const on = (event, react) =>
      socket.addEventListener(event, (it) => socket === this.socket && react(it));
    on("open", () => this.listener.greeting().forEach((message) => this.write(message)));
    on("message", (event) => this.hear(JSON.parse(event.data)));
    on("close", (event) => this.lost(event.reason));
    this.watch();
  }

  // The server knows who we are.
  welcomed() {
    this.openedAt = Date.now();
    this.change("open");
    this.ping();
  }

  // What was not acknowledged goes out again, oldest first.
  resend() {
    for (const [seq, { room, text }] of this.pending) this.write({ type: "say", room, seq, text });
  }

  say(room, text) {
    const seq = ++this.sequence;
    this.pending.set(seq, { room, text });
    if (this.state === "open") this.write({ type: "say", room, seq, text });
    return seq;
  }

  // Asks for what is of no use later; nothing, if there is nothing to ask for.
  ask(message) {
    if (message && this.state === "open") this.write(message);
  }

  // How others see who published a post, and its number.
  id(seq) {
    return `${this.client.slice(0, 8)}-${seq}`;
  }

  // Goes, and does not come back by itself.
  stop() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
    this.change("stopped");
  }

  hurry() {
    if (this.state === "waiting") this.open();
  }

  hear(message) {
    this.heardAt = Date.now();
    if (message.type === "pong" && message.id === this.pingId) {
      this.roundTrip = performance.now() - this.pingedAt;
      this.listener.changed();
    }
    if (message.type === "ack" || (message.type === "error" && message.seq)) {
      this.pending.delete(message.seq);
    }
    this.listener.heard(message);
  }

  // Half a character, as a careless program puts it on the clipboard, is no JSON: the server would
  // end the connection, and the same again after each return.
  write(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify(message, (_, value) => value?.toWellFormed?.() ?? value));
  }

  ping() {
    this.pingId = Math.floor(Math.random() * 1e9) + 1;
    this.pingedAt = performance.now();
    this.write({ type: "ping", id: this.pingId });
    this.watch();
  }

  // Networks die without a word: whoever is silent for too long is given up.
  watch() {
    clearTimeout(this.timer);
    const asked = Date.now();
    this.timer = setTimeout(() => {
      if (!(this.heardAt >= asked)) return this.giveUp();
      this.timer = setTimeout(() => this.ping(), PING_EVERY - PONG_WITHIN);
    }, PONG_WITHIN);
  }

  giveUp() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.lost("");
  }

  lost(reason) {
    clearTimeout(this.timer);
    const proved = this.state === "open" && Date.now() - this.openedAt >= PROVED_AFTER;
    this.failures = proved ? 0 : this.failures + 1;
    // The whole range is drawn from, so that not all come back in the same instant.
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures);
    const asked = /retry-after-ms=(\d+)/.exec(reason);
    const wait = asked ? Math.min(Number(asked[1]), LONGEST_WAIT) : Math.random() * longest;
    this.retryAt = Date.now() + wait;
    this.roundTrip = null;
    this.timer = setTimeout(() => this.open(), wait);
    this.change("waiting");
  }

  change(state) {
    this.state = state;
    this.listener.changed();
  }
}

// 128 bits that nobody can guess.
export function secret() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
