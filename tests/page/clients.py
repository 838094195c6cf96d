"""The protocol of rooms, spoken by a client that is not ours: Python's websockets, with and without
compression, and frames over a plain socket. Usage: clients.py OVERT. Started by .ci/page."""

import asyncio
import json
import re
import secrets
import signal
import struct
import subprocess
import sys

import websockets

PEOPLE, SAY = 40, 20


class Server:
    def __init__(self, overt):
        self.process = subprocess.Popen([overt, "--base-port", "0"], stdout=subprocess.PIPE, text=True)
        found = {}
        for line in self.process.stdout:
            if match := re.match(r"\s+(\w+)\s+on 127\.0\.0\.1:(\d+)", line):
                found[match[1]] = int(match[2])
            if "Ctrl-C" in line:
                break
        self.rooms, self.page = found["rooms"], found["page"]

    def socket(self, **options):
        return websockets.connect(f"ws://127.0.0.1:{self.page}/rooms", **options)


class Member:
    """One that checks that it is told each offset once, in order."""

    def __init__(self, name):
        self.name, self.client = name, secrets.token_hex(16)
        self.epoch, self.cursor, self.told, self.acks = None, 0, [], []

    async def enter(self, socket):
        self.socket = socket
        await self.say(type="hello", name=self.name, key=self.client, client=self.client)
        seen = {"epoch": self.epoch, "offset": self.cursor} if self.epoch else None
        await self.say(type="join", room="hall", seen=seen)
        while (message := await self.hear())["type"] != "joined":
            pass
        return message

    async def say(self, **message):
        await self.socket.send(json.dumps(message))

    async def hear(self):
        message = json.loads(await asyncio.wait_for(self.socket.recv(), 30))
        match message["type"]:
            case "joined":
                self.epoch, self.cursor = message["epoch"], message["offset"]
            case "post":
                assert message["offset"] == self.cursor + 1, (message, self.cursor)
                self.cursor += 1
                self.told.append((message["id"], message["text"]))
            case "ack":
                self.acks.append(message["seq"])
            case "gap" | "error":
                raise AssertionError(message)
        return message

    async def hear_until(self, offset):
        while self.cursor < offset:
            await self.hear()


class Framed:
    """The same over frames with a length before them."""

    @classmethod
    async def connect(cls, port):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def send(self, text):
        data = text.encode()
        self.writer.write(struct.pack(">I", len(data)) + data)
        await self.writer.drain()

    async def recv(self):
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        return await self.reader.readexactly(length)

    async def close(self):
        self.writer.close()


async def everybody_hears_the_same(server):
    people = [Member(f"n{number}") for number in range(PEOPLE)]
    for number, member in enumerate(people):
        by_socket = server.socket(compression="deflate" if number % 2 else None)
        await member.enter(await (Framed.connect(server.rooms) if number % 4 == 3 else by_socket))

    async def talk(member):
        for seq in range(1, SAY + 1):
            await member.say(type="say", room="hall", seq=seq, text=f"{member.name} says {seq} “é” 🙂")
        await member.hear_until(PEOPLE * SAY)
        while len(member.acks) < SAY:
            await member.hear()

    await asyncio.gather(*(talk(member) for member in people))
    for member in people:
        assert member.told == people[0].told
        assert member.acks == list(range(1, SAY + 1))
        own = [text for _, text in member.told if text.startswith(f"{member.name} says")]
        assert own == [f"{member.name} says {seq} “é” 🙂" for seq in range(1, SAY + 1)]
    return people


async def whoever_comes_back_misses_nothing(server, people):
    ann, bob = people[0], people[1]
    head = ann.cursor
    ann.socket.transport.abort()
    for seq in (SAY + 1, SAY + 2):
        await bob.say(type="say", room="hall", seq=seq, text="while you were away")
    await bob.hear_until(head + 2)
    joined = await ann.enter(await server.socket())
    assert joined["arrival"] == "resumed", joined
    # What was acknowledged already is not said again.
    await ann.say(type="say", room="hall", seq=SAY, text="again")
    await ann.say(type="say", room="hall", seq=SAY + 1, text="and new")
    await ann.hear_until(head + 3)
    assert [text for _, text in ann.told[-3:]] == ["while you were away"] * 2 + ["and new"]


async def a_shutdown_is_staged_and_says_when_to_come_back(server, people):
    loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()

    async def end(member):
        if isinstance(member.socket, Framed):
            while (message := await member.hear())["type"] != "bye":
                pass
            return loop.time() - began, message["retry"]
        try:
            while True:  # Whoever does not read does not see the end either.
                await member.socket.recv()
        except websockets.ConnectionClosed:
            pass
        assert member.socket.close_code == 1012, member.socket.close_code
        return loop.time() - began, int(re.search(r"retry-after-ms=(\d+)", member.socket.close_reason)[1])

    server.process.send_signal(signal.SIGTERM)
    ends = await asyncio.gather(*(end(member) for member in people))
    times, retries = zip(*ends)
    assert max(times) - min(times) > 0.3, times
    assert len(set(retries)) > PEOPLE / 2 and max(retries) <= 2000, retries
    await asyncio.gather(*(member.socket.close() for member in people))
    assert server.process.wait(30) == 0
    assert f"{PEOPLE} connections finished properly" in server.process.stdout.read()


async def main():
    server = Server(sys.argv[1])
    try:
        people = await everybody_hears_the_same(server)
        print(f"ok {PEOPLE} clients hear {PEOPLE * SAY} posts in one order")
        await whoever_comes_back_misses_nothing(server, people)
        print("ok whoever comes back misses nothing")
        await a_shutdown_is_staged_and_says_when_to_come_back(server, people)
        print("ok a shutdown is staged, and says when to come back")
    finally:
        server.process.kill()


asyncio.run(main())
