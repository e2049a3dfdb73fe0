// Chromium over a running Vantage. `VANTAGE_URL` and `VANTAGE_TOKEN` tell which one, `VANTAGE_SUPPORT_TOKEN` is a token with
// the scopes `support` and `merchandising`, and `VANTAGE_SANDBOX` the sandbox's address. With `OWN_PAGES=1` the pages are those
// of dist/, whatever the binary embeds.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { launch, token, upstream } from "./chromium.mjs";
import { Proxy } from "./proxy.mjs";

export { heading, openPage, text, token } from "./chromium.mjs";

const AXE = readFileSync(join(import.meta.dirname, "../node_modules/axe-core/axe.min.js"), "utf8");
export const supportToken = process.env.VANTAGE_SUPPORT_TOKEN ?? "";
let program = null;
after(() => program?.close());

/** A browser without any state, in front of a proxy of its own. */
export async function open(t) {
  const proxy = new Proxy(upstream, { ownPages: Boolean(process.env.OWN_PAGES) });
  await proxy.listen();
  program ??= await launch();
  const browser = await program.createBrowserContext();
  t.after(async () => {
    await browser.close();
    await proxy.cut();
  });
  return { proxy, browser };
}

/** Asks the graph, by default as the demo customer. */
export function query(document, variables = {}, bearer = token) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${bearer}` };
  return fetch(upstream, { method: "POST", headers, body: JSON.stringify({ query: document, variables }) })
    .then((response) => response.json())
    .then(({ data, errors }) => {
      assert.equal(errors, undefined, JSON.stringify(errors));
      return data;
    });
}

/** Has the carrier scan a parcel: `pickup` or `delivered`. */
export async function scan(number, kind) {
  const address = `${process.env.VANTAGE_SANDBOX}/_control/shipments/${number}/scan`;
  const headers = { "content-type": "application/json" };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify({ kind }) });
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
}

/** Clicks the button or link with this text, once there is one. */
export const click = (page, text) =>
  page.locator(`::-p-xpath(//main//*[self::button or self::a][normalize-space()=${JSON.stringify(text)}])`).click();

/** Checks that a view has no accessibility violation and fits its width. */
export async function checkView(page, view) {
  assert.deepEqual(await violations(page), [], view);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${view} is ${overflow} px too wide`);
}

/** Violations of WCAG 2.2 A and AA and of best practices, one line each. */
export async function violations(page, { exclude = [] } = {}) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async (exclude) => {
    const { violations } = await globalThis.axe.run({ exclude });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  }, exclude);
  return found;
}
