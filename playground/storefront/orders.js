// The list of the customer's orders.

import { action, badge, empty, h, nameOf, shortNumber, time, words } from "../shared/dom.js";
import { request } from "../shared/graph.js";
import { ORDERS } from "../shared/order_operations.js";
import { announce } from "../shared/shell.js";
import { trackLink } from "./order.js";

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
      h(
        "div",
        { class: "row apart" },
        h("p", { class: "muted" }, `${page.totalCount} ${page.totalCount === 1 ? "order" : "orders"}`),
        h("a", { href: "#/credit" }, "Store credit"),
      ),
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
