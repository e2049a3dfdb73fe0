// The storefront: which view an address shows, and the bar above all of them.

import { currencyChoice } from "./currency.js";
import { orders, order } from "./orders.js";
import { preferences } from "./preferences.js";
import { product } from "./product.js";
import { returned, returnForm } from "./returns.js";
import { search, searchBox } from "./search.js";
import { announce, failed, frame, signedOut } from "./shell.js";
import { h } from "./dom.js";
import { session } from "./vantage.js";

/**
 * The views by address. A view gets the address's part and its query, and gives a title and what is in it. It
 * may read until `signal` says that the reader has gone on.
 */
const VIEWS = [
  { path: /^\/$/, view: search, tab: "#/" },
  { path: /^\/product\/(prd_\w+)$/, view: product, tab: "#/" },
  { path: /^\/orders$/, view: orders, tab: "#/orders", account: true },
  { path: /^\/orders\/(ord_\w+)$/, view: order, tab: "#/orders", account: true },
  { path: /^\/orders\/(ord_\w+)\/return$/, view: returnForm, tab: "#/orders", account: true },
  { path: /^\/returns\/(ret_\w+)$/, view: returned, tab: "#/orders", account: true },
  { path: /^\/notifications$/, view: preferences, tab: "#/notifications", account: true },
];
const TABS = [
  ["#/", "Products"],
  ["#/orders", "My orders"],
  ["#/notifications", "Notifications"],
];

const main = document.getElementById("main");
const tabs = TABS.map(([href, name]) => h("a", { href }, name));
const find = searchBox();
let leaving = new AbortController();
let shown = null;

function address() {
  const [path, query = ""] = (location.hash.slice(1) || "/").split("?");
  return { path, query: new URLSearchParams(query) };
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const { path, query } = address();
  const match = VIEWS.map((one) => ({ ...one, part: path.match(one.path) })).find((one) => one.part);
  for (const tab of tabs) {
    if (tab.hash === match?.tab) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  find.show(match?.view === search ? (query.get("q") ?? "") : find.text());
  main.setAttribute("aria-busy", "true");
  const result = await content(match, query, signal);
  if (signal.aborted) return;
  main.removeAttribute("aria-busy");
  replace(path, result);
}

async function content(match, query, signal) {
  if (!match)
    return { title: "Not found", body: h("p", {}, "There is no such page. ", h("a", { href: "#/" }, "All products")) };
  if (match.account && !session.token) return { title: "Sign in", body: signedOut() };
  try {
    return await match.view({ id: match.part[1], query, signal, again: show });
  } catch (error) {
    return { title: "Not available", body: failed(error, show) };
  }
}

/** Shows a view. On the same page the reader's place is kept; on another it is at the title. */
function replace(path, { title, said = title, body }) {
  const first = shown === null;
  const same = shown === path;
  const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
  const heading = h("h1", { tabIndex: -1 }, title);
  main.replaceChildren(heading, ...[body].flat().filter(Boolean));
  shown = path;
  document.title = `${title} – Vantage`;
  const kept = same && focused && document.getElementById(focused);
  if (kept) kept.focus({ preventScroll: true });
  else if (!first && !same) {
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  if (!first) announce(said);
}

frame();
document
  .getElementById("bar")
  .replaceWith(
    h(
      "section",
      { class: "bar", "aria-label": "Find your way" },
      h("nav", { class: "tabs", "aria-label": "Shop" }, tabs),
      find.element,
      currencyChoice(show),
    ),
  );
addEventListener("hashchange", show);
session.onChange(show);
show();
