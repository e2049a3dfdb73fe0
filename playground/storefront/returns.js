// Returns: the form with the preview of the refund, and the page of one return.

import {
  action,
  badge,
  facts,
  field,
  h,
  nameOf,
  notice,
  shortNumber,
  time,
  timeline,
  webLink,
  words,
} from "../shared/dom.js";
import {
  RETURN,
  RETURN_CANCEL,
  RETURN_CREATE,
  RETURN_FORM,
  RETURN_LABEL,
  RETURN_PREVIEW,
} from "../shared/operations.js";
import { parcelCard } from "../shared/parcel.js";
import { announce, confirmed } from "../shared/shell.js";
import { idempotencyKeys, request } from "../shared/graph.js";

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
      const { eligible, reasons, refund } = returnPreview;
      button.disabled = !eligible;
      result.replaceChildren(
        eligible
          ? refundTable(refund)
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

function refundTable(refund) {
  const row = (name, money, kind) =>
    h("tr", { class: kind ?? "" }, h("th", { scope: "row" }, name), h("td", {}, money.formatted));
  return h(
    "div",
    {},
    h(
      "table",
      { class: "amounts" },
      h(
        "tbody",
        {},
        row("Items", refund.items),
        row("Tax", refund.tax),
        row("Shipping", refund.shipping),
        row("Total refund", refund.total, "total"),
      ),
    ),
    // Free shipping is refunded too, and not worth a word.
    refund.includesShipping &&
      /[1-9]/.test(refund.shipping.amount) &&
      h("p", { class: "muted" }, "Includes the shipping cost, because the error was ours."),
  );
}

/** How often an open return is read again. */
const REFRESH_INTERVAL = 10_000;
const CANCEL = {
  title: "Cancel this return?",
  text: "Its shipping label will no longer be valid.",
  yes: "Cancel return",
  no: "Keep return",
};
const OPEN = ["INITIATED", "LABEL_GENERATED", "CARRIER_SCANNED", "REFUND_ISSUED", "MANUAL_REVIEW"];

export async function returned({ id, signal }) {
  const { return: found } = await request(RETURN, { id }, { signal });
  if (!found) return { title: "Return not found", body: h("a", { href: "#/orders" }, "See my orders") };
  const keys = idempotencyKeys();
  const body = h("div", {});
  let now = found;

  async function read() {
    const { return: next } = await request(RETURN, { id }, { signal });
    if (!next || JSON.stringify(next) === JSON.stringify(now)) return;
    if (next.status !== now.status) announce(`Return status: ${words(next.status)}`);
    now = next;
    show();
  }

  /** Runs a mutation of this return and shows what became of it. */
  async function change(operation, payload) {
    const answer = await request(operation, { id, key: keys([payload, id, now.timeline.length]) });
    const [error] = answer[payload].userErrors;
    await read();
    if (error) throw new Error(error.message);
  }

  function show() {
    const focused = body.contains(document.activeElement);
    body.replaceChildren(...[state(now, change), now.shipment && parcelCard(now.shipment)].flat().filter(Boolean));
    // The focused element is gone.
    if (focused) document.querySelector("h1").focus();
  }

  const refreshing = setInterval(() => {
    // The next one follows when this one fails.
    if (!document.hidden && OPEN.includes(now.status)) read().catch(() => {});
  }, REFRESH_INTERVAL);
  signal.addEventListener("abort", () => clearInterval(refreshing));
  show();
  return { title: `Return ${shortNumber(id)}`, body };
}

function state(one, change) {
  const cancellable = ["INITIATED", "LABEL_GENERATED"].includes(one.status);
  const cancel = action("Cancel return", () => confirmed(CANCEL, () => change(RETURN_CANCEL, "returnCancel")), {
    class: "danger",
  });
  const getLabel = action("Get label", () => change(RETURN_LABEL, "returnLabelGenerate"));
  return h(
    "div",
    { class: "columns" },
    h(
      "div",
      {},
      h(
        "section",
        { class: "card" },
        h("div", { class: "row apart" }, badge(one.status), h("code", { class: "muted" }, one.id)),
        one.nextStep && h("p", {}, h("strong", {}, one.nextStep)),
        one.fallbackDeadline &&
          one.status === "LABEL_GENERATED" &&
          h(
            "p",
            { class: "muted" },
            "Hand over the package before ",
            time(one.fallbackDeadline),
            ". After that, our team will review the return.",
          ),
        one.label && label(one.label),
        h(
          "div",
          { class: "row" },
          one.status === "INITIATED" && getLabel,
          cancellable && cancel,
          h("a", { class: "button quiet", href: `#/orders/${one.order.id}` }, "View order"),
        ),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "Items"),
        h(
          "ul",
          { class: "order-items" },
          one.items.map((item) =>
            h(
              "li",
              {},
              `${item.quantity} × ${item.productName}`,
              h("br"),
              h(
                "small",
                { class: "muted" },
                `${item.reason.label}, ${words(item.condition).toLowerCase()}. `,
                item.reasonText,
              ),
            ),
          ),
        ),
      ),
    ),
    h(
      "div",
      {},
      h(
        "section",
        { class: "card" },
        h("h2", {}, "Refund"),
        refundTable(one.refund),
        h(
          "p",
          { class: "muted" },
          one.refundMethod === "STORE_CREDIT"
            ? "Issued as store credit, because the payment method can no longer be used."
            : "Refunded to the original payment method.",
        ),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "History"),
        timeline(one.timeline.map(({ event, timestamp }) => ({ what: words(event), at: timestamp }))),
      ),
    ),
  );
}

function label({ url, carrier, trackingNumber, returnAddress, expiresAt, estimatedCost }) {
  return h(
    "div",
    {},
    facts([
      ["Carrier", nameOf(carrier)],
      ["Tracking number", trackingNumber],
      ["Return address", returnAddress],
      ["Label cost", estimatedCost.formatted],
      ["Link expires", time(expiresAt)],
    ]),
    h("p", {}, webLink(url, "Open and print the label")),
  );
}
