// The URL of the server under test, which serves the graph of `router/tests/server/kit.rs`.

import assert from "node:assert/strict";

export const url = process.env.GRAPHQL_URL;
assert(url, "GRAPHQL_URL must name the endpoint: run router/clients/run.sh");
export const socketUrl = url.replace(/^http/, "ws");

export const COUNT = "subscription { count(to: 3) { number } }";
export const FEED = "subscription { feed { sequence } }";
export const CHANGE = "mutation { change }";

/** Changes the state published by `feed`; returns the change's number. */
export async function change() {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: CHANGE }),
  });
  return (await response.json()).data.change;
}
