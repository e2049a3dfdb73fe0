// Validates the served document against the OpenAPI specification's own schema.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";

import { base } from "./server.mjs";

test("the document is valid", async () => {
  const response = await fetch(`${base}/api/openapi.json`);
  assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
  const document = await response.json();
  const validator = new Validator();
  const result = await validator.validate(document);
  assert.deepEqual(result.errors ?? [], []);
  assert.equal(result.valid, true);
  assert.equal(validator.version, "3.1");
});
