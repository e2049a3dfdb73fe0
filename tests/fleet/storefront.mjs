// A customer at the storefront, with the storefront's own operations: searches, buys, cancels, returns, changes preferences,
// and gets live updates. Requests go to the addresses in turn, so that any of them must be able to continue.
//
//   node storefront.mjs journey OPTIONS URL…   the whole journey; prints what it did, and fails if anything is not right
//   node storefront.mjs buy OPTIONS URL…       only orders something, which needs no live updates
//   node storefront.mjs account OPTIONS URL…   one query to all subgraphs; with --traceparent, as a part of that trace
//   node storefront.mjs read OPTIONS URL…      prints what the shop has stored of the customer, and changes no more
//
//   --token TOKEN         the customer's
//   --operations FOLDER   of the pages' scripts; by default those of this version
//   --traceparent VALUE   the header
//   --labels URL          what the addresses of labels begin with, after redirections

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    token: { type: "string" },
    operations: { type: "string", default: fileURLToPath(new URL("../../playground/shared", import.meta.url)) },
    traceparent: { type: "string" },
    labels: { type: "string", default: "" },
  },
});
const [command, ...urls] = positionals;
assert.ok(urls.length > 0 && options.token, "usage: storefront.mjs COMMAND --token TOKEN URL…");

const script = (name) => import(pathToFileURL(path.resolve(options.operations, name)));
const { body } = await script("graphql.js");
// Earlier versions had all in one.
const operations = { ...(await script("operations.js")), ...(await script("order_operations.js").catch(() => ({}))) };

/** How long something that happens in the background may take. */
const TIMEOUT = 90_000;
const ADDRESS = {
  name: "Ada Lovelace",
  line1: "Grimmaische Str. 1",
  city: "Leipzig",
  postalCode: "04109",
  countryCode: "DE",
};
const ACCOUNT = `{
  me {
    name
    orders(first: 5) {
      nodes {
        id
        items { product { title price { current { amount { formatted } } } } returnEligibility { eligible } }
        shipments { status }
        returns { status }
      }
    }
    notificationPreferences { timezone }
  }
}`;

let requests = 0;
const next = () => urls[requests++ % urls.length];

function post(url, content, accept = "application/json") {
  const headers = { "content-type": "application/json", accept, authorization: `Bearer ${options.token}` };
  if (options.traceparent) headers.traceparent = options.traceparent;
  return fetch(`${url}/graphql`, {
    method: "POST",
    headers,
    body: JSON.stringify(content),
    signal: AbortSignal.timeout(TIMEOUT),
  });
}

/** The whole answer as text. Any error fails. */
async function text(content) {
  const url = next();
  const answer = await (await post(url, content)).text();
  assert.equal(JSON.parse(answer).errors, undefined, `${url}: ${JSON.stringify(content)}: ${answer}`);
  return answer;
}

const send = async (content) => JSON.parse(await text(content)).data;

function run(name, variables) {
  assert.ok(operations[name], `the storefront has no operation ${name}`);
  return send(body(operations[name], variables));
}

/** The payload of a mutation. */
async function change(name, variables) {
  const [payload] = Object.values(await run(name, variables));
  assert.deepEqual(payload.userErrors, [], `${name}: ${JSON.stringify(payload)}`);
  return payload;
}

/** Repeats until the value is there. */
async function until(what, read) {
  const deadline = Date.now() + TIMEOUT;
  for (;;) {
    const value = await read();
    if (value) return value;
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A subscription by server-sent events: `state()` resolves once an event fulfils the condition. */
async function follow(name, variables) {
  const response = await post(next(), body(operations[name], variables), "text/event-stream");
  assert.equal(response.status, 200, `${name}: ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  return {
    async state(what, condition) {
      for (;;) {
        const end = buffer.indexOf("\n\n");
        if (end < 0) {
          const { value, done } = await reader.read();
          assert.ok(!done, `${name} ended before: ${what}`);
          buffer += value.replaceAll("\r", "");
          continue;
        }
        const event = buffer.slice(0, end).split("\n");
        buffer = buffer.slice(end + 2);
        const field = (name) => event.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length).trim());
        const data = field("data:");
        if (field("event:")[0] !== "next" || data.length === 0) continue;
        const { data: found, errors } = JSON.parse(data.join("\n"));
        assert.equal(errors, undefined, `${name}: ${JSON.stringify(errors)}`);
        const [value] = Object.values(found);
        if (condition(value)) return value;
      }
    },
    stop: () => reader.cancel(),
  };
}

const done = (what) => console.log(`  ${what}`);

const IN_STOCK = { query: "", filters: { inStock: true }, first: 20, currency: "EUR" };

/** Waits for a search node that has just started: its first searches may take longer than a search may. */
function opened() {
  return until("a search is answered", async () => {
    const answer = await (await post(next(), body(operations.SEARCH, IN_STOCK))).json();
    const codes = (answer.errors ?? []).map((error) => error.extensions.code);
    assert.ok(
      codes.every((code) => code === "SUBGRAPH_UNAVAILABLE" || code === "DEADLINE_EXCEEDED"),
      JSON.stringify(answer),
    );
    return codes.length === 0;
  });
}

/** Orders a product; returns the order's id once it is confirmed. */
async function buy() {
  const { productSearch } = await run("SEARCH", IN_STOCK);
  assert.ok(productSearch.totalCount > 0, "products are found");
  const [{ id }] = productSearch.nodes;
  const { product } = await run("PRODUCT", { id, currency: "EUR" });
  assert.equal(product.id, id);
  const view = { kind: "VIEW", productId: id, queryId: productSearch.queryId, position: 0 };
  await change("EVENT_RECORD", { input: view });
  done(`found ${productSearch.totalCount} products, and looked at ${product.title}`);

  const basket = { items: [{ productId: id, quantity: 1 }], currency: "EUR", shippingAddress: ADDRESS };
  const place = async (key) => {
    // Exchange rates may change between the preview and the order.
    const { orderPreview: preview } = await run("ORDER_PREVIEW", { input: basket });
    assert.deepEqual(preview.userErrors, []);
    const { amount, currency } = preview.total;
    const input = { ...basket, paymentMethodToken: "pm_card_visa", expectedTotal: { amount, currency } };
    const { orderPlace } = await run("ORDER_PLACE", { input, key });
    if (orderPlace.userErrors.some(({ code }) => code === "TOTAL_CHANGED")) return place(randomUUID());
    assert.deepEqual(orderPlace.userErrors, [], JSON.stringify(orderPlace));
    // The same key again, elsewhere: the same order.
    const { orderPlace: again } = await run("ORDER_PLACE", { input, key });
    assert.deepEqual(again.order, orderPlace.order);
    return orderPlace.order.id;
  };
  const order = await place(randomUUID());
  await until("the order is confirmed", async () => (await statusOf(order)) === "CONFIRMED");
  done(`ordered it: ${order}`);
  return order;
}

const statusOf = async (id) => (await run("ORDER", { id })).order.status;

async function cancel(id) {
  const live = await follow("ORDER_UPDATED", { id });
  await live.state("its present state", ({ status }) => status === "CONFIRMED");
  await change("ORDER_CANCEL", { id, key: randomUUID() });
  await live.state("the cancellation", ({ status }) => status === "CANCELLED");
  await live.stop();
  assert.equal(await statusOf(id), "CANCELLED");
  done("cancelled it, and saw that live");
}

async function sendBack() {
  const { me } = await run("ORDERS", { first: 20, status: ["DELIVERED"] });
  const found = me.orders.nodes
    .flatMap((order) => order.items.map((item) => ({ order, item })))
    .find(({ item }) => item.returnEligibility.eligible);
  assert.ok(found, "the customer may return something");
  const { returnReasons, order } = await run("RETURN_FORM", { id: found.order.id });
  assert.equal(order.id, found.order.id);
  const reason = returnReasons.find(({ code }) => code === "defective_on_arrival") ?? returnReasons[0];
  const items = [{ orderItemId: found.item.id, quantity: 1, condition: "DEFECTIVE", reasonCode: reason.code }];
  const input = { orderId: order.id, items };
  const { returnPreview } = await run("RETURN_PREVIEW", { input });
  assert.ok(returnPreview.eligible, JSON.stringify(returnPreview));
  const created = await change("RETURN_CREATE", { input, key: randomUUID() });
  const { id } = created.return;
  const read = async () => (await run("RETURN", { id })).return;
  assert.equal((await read()).order.id, order.id);
  await change("RETURN_LABEL", { id, key: randomUUID() });
  const { url } = await until("the label is bought", async () => (await read()).label);
  const label = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT) });
  assert.equal(label.status, 200, url);
  assert.ok(label.url.startsWith(options.labels), label.url);
  assert.ok((await label.arrayBuffer()).byteLength > 0, "the label is a file");
  await change("RETURN_CANCEL", { id, key: randomUUID() });
  assert.equal((await read()).status, "CANCELLED");
  done(`returned ${found.item.productName}, got the label, and cancelled the return: ${id}`);
}

async function account() {
  const { me } = await run("PREFERENCES", {});
  const { channel, category, enabled } = me.notificationPreferences.preferences[0];
  const set = async (enabled) => {
    const updates = [{ channel, category, enabled }];
    const variables = { id: me.id, input: { updates }, key: randomUUID() };
    const { notificationPreferences } = await change("PREFERENCES_UPDATE", variables);
    const cell = notificationPreferences.preferences.find((one) => one.channel === channel && one.category === category);
    assert.equal(cell.enabled, enabled);
  };
  await set(!enabled);
  await set(enabled);
  await run("NOTIFICATIONS", { first: 10 });
  await run("STORE_CREDIT", { first: 10 });
  const { me: sent } = await run("SENT_ORDERS", {});
  const tracked = sent.orders.nodes.find(({ shipments }) => shipments.length > 0);
  assert.ok(tracked, "the customer has a parcel");
  const { order } = await run("ORDER_PARCELS", { id: tracked.id });
  const live = await follow("ORDER_TRACKING", { id: order.id });
  await live.state("where the parcel is", ({ snapshot }) => snapshot);
  await live.stop();
  done("changed preferences and back, read messages and credit, and tracked a parcel");
}

async function journey() {
  await opened();
  await cancel(await buy());
  await sendBack();
  await account();
  console.log(`  ${requests} requests, none with an error`);
}

/** What nothing changes any more: no exchange rates, nothing under way, no links that expire. */
async function stored() {
  const orders = `query($after: String) {
    me {
      orders(first: 10, after: $after, status: [DELIVERED, CANCELLED]) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id
          status
          placedAt
          deliveredAt
          total { amount currency }
          items { id productName quantity unitPrice { amount } product { id title } }
          timeline { type timestamp actor }
          returns { id status refund { total { amount } } items { quantity } timeline { type timestamp } }
        }
      }
    }
  }`;
  const customer = `{
    me {
      id
      name
      email
      storeCredit { balances { amount currency } }
      notificationPreferences { timezone updatedAt preferences { channel category enabled } }
    }
  }`;
  console.log(await text({ query: customer }));
  let after = null;
  do {
    const { me } = await send({ query: orders, variables: { after } });
    for (const order of me.orders.nodes) console.log(JSON.stringify(order));
    after = me.orders.pageInfo.hasNextPage ? me.orders.pageInfo.endCursor : null;
  } while (after);
}

const COMMANDS = {
  journey,
  buy,
  read: stored,
  account: async () => assert.ok((await send({ query: ACCOUNT })).me.name),
};
assert.ok(Object.hasOwn(COMMANDS, command), `${command} is none of ${Object.keys(COMMANDS)}`);
await COMMANDS[command]();
