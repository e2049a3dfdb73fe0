// A webhook receiver that records raw requests, and calls to the sandbox's control API.
import { createServer } from "node:http";
import { once } from "node:events";

export const base = process.env.SANDBOX_URL;
if (!base) throw new Error("set SANDBOX_URL to a sandbox's address, or run run.sh");

export async function control(path, body) {
  const response = await fetch(base + path, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

export async function reset() {
  await fetch(`${base}/_control`, { method: "DELETE" });
}

export async function receiver() {
  const received = [];
  const waiting = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ headers: request.headers, body: Buffer.concat(chunks) });
    response.end();
    for (const wake of waiting.splice(0)) wake();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A failing test that does not close the server must not keep the process alive.
  server.unref();
  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    async waitFor(count) {
      while (received.length < count) await new Promise((wake) => waiting.push(wake));
      return received;
    },
    close: () => new Promise((closed) => server.close(closed)),
  };
}
