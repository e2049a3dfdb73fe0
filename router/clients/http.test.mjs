// The GraphQL over HTTP audits of the graphql-http package.

import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { url } from "./edge.mjs";

// Plain GETs are rejected as possible cross-site requests; clients send one of the CSRF headers.
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
