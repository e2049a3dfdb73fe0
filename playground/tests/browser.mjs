// Chromium over a running Vantage. `VANTAGE_URL` and `VANTAGE_TOKEN` tell which one; with `OWN_PAGES=1` the pages are
// those of dist/, whatever the binary embeds.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { launch, token, upstream } from "./chromium.mjs";
import { Proxy } from "./proxy.mjs";

export { heading, openPage, text, token } from "./chromium.mjs";

const AXE = readFileSync(join(import.meta.dirname, "../node_modules/axe-core/axe.min.js"), "utf8");
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

export function query(document, variables = {}) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  return fetch(upstream, { method: "POST", headers, body: JSON.stringify({ query: document, variables }) })
    .then((response) => response.json())
    .then(({ data, errors }) => {
      assert.equal(errors, undefined, JSON.stringify(errors));
      return data;
    });
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
