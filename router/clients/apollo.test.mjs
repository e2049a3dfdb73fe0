// Apollo Client: queries and multipart subscriptions over its HTTP link, and its WebSocket link.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { change, COUNT, FEED, socketUrl, url } from "./edge.mjs";

const http = () => new HttpLink({ uri: url });
const socket = (t) => {
  const client = createClient({ url: socketUrl, webSocketImpl: WebSocket, retryAttempts: 0 });
  t.after(() => client.dispose());
  return new GraphQLWsLink(client);
};
const apollo = (t, link) => {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  t.after(() => client.stop());
  return client;
};

/** A subscription's results until it ends or `enough` returns true. */
const all = (client, query, enough = () => false) =>
  new Promise((resolve, reject) => {
    const results = [];
    const subscription = client.subscribe({ query: gql(query) }).subscribe({
      next: (result) => {
        results.push(result);
        if (enough(results)) {
          subscription.unsubscribe();
          resolve(results);
        }
      },
      error: reject,
      complete: () => resolve(results),
    });
  });

test("a query by POST", async (t) => {
  const { data } = await apollo(t, http()).query({ query: gql("{ hello }") });
  assert.equal(data.hello, "hello you");
});

test("a query by GET passes the forgery check", async (t) => {
  const link = new HttpLink({ uri: url, useGETForQueries: true });
  const { data } = await apollo(t, link).query({ query: gql("query Hello { hello }") });
  assert.equal(data.hello, "hello you");
});

test("an error keeps its code", async (t) => {
  const { error } = await apollo(t, http()).query({
    query: gql("{ none }"),
    errorPolicy: "all",
  });
  assert.equal(error.errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
});

for (const [name, link] of [
  ["multipart", http],
  ["WebSocket", socket],
]) {
  test(`a subscription over ${name} has its events, in order, and ends`, async (t) => {
    const results = await all(apollo(t, link(t)), COUNT);
    assert.deepEqual(
      results.map(({ data }) => data.count.number),
      [1, 2, 3],
    );
  });

  test(`a live feed over ${name} has every change once`, async (t) => {
    let target = Infinity;
    const reached = all(apollo(t, link(t)), FEED, (results) => {
      const { sequence } = results.at(-1).data.feed;
      if (results.length === 1) {
        target = sequence + 3;
        (async () => {
          while ((await change()) < target);
        })();
      }
      return sequence >= target;
    });
    const numbers = (await reached).map(({ data }) => data.feed.sequence);
    for (let index = 1; index < numbers.length; index++) {
      assert.equal(numbers[index], numbers[index - 1] + 1);
    }
  });
}
