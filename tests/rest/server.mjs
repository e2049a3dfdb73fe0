// URL and data of the server under test, passed by `tests/journeys/rest/generated_client.rs`.

import assert from "node:assert/strict";

/** @param {string} name */
function variable(name) {
  const value = process.env[name];
  assert(value, `${name} must be set: run tests/rest/run.sh`);
  return value;
}

export const base = variable("BASE_URL");
export const token = variable("TOKEN");
export const customer = variable("CUSTOMER");
/** A delivered order and its item. */
export const order = variable("ORDER");
export const item = variable("ITEM");
