// The customer's orders: the list, and the page of one order.

import { action, badge, empty, facts, h, nameOf, notice, shortNumber, time, timeline, words } from "../shared/dom.js";
import { ORDER, ORDER_CANCEL, ORDERS } from "../shared/operations.js";
import { parcelCard } from "../shared/parcel.js";
import { announce, confirmed } from "../shared/shell.js";
import { idempotencyKeys, request } from "../shared/graph.js";

const PAGE = 10;
const STATUSES = ["PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"];

export async function orders({ query, signal }) {
  const status = query.get("status");
  const variables = { first: PAGE, status: STATUSES.includes(status) ? [status] : null };
  const read = async (after) => {
    const { me } = await request(ORDERS, { ...variables, after }, { signal });
    if (!me) throw new Error("This account no longer exists.");
    return me.orders;
  };
  let page = await read(null);
  const list = h("div", {});
  const more = action(
    "Show more",
    async () => {
      page = await read(page.pageInfo.endCursor);
      const first = list.children.length;
      add();
      list.children[first]?.querySelector("a").focus();
      announce(`${list.children.length} of ${page.totalCount} orders shown`);
    },
    { class: "quiet" },
  );
  const add = () => {
    list.append(...page.nodes.map(summary));
    more.hidden = !page.pageInfo.hasNextPage;
  };
  add();
  const choice = (value, name) =>
    h(
      "a",
      { href: value ? `#/orders?status=${value}` : "#/orders", "aria-current": (status ?? "") === value && "true" },
      name,
    );
  return {
    title: "My orders",
    said: `${page.totalCount} orders`,
    body: [
      h(
        "nav",
        { class: "choices", "aria-label": "Order status" },
        choice("", "All"),
        STATUSES.map((one) => choice(one, words(one))),
      ),
      h("p", { class: "muted" }, `${page.totalCount} ${page.totalCount === 1 ? "order" : "orders"}`),
      page.totalCount === 0 ? empty("No orders to show.") : list,
      h("div", { class: "center" }, more),
    ],
  };
}

function summary(order) {
  const returnable = order.items.some((item) => item.returnEligibility?.eligible);
  return h(
    "article",
    { class: "card" },
    h(
      "div",
      { class: "row apart" },
      h("h2", {}, h("a", { href: `#/orders/${order.id}` }, `Order ${shortNumber(order.id)}`)),
      h(
        "span",
        { class: "row" },
        h("span", { class: "muted" }, time(order.placedAt, { onlyDay: true })),
        badge(order.status),
        h("strong", {}, order.total.formatted),
      ),
    ),
    h(
      "ul",
      { class: "order-items" },
      order.items.map((item) =>
        h(
          "li",
          { class: "row apart" },
          h("span", {}, `${item.quantity} × ${item.productName}`),
          h("span", {}, item.lineTotal.formatted),
        ),
      ),
    ),
    h(
      "p",
      { class: "row" },
      order.shipments?.map((parcel) => h("span", {}, `${nameOf(parcel.carrier)}: `, badge(parcel.status))),
      order.returns?.map(({ id, status }) => h("a", { href: `#/returns/${id}` }, "Return: ", badge(status))),
    ),
    h(
      "div",
      { class: "row" },
      h("a", { class: "button quiet", href: `#/orders/${order.id}` }, "Details"),
      order.shipments?.length > 0 && trackLink(order.id),
      returnable && h("a", { class: "button quiet", href: `#/orders/${order.id}/return` }, "Return items"),
    ),
  );
}

const trackLink = (id) => h("a", { class: "button quiet", href: `tracking.html#order=${id}` }, "Track live");

const CANCEL = {
  title: "Cancel this order?",
  text: "Your payment will be refunded.",
  yes: "Cancel order",
  no: "Keep order",
};

export async function order({ id, signal, again }) {
  let partial = false;
  const { order: found } = await request(ORDER, { id }, { signal, onPartial: () => (partial = true) });
  if (!found) return { title: "Order not found", body: h("a", { href: "#/orders" }, "See my orders") };
  const address = found.shippingAddress;
  return {
    title: `Order ${shortNumber(found.id)}`,
    body: [
      partial && notice("Some details could not be loaded. Try again in a moment.", "wait"),
      h(
        "div",
        { class: "row" },
        badge(found.status),
        h("span", { class: "muted" }, "Placed ", time(found.placedAt)),
        h("code", { class: "muted" }, found.id),
        found.allowedActions.includes("CANCEL") && cancelling(id, again),
      ),
      h(
        "div",
        { class: "columns" },
        h(
          "div",
          {},
          items(found),
          (found.shipments ?? []).map((parcel) => parcelCard(parcel)),
          returns(found.returns),
        ),
        h(
          "div",
          {},
          amounts(found),
          h(
            "section",
            { class: "card" },
            h("h2", {}, "Delivery"),
            h(
              "p",
              {},
              [
                address.name,
                address.line1,
                address.line2,
                [address.city, address.region, address.postalCode].filter(Boolean).join(", "),
                address.countryCode,
              ]
                .filter(Boolean)
                .map((line) => [line, h("br")]),
            ),
            found.deliveredAt && h("p", {}, "Delivered ", time(found.deliveredAt)),
            found.shipments?.length > 0 && trackLink(found.id),
          ),
          h(
            "section",
            { class: "card" },
            h("h2", {}, "History"),
            timeline(
              found.timeline.map(({ event, timestamp, actor }) => ({
                what: words(event.replace("order.", "")),
                where: `by ${actor}`,
                at: timestamp,
              })),
            ),
          ),
        ),
      ),
    ],
  };
}

function cancelling(id, again) {
  const keys = idempotencyKeys();
  async function cancel() {
    const { orderCancel } = await request(ORDER_CANCEL, { id, key: keys(id) });
    const [error] = orderCancel.userErrors;
    if (error) throw new Error(error.message);
    await again();
  }
  return action("Cancel order", () => confirmed(CANCEL, cancel), { id: "cancel-order", class: "danger" });
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

function amounts(order) {
  const row = (name, money, kind) =>
    h("tr", { class: kind ?? "" }, h("th", { scope: "row" }, name), h("td", {}, money.formatted));
  const { kind, last4, usable } = order.paymentMethod;
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
        row("Total", order.total, "total"),
      ),
    ),
    facts([
      ["Paid with", `${nameOf(kind)}${last4 ? ` ending in ${last4}` : ""}`],
      ["In US dollars", order.total.currency !== "USD" && `${order.totalUsd.formatted} at ${order.exchangeRate}`],
    ]),
    !usable &&
      h("p", { class: "muted" }, "This payment method can no longer be used, so refunds are issued as store credit."),
  );
}

function returns(list) {
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
