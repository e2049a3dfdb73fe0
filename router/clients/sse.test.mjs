// graphql-sse in distinct connections mode.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "graphql-sse";
import { change, COUNT, FEED, url } from "./edge.mjs";

const client = (t, options = {}) => {
  const client = createClient({ url, retryAttempts: 0, ...options });
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
  const streams = [1, 2].map(() => client(t).iterate({ query: FEED }));
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

test("an operation that cannot run is refused with its status", async (t) => {
  const stream = client(t).iterate({ query: "subscription { none }" });
  await assert.rejects(stream.next(), (error) => error.response.status === 400);
});
