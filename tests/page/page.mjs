// The page in a real browser: two people talk, lose each other, lose the server, and come back.
// Usage: node page.mjs OVERT CHROMIUM MODULES FOLDER, where MODULES has playwright-core, and FOLDER
// is for screenshots. Started by .ci/page.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";

const [, , overt, browserPath, modules, folder] = process.argv;
const { chromium } = createRequire(`${modules}/`)("playwright-core");
const PATIENCE = 20_000;
mkdirSync(folder, { recursive: true });

// ------------------------------------------------------------------------------- the server

class Server {
  async start() {
    for (let attempt = 0; attempt < 20; attempt++) {
      this.base ??= 20_000 + Math.floor(Math.random() * 30_000);
      if (await this.tryStart()) return;
      if (!this.child) this.base = undefined;
    }
    throw new Error("the server does not start");
  }

  tryStart() {
    const child = spawn(overt, ["--base-port", String(this.base)], { stdio: ["ignore", "pipe", "inherit"] });
    return new Promise((resolve) => {
      let printed = "";
      child.stdout.on("data", (data) => {
        printed += data;
        if (printed.includes("Ctrl-C")) {
          this.child = child;
          resolve(true);
        }
      });
      child.on("exit", () => resolve(false));
    });
  }

  async end(signal) {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    await ended;
  }

  get pagePort() {
    return this.base + 1080;
  }

  // Says something by frames, in a room. Gives all that it hears.
  async says(name, room, texts, { client, seq } = {}) {
    const socket = net.connect(this.base + 4, "127.0.0.1");
    const send = (message) => {
      const json = Buffer.from(JSON.stringify(message));
      const prefix = Buffer.alloc(4);
      prefix.writeUInt32BE(json.length);
      socket.write(Buffer.concat([prefix, json]));
    };
    send({ type: "hello", name, client });
    send({ type: "join", room, latest: 1000 });
    for (const text of texts) send({ type: "say", room, text, seq });
    send({ type: "ping", id: 4711 });
    let heard = "";
    for await (const data of socket) {
      heard += data;
      if (heard.includes('"id":4711')) break;
    }
    socket.destroy();
    return heard;
  }
}

// A way to the server that can be cut.
class Way {
  constructor(port) {
    this.sockets = new Set();
    this.open = true;
    this.listener = net.createServer((near) => {
      if (!this.open) return near.resetAndDestroy();
      const far = net.connect(port, "127.0.0.1");
      for (const [one, other] of [[near, far], [far, near]]) {
        this.sockets.add(one);
        one.on("error", () => {});
        one.on("close", () => (this.sockets.delete(one), other.destroy()));
        one.pipe(other);
      }
    });
  }

  async listen() {
    await new Promise((resolve) => this.listener.listen(0, "127.0.0.1", resolve));
    return this.listener.address().port;
  }

  cut() {
    this.open = false;
    this.sockets.forEach((socket) => socket.destroy());
  }

  mend() {
    this.open = true;
  }
}

// -------------------------------------------------------------------------------- the people

class Person {
  constructor(name, page) {
    this.name = name;
    this.page = page;
    this.complaints = [];
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      // A browser says so itself when a connection can't be opened.
      const expected = /WebSocket connection to|ERR_CONNECTION/.test(message.text());
      if (message.type() === "error" && !expected) this.complaints.push(message.text());
    });
  }

  static async at(browser, url, name, room, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 720 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const person = new Person(name, page);
    await page.goto(url);
    await person.shot("hello");
    await page.getByLabel("Your name").fill(name);
    await page.getByLabel("Room", { exact: true }).fill(room);
    await page.keyboard.press("Enter");
    await person.state("Connected");
    return person;
  }

  async says(text) {
    await this.page.getByLabel("Message").fill(text);
    await this.page.keyboard.press("Enter");
  }

  post(text) {
    return this.page.locator("#log .posts .text", { hasText: text });
  }

  async hears(text) {
    await this.post(text).first().waitFor();
  }

  async state(text) {
    await this.page.locator("#state", { hasText: text }).waitFor();
  }

  // Does not wait until it is time by itself.
  async hurries() {
    const now = this.page.getByRole("button", { name: "Try now" });
    while (!(await this.page.locator("#state", { hasText: "Connected" }).isVisible())) {
      if (await now.isVisible()) await now.click({ timeout: 500 }).catch(() => {});
    }
  }

  async texts() {
    return this.page.locator("#log .posts .text").allTextContents();
  }

  async notes() {
    return this.page.locator("#log .note").allTextContents();
  }

  async shot(name) {
    await this.page.screenshot({ path: `${folder}/${name}-${this.name}.png` });
  }
}

// ---------------------------------------------------------------------------------- the story

const steps = [];
const step = (name, run) => steps.push([name, run]);
const server = new Server();
let browser, way, url, ann, bob, phone;

step("two people talk, and see each other", async () => {
  await server.start();
  way = new Way(server.pagePort);
  const port = await way.listen();
  url = `http://127.0.0.1:${server.pagePort}/`;
  ann = await Person.at(browser, url, "ann", "lobby");
  bob = await Person.at(browser, `http://127.0.0.1:${port}/`, "bob", "lobby", { colorScheme: "dark" });
  await ann.says("Good morning! Has anybody seen the new numbers?");
  await bob.hears("Good morning!");
  await bob.says("Not yet.\nAre they any good?");
  await bob.says("I am a little afraid to look.");
  await ann.hears("I am a little afraid");
  await ann.page.getByLabel("People here").getByText("bob").waitFor();
  await ann.state(/Connected · [\d.]+ ms/);
  assert.equal(await ann.page.locator(".waiting article").count(), 0, "everything is acknowledged");
});

step("what somebody wrote is never taken for a part of the page", async () => {
  const attack = `<img src=x onerror="document.title='owned'"><b>bold</b>`;
  await bob.says(attack);
  await ann.hears(attack);
  assert.equal(await ann.page.locator("#log img, #log b").count(), 0);
  assert.notEqual(await ann.page.title(), "owned");
});

step("broken characters do not end the connection", async () => {
  await bob.page.evaluate(() => {
    const form = document.getElementById("say");
    for (const text of ["half of it: \ud83d", `\x07bell${"\x01".repeat(16_000)}`]) {
      form.text.value = text;
      form.requestSubmit();
    }
  });
  await ann.hears("half of it: \ufffd");
  await ann.hears("bell");
  await bob.state(/Connected/);
});

step("nobody can swallow what another is about to say", async () => {
  const heard = await server.says("mallory", "lobby", []);
  const [, tag, seq] = [...heard.matchAll(/"from":"ann","id":"([0-9a-f]{8})-(\d+)"/g)].at(-1);
  const forged = { client: tag + "0".repeat(24), seq: Number(seq) + 1 };
  way.cut();
  await bob.state("Connection lost");
  await server.says("mallory", "lobby", ["not by ann"], forged);
  await ann.hears("not by ann");
  await ann.says("Nobody can keep me from saying this.");
  way.mend();
  await bob.hurries();
  await bob.hears("Nobody can keep me from saying this.");
  assert.deepEqual(await bob.notes(), []);
});

step("a name can't be taken twice, and one person can come by several tabs", async () => {
  const thief = await Person.at(browser, url, "cid", "lobby");
  await thief.page.getByRole("button", { name: "cid" }).click();
  await thief.page.getByLabel("Your name").fill("ann");
  await thief.page.keyboard.press("Enter");
  await thief.page.getByText("That name is taken").waitFor();
  await thief.shot("taken");
  const tab = await thief.page.context().newPage();
  await tab.goto(url);
  await tab.getByLabel("Your name").fill("cid");
  await tab.getByRole("button", { name: "Come in" }).click();
  await ann.page.getByLabel("People here").getByText("cid").waitFor();
  await thief.page.context().close();
  await ann.page.getByLabel("People here").getByText("cid").waitFor({ state: "detached" });
});

step("rooms are apart, and what is new in them is counted", async () => {
  await bob.page.getByLabel("Join a room").fill("attic");
  await bob.page.keyboard.press("Enter");
  await bob.page.getByRole("heading", { name: "attic" }).waitFor();
  await ann.says("Is anybody still here?");
  await bob.page.getByRole("button", { name: /lobby/ }).getByText("1").waitFor();
  assert.deepEqual(await bob.texts(), []);
  await bob.shot("unread");
  await bob.page.getByRole("button", { name: /lobby/ }).click();
  await bob.hears("Is anybody still here?");
});

step("screenshots in light and dark, wide and narrow", async () => {
  await ann.says("They are good. The slowest room answers in two milliseconds, and nobody waits for " +
    "anybody: https://example.org/numbers");
  await bob.hears("They are good");
  await ann.shot("light");
  await bob.shot("dark");
  const viewport = { width: 390, height: 760 };
  phone = await Person.at(browser, url, "dora", "lobby", { viewport, isMobile: true, hasTouch: true });
  await phone.hears("They are good");
  await phone.says("Hello from the bus");
  await phone.hears("Hello from the bus");
  await phone.page.getByLabel("Join a room").fill("garden");
  await phone.page.keyboard.press("Enter");
  await phone.page.getByRole("button", { name: "lobby" }).click();
  await phone.shot("phone");
  await phone.page.emulateMedia({ colorScheme: "dark" });
  await phone.page.getByRole("button", { name: /people/ }).click();
  await phone.shot("phone-dark");
  await phone.page.getByRole("button", { name: /people/ }).click();
});

step("whoever was away is told exactly what was said meanwhile", async () => {
  const before = await bob.texts();
  way.cut();
  await bob.state("Connection lost");
  for (const text of ["one while away", "two while away", "three while away"]) await ann.says(text);
  await bob.says("typed while away");
  await bob.page.getByText("Will be sent when you are back").waitFor();
  await bob.shot("away");
  way.mend();
  await bob.hurries();
  await bob.hears("typed while away");
  await ann.hears("typed while away");
  const after = (await bob.texts()).slice(before.length);
  assert.deepEqual(after, ["one while away", "two while away", "three while away", "typed while away"]);
  assert.deepEqual(await bob.notes(), []);
});

step("a gap that is too large to be filled is told", async () => {
  way.cut();
  await bob.state("Connection lost");
  const texts = Array.from({ length: 300 }, (_, number) => `many ${number}`);
  await server.says("erna", "lobby", texts);
  way.mend();
  await bob.hurries();
  await bob.hears("many 299");
  const notes = await bob.notes();
  assert.equal(notes.length, 1);
  assert.match(notes[0], /^44 messages are missing here: the server no longer has them/);
  assert.equal((await bob.texts()).filter((text) => text.startsWith("many")).length, 256);
  await bob.page.locator("#log .note").scrollIntoViewIfNeeded();
  assert.equal(await bob.page.locator("#hint").textContent(), "");
  await bob.state("Connected");
  await bob.shot("gap");
});

step("whoever comes late sees the latest, and older ones when asked for", async () => {
  const late = await Person.at(browser, url, "finn", "lobby");
  await late.hears("many 299");
  assert.equal((await late.texts())[0], "many 250");
  await late.page.getByRole("button", { name: "Older messages" }).click();
  await late.hears("many 200");
  assert.deepEqual((await late.texts()).slice(0, 2), ["many 200", "many 201"]);
  for (let asked = 0; asked < 4; asked++) {
    const before = await late.page.locator("#log .posts > *").count();
    await late.page.getByRole("button", { name: "Older messages" }).click();
    await late.page.waitForFunction((count) => document.querySelectorAll("#log .posts > *").length !== count, before);
  }
  assert.match((await late.notes())[0], /missing here: the server no longer has them/);
  assert.equal(await late.page.getByRole("button", { name: "Older messages" }).count(), 0);
  await late.shot("late");
  await late.page.context().close();
});

step("a server that was killed and comes back begins anew, and the page says so", async () => {
  await server.end("SIGKILL");
  await ann.state("Connection lost");
  await ann.says("said to a server that is gone");
  await ann.shot("lost");
  await server.start();
  await Promise.all([ann, bob].map((person) => person.hurries()));
  await ann.hears("said to a server that is gone");
  await bob.hears("said to a server that is gone");
  assert.match((await ann.notes()).at(-1), /begun anew/);
  await ann.page.evaluate(() => document.getElementById("log").scrollTo(0, 1e9));
  await ann.shot("anew");
  await ann.says("and we go on");
  await bob.hears("and we go on");
  for (const { page } of [ann, bob]) {
    const again = await page.locator("#log .text", { hasText: "said to a server" }).count();
    assert.equal(again, 1, "nothing is shown twice");
  }
});

step("older messages of another life of the room come after those of the one before", async () => {
  // Bob is away until all is said: what he then gets at once is the latest, and no more.
  way.cut();
  await bob.state("Connection lost");
  await server.end("SIGKILL");
  await server.start();
  await server.says("erna", "lobby", Array.from({ length: 60 }, (_, number) => `new ${number}`));
  way.mend();
  await Promise.all([ann, bob].map((person) => person.hurries()));
  await Promise.all([ann, bob].map((person) => person.hears("new 59")));
  assert.equal((await bob.texts()).filter((text) => text.startsWith("new")).length, 50);
  await bob.page.getByRole("button", { name: "Older messages" }).click();
  await bob.hears("new 0");
  const rows = await bob.page.locator("#log .posts > *").allTextContents();
  const note = rows.findLastIndex((row) => row.includes("begun anew"));
  assert.match(rows[note + 1], /new 0$/);
  assert.match(rows[note - 1], /and we go on$/);
});

step("a server that ends properly says when to come back", async () => {
  const ended = server.end("SIGTERM");
  await ann.state("Connection lost");
  await ended;
  await server.start();
  await ann.state("Connected");
  await bob.state("Connected");
  await ann.says("we are back");
  await bob.hears("we are back");
});

step("a tab that is loaded again is where it was", async () => {
  await ann.page.reload();
  await ann.state("Connected");
  await ann.hears("we are back");
});

step("all can be done by keyboard", async () => {
  await ann.page.getByLabel("Join a room").focus();
  await ann.page.keyboard.type("cellar");
  await ann.page.keyboard.press("Enter");
  await ann.page.getByRole("heading", { name: "cellar" }).waitFor();
  await ann.page.keyboard.press("Alt+Digit1");
  await ann.page.getByRole("heading", { name: "lobby" }).waitFor();
  const unnamed = await ann.page.$$eval("button, input, textarea", (all) =>
    all.filter((it) => !it.hidden && !(it.textContent || it.ariaLabel || it.labels?.length)).length);
  assert.equal(unnamed, 0, "everything that can be used has a name");
});

step("nothing went wrong that nobody saw", async () => {
  for (const person of [ann, bob, phone]) assert.deepEqual(person.complaints, [], person.name);
});

const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
let failed = false;
try {
  browser = await chromium.launch({ executablePath: browserPath, headless: true, args });
  for (const [name, run] of steps) {
    const began = Date.now();
    await run();
    console.log(`ok ${name} (${Date.now() - began} ms)`);
    steps.done = name;
  }
} catch (error) {
  failed = true;
  console.log(`FAILED after "${steps.done}"\n${error.stack}`);
  for (const person of [ann, bob, phone]) {
    await person?.shot("failed").catch(() => {});
    if (person?.complaints.length) console.log(person.name, person.complaints);
  }
} finally {
  await browser?.close();
  server.child?.kill("SIGKILL");
}
process.exit(failed ? 1 : 0);
