// A client with types generated from the document; TypeScript checks every call and response against them.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import createClient from "openapi-fetch";
import WebSocket from "ws";

import { base, customer, item, order, token } from "./server.mjs";

/** @typedef {import("./generated/schema.js").paths} paths */
/** @typedef {import("./generated/schema.js").components["schemas"]} schemas */

/** @type {ReturnType<typeof createClient<paths>>} */
const client = createClient({ baseUrl: base, headers: { authorization: `Bearer ${token}` } });
/** @type {ReturnType<typeof createClient<paths>>} */
const visitor = createClient({ baseUrl: base });

test("a return is made, labelled and shown", async () => {
  const key = randomUUID();
  /** @type {schemas["NewReturn"]} */
  const body = {
    order_id: order,
    items: [
      {
        order_item_id: item,
        quantity: 1,
        condition: "defective",
        reason_code: "defective_on_arrival",
      },
    ],
  };
  const header = { "Idempotency-Key": key };
  const made = await client.POST("/api/v1/returns", { params: { header }, body });
  assert.equal(made.response.status, 201);
  assert(made.data, JSON.stringify(made.error));
  assert.equal(made.data.status, "initiated");
  assert.equal(made.data.refund_amount, 314.99);
  assert.equal(made.data.refund_currency, undefined);
  const again = await client.POST("/api/v1/returns", { params: { header }, body });
  assert.deepEqual(again.data, made.data);

  const path = { id: made.data.return_id };
  const label = await client.PUT("/api/v1/returns/{id}/label", { params: { path } });
  assert(label.data, JSON.stringify(label.error));
  assert.match(label.data.shipping_label_url, /^http/);

  const shown = await client.GET("/api/v1/returns/{id}", { params: { path } });
  assert(shown.data, JSON.stringify(shown.error));
  assert.equal(shown.data.tracking_number, label.data.tracking_number);
  assert.deepEqual(
    shown.data.timeline.map((step) => step.event),
    ["return_initiated", "label_generated"],
  );
});

test("what is refused has a code and a message", async () => {
  const body = {
    order_id: order,
    items: [
      {
        order_item_id: item,
        quantity: 1,
        condition: /** @type {const} */ ("damaged"),
        reason_code: "damaged_in_transit",
      },
    ],
  };
  const refused = await client.POST("/api/v1/returns", { params: {}, body });
  assert.equal(refused.response.status, 422);
  assert.equal(refused.error?.error, "RETURN_INELIGIBLE");
  assert.equal(refused.error?.reasons?.[0]?.code, "ALREADY_RETURNED");
  const path = { id: "ret_01h455vb4pex5vsknk084sn02q" };
  const unknown = await client.GET("/api/v1/returns/{id}", { params: { path } });
  assert.equal(unknown.error?.error, "NOT_FOUND");
  const anonymous = await visitor.GET("/api/v1/returns/{id}", { params: { path } });
  assert.equal(anonymous.error?.error, "UNAUTHENTICATED");
});

test("preferences are changed and shown", async () => {
  const params = { path: { id: customer } };
  const url = "/api/v1/users/{id}/notification-preferences";
  const changed = await client.PUT(url, {
    params,
    body: {
      updates: [
        { channel: "push", category: "social", enabled: true },
        { channel: "push", category: "deals", quiet_hours: { start: "22:00", end: "07:00" } },
      ],
    },
  });
  assert(changed.data, JSON.stringify(changed.error));
  assert.equal(changed.data.updated, 2);
  const shown = await client.GET(url, { params });
  assert(shown.data, JSON.stringify(shown.error));
  assert.equal(shown.data.preferences.length, 12);
  const deals = shown.data.preferences.find(
    (cell) => cell.channel === "push" && cell.category === "deals",
  );
  assert.equal(deals?.quiet_hours?.start, "22:00");
});

test("an order is asked for and followed", async () => {
  const params = { path: { id: order } };
  const asked = await client.GET("/api/v2/orders/{id}/tracking", { params });
  assert(asked.data, JSON.stringify(asked.error));
  assert.equal(asked.data.status, "not_shipped");
  assert.equal(asked.data.carrier, null);

  const socket = new WebSocket(
    `${base.replace(/^http/, "ws")}/ws/orders/${order}/track`,
    "vantage-tracking-v1",
    { headers: { authorization: `Bearer ${token}` } },
  );
  /** @returns {Promise<schemas["ServerMessage"]>} */
  const next = async () => JSON.parse(String((await once(socket, "message"))[0]));
  const acknowledged = await next();
  assert.equal(acknowledged.event, "connection_ack");
  assert.equal(acknowledged.data.current_status, "not_shipped");
  /** @type {schemas["ClientMessage"]} */
  const heartbeat = { event: "heartbeat" };
  socket.send(JSON.stringify(heartbeat));
  const answer = await next();
  assert.equal(answer.event, "heartbeat_ack");
  assert.equal(answer.data.connection_id, acknowledged.data.connection_id);
  socket.close();
  const [code] = await once(socket, "close");
  assert.equal(code, 1005);
});
