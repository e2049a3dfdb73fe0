// Takes the pictures of the pages in docs/images/, of a running `vantage serve --demo`:
//
//   VANTAGE_URL=http://127.0.0.1:4000/graphql node tests/screenshots.mjs

import assert from "node:assert/strict";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { heading, launch, openPage, text, upstream } from "./chromium.mjs";

const FOLDER = join(import.meta.dirname, "../../docs/images");
const MAX_BYTES = 200 * 1024;
const pages = new URL("/playground/", upstream);

const [{ token }] = await (await fetch(new URL("customers.json", pages))).json();
mkdirSync(FOLDER, { recursive: true });
const browser = await launch();
const page = await openPage(browser, { width: 1200, height: 750 });

async function take(name) {
  const path = join(FOLDER, `${name}.png`);
  await page.screenshot({ path });
  const { size } = statSync(path);
  assert.ok(size <= MAX_BYTES, `${path} has ${size} bytes`);
  console.log(`${path}: ${Math.ceil(size / 1024)} KiB`);
}

await page.goto(`${pages}storefront.html#token=${token}`);
await heading(page, /All products/);
await take("storefront");

await page.goto(`${pages}tracking.html`);
await page.locator("aside.list a").click();
await page.waitForFunction(() => /^Live/.test(document.querySelector(".state")?.innerText));
await text(page, "Tracking number");
await take("tracking");

await page.goto(upstream.href);
const tab = "::-p-xpath(//*[contains(@class, 'graphiql-tab')]//button[contains(., 'Account')])";
await page.waitForSelector(".graphiql-query-editor .view-lines");
await page.waitForFunction(() => !document.querySelector(".graphiql-spinner"));
await page.locator(tab).click();
await page.waitForFunction(() => document.querySelector(".graphiql-tab-active")?.innerText.includes("Account"));
await page.locator("button[aria-label*='Query plan']").click();
await text(page, "At the same time");
await page.locator(".graphiql-execute-button").click();
await page.waitForFunction(() => document.querySelector(".result-window")?.innerText.includes("Demo"));
await take("explorer");
await browser.close();
