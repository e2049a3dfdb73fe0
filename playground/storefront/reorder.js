// Ordering what an earlier order contained again, at current prices.

import { action, h, notice, shortNumber } from "../shared/dom.js";
import { idempotencyKeys, request } from "../shared/graph.js";
import { ORDER_PREVIEW, ORDER_REORDER, REORDER_FORM } from "../shared/order_operations.js";
import { announce } from "../shared/shell.js";
import { amounts, cardField, helped, refusals, remember } from "./payment.js";

export async function reorder({ id, signal, again }) {
  const { order } = await request(REORDER_FORM, { id }, { signal });
  if (!order) return { title: "Order not found", body: h("a", { href: "#/orders" }, "See my orders") };
  const title = `Order ${shortNumber(id)} again`;
  const back = h("p", {}, h("a", { href: `#/orders/${id}` }, `Order ${shortNumber(id)}`));
  if (!order.allowedActions.includes("REORDER")) {
    return { title, body: [back, notice("This order is not paid yet. It can be repeated once it is.", "wait")] };
  }
  const input = {
    items: order.items.map(({ product, quantity }) => ({ productId: product.id, quantity })),
    currency: order.total.currency,
    shippingAddress: { ...order.shippingAddress },
  };
  const { orderPreview: preview } = await request(ORDER_PREVIEW, { input }, { signal });
  const keys = idempotencyKeys();
  const card = cardField();
  const problems = h("div", { role: "alert" }, refusals(preview));
  let attempt = 0;

  async function place() {
    const token = card.select.value;
    const answer = await request(ORDER_REORDER, { id, token, key: keys([id, token, attempt]) }).catch((error) => {
      throw helped(error);
    });
    attempt += 1;
    const payload = answer.orderReorder;
    if (payload.order && payload.userErrors.length === 0) {
      remember(payload);
      announce("Ordered. Thank you!");
      location.hash = `/orders/${payload.order.id}`;
      return;
    }
    problems.replaceChildren(...refusals(payload));
  }

  return {
    title,
    body: [
      back,
      h(
        "section",
        { class: "card" },
        h("p", {}, `To the same address: ${[order.shippingAddress.name, order.shippingAddress.city].join(", ")}`),
        amounts(preview),
        card.element,
        problems,
        h(
          "div",
          { class: "row" },
          preview.userErrors.length === 0 && action("Order and pay", place, { id: "order" }),
          h("button", { type: "button", class: "quiet", onclick: again }, "Ask for the price again"),
        ),
      ),
    ],
  };
}
