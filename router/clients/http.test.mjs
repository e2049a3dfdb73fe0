// The audits of GraphQL over HTTP that the package graphql-http ships.

import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { url } from "./edge.mjs";

// A plain GET could come from any page; honest clients send one of the edge's headers.
const fetchFn = (input, init = {}) => {
  const headers = new Headers(init.headers);
  if ((init.method ?? "GET") === "GET") headers.set("x-vantage-csrf", "1");
  return fetch(input, { ...init, headers });
};

for (const audit of serverAudits({ url, fetchFn })) {
  test(`${audit.id}: ${audit.name}`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", result.reason);
  });
}
