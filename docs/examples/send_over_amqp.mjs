// A command over AMQP from Node with amqplib (npm install amqplib), and the answer to it.
// The id is the key: published twice, it is one send.
import { createHmac, randomUUID } from "node:crypto";
import amqp from "amqplib";

const { CARILLON_AMQP_URL, CARILLON_APP_SECRET, RECIPIENT, ORDER = randomUUID() } = process.env;
const app = CARILLON_APP_SECRET.split("_")[1];

const body = Buffer.from(
  JSON.stringify({
    v: 1,
    app,
    id: `order-${ORDER}`,
    audience: { users: [RECIPIENT] },
    message: { title: "Order shipped", body: "It is on its way." },
  }),
);
const signature = createHmac("sha256", CARILLON_APP_SECRET).update(body).digest("hex");

const connection = await amqp.connect(CARILLON_AMQP_URL);
const channel = await connection.createConfirmChannel();
const answered = new Promise((resolve) => {
  channel.consume("amq.rabbitmq.reply-to", (message) => resolve(JSON.parse(message.content)), { noAck: true });
});
channel.publish("sends", app, body, {
  mandatory: true,
  persistent: true,
  contentType: "application/json",
  replyTo: "amq.rabbitmq.reply-to",
  headers: { "carillon-signature": signature },
});
await channel.waitForConfirms();
console.log(JSON.stringify(await answered)); // {"id": …, "state": "accepted"}, or "rejected" with its errors
await connection.close();
