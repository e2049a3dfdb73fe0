// A webhook as a partner received it, verified with the official library of Standard Webhooks. Passed by
// `tests/journeys/webhooks.rs`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";

const skip = process.env.WEBHOOK ? false : "WEBHOOK is not set";
const { headers, body } = JSON.parse(process.env.WEBHOOK ?? "{}");
const secrets = (process.env.SECRETS ?? "").split(" ");

test("both secrets verify while one replaces the other", { skip }, () => {
  assert.equal(secrets.length, 2);
  for (const secret of secrets) {
    /** @type {any} */
    const event = new Webhook(secret).verify(body, headers);
    assert.equal(event.id, headers["webhook-id"]);
    assert.equal(event.type, "order.shipped");
  }
});

test("anything else does not verify", { skip }, () => {
  const webhook = new Webhook(secrets[0]);
  const other = new Webhook(`whsec_${Buffer.alloc(32, 1).toString("base64")}`);
  assert.throws(() => other.verify(body, headers));
  assert.throws(() => webhook.verify(`${body} `, headers));
  for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"]) {
    assert.throws(() => webhook.verify(body, { ...headers, [name]: `1${headers[name]}` }));
  }
});
