// Chromium over a running Vantage. `VANTAGE_URL` and `VANTAGE_TOKEN` tell which one; with `OWN_PAGES=1` the pages are
// those of dist/, whatever the binary embeds.

import assert from "node:assert/strict";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { after } from "node:test";
import puppeteer from "puppeteer-core";
import { Proxy } from "./proxy.mjs";

export const upstream = new URL(process.env.VANTAGE_URL ?? "http://127.0.0.1:4000");
export const token = process.env.VANTAGE_TOKEN ?? "";

const AXE = readFileSync(join(import.meta.dirname, "../node_modules/axe-core/axe.min.js"), "utf8");
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The browser's program: `CHROMIUM`, or the first one of the path. */
function executable() {
  const candidates = process.env.PATH.split(delimiter).flatMap((folder) => BROWSERS.map((name) => join(folder, name)));
  const found = [process.env.CHROMIUM, ...candidates].filter(Boolean).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  assert(found, "there is no Chromium: install it, or name it in CHROMIUM");
  return found;
}

let program = null;
after(() => program?.close());

/** A browser without any state, in front of a proxy of its own. */
export async function open(t) {
  const proxy = new Proxy(upstream, { ownPages: Boolean(process.env.OWN_PAGES) });
  await proxy.listen();
  // Containers have no user namespaces for the sandbox.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  program ??= await puppeteer.launch({ executablePath: executable(), args });
  const browser = await program.createBrowserContext();
  t.after(async () => {
    await browser.close();
    await proxy.cut();
  });
  return { proxy, browser };
}

/** A page whose script errors, refused files and violated policies are in `problems`. */
export async function openPage(browser, { width = 1280, height = 860, scheme = "light" } = {}) {
  const page = await browser.newPage();
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && page.problems.push(`console: ${message.text()}`));
  page.setDefaultTimeout(30_000);
  return page;
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

/** Waits until the page's text contains all of these. */
export function text(page, ...texts) {
  return page.waitForFunction((texts) => texts.every((text) => document.body.innerText.includes(text)), {}, texts);
}

/** Waits until the view's first heading matches, and nothing is loading. */
export function heading(page, pattern) {
  const shown = (source) => {
    const main = document.querySelector("main");
    return new RegExp(source).test(main?.querySelector("h1")?.innerText ?? "") && !main.ariaBusy;
  };
  return page.waitForFunction(shown, {}, pattern.source);
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
