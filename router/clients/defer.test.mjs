// Deferred fragments: Apollo Client over multipart, urql over multipart and server-sent events, and graphql-sse.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { Defer20220824Handler } from "@apollo/client/incremental";
import { Client, fetchExchange } from "@urql/core";
import { createClient } from "graphql-sse";
import { url } from "./edge.mjs";

const QUERY = `query Late {
  hello
  ... @defer(label: "late") { shop }
}`;
const FIRST = { hello: "hello you" };
const WHOLE = { ...FIRST, shop: "open" };

/** Notes the media types of the responses. */
const noting = (types) => async (input, init) => {
  const response = await fetch(input, init);
  types.push(response.headers.get("content-type").split(";")[0]);
  return response;
};

const apollo = (t, types) => {
  const client = new ApolloClient({
    link: new HttpLink({ uri: url, fetch: noting(types) }),
    cache: new InMemoryCache(),
    incrementalHandler: new Defer20220824Handler(),
  });
  t.after(() => client.stop());
  return client;
};

test("Apollo Client has the first part before the rest", async (t) => {
  const types = [];
  const query = apollo(t, types).watchQuery({ query: gql(QUERY) });
  const states = await new Promise((resolve, reject) => {
    const states = [];
    query.subscribe({
      next: ({ data, dataState, error }) => {
        if (error) reject(error);
        if (dataState !== "empty") states.push([dataState, data]);
        if (dataState === "complete") resolve(states);
      },
      error: reject,
    });
  });
  const typed = { __typename: "Query" };
  assert.deepEqual(states, [
    ["streaming", { ...typed, ...FIRST }],
    ["complete", { ...typed, ...WHOLE }],
  ]);
  assert.deepEqual(types, ["multipart/mixed"]);
});

test("Apollo Client has one answer if nothing is deferred", async (t) => {
  const types = [];
  const query = gql(`query Late($late: Boolean!) { hello ... @defer(if: $late) { shop } }`);
  const { data } = await apollo(t, types).query({ query, variables: { late: false } });
  assert.deepEqual(data, { __typename: "Query", ...WHOLE });
  assert.deepEqual(types, ["application/graphql-response+json"]);
});

for (const [protocol, accept] of [
  ["text/event-stream", undefined],
  ["multipart/mixed", "multipart/mixed, application/json"],
]) {
  test(`urql has the first part before the rest over ${protocol}`, async () => {
    const types = [];
    const client = new Client({
      url,
      exchanges: [fetchExchange],
      preferGetMethod: false,
      fetch: noting(types),
      fetchOptions: accept ? { headers: { accept } } : {},
    });
    const results = await new Promise((resolve) => {
      const results = [];
      client.query(QUERY, {}).subscribe((result) => {
        results.push(result);
        if (!result.hasNext) resolve(results);
      });
    });
    assert.deepEqual(
      results.map(({ data, error, hasNext }) => [data, error, hasNext]),
      [
        [FIRST, undefined, true],
        [WHOLE, undefined, false],
      ],
    );
    assert.deepEqual(types, [protocol]);
  });
}

test("graphql-sse has every part", async (t) => {
  const client = createClient({ url, retryAttempts: 0 });
  t.after(() => client.dispose());
  const parts = [];
  for await (const part of client.iterate({ query: QUERY })) parts.push(part);
  assert.deepEqual(parts, [
    { data: FIRST, hasNext: true },
    {
      incremental: [{ data: { shop: "open" }, path: [], label: "late" }],
      hasNext: false,
    },
  ]);
});
