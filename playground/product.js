// One product, and the pieces of it that lists show too.

import { chosenCurrency } from "./currency.js";
import { badge, facts, h, time, words } from "./dom.js";
import { EVENT_RECORD, PRODUCT } from "./operations.js";
import { request } from "./vantage.js";

/** A picture of the shop's own making: pages show nothing of other origins. */
export function picture({ title, category }) {
  const hue = [...category].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  const element = h("div", { class: "picture", "aria-hidden": "true" }, title.charAt(0));
  element.style.setProperty("--hue", String(hue));
  return element;
}

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

/** What it costs, and what it would without a reduction. */
export function priceTag(price) {
  if (!price) return h("p", { class: "price muted" }, "Price not available");
  const now = price.current.amount.formatted;
  const before = price.compareAt?.amount.formatted ?? price.base.amount.formatted;
  return h(
    "p",
    { class: "price" },
    h("strong", {}, now),
    before !== now && h("s", { class: "muted" }, h("span", { class: "visually-hidden" }, "instead of "), before),
  );
}

/** Nobody waits for what the shop learns from, and nobody is told when it could not. */
export function record(input) {
  request(EVENT_RECORD, { input }).catch(() => {});
}

export async function product({ id, signal }) {
  const { product: found } = await request(PRODUCT, { id, currency: chosenCurrency() }, { signal });
  if (!found)
    return {
      title: "Not on sale",
      body: h("p", {}, "This product is not on sale any more. ", h("a", { href: "#/" }, "All products")),
    };
  record({ kind: "VIEW", productId: found.id });
  const { price } = found;
  return {
    title: found.title,
    body: h(
      "div",
      { class: "one-product" },
      picture(found),
      h(
        "div",
        {},
        h("p", { class: "muted" }, found.brand && [found.brand, " · "], category(found.category)),
        stars(found),
        priceTag(price),
        h("p", {}, found.inStock ? `In stock: ${found.availableQuantity}` : "Out of stock"),
        h("p", {}, found.description),
        price && behind(price),
        history(found.priceHistory),
      ),
    ),
  };
}

const category = (name) => h("a", { href: `#/?${new URLSearchParams({ category: name })}` }, name);

/** How the price came to be: adjustments, and the rate it was converted by. */
function behind({ base, current, adjustments }) {
  const rate = current.exchangeRate;
  return h(
    "details",
    { class: "card" },
    h("summary", {}, "How this price is made"),
    facts([
      ["Base price", base.amount.formatted],
      ...adjustments.map(({ kind, usd }) => [words(kind), usd.formatted]),
      ["In US dollars", current.usd.formatted],
    ]),
    rate
      ? facts([
          ["Rate", `1 ${rate.base} = ${rate.effectiveRate} ${rate.to}`],
          ["Rate is", badge(rate.freshness)],
          ["Fetched", time(rate.fetchedAt)],
          ["Of", time(rate.asOf)],
          ["Source", rate.source],
          ["In your favour", Number(rate.bufferPercent) > 0 && `${rate.bufferPercent} %`],
        ])
      : h("p", { class: "muted" }, "In US dollars, so without conversion."),
  );
}

function history(changes) {
  if (!changes?.length) return null;
  return h(
    "details",
    { class: "card" },
    h("summary", {}, "Prices of the last 90 days"),
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
