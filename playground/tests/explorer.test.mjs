// The explorer: complete under its policy, and of use to those who try the graph.

import assert from "node:assert/strict";
import { test } from "node:test";
import { open, openPage, query, text, token } from "./browser.mjs";

const EXPLORER = "/graphql";

/** The explorer, with its editors ready. */
async function explorer(t, { signedIn = true, ...options } = {}) {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser, options);
  page.origins = new Set();
  page.on("request", (request) => page.origins.add(new URL(request.url()).origin));
  if (signedIn) {
    await page.goto(`${proxy.url}/playground/storefront.html#token=${token}`);
    await page.waitForFunction(() => sessionStorage.token);
  }
  await page.goto(proxy.url + EXPLORER);
  await ready(page);
  return { proxy, page };
}

async function ready(page) {
  await page.waitForSelector(".graphiql-query-editor .view-lines");
  // The schema is there when the documentation has it.
  await page.waitForFunction(() => !document.querySelector(".graphiql-spinner"));
}

/** Opens the tab whose title has this. */
async function tab(page, title) {
  await page
    .locator(`::-p-xpath(//button[contains(@class, "graphiql-tab-button") and contains(., "${title}")])`)
    .click();
  await page.waitForFunction(
    (title) => document.querySelector(".graphiql-tab-active")?.innerText.includes(title),
    {},
    title,
  );
}

const run = (page) => page.locator(".graphiql-execute-button").click();

/** What the editor of this name contains. */
const contents = (page, name) =>
  page.evaluate(
    (name) =>
      globalThis.__MONACO.editor
        .getModels()
        .find(({ uri }) => uri.path.includes(name))
        .getValue(),
    name,
  );

const write = (page, name, text) =>
  page.evaluate(
    (name, text) =>
      globalThis.__MONACO.editor
        .getModels()
        .find(({ uri }) => uri.path.includes(name))
        .setValue(text),
    name,
    text,
  );

/** Waits until the answer has this. */
const answer = (page, part) =>
  page.waitForFunction(
    (part) =>
      globalThis.__MONACO.editor
        .getModels()
        .find(({ uri }) => uri.path.includes("response"))
        .getValue()
        .includes(part),
    {},
    part,
  );

const panel = (page, title) => page.locator(`.graphiql-sidebar button[aria-label*="${title}"]`).click();

test("a query runs, and nothing is loaded from elsewhere", async (t) => {
  const { proxy, page } = await explorer(t, { signedIn: false });
  await run(page);
  await answer(page, '"totalCount"');
  await answer(page, "€");
  // Every worker has started: they complete, check and colour what is written.
  await page.waitForFunction(() => document.querySelectorAll(".graphiql-query-editor .mtk1, .mtk6").length > 0);
  assert.deepEqual([...page.origins], [proxy.url]);
  assert.deepEqual(page.problems, []);
});

test("fields are completed, and mistakes are marked", async (t) => {
  const { page } = await explorer(t, { signedIn: false });
  await page.locator(".graphiql-add-tab-wrapper button, button[aria-label='New tab']").click();
  await page.locator(".graphiql-query-editor .view-lines").click();
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type("{ productSe");
  await page.keyboard.down("Control");
  await page.keyboard.press("Space");
  await page.keyboard.up("Control");
  await page.waitForFunction(() => document.querySelector(".suggest-widget")?.innerText.includes("productSearch"));
  await page.keyboard.press("Escape");
  await page.keyboard.type("arrch");
  await page.waitForSelector(".squiggly-error");
  assert.deepEqual(page.problems, []);
});

test("a demo customer signs in, the tabs have their ids, and a mutation runs", async (t) => {
  const { page } = await explorer(t, { signedIn: false });
  await page.locator("header.site > button").click();
  await page.locator("::-p-xpath(//div[contains(@class, 'customers')]//button[1])").click();
  await page.waitForFunction(() => localStorage["graphiql:tabState"]?.includes("prd_0"));
  await ready(page);
  await tab(page, "PlaceOrder");
  assert.match(await contents(page, "variables"), /"productId": "prd_[0-9a-z]{26}"/);
  await run(page);
  await answer(page, '"order": {');
  const { id } = JSON.parse(await contents(page, "response")).data.orderPlace.order;
  const { order } = await query("query Order($id: ID!) { order(id: $id) { total { currency } } }", { id });
  assert.equal(order.total.currency, "EUR");
  await tab(page, "Account");
  await run(page);
  await answer(page, '"name": "Demo Customer"');
  assert.deepEqual(page.problems, []);
});

/** Waits until the answer is an event after this one, and returns it. */
async function eventAfter(page, sequence) {
  await page.waitForFunction(
    (sequence) => {
      const models = globalThis.__MONACO.editor.getModels();
      const answer = models.find(({ uri }) => uri.path.includes("response")).getValue();
      return answer && JSON.parse(answer).data?.orderTracking?.sequence > sequence;
    },
    {},
    sequence,
  );
  return JSON.parse(await contents(page, "response")).data.orderTracking;
}

for (const [transport, isIts] of [
  ["websocket", ({ headers }) => headers.upgrade === "websocket"],
  ["sse", ({ headers }) => headers.accept?.includes("text/event-stream")],
  ["multipart", ({ headers }) => headers.accept?.startsWith("multipart/mixed")],
]) {
  test(`events of a subscription arrive by ${transport}`, async (t) => {
    const { proxy, page } = await explorer(t);
    let used = false;
    proxy.blocks = (incoming) => {
      used ||= isIts(incoming);
      return false;
    };
    await page.select(".transport select", transport);
    await tab(page, "Tracking");
    let first;
    do {
      // Whoever else is watching makes parcels move: this one may have arrived.
      const { me } = await query("{ me { orders(first: 1, status: [SHIPPED]) { nodes { id } } } }");
      await write(page, "variables", JSON.stringify({ orderId: me.orders.nodes[0].id }));
      await write(page, "response", "");
      await run(page);
      first = await eventAfter(page, -1);
    } while (first.status === "DELIVERED");
    assert.ok(used, `${transport} was not used`);
    // Carriers report a movement every few seconds.
    await eventAfter(page, first.sequence);
    assert.deepEqual(page.problems, []);
  });
}

test("the token of the headers editor replaces the session's", async (t) => {
  const { proxy, page } = await explorer(t);
  const sent = [];
  proxy.blocks = ({ headers }) => {
    if (headers.accept?.includes("text/event-stream")) sent.push(headers.authorization);
    return false;
  };
  await page.select(".transport select", "sse");
  await tab(page, "Tracking");
  await page.locator("::-p-xpath(//button[text()='Headers'])").click();
  await write(page, "request-headers", '{ "Authorization": "Bearer of-somebody-else" }');
  await run(page);
  await answer(page, "UNAUTHENTICATED");
  assert.deepEqual(sent, ["Bearer of-somebody-else"]);
});

test("a subscription that is refused says why", async (t) => {
  const { page } = await explorer(t, { signedIn: false });
  for (const transport of ["websocket", "sse", "multipart"]) {
    await page.select(".transport select", transport);
    await tab(page, "Tracking");
    await run(page);
    await answer(page, '"errors"');
    await answer(page, '"message"');
    await tab(page, "Account");
  }
});

test("the plan of an operation is shown before it runs, and follows what is written", async (t) => {
  const { page } = await explorer(t);
  await panel(page, "Query plan");
  await text(page, "Query plan", "search");
  await tab(page, "Account");
  await text(page, "One after another", "At the same time", "orders", "returns", "pricing", "tracking");
  await tab(page, "PlaceOrder");
  const { me: before } = await query("{ me { orders(first: 1) { totalCount } } }");
  await page.waitForFunction(() => !document.querySelector(".panel").innerText.includes("At the same time"));
  const { me: after } = await query("{ me { orders(first: 1) { totalCount } } }");
  assert.equal(after.orders.totalCount, before.orders.totalCount, "a mutation is planned and not run");
  assert.deepEqual(page.problems, []);
});

test("registered operations are listed, and open in a tab", async (t) => {
  const { page } = await explorer(t);
  await panel(page, "Registered operations");
  await text(page, "storefront-web");
  await page.locator(".panel .operation button").click();
  await page.waitForFunction(() => document.querySelectorAll(".graphiql-tab").length === 6);
  assert.match(await contents(page, "operation"), /^(query|mutation|subscription) /);
  assert.deepEqual(page.problems, []);
});

test("fields can be chosen in place of written", async (t) => {
  const { page } = await explorer(t);
  await panel(page, "GraphiQL Explorer");
  await page.waitForSelector(".docExplorerWrap, .doc-explorer-contents, .graphiql-explorer-root");
  await text(page, "productSearch");
  assert.deepEqual(page.problems, []);
});
