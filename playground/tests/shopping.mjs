// What the tests of buying and of support share: a customer who buys something.

import assert from "node:assert/strict";
import { heading, open, openPage, query, text } from "./browser.mjs";

export const HOME = "/playground/storefront.html";

const ADDRESS = { name: "Jo Newcomer", line1: "Torstraße 1", city: "Berlin", postalCode: "10119" };

/** A page on which somebody has signed in by the dialog, as the demo shop's customer of this name. */
export async function signedIn(t, name, options) {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser, options);
  await page.goto(proxy.url + HOME);
  await heading(page, /All products/);
  await page.locator("header.site > button").click();
  await page.locator(`::-p-xpath(//div[contains(@class, "customers")]//button[.="${name}"])`).click();
  await page.waitForFunction(() => sessionStorage.token);
  const bearer = await page.evaluate(() => sessionStorage.token);
  return { page, bearer, url: proxy.url + HOME };
}

/** A product that there is enough of, and that may be returned. */
export async function someProduct(words) {
  const { productSearch } = await query(
    `query($words: String!) {
      productSearch(query: $words, filters: { inStock: true }, first: 20) { nodes { id title availableQuantity } }
    }`,
    { words },
  );
  const product = productSearch.nodes.find(({ availableQuantity }) => availableQuantity > 5);
  assert.ok(product, words);
  return product;
}

/** Opens a product's page, with an address in Berlin, and waits for what it costs. */
export async function openProduct(page, url, id) {
  await page.goto(`${url}#/product/${id}`);
  await page.waitForSelector(".buy .amounts");
  await page.select("#address-country", "DE");
  for (const [part, value] of Object.entries(ADDRESS)) await fill(page, `#address-${part}`, value);
  await settled(page);
}

/** Replaces the text of an input, and leaves it. */
export async function fill(page, selector, value) {
  await page.$eval(
    selector,
    (input, value) => {
      input.value = value;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    },
    value,
  );
}

/** Waits until the costs are those of what was entered. */
export const settled = (page) => page.waitForSelector(".buy aside > div:not([aria-busy]) .amounts");

/** Orders with this card, and waits for the order's page. */
export async function pay(page, card) {
  await page.select("#card", card);
  for (;;) {
    await page.locator("#order").click();
    const outcome = await page.waitForFunction(() => {
      if (/^Order [0-9A-Z]{4}-[0-9A-Z]{4}$/.test(document.querySelector("h1").innerText)) return "placed";
      const said = [...document.querySelectorAll("main .trouble, main .notice.bad")].map((one) => one.innerText);
      return said.some((text) => text.length > 0) && !document.querySelector("#order[aria-disabled]") && said.join(" ");
    });
    const said = await outcome.jsonValue();
    if (said === "placed") break;
    // Exchange rates change at any time, and a busy shop may not answer: customers order again.
    assert.match(said, /order again|try again/i);
  }
  return page.evaluate(() => location.hash.split("/").at(-1));
}

/** Returns what was delivered, and waits for the return's page. */
export async function sendBack(page) {
  await page.locator("a.button[href$='/return']").click();
  await heading(page, /Return items/);
  await page.locator(".return-item input[type=checkbox]").click();
  await page.waitForSelector(".return-item .field:nth-child(3) select");
  const [reason] = await page.$$eval(".return-item .field:nth-child(3) option", (options) =>
    options.map(({ value }) => value).filter(Boolean),
  );
  await page.select(".return-item .field:nth-child(3) select", reason);
  await text(page, "Total refund");
  await page.locator("aside button").click();
  await heading(page, /^Return [0-9A-Z]{4}-[0-9A-Z]{4}$/);
}
