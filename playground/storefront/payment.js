// Paying: the test cards, the amounts of a preview, and what a customer does about an order that was refused.

import { facts, field, h, isZero, notice, time } from "../shared/dom.js";
import { setting } from "../shared/graph.js";

/**
 * The payment provider's test cards, which its test mode and the sandbox know. A shop has the provider's form in their
 * place.
 */
const CARDS = [
  ["pm_card_visa", "Visa 4242", "The payment succeeds."],
  ["pm_card_mastercard", "Mastercard 4444", "The payment succeeds."],
  ["pm_card_amex", "American Express 0005", "The payment succeeds."],
  ["pm_card_authenticationRequired", "Visa 3155", "The bank wants the customer to confirm the payment."],
  ["pm_card_chargeDeclined", "Visa 0002", "The bank declines."],
  ["pm_card_chargeDeclinedInsufficientFunds", "Visa 9995", "The bank declines: there is not enough money."],
  ["pm_card_chargeDeclinedExpiredCard", "Visa 0069", "The bank declines: the card has expired."],
  ["pm_card_chargeDeclinedProcessingError", "Visa 0119", "The bank declines: it has a problem of its own."],
  ["pm_card_pendingRefund", "Visa 7726", "The payment succeeds. A refund takes a while."],
  ["pm_card_refundFail", "Visa 5126", "The payment succeeds. The bank refuses a refund later."],
];

/** The choice of a test card. */
export function cardField(chosen = CARDS[0][0]) {
  const select = h(
    "select",
    { id: "card" },
    CARDS.map(([token, name, effect]) => h("option", { value: token }, `${name} – ${effect}`)),
  );
  select.value = chosen;
  return { select, element: field("Test card", select, "Nothing is charged: these are the cards of the test mode.") };
}

/** The amounts of a preview, by the custom of the country. */
export function amounts(preview) {
  const { lines, subtotal, shipping, tax, total, storeCredit, amountDue, totalUsd, exchangeRate, currency } = preview;
  const row = (name, text, kind) => h("tr", { class: kind ?? "" }, h("th", { scope: "row" }, name), h("td", {}, text));
  const included = preview.taxDisplay === "INCLUDED";
  const sent = isZero(shipping) ? "Free" : shipping.formatted;
  return h(
    "div",
    {},
    h(
      "table",
      { class: "amounts" },
      h("caption", { class: "visually-hidden" }, "What the order costs"),
      h(
        "tbody",
        {},
        lines.map(({ product, quantity, displayTotal }) =>
          row(`${quantity} × ${product.title}`, displayTotal.formatted),
        ),
        !included && lines.length > 1 && row("Items", subtotal.formatted),
        row("Shipping", sent),
        !included && row("Tax", preview.isComplete ? tax.formatted : "Depends on the address"),
        row("Total", total.formatted, "total"),
        included && row("Of which tax", tax.formatted),
        !isZero(storeCredit) && [
          row("Store credit", `−${storeCredit.formatted}`),
          row("To pay by card", amountDue.formatted, "total"),
        ],
      ),
    ),
    facts([["In US dollars", currency !== "USD" && `${totalUsd.formatted} at ${exchangeRate?.rate}`]]),
    h("p", { class: "muted" }, included ? "Prices include tax." : "Prices are without tax, which is added."),
    preview.currencyFallback &&
      notice("There is no exchange rate at the moment, so the order is in US dollars.", "wait"),
  );
}

/** When a parcel arrives. */
export const arrival = ({ earliestDelivery, latestDelivery }) => [
  "arrives ",
  time(earliestDelivery, { onlyDay: true }),
  " – ",
  time(latestDelivery, { onlyDay: true }),
];

/** What a customer does about an error, by its code. */
const ADVICE = {
  CURRENCY_NOT_AVAILABLE: "Choose another currency.",
  ORDER_TOTAL_NOT_PAYABLE: "Order more of it, or less.",
  OUT_OF_STOCK: "Order less of it, or try again later.",
  SHIPPING_NOT_AVAILABLE: "Choose another country, or order less at once.",
};

/** Errors that belong beside no field, and the shortages that are behind some of them. */
export function refusals({ userErrors, shortages }, takeAll) {
  const texts = userErrors.map(({ code, message }) => [message.replace(/\.?$/, "."), ADVICE[code]]);
  return [
    ...texts.map((text) => notice(text.filter(Boolean).join(" "), "bad")),
    ...shortages.map(({ product, wanted, availableQuantity }) =>
      h(
        "div",
        { class: "shortage" },
        h("p", {}, `${product.title}: ${availableQuantity} of ${wanted} in stock.`),
        takeAll &&
          availableQuantity > 0 &&
          h(
            "button",
            { type: "button", class: "quiet", onclick: () => takeAll(availableQuantity) },
            `Order ${availableQuantity}`,
          ),
      ),
    ),
  ];
}

/** What a customer does about a request that failed, by the code of the error. */
export function helped(error) {
  const advice = {
    CONFLICT: "Load the page again.",
    DEADLINE_EXCEEDED: "Try again: it will not be ordered twice.",
    FORBIDDEN: "Sign in as somebody else.",
    INTERNAL: "Try again: it will not be ordered twice.",
    NETWORK: "It will not be ordered twice.",
    RATE_LIMITED: "Wait for a minute, and try again.",
    SUBGRAPH_UNAVAILABLE: "Try again in a moment: it will not be ordered twice.",
    UNAUTHENTICATED: "Sign in, and try again.",
  }[error.code];
  if (advice) error.message = `${error.message.replace(/\.?$/, ".")} ${advice}`;
  return error;
}

/** Where the secret of an order's payment is kept: for the tab, because the bank's page takes this one's place. */
const place = (id) => `payment ${id}`;

/** Keeps what only the answer to the order contains. */
export function remember({ order, paymentClientSecret }) {
  if (paymentClientSecret) sessionStorage.setItem(place(order.id), paymentClientSecret);
}

/** The secret of a payment that the customer has to confirm; the payment provider's form needs it. */
export const secretOf = (id) => sessionStorage.getItem(place(id));

/**
 * The page of the simulated provider on which the customer confirms the payment of an order with their bank, and which
 * leads back to the order. Null if the provider is not simulated: its own form has such a page.
 */
export function challengeOf(id) {
  const secret = secretOf(id);
  const provider = setting("payments");
  if (!secret || !provider) return null;
  const [intent] = secret.split("_secret");
  const back = new URL(`#/orders/${id}`, location.origin + location.pathname);
  const page = new URL(`redirect/authenticate/${intent}`, provider);
  page.search = new URLSearchParams({ client_secret: secret, return_url: back.href });
  return page.href;
}

/** What the provider adds to the address on the way back. */
const OUTCOME = ["payment_intent", "payment_intent_client_secret", "redirect_status"];

/** Takes the outcome out of the address, where its secret would stay in the history, and forgets the answered question. */
export function takeOutcome() {
  const query = new URLSearchParams(location.search);
  if (!query.has("redirect_status")) return;
  const secret = query.get("payment_intent_client_secret");
  for (const [name, value] of Object.entries({ ...sessionStorage })) {
    if (value === secret) sessionStorage.removeItem(name);
  }
  OUTCOME.forEach((name) => query.delete(name));
  const rest = query.size > 0 ? `?${query}` : "";
  history.replaceState(null, "", location.pathname + rest + location.hash);
}
