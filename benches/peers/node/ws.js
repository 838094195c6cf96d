// The WebSocket servers that are measured, in Node: the package ws.
//
// node ws.js KIND serves until it is killed, and prints its port and process.
"use strict";

const { WebSocketServer } = require("ws");

const kind = process.argv[2];
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false }, () =>
  console.log(`${server.address().port} ${process.pid}`),
);

const kinds = {
  ws: (member, text, isBinary) => member.send(text, { binary: isBinary }),
  "ws-broadcast": (_, text, isBinary) => {
    for (const member of server.clients) {
      member.send(text, { binary: isBinary });
    }
  },
};

const answer = kinds[kind];
if (!answer) {
  console.error(`Node has no server \`${kind}\``);
  process.exit(2);
}
server.on("connection", (member) => {
  member._socket.setNoDelay(true);
  member.on("message", (text, isBinary) => answer(member, text, isBinary));
  // The peer closed, or reset: there is nobody to tell.
  member.on("error", () => {});
});
