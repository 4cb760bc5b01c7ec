// A send over HTTP from Node 18 or later, then what became of it. With the same ORDER it is one send, however often.
const { CARILLON_URL, CARILLON_APP_SECRET, RECIPIENT, ORDER = crypto.randomUUID() } = process.env;
const authorization = `Bearer ${CARILLON_APP_SECRET}`;

async function call(path, request = {}) {
  const answer = await fetch(`${CARILLON_URL}${path}`, {
    ...request,
    headers: { authorization, "content-type": "application/json", ...request.headers },
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${answer.status}: ${told.detail} ${JSON.stringify(told.errors ?? [])}`);
  return told;
}

const { id } = await call("/v1/sends", {
  method: "POST",
  headers: { "idempotency-key": `order-${ORDER}` },
  body: JSON.stringify({
    audience: { users: [RECIPIENT] },
    message: { title: "Order shipped", body: "It is on its way." },
  }),
});

let send = await call(`/v1/sends/${id}`);
while (send.state !== "finished") {
  await new Promise((resolve) => setTimeout(resolve, 500));
  send = await call(`/v1/sends/${id}`);
}
console.log(JSON.stringify(send));
