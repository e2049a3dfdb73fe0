// Chromium, and pages in it.

import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

export const upstream = new URL(process.env.VANTAGE_URL ?? "http://127.0.0.1:4000");
export const token = process.env.VANTAGE_TOKEN ?? "";

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

/** Starts the browser. */
export function launch() {
  // Containers have no user namespaces for the sandbox.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  // Waits have limits of their own, which are longer than a call's.
  return puppeteer.launch({ executablePath: executable(), args, protocolTimeout: 600_000 });
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
