// A product's page, and the parts of it that lists show too.

import { buying } from "./checkout.js";
import { chosenCurrency } from "./currency.js";
import { badge, facts, h, time, words } from "../shared/dom.js";
import { EVENT_RECORD, PRODUCT } from "../shared/operations.js";
import { request } from "../shared/graph.js";
import { picture } from "./picture.js";

export function stars({ rating, reviewCount }) {
  if (rating === null) return h("p", { class: "muted" }, "No reviews yet");
  const full = Math.round(rating);
  return h(
    "p",
    { class: "stars" },
    h("span", { "aria-hidden": "true" }, "★".repeat(full) + "☆".repeat(5 - full)),
    h(
      "span",
      { class: "muted" },
      h("span", { class: "visually-hidden" }, "Rated "),
      ` ${rating.toFixed(1)} (${reviewCount})`,
    ),
  );
}

/** The price, and what it was before a reduction. */
export function priceTag(price) {
  if (!price) return h("p", { class: "price muted" }, "Price not available");
  const now = price.current.amount.formatted;
  const before = price.compareAt?.amount.formatted ?? price.base.amount.formatted;
  return h(
    "p",
    { class: "price" },
    h("strong", {}, now),
    before !== now && h("s", { class: "muted" }, h("span", { class: "visually-hidden" }, "was "), before),
  );
}

/** Records an event for the shop's ranking. The reader need not know when that fails. */
export function record(input) {
  request(EVENT_RECORD, { input }).catch(() => {});
}

export async function product({ id, signal }) {
  const { product: found } = await request(PRODUCT, { id, currency: chosenCurrency() }, { signal });
  if (!found)
    return {
      title: "No longer available",
      body: h("p", {}, "This product is no longer available. ", h("a", { href: "#/" }, "See all products")),
    };
  record({ kind: "VIEW", productId: found.id });
  const { price } = found;
  const buy = await buying(found, signal);
  return {
    title: found.title,
    body: [
      h(
        "div",
        { class: "one-product" },
        picture(found),
        h(
          "div",
          {},
          h("p", { class: "muted" }, found.brand && [found.brand, " · "], category(found.category)),
          stars(found),
          priceTag(price),
          h("p", {}, found.inStock ? `${found.availableQuantity} in stock` : "Out of stock"),
          h("p", {}, found.description),
          price && breakdown(price),
          history(found.priceHistory),
        ),
      ),
      buy,
    ],
  };
}

const category = (name) => h("a", { href: `#/?${new URLSearchParams({ category: name })}` }, name);

/** How the price is made up: adjustments, and the exchange rate. */
function breakdown({ base, current, adjustments }) {
  const rate = current.exchangeRate;
  return h(
    "details",
    { class: "card" },
    h("summary", {}, "Price details"),
    facts([
      ["Base price", base.amount.formatted],
      ...adjustments.map(({ kind, usd }) => [words(kind), usd.formatted]),
      ["In US dollars", current.usd.formatted],
    ]),
    rate
      ? facts([
          ["Exchange rate", `1 ${rate.base} = ${rate.effectiveRate} ${rate.to}`],
          ["Rate status", badge(rate.freshness)],
          ["Rate fetched", time(rate.fetchedAt)],
          ["Rate published", time(rate.asOf)],
          ["Rate source", rate.source],
          ["Rate margin", Number(rate.bufferPercent) > 0 && `${rate.bufferPercent} %`],
        ])
      : h("p", { class: "muted" }, "Priced in US dollars, so no conversion is needed."),
  );
}

function history(changes) {
  if (!changes?.length) return null;
  return h(
    "details",
    { class: "card" },
    h("summary", {}, "Price history (90 days)"),
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h("tr", {}, h("th", { scope: "col" }, "Since"), h("th", { scope: "col", class: "number" }, "US dollars")),
      ),
      h(
        "tbody",
        {},
        changes.map(({ changedAt, base }) =>
          h("tr", {}, h("td", {}, time(changedAt)), h("td", { class: "number" }, base.formatted)),
        ),
      ),
    ),
  );
}
