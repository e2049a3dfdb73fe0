// Buying a product: what the order would cost, by the shop's own preview of it, and placing it.

import { action, field, h, isZero, mark, notice } from "../shared/dom.js";
import { idempotencyKeys, request, session } from "../shared/graph.js";
import { CHECKOUT, ORDER_PLACE, ORDER_PREVIEW, SHIPPING_COUNTRIES } from "../shared/order_operations.js";
import { announce, failed, signedOut } from "../shared/shell.js";
import { addressFields } from "./address.js";
import { chosenCurrency } from "./currency.js";
import { amounts, arrival, cardField, helped, refusals, remember } from "./payment.js";

/** What the reader has entered, for as long as the page is open: they may look at another product, or sign in. */
const draft = { address: null, card: undefined, useStoreCredit: false };

let countries = null;

/** The countries that orders are sent to. They are many, so they are read once. */
async function shippingCountries(signal) {
  countries ??= (await request(SHIPPING_COUNTRIES, {}, { signal })).shippingCountries;
  return countries;
}

/** The section that buys a product; none for a product without a price. */
export async function buying(product, signal) {
  if (!product.price) return null;
  const content = h("div", {});
  const load = async () => content.replaceChildren(await contents(product, signal, load));
  await load();
  return h("section", { "aria-labelledby": "buy" }, h("h2", { id: "buy" }, "Buy"), content);
}

/** The form, or what stands in its place. */
async function contents(product, signal, again) {
  if (!session.token) return signedOut("Sign in to buy this.");
  try {
    const [found, countries] = await Promise.all([request(CHECKOUT, {}, { signal }), shippingCountries(signal)]);
    if (!found.me) return notice("There is no account for this token. Sign in as somebody else.", "bad");
    return await form(product, { ...found, countries }, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return failed(error, again);
  }
}

async function form(product, { currencies, currencyContext, countries, me }, signal) {
  const quantity = h("input", { id: "quantity", type: "number", min: "1", max: "99", step: "1", value: "1" });
  const currency = h(
    "select",
    { id: "payment-currency" },
    h("option", { value: "" }, "That of the country"),
    currencies.map(({ code, name }) => h("option", { value: code }, `${code} ${name}`)),
  );
  currency.value = chosenCurrency() ?? "";
  const [last] = me.orders.nodes;
  const first = { name: me.name, countryCode: currencyContext.country ?? "US" };
  const address = await addressFields(countries, draft.address ?? last?.shippingAddress ?? first, signal);
  const shipping = h("div", {});
  const useStoreCredit = h("input", { id: "use-store-credit", type: "checkbox", checked: draft.useStoreCredit });
  const balances = me.storeCredit?.balances ?? [];
  const card = cardField(draft.card);
  const problems = h("div", { role: "alert" });
  const costs = h("div", {});
  /** The parts of the address that the reader has been to: others are not complained about before they order. */
  const visited = new Set();
  const keys = idempotencyKeys();
  let attempt = 0;
  let option = null;
  let shown = null;
  let asking = new AbortController();
  let asked = Promise.resolve();

  const input = () => ({
    items: [{ productId: product.id, quantity: Math.trunc(Number(quantity.value)) || 0 }],
    currency: currency.value || null,
    shippingAddress: address.value(),
    shippingOption: option,
    useStoreCredit: useStoreCredit.checked,
  });

  /** Asks what the order would cost. */
  async function preview() {
    asking.abort();
    asking = new AbortController();
    const here = AbortSignal.any([asking.signal, signal]);
    costs.setAttribute("aria-busy", "true");
    try {
      const { orderPreview } = await request(ORDER_PREVIEW, { input: input() }, { signal: here });
      if (here.aborted) return;
      if (option && !orderPreview.shippingOptions.some(({ code }) => code === option)) {
        // This parcel cannot be sent in the way that was chosen for another one.
        option = null;
        asked = preview();
        return;
      }
      show(orderPreview);
      problems.replaceChildren(...refusals({ ...orderPreview, userErrors: others(orderPreview.userErrors) }, take));
    } catch (error) {
      if (here.aborted) return;
      shown = null;
      costs.replaceChildren(failed(helped(error), () => (asked = preview())));
    } finally {
      if (!here.aborted) costs.removeAttribute("aria-busy");
    }
  }

  function show(preview) {
    const before = shown?.total.formatted;
    shown = preview;
    costs.replaceChildren(amounts(preview));
    if (before && before !== preview.total.formatted) announce(`Total ${preview.total.formatted}`);
    showShipping(preview);
    markFields(preview.userErrors);
  }

  function showShipping({ shippingOptions, shippingOption }) {
    const focused = document.activeElement?.id;
    const choice = (one) => {
      const id = `shipping-${one.code}`;
      const radio = h("input", { id, type: "radio", name: "shipping", checked: one.code === shippingOption });
      radio.onchange = () => (option = one.code);
      const price = isZero(one.price) ? "free" : one.price.formatted;
      return h("label", { class: "check" }, radio, h("span", {}, `${one.name}, ${price}, `, arrival(one)));
    };
    shipping.replaceChildren(
      shippingOptions.length > 0
        ? h("fieldset", {}, h("legend", {}, "Shipping"), shippingOptions.map(choice))
        : h("p", { class: "muted" }, "Nothing is shipped."),
    );
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  /** The control that an error is about, and undefined for one that is about the order. */
  function controlOf({ code, field }) {
    const [, part, ...rest] = field ?? [];
    if (part === "shippingAddress") return address.control(rest[0]);
    if (part === "paymentMethodToken") return card.select;
    if (code === "INVALID_QUANTITY") return quantity;
    return part === "currency" ? currency : undefined;
  }

  const others = (errors) => errors.filter((error) => !controlOf(error));

  function markFields(errors) {
    const texts = new Map(errors.map((error) => [controlOf(error), error.message]));
    for (const part of address.parts) {
      address.mark(part, visited.has(part) ? (texts.get(address.control(part)) ?? "") : "");
    }
    for (const control of [quantity, currency, card.select]) mark(control, texts.get(control) ?? "");
    return errors.map(controlOf).find(Boolean);
  }

  /** Orders as much as there is. */
  function take(available) {
    quantity.value = String(available);
    quantity.focus();
    asked = preview();
  }

  async function order() {
    address.parts.forEach((part) => visited.add(part));
    const agreed = shown?.total.formatted;
    await asked;
    if (!shown) throw new Error("What the order costs is not known yet. Try again in a moment.");
    markFields(shown.userErrors);
    const [wrong] = shown.userErrors;
    if (wrong) {
      (controlOf(wrong) ?? problems.querySelector("button"))?.focus();
      throw new Error("Something is missing or wrong. Correct what is marked, and order again.");
    }
    if (shown.total.formatted !== agreed) {
      throw new Error(`The total is ${shown.total.formatted} now. If you agree, order again.`);
    }
    const { amount, currency } = shown.total;
    const placing = {
      ...input(),
      paymentMethodToken: card.select.value,
      expectedTotal: { amount, currency },
    };
    const answer = await request(ORDER_PLACE, { input: placing, key: keys([placing, attempt]) }).catch((error) => {
      throw helped(error);
    });
    // The next one is another order; the same one only while there was no answer.
    attempt += 1;
    settle(answer.orderPlace);
  }

  function settle(payload) {
    const { order, preview, userErrors } = payload;
    if (order && userErrors.length === 0) {
      remember(payload);
      announce("Ordered. Thank you!");
      location.hash = `/orders/${order.id}`;
      return;
    }
    if (preview) show(preview);
    const control = markFields(userErrors);
    problems.replaceChildren(
      ...refusals({ ...payload, userErrors: others(userErrors) }, take),
      ...(order ? [h("p", {}, h("a", { href: `#/orders/${order.id}` }, "The order was cancelled."))] : []),
    );
    control?.focus();
  }

  const element = h(
    "form",
    { class: "columns buy", noValidate: true },
    h(
      "div",
      { class: "card" },
      h("div", { class: "row top" }, field("Quantity", quantity), field("Pay in", currency)),
      address.element,
      shipping,
      balances.length > 0 &&
        h(
          "label",
          { class: "check" },
          useStoreCredit,
          h("span", {}, `Pay with store credit first (${balances.map(({ formatted }) => formatted).join(", ")})`),
        ),
      card.element,
    ),
    h(
      "aside",
      { class: "card summary", "aria-label": "Your order" },
      h("h3", {}, "Your order"),
      costs,
      problems,
      action("Order and pay", order, { id: "order" }),
    ),
  );
  element.onchange = ({ target }) => {
    const part = address.partOf(target);
    if (part) visited.add(part);
    // What another country offers is another choice.
    if (part === "countryCode") option = null;
    draft.address = address.value();
    draft.card = card.select.value;
    draft.useStoreCredit = useStoreCredit.checked;
    asked = preview();
  };
  element.onsubmit = (event) => event.preventDefault();
  costs.append(h("p", { class: "muted" }, "Asking what it costs …"));
  asked = preview();
  return element;
}
