// The storefront and the tracking page, as people use them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkView, heading, open, openPage, query, text, token } from "./browser.mjs";

const HOME = "/playground/storefront.html";
const TRACKING = "/playground/tracking.html";

/** The demo customer's newest order with this status. */
async function order(status) {
  const fields = "id items { product { id } } trackingToken returns { id }";
  const { me } = await query(`{ me { orders(first: 20, status: [${status}]) { nodes { ${fields} } } } }`);
  assert.ok(me.orders.nodes.length > 0, status);
  return me.orders.nodes;
}

test("visitors see the shop without signing in", async (t) => {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser);
  await page.goto(proxy.url + HOME);
  await heading(page, /All products/);
  assert.ok((await page.$$(".products .picture")).length >= 12);
  assert.equal((await page.$$("nav")).length, 1, "there is one row of navigation");
  await text(page, "Sign in", "Prices in USD");
  await page.goto(`${proxy.url}${HOME}#/orders`);
  await text(page, "Sign in to see this page.");
  assert.deepEqual(page.problems, []);
});

test("a refused token leaves the shop open, and the reader knows", async (t) => {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser);
  await page.goto(`${proxy.url}${HOME}#token=e30.e30.e30`);
  await heading(page, /All products/);
  await text(page, "you have been signed out", "Sign in");
  assert.ok((await page.$$(".products .picture")).length >= 12);
});

test("a page is a few files, which the browser keeps", async (t) => {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser);
  const files = [];
  page.on("response", (response) => {
    if (response.url().includes("/playground/")) files.push(response);
  });
  await page.goto(proxy.url + HOME);
  await heading(page, /All products/);
  assert.ok(files.length <= 6, files.map((response) => response.url()).join());
  files.length = 0;
  await page.goto(proxy.url + TRACKING);
  await page.goto(proxy.url + HOME);
  await heading(page, /All products/);
  if (process.env.OWN_PAGES) return;
  const loaded = files.filter((response) => !response.fromCache() && response.status() === 200);
  const assets = loaded.filter((response) => !response.url().includes("tracking"));
  assert.deepEqual(
    assets.map((response) => response.url()),
    [],
  );
});

test("a search says when its results do not have all the words", async (t) => {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser);
  const said = "No product has all of these words. These have some of them.";
  await page.goto(`${proxy.url}${HOME}#/?q=headphones`);
  await heading(page, /headphones/);
  assert.ok(!(await page.evaluate(() => document.body.innerText)).includes(said));
  await page.goto(`${proxy.url}${HOME}#/?q=headphones+quokka+zyzzyva`);
  await heading(page, /quokka/);
  await text(page, said);
  assert.ok((await page.$$(".products .product")).length > 0);
  await checkView(page, "relaxed results");
  assert.deepEqual(page.problems, []);
});

test("a product has the same picture on every visit", async (t) => {
  const { proxy, browser } = await open(t);
  const pictures = [];
  for (let visit = 0; visit < 2; visit += 1) {
    const page = await openPage(browser);
    await page.goto(`${proxy.url}${HOME}#/?sort=PRICE_DESC`);
    await heading(page, /All products/);
    const images = ".products img.picture";
    await page.$$eval(images, (found) => found.map((image) => (image.loading = "eager")));
    await page.waitForFunction(
      (images) => [...document.querySelectorAll(images)].every((image) => image.naturalWidth > 0),
      {},
      images,
    );
    pictures.push(await page.$$eval(images, (found) => found.map((image) => image.getAttribute("src"))));
    assert.deepEqual(page.problems, []);
    await page.close();
  }
  assert.deepEqual(pictures[0], pictures[1]);
  assert.ok(new Set(pictures[0]).size > 10);
  assert.ok(pictures[0].every((path) => path.startsWith("/pictures/") && !path.includes("/parcel/")));
});

test("no view has an accessibility violation or a script error, in both colour schemes and on a phone", async (t) => {
  const { proxy, browser } = await open(t);
  const [delivered] = (await order("DELIVERED")).filter(({ returns }) => returns.length === 0);
  const [shipped] = await order("SHIPPED");
  const returned = (await order("DELIVERED")).flatMap(({ returns }) => returns);
  const views = [
    [`${HOME}#/`, /All products/],
    [`${HOME}#/?q=headphones`, /headphones/],
    [`${HOME}#/product/${delivered.items[0].product.id}`, /./],
    [`${HOME}#/orders`, /My orders/],
    [`${HOME}#/orders/${delivered.id}`, /^Order /],
    [`${HOME}#/orders/${delivered.id}/return`, /Return items/],
    [`${HOME}#/orders/${delivered.id}/again`, /again$/],
    [`${HOME}#/credit`, /Store credit/],
    ...returned.slice(0, 1).map(({ id }) => [`${HOME}#/returns/${id}`, /^Return /]),
    [`${HOME}#/notifications`, /Notifications/],
    [`${HOME}#/nowhere`, /Page not found/],
    [`${TRACKING}#order=${shipped.id}`, /^Order /],
    [`${TRACKING}#order=undefined`, /Track an order/],
  ];
  for (const options of [{ scheme: "light" }, { scheme: "dark", width: 400, height: 800 }]) {
    const page = await openPage(browser, options);
    await page.goto(`${proxy.url}${HOME}#token=${token}`);
    for (const [address, title] of views) {
      await page.goto("about:blank");
      await page.goto(proxy.url + address);
      await heading(page, title);
      if (address.includes(shipped.id)) await text(page, "Tracking number");
      if (address.includes("/product/")) await page.waitForSelector(".buy .amounts");
      await checkView(page, address);
    }
    assert.deepEqual(page.problems, []);
    await page.close();
  }
});

test("a customer previews and submits a return", async (t) => {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser);
  await page.goto(`${proxy.url}${HOME}#token=${token}`);
  const [delivered] = (await order("DELIVERED")).filter(({ returns }) => returns.length === 0);
  await page.goto(`${proxy.url}${HOME}#/orders/${delivered.id}/return`);
  await heading(page, /Return items/);
  await text(page, "Select the items that you want to return.");
  await page.locator(".return-item input[type=checkbox]").click();
  await text(page, "Choose a reason for each item.");
  const { returnReasons } = await query("{ returnReasons { code } }");
  await page.select(".return-item .field:nth-child(3) select", returnReasons[0].code);
  await text(page, "Total refund");
  await text(page, "The return label is free for you. It costs us about ");
  await page.locator("aside button").click();
  await heading(page, /^Return [0-9A-Z]{4}-[0-9A-Z]{4}$/);
  await text(page, "Refunded to the original payment method.", "History");
  assert.deepEqual(page.problems, []);
});

test("an error takes the place of the message that preferences are saved", async (t) => {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser);
  await page.goto(`${proxy.url}${HOME}#token=${token}`);
  await page.goto(`${proxy.url}${HOME}#/notifications`);
  await heading(page, /Notifications/);
  const save = () => page.locator("form.card button").click();
  await page.locator("#cell-SMS-SOCIAL").click();
  await save();
  await text(page, "Saved.");
  await save();
  await text(page, "There are no changes to save.");
  const shown = await page.evaluate(() => document.body.innerText);
  assert.ok(!shown.includes("Saved."));
});

test("an address without an order says so kindly", async (t) => {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser);
  await page.goto(`${proxy.url}${HOME}#token=${token}`);
  for (const address of ["undefined", "", "ord_1", "null"]) {
    await page.goto(`${proxy.url}${TRACKING}#order=${address}`);
    await text(page, "This link does not lead to an order. Choose one of your orders to track it.");
  }
  assert.deepEqual(page.problems, []);
});
