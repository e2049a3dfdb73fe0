// A support agent sees what waits, decides, and sees what was decided.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkView, heading, open, openPage, supportToken, text } from "./browser.mjs";
import { HOME, signedIn } from "./shopping.mjs";

/** A page of the support agent. */
async function agent(t, options) {
  const { proxy, browser } = await open(t);
  const page = await openPage(browser, options);
  await page.goto(`${proxy.url}${HOME}#token=${supportToken}`);
  await page.waitForFunction(() => sessionStorage.token);
  await page.goto(`${proxy.url}${HOME}#/support`);
  await heading(page, /^Support$/);
  return { page, url: proxy.url + HOME };
}

/** The rows of the queue of returns: where each leads, and why it waits. */
const queue = (page) =>
  page.$$eval("main section:first-of-type tbody tr", (rows) =>
    rows.map((row) => ({ href: row.querySelector("a").hash, reason: row.cells[1].innerText })),
  );

test("a support agent decides about a return in the queue, and the decision is in its history", async (t) => {
  const { page, url } = await agent(t);
  // The one that waits longest comes first.
  const [first] = await queue(page);
  assert.equal(first?.reason, "No scan", "the demo shop has returns that wait");
  await checkView(page, "the queues");
  await page.locator("main tbody a").click();
  await heading(page, /^Return [0-9A-Z]{4}-[0-9A-Z]{4}$/);
  assert.equal(await page.evaluate(() => location.hash), first.href);
  await text(page, first.reason, "What happened");
  await checkView(page, "a return that waits");

  const decide = "::-p-xpath(//section[h2='Decide']";
  const choice = await page.waitForSelector(`${decide}//select)`);
  await choice.select("REFUND");
  await page.locator(`${decide}//button[.='Decide'])`).click();
  await page.waitForFunction(() =>
    [...document.querySelectorAll("main .trouble")].some(({ innerText }) => innerText.length > 0),
  );
  await page.locator(`${decide}//textarea)`).fill("The carrier has lost it");
  await page.locator(`${decide}//button[.='Decide'])`).click();
  await text(page, "Decisions", "Refund", "by support-agent", "The carrier has lost it");
  await page.waitForFunction(
    () => ![...document.querySelectorAll("h2")].some(({ innerText }) => innerText === "Decide"),
  );
  await checkView(page, "a return that was decided");
  await page.goto(`${url}#/support`);
  await heading(page, /^Support$/);
  const left = await queue(page);
  assert.ok(!left.some(({ href, reason }) => href === first.href && reason === first.reason), JSON.stringify(left));
  assert.deepEqual(page.problems, []);
});

test("on a phone and in the dark, the queues are complete", async (t) => {
  const { page } = await agent(t, { width: 400, height: 800, scheme: "dark" });
  await checkView(page, "the queues");
  await page.locator("main tbody a").click();
  await heading(page, /^Return /);
  await checkView(page, "a return that waits");
  assert.deepEqual(page.problems, []);
});

test("customers have no access to support", async (t) => {
  const { page, url } = await signedIn(t, "Customer 1");
  await page.goto(`${url}#/support`);
  await heading(page, /Something went wrong/);
  await page.waitForSelector("main [role=alert]");
});
