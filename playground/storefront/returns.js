// The form that starts a return, with the preview of the refund.

import { action, field, h, notice, shortNumber, time, words } from "../shared/dom.js";
import { idempotencyKeys, request } from "../shared/graph.js";
import { RETURN_CREATE, RETURN_FORM, RETURN_PREVIEW } from "../shared/order_operations.js";
import { refundTable } from "./return.js";

const CONDITIONS = ["UNOPENED", "OPENED_UNUSED", "OPENED_USED", "DEFECTIVE", "DAMAGED"];

export async function returnForm({ id, signal }) {
  const { order, returnReasons } = await request(RETURN_FORM, { id }, { signal });
  if (!order) return { title: "Order not found", body: h("a", { href: "#/orders" }, "See my orders") };
  const keys = idempotencyKeys();
  const rows = order.items.map((item) => itemRow(item, returnReasons));
  const result = h(
    "div",
    { "aria-live": "polite" },
    h("p", { class: "muted" }, "Select the items that you want to return."),
  );
  const submit = action("Submit return", create);
  const button = submit.querySelector("button");
  button.disabled = true;
  let asking = new AbortController();

  const input = () => ({ orderId: order.id, items: rows.map((row) => row.chosen()).filter(Boolean) });

  async function preview() {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    button.disabled = true;
    const asked = input();
    if (asked.items.length === 0)
      return result.replaceChildren(h("p", { class: "muted" }, "Select the items that you want to return."));
    if (asked.items.some((item) => !item.reasonCode))
      return result.replaceChildren(h("p", { class: "muted" }, "Choose a reason for each item."));
    try {
      const { returnPreview } = await request(RETURN_PREVIEW, { input: asked }, { signal });
      if (signal.aborted) return;
      const { eligible, reasons, refund, estimatedLabelCost: cost } = returnPreview;
      button.disabled = !eligible;
      result.replaceChildren(
        eligible
          ? h("div", {}, refundTable(refund), cost && labelCost(cost))
          : h(
              "div",
              {},
              reasons.map(({ message }) => notice(message, "bad")),
            ),
      );
    } catch (error) {
      if (!signal.aborted) result.replaceChildren(notice(error.message, "bad"));
    }
  }

  async function create() {
    const asked = input();
    const { returnCreate } = await request(RETURN_CREATE, { input: asked, key: keys(asked) });
    if (returnCreate.return) {
      location.hash = `/returns/${returnCreate.return.id}`;
      return;
    }
    const messages = returnCreate.userErrors.flatMap(
      ({ reasons, message }) => reasons?.map((reason) => reason.message) ?? message,
    );
    throw new Error(messages.join(" "));
  }

  const form = h(
    "form",
    { class: "columns" },
    h(
      "div",
      {},
      rows.map((row) => row.element),
    ),
    h("aside", { class: "card summary", "aria-label": "Your refund" }, h("h2", {}, "Your refund"), result, submit),
  );
  // Comments do not change the refund, and their change event would come with the click on the button.
  form.onchange = ({ target }) => target.type === "text" || preview();
  form.onsubmit = (event) => event.preventDefault();
  return {
    title: "Return items",
    body: [h("p", {}, h("a", { href: `#/orders/${order.id}` }, `Order ${shortNumber(order.id)}`)), form],
  };
}

/** What the label is likely to cost the shop. */
const labelCost = ({ formatted }) =>
  h("p", { class: "muted" }, `The return label is free for you. It costs us about ${formatted}.`);

/** One item of the order: whether to return it, how many, in what condition and why. */
function itemRow(item, reasons) {
  const judged = item.returnEligibility;
  if (!judged?.eligible) {
    const why = judged
      ? judged.reasons.map(({ message }) => message).join(" ")
      : "We cannot check at the moment whether this item can be returned.";
    return {
      element: h("div", { class: "card" }, h("strong", {}, item.productName), h("p", { class: "muted" }, why)),
      chosen: () => null,
    };
  }
  const box = h("input", { type: "checkbox" });
  const counts = Array.from({ length: judged.returnableQuantity }, (_, index) => String(index + 1));
  const quantity = h(
    "select",
    {},
    counts.map((count) => h("option", { value: count }, count)),
  );
  const condition = h(
    "select",
    {},
    CONDITIONS.map((one) => h("option", { value: one }, words(one))),
  );
  const categories = Map.groupBy(reasons, ({ category }) => category);
  const reason = h(
    "select",
    {},
    h("option", { value: "" }, "Choose …"),
    [...categories].map(([category, those]) =>
      h(
        "optgroup",
        { label: words(category) },
        those.map(({ code, label }) => h("option", { value: code }, label)),
      ),
    ),
  );
  const text = h("input", { type: "text", maxLength: 500 });
  const fields = h(
    "div",
    { class: "fields", hidden: true },
    field("Quantity", quantity),
    field("Condition", condition),
    field("Reason", reason),
    h("div", { class: "wide" }, field("Comments (optional)", text)),
  );
  box.onchange = () => (fields.hidden = !box.checked);
  return {
    element: h(
      "fieldset",
      { class: "card return-item" },
      h("legend", { class: "visually-hidden" }, item.productName),
      h(
        "label",
        { class: "check" },
        box,
        h("strong", {}, item.productName),
        h("span", { class: "muted" }, `${item.unitPrice.formatted} each`),
      ),
      h("small", { class: "muted" }, "Return by ", time(judged.returnDeadline)),
      fields,
    ),
    chosen: () =>
      box.checked && {
        orderItemId: item.id,
        quantity: Number(quantity.value),
        condition: condition.value,
        reasonCode: reason.value,
        reasonText: text.value.trim() || null,
      },
  };
}
