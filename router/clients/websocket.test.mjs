// graphql-ws over the graphql-transport-ws protocol.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { change, COUNT, FEED, socketUrl } from "./edge.mjs";

const client = (t, options = {}) => {
  const client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...options,
  });
  t.after(() => client.dispose());
  return client;
};

test("a query has one answer", async (t) => {
  const answers = client(t).iterate({ query: "{ hello }" });
  const { value } = await answers.next();
  assert.deepEqual(value, { data: { hello: "hello you" } });
  assert((await answers.next()).done);
});

test("a subscription has its events, in order, and ends", async (t) => {
  const numbers = [];
  for await (const { data } of client(t).iterate({ query: COUNT })) {
    numbers.push(data.count.number);
  }
  assert.deepEqual(numbers, [1, 2, 3]);
});

test("watchers of one feed each get the snapshot and every change once", async (t) => {
  const streams = [1, 2, 3].map(() => client(t).iterate({ query: FEED }));
  const last = [];
  for (const stream of streams) {
    last.push((await stream.next()).value.data.feed.sequence);
  }
  for (let round = 0; round < 5; round++) {
    const number = await change();
    for (const [index, stream] of streams.entries()) {
      while (last[index] < number) {
        const { sequence } = (await stream.next()).value.data.feed;
        assert.equal(sequence, last[index] + 1);
        last[index] = sequence;
      }
    }
  }
  for (const stream of streams) await stream.return();
});

test("an operation that cannot run is an error of its own", async (t) => {
  const connection = client(t, { lazy: false });
  const stream = connection.iterate({ query: "subscription { none }" });
  await assert.rejects(stream.next(), (errors) => errors[0].extensions.code === "GRAPHQL_VALIDATION_FAILED");
  const answers = connection.iterate({ query: "{ hello }" });
  assert.equal((await answers.next()).value.data.hello, "hello you");
});

test("a refused token closes with 4403", async (t) => {
  const stream = client(t, { connectionParams: { authorization: "Bearer none" } }).iterate({
    query: FEED,
  });
  await assert.rejects(stream.next(), (close) => close.code === 4403);
});

test("the client's pings are answered", async (t) => {
  const ponged = new Promise((resolve) => {
    client(t, {
      lazy: false,
      keepAlive: 10,
      on: { pong: (received) => received && resolve() },
    });
  });
  await ponged;
});
