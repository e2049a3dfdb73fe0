// The tracking page stays live: through outages, through proxies that block a transport, and for guests.

import assert from "node:assert/strict";
import { test } from "node:test";
import { open, openPage, query, text, token } from "./browser.mjs";

const TRACKING = "/playground/tracking.html";

async function tracked() {
  const { me } = await query("{ me { orders(first: 1, status: [SHIPPED]) { nodes { id trackingToken } } } }");
  return me.orders.nodes[0];
}

const isUpgrade = ({ headers }) => headers.upgrade === "websocket";
const isEventStream = ({ headers }) => headers.accept?.includes("text/event-stream");

/** Waits until the line about the connection matches. */
const state = (page, pattern) =>
  page.waitForFunction(
    (source) => new RegExp(source).test(document.querySelector(".state")?.innerText ?? ""),
    {},
    pattern.source,
  );

/** Waits until attempts have failed, so that the page waits longer for the next one. */
async function failedAttempts(page) {
  await state(page, /^Connection lost/);
  await page.waitForFunction(() => {
    const [, seconds] = document.querySelector(".lamp").title.match(/in (\d+) s/) ?? [];
    return Number(seconds) > 3;
  });
}

async function follow(t, blocks) {
  const { proxy, browser } = await open(t);
  if (blocks) proxy.blocks = blocks;
  const { id } = await tracked();
  const page = await openPage(browser);
  await page.goto(`${proxy.url}${TRACKING}#token=${token}&order=${id}`);
  return { proxy, page };
}

async function seconds(action) {
  const started = performance.now();
  await action();
  return (performance.now() - started) / 1000;
}

test("after an outage the page is live again in seconds", async (t) => {
  const { proxy, page } = await follow(t);
  await state(page, /^Live$/);
  await proxy.cut();
  await failedAttempts(page);
  await proxy.listen();
  const took = await seconds(() => state(page, /^Live$/));
  assert.ok(took < 10, `${took} s`);
});

test("a device that comes online is live at once", async (t) => {
  const { proxy, page } = await follow(t);
  await state(page, /^Live$/);
  await proxy.cut();
  await failedAttempts(page);
  await proxy.listen();
  const took = await seconds(async () => {
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await state(page, /^Live$/);
  });
  assert.ok(took < 2.5, `${took} s`);
});

test("where WebSockets are blocked, events come by an event stream", async (t) => {
  const { page } = await follow(t, isUpgrade);
  await state(page, /^Live by event stream$/);
  await text(page, "Tracking number");
});

test("where both are blocked the page refreshes by queries, and is live as soon as one gets through", async (t) => {
  const { proxy, page } = await follow(t, (incoming) => isUpgrade(incoming) || isEventStream(incoming));
  await state(page, /^No live updates/);
  await text(page, "Tracking number");
  proxy.blocks = () => false;
  const took = await seconds(() => state(page, /^Live$/));
  assert.ok(took < 12, `${took} s`);
});

test("a guest follows an order live by a link, which leaves the address", async (t) => {
  const { proxy, browser } = await open(t);
  const { trackingToken } = await tracked();
  const page = await openPage(browser);
  await page.goto(`${proxy.url}${TRACKING}#guest=${trackingToken}`);
  await state(page, /^Live$/);
  await text(page, "Tracking number", "You are viewing a shared tracking link.");
  assert.equal(new URL(page.url()).hash, "");
  assert.deepEqual(page.problems, []);
});

test("a guest's link that is not valid says so", async (t) => {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser);
  await page.goto(`${proxy.url}${TRACKING}#guest=nothing`);
  await page.waitForFunction(() => document.querySelector(".lamp.stopped, .lamp.signIn"));
});
