// The page of one order. It is live until the reader leaves it.

import { action, badge, facts, h, isZero, nameOf, notice, shortNumber, time, timeline, words } from "../shared/dom.js";
import { connectionLine } from "../shared/connection.js";
import { idempotencyKeys, request, session } from "../shared/graph.js";
import { follow } from "../shared/live.js";
import { ORDER_PARCELS, ORDER_TRACKING } from "../shared/operations.js";
import { ORDER, ORDER_CANCEL, ORDER_UPDATED } from "../shared/order_operations.js";
import { parcelCard } from "../shared/parcel.js";
import { piece } from "../shared/piece.js";
import { announce, confirmed } from "../shared/shell.js";
import { challengeOf, secretOf } from "./payment.js";

/** A part of an order: what a piece of the view shows. */
const pick =
  (...names) =>
  (order) =>
    Object.fromEntries(names.map((name) => [name, order[name]]));
const payable = pick(
  "subtotal",
  "shipping",
  "tax",
  "total",
  "totalUsd",
  "exchangeRate",
  "storeCreditUsed",
  "capturedAmount",
  "paymentStatus",
  "paymentMethod",
  "refunds",
);

export const trackLink = (id) => h("a", { class: "button quiet", href: `tracking.html#order=${id}` }, "Track live");

export async function order({ id, signal }) {
  let partial = false;
  const { order: found } = await request(ORDER, { id }, { signal, onPartial: () => (partial = true) });
  if (!found) return { title: "Order not found", body: h("a", { href: "#/orders" }, "See my orders") };
  let now = found;
  const keys = idempotencyKeys();

  async function cancel() {
    const { orderCancel } = await request(ORDER_CANCEL, { id, key: keys(id) });
    const [error] = orderCancel.userErrors;
    if (error) throw new Error(error.message);
    update((await request(ORDER, { id }, { signal })).order);
  }

  const pieces = [
    [piece((order) => summary(order, cancel)), pick("id", "status", "placedAt", "deliveredAt", "allowedActions")],
    [piece(waiting), pick("id", "status", "paymentStatus")],
    [piece(items), pick("id", "items")],
    [piece(parcels), pick("status", "shipments")],
    [piece(returns), pick("returns")],
    [piece(payment), payable],
    [piece(delivery), pick("id", "shippingAddress", "shippingOption", "deliveredAt")],
    [piece(history), pick("timeline")],
  ];
  const show = () => pieces.forEach(([one, of]) => one.show(of(now)));
  const [head, wait, lines, sent, back, money, address, past] = pieces.map(([{ element }]) => element);

  /** Takes a newer state, of which other domains may not have answered their part. */
  function update(next) {
    if (next.status !== now.status) announce(`Order status: ${words(next.status)}`);
    now = { ...next, shipments: next.shipments ?? now.shipments, returns: next.returns ?? now.returns };
    show();
  }

  const connection = connectionLine(() => following.retry());
  const following = follow({
    subscription: ORDER_UPDATED,
    variables: { id },
    bearer: session.token,
    async poll(signal) {
      const { order } = await request(ORDER, { id }, { signal });
      return { orderUpdated: order };
    },
    onUpdate: ({ orderUpdated }) => update(orderUpdated),
    onState: connection.say,
  });
  // Carriers report more than what changes an order.
  const moving = follow({
    subscription: ORDER_TRACKING,
    variables: { id },
    bearer: session.token,
    async poll(signal) {
      const { order } = await request(ORDER_PARCELS, { id }, { signal });
      return { orderTracking: { order, snapshot: true } };
    },
    onUpdate({ orderTracking: { order, snapshot, status, location } }) {
      if (!order?.shipments) return;
      now = { ...now, shipments: order.shipments };
      if (!snapshot) announce(`Parcel: ${[words(status), location].filter(Boolean).join(", ")}`);
      show();
    },
    onState: () => {},
  });
  signal.addEventListener("abort", () => {
    following.stop();
    moving.stop();
    connection.stop();
  });
  show();
  return {
    title: `Order ${shortNumber(found.id)}`,
    body: [
      partial && notice("Some details could not be loaded. Try again in a moment.", "wait"),
      connection.element,
      head,
      wait,
      h("div", { class: "columns" }, h("div", {}, lines, sent, back), h("div", {}, money, address, past)),
    ],
  };
}

const CANCEL = {
  title: "Cancel this order?",
  text: "What the bank holds is released, and what you have paid is refunded.",
  yes: "Cancel order",
  no: "Keep order",
};

function summary({ id, status, placedAt, deliveredAt, allowedActions }, cancel) {
  return h(
    "div",
    { class: "row" },
    badge(status),
    h("span", { class: "muted" }, "Placed ", time(placedAt)),
    deliveredAt && h("span", { class: "muted" }, "Delivered ", time(deliveredAt)),
    h("code", { class: "muted" }, id),
    allowedActions.includes("REORDER") &&
      h("a", { class: "button quiet", href: `#/orders/${id}/again` }, "Order again"),
    allowedActions.includes("CANCEL") &&
      action("Cancel order", () => confirmed(CANCEL, cancel), { id: "cancel-order", class: "danger" }),
  );
}

/** What the reader does, or waits for, before the order goes on. */
function waiting({ id, status, paymentStatus }) {
  if (paymentStatus === "IN_REVIEW") return notice("We are looking at the payment, and will write to you.", "wait");
  if (status !== "PENDING") return null;
  const secret = secretOf(id);
  if (!secret) return notice("The payment is in progress. If your bank asks you to confirm it, please do.", "wait");
  const challenge = challengeOf(id);
  return h(
    "div",
    { class: "notice wait", role: "status" },
    h("p", {}, "Your bank wants you to confirm the payment. Without that, the order is cancelled within an hour."),
    challenge
      ? h("p", {}, h("a", { class: "button", href: challenge }, "Confirm with my bank"))
      : h("p", {}, "The payment provider's form does it with this secret: ", h("code", {}, secret)),
  );
}

function items({ id, items }) {
  const returnable = items.some((item) => item.returnEligibility?.eligible);
  return h(
    "section",
    { class: "card" },
    h(
      "div",
      { class: "row apart" },
      h("h2", {}, "Items"),
      returnable && h("a", { class: "button", href: `#/orders/${id}/return` }, "Return items"),
    ),
    h(
      "ul",
      { class: "order-items" },
      items.map((item) =>
        h(
          "li",
          {},
          h(
            "div",
            { class: "row apart" },
            h("a", { href: `#/product/${item.product.id}` }, `${item.quantity} × ${item.productName}`),
            h(
              "span",
              {},
              item.quantity > 1 && h("span", { class: "muted" }, `${item.unitPrice.formatted} each `),
              item.lineTotal.formatted,
            ),
          ),
          eligibility(item.returnEligibility),
        ),
      ),
    ),
  );
}

function eligibility(judged) {
  if (!judged) return null;
  if (judged.eligible) {
    return h(
      "small",
      { class: "muted" },
      `${judged.returnableQuantity} can be returned until `,
      time(judged.returnDeadline),
    );
  }
  return h("small", { class: "muted" }, "Cannot be returned: ", judged.reasons.map(({ message }) => message).join(" "));
}

function parcels({ status, shipments }) {
  if (shipments?.length > 0) return shipments.map((parcel) => parcelCard(parcel));
  if (status !== "CONFIRMED") return null;
  return h("section", { class: "card" }, h("h2", {}, "Parcels"), h("p", {}, "The warehouse is packing your order."));
}

const PAYMENT_STATUS = {
  PENDING: "Not settled yet",
  AUTHORIZED: "Held by your bank, and charged when it is sent",
  PARTIALLY_CAPTURED: "Charged for what was sent",
  CAPTURED: "Paid",
  RELEASING: "Being returned to you",
  RELEASED: "Returned to you, or never charged",
  IN_REVIEW: "We are looking at it",
};

function payment(order) {
  const row = (name, money, kind) =>
    h("tr", { class: kind ?? "" }, h("th", { scope: "row" }, name), h("td", {}, money.formatted));
  const { kind, last4, usable } = order.paymentMethod;
  const { total, capturedAmount, storeCreditUsed, refunds } = order;
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Payment"),
    h(
      "table",
      { class: "amounts" },
      h(
        "tbody",
        {},
        row("Items", order.subtotal),
        row("Shipping", order.shipping),
        row("Tax", order.tax),
        row("Total", total, "total"),
      ),
    ),
    facts([
      ["Payment", PAYMENT_STATUS[order.paymentStatus] ?? words(order.paymentStatus)],
      ["Charged so far", order.paymentStatus === "PARTIALLY_CAPTURED" && capturedAmount.formatted],
      ["Paid with store credit", !isZero(storeCreditUsed) && storeCreditUsed.formatted],
      ["Paid with", `${nameOf(kind)}${last4 ? ` ending in ${last4}` : ""}`],
      ["In US dollars", total.currency !== "USD" && `${order.totalUsd.formatted} at ${order.exchangeRate}`],
    ]),
    refunds.map(({ amount, status, requestedAt }) =>
      h("p", {}, `Refund of ${amount.formatted} `, badge(status), " ", time(requestedAt)),
    ),
    !usable &&
      h("p", { class: "muted" }, "This payment method can no longer be used, so refunds are issued as store credit."),
  );
}

function delivery({ id, shippingAddress: address, shippingOption, deliveredAt }) {
  const lines = [
    address.name,
    address.line1,
    address.line2,
    [address.city, address.region, address.postalCode].filter(Boolean).join(", "),
    address.countryCode,
  ];
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Delivery"),
    h(
      "p",
      {},
      lines.filter(Boolean).map((line) => [line, h("br")]),
    ),
    shippingOption && h("p", {}, `${words(shippingOption)} shipping`),
    deliveredAt && h("p", {}, "Delivered ", time(deliveredAt)),
    trackLink(id),
  );
}

function history({ timeline: events }) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "History"),
    timeline(
      events.map(({ type, timestamp, actor }) => ({
        what: type ? words(type) : "Something else",
        where: `by ${actor}`,
        at: timestamp,
      })),
    ),
  );
}

function returns({ returns: list }) {
  if (!list?.length) return null;
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Returns"),
    h(
      "ul",
      { class: "order-items" },
      list.map((one) =>
        h(
          "li",
          {},
          h(
            "div",
            { class: "row apart" },
            h("a", { href: `#/returns/${one.id}` }, `Return ${shortNumber(one.id)}`),
            badge(one.status),
          ),
          h("div", {}, one.items.map(({ productName, quantity }) => `${quantity} × ${productName}`).join(", ")),
          h("small", { class: "muted" }, `Refund ${one.refund.total.formatted}. `, one.nextStep),
        ),
      ),
    ),
  );
}
