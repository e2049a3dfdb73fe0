// The storefront: which view an address shows, and the bar above all of them.

import "../shared/vantage.css";
import "./storefront.css";

import { currencyChoice } from "./currency.js";
import { credit } from "./credit.js";
import { order } from "./order.js";
import { orders } from "./orders.js";
import { takeOutcome } from "./payment.js";
import { preferences } from "./preferences.js";
import { product } from "./product.js";
import { reorder } from "./reorder.js";
import { returned } from "./return.js";
import { returnForm } from "./returns.js";
import { search, searchBox } from "./search.js";
import { support, supportOrder, supportReturn } from "./support.js";
import { announce, failed, frame, markCurrent, signedOut } from "../shared/shell.js";
import { h } from "../shared/dom.js";
import { session } from "../shared/graph.js";

/**
 * The views by address. A view gets the id in the address and the query, and resolves with a title and a body.
 * `signal` aborts when the reader leaves. `tab` is the view's entry in the navigation.
 */
const VIEWS = [
  { path: /^\/$/, view: search, tab: "#/" },
  { path: /^\/product\/(prd_\w+)$/, view: product, tab: "#/" },
  { path: /^\/orders$/, view: orders, tab: "#/orders", account: true },
  { path: /^\/orders\/(ord_\w+)$/, view: order, tab: "#/orders", account: true },
  { path: /^\/orders\/(ord_\w+)\/return$/, view: returnForm, tab: "#/orders", account: true },
  { path: /^\/orders\/(ord_\w+)\/again$/, view: reorder, tab: "#/orders", account: true },
  { path: /^\/credit$/, view: credit, tab: "#/orders", account: true },
  { path: /^\/returns\/(ret_\w+)$/, view: returned, tab: "#/orders", account: true },
  { path: /^\/notifications$/, view: preferences, tab: "#/notifications", account: true },
  { path: /^\/support$/, view: support, tab: "#/support", account: true },
  { path: /^\/support\/returns\/(ret_\w+)$/, view: supportReturn, tab: "#/support", account: true },
  { path: /^\/support\/orders\/(ord_\w+)$/, view: supportOrder, tab: "#/support", account: true },
];
const main = document.getElementById("main");
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
  markCurrent(match?.tab);
  find.show(match?.view === search ? (query.get("q") ?? "") : find.text());
  main.setAttribute("aria-busy", "true");
  const result = await content(match, query, signal);
  if (signal.aborted) return;
  main.removeAttribute("aria-busy");
  replace(path, result);
}

async function content(match, query, signal) {
  if (!match)
    return {
      title: "Page not found",
      body: h("p", {}, "This page does not exist. ", h("a", { href: "#/" }, "See all products")),
    };
  if (match.account && !session.token) return { title: "Sign in", body: signedOut() };
  try {
    return await match.view({ id: match.part[1], query, signal, again: show });
  } catch (error) {
    return { title: "Something went wrong", body: failed(error, show) };
  }
}

/** Shows a view. The same view keeps the focus where it was; another one has it at the title. */
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

takeOutcome();
frame();
document
  .getElementById("bar")
  .replaceWith(h("section", { class: "bar", "aria-label": "Search and currency" }, find.element, currencyChoice(show)));
addEventListener("hashchange", show);
session.onChange(show);
show();
