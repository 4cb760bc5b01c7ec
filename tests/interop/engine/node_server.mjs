// Node's http2 as a server: behaves as its argument says, and books every request on standard output.
import { readFileSync } from "node:fs";
import { constants, createSecureServer } from "node:http2";

const [port, certificate, key, demandText, resetOfTen, refusedOfTen, gone, deadBody] = process.argv.slice(2);
const demand = JSON.parse(demandText);
const refused = new Set();
let sessions = 0;

const settings = { maxConcurrentStreams: demand.streams };
if (demand.window) settings.initialWindowSize = demand.window;
const server = createSecureServer({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  settings,
  paddingStrategy: demand.padding ? constants.PADDING_STRATEGY_MAX : constants.PADDING_STRATEGY_NONE,
  maxSendHeaderBlockLength: 65_536,
});

server.on("session", (session) => {
  session.number = ++sessions;
  session.requests = 0;
  session.on("error", (error) => console.error("session", error.message));
  if (demand.window > 65_535) session.setLocalWindowSize(demand.window);
});

server.on("stream", (stream, headers) => {
  const session = stream.session;
  const number = Number(headers[":path"].split("n=")[1]);
  let size = 0;
  const book = (status) => console.log(`${number} ${session.number} ${status} ${size}`);
  stream.on("error", (error) => console.error("stream", number, error.message));
  if (demand.goaway_after && ++session.requests === demand.goaway_after) session.close();
  stream.on("data", (data) => (size += data.length));
  stream.on("end", () => {
    if (demand.resets && number % 10 === Number(refusedOfTen) && !refused.has(number)) {
      refused.add(number);
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    if (demand.resets && number % 10 === Number(resetOfTen)) {
      book(0);
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      return;
    }
    const dead = headers[":path"].startsWith("/dead");
    const answer = { ":status": dead ? Number(gone) : 200, "content-type": "application/json" };
    if (demand.header) answer["x-large"] = "x".repeat(demand.header);
    book(answer[":status"]);
    stream.respond(answer);
    stream.end(dead ? deadBody : "{}");
  });
});

process.on("SIGTERM", () => process.exit(0));
server.listen(Number(port), "127.0.0.1");
