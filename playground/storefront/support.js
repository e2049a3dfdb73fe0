// Support: what waits for a person, the decision about one return or order, and what was decided before.

import { action, badge, empty, facts, field, h, notice, shortNumber, time, timeline, words } from "../shared/dom.js";
import {
  SUPPORT_DECIDE_ORDER,
  SUPPORT_DECIDE_RETURN,
  SUPPORT_ORDER,
  SUPPORT_QUEUES,
  SUPPORT_REFUND,
  SUPPORT_RETURN,
} from "../shared/order_operations.js";
import { announce } from "../shared/shell.js";
import { idempotencyKeys, request } from "../shared/graph.js";

const DECISIONS = {
  RETRY_LABEL: "Get a new label",
  RETRY_VOID: "Ask again to void the label",
  REFUND: "Refund",
  REFUND_TO_STORE_CREDIT: "Refund as store credit",
  REJECT: "Close without a refund",
  WAIT: "Leave it in the queue",
  RETRY_PAYMENT: "Ask the payment provider again",
  CANCEL: "Cancel the order",
  RESOLVE: "Settled: nothing more is needed",
};

export async function support({ signal }) {
  const { supportReturns, supportOrders } = await request(SUPPORT_QUEUES, {}, { signal });
  const waiting = supportReturns.totalCount + supportOrders.totalCount;
  return {
    title: "Support",
    said: `${waiting} wait for a decision`,
    body: [
      queue("Returns", supportReturns, (one) => `#/support/returns/${one.id}`, "Return"),
      queue("Orders", supportOrders, (one) => `#/support/orders/${one.id}`, "Order"),
    ],
  };
}

function queue(title, { totalCount, nodes }, href, kind) {
  const row = (one) =>
    h(
      "tr",
      {},
      h("td", {}, h("a", { href: href(one) }, `${kind} ${shortNumber(one.id)}`)),
      h("td", {}, words(one.review.reason)),
      h("td", {}, badge(one.status)),
      h("td", {}, time(one.review.since)),
    );
  const head = ["", "Why", "Status", "Since"].map((name) => h("th", { scope: "col" }, name || "Number"));
  return h(
    "section",
    { class: "card" },
    h("h2", {}, `${title} (${totalCount})`),
    totalCount === 0
      ? empty("Nothing waits.")
      : h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, nodes.map(row))),
  );
}

export async function supportReturn({ id, signal, again }) {
  const found = (await request(SUPPORT_RETURN, { id }, { signal })).return;
  if (!found) return { title: "Return not found", body: h("a", { href: "#/support" }, "See the queue") };
  const { review, refund, items, label } = found;
  const amount = h("input", { inputMode: "decimal", placeholder: refund.total.amount });
  const carrier = h("input", { placeholder: "UPS" });
  const anyRate = h("input", { type: "checkbox" });
  const extra = (decision) => ({
    ...(decision.startsWith("REFUND") &&
      amount.value && { refundAmount: { amount: amount.value, currency: refund.total.currency } }),
    ...(decision === "RETRY_LABEL" && { acceptAnyRate: anyRate.checked }),
    ...(decision === "RETRY_LABEL" && carrier.value && { carrier: carrier.value }),
  });
  const decide = async (decision, note, keys) => {
    const input = { returnId: id, decision, note, ...extra(decision) };
    const { returnReviewDecide } = await request(SUPPORT_DECIDE_RETURN, { input, key: keys(input) });
    check(returnReviewDecide.userErrors);
    again();
  };
  return {
    title: `Return ${shortNumber(id)}`,
    body: [
      back(),
      h(
        "section",
        { class: "card" },
        facts([
          ["Status", badge(found.status)],
          ["Waits because", review && words(review.reason)],
          ["Since", review && time(review.since)],
          ["Refund", refund.total.formatted],
          ["Label", label && `${label.carrier} ${label.trackingNumber}`],
          ["Order", h("a", { href: `#/support/orders/${found.order.id}` }, shortNumber(found.order.id))],
        ]),
        h(
          "ul",
          {},
          items.map((item) => h("li", {}, `${item.quantity} × ${item.productName}: ${item.reason.label}`)),
        ),
      ),
      review?.isOpen &&
        form(
          review.allowedDecisions,
          decide,
          [
            field("Amount, if another", amount, `In ${refund.total.currency}, only for a refund.`),
            field("Carrier of a new label, if a certain one", carrier),
            field("A new label may cost any price", anyRate),
          ],
          review.reason === "LABEL_NOT_VOIDED" && { REJECT: "Accept that its price is lost" },
        ),
      review && history(review.history),
      h("section", { class: "card" }, h("h2", {}, "What happened"), timeline(found.timeline.map(event))),
    ],
  };
}

export async function supportOrder({ id, signal, again }) {
  const { order } = await request(SUPPORT_ORDER, { id }, { signal });
  if (!order) return { title: "Order not found", body: h("a", { href: "#/support" }, "See the queue") };
  const { review, total } = order;
  const decide = async (decision, note, keys) => {
    const input = { orderId: id, decision, note };
    const { orderReviewDecide } = await request(SUPPORT_DECIDE_ORDER, { input, key: keys(input) });
    check(orderReviewDecide.userErrors);
    again();
  };
  return {
    title: `Order ${shortNumber(id)}`,
    body: [
      back(),
      h(
        "section",
        { class: "card" },
        facts([
          ["Status", badge(order.status)],
          ["Waits because", review?.isOpen && words(review.reason)],
          ["Customer", `${order.customer.name}, ${order.customer.email}`],
          ["Total", total.formatted],
        ]),
        h(
          "ul",
          {},
          order.refunds.map(({ amount, status, requestedAt }) =>
            h("li", {}, `Refund of ${amount.formatted}: ${words(status)}, `, time(requestedAt)),
          ),
        ),
      ),
      review?.isOpen && form(review.allowedDecisions, decide),
      refundForm(order, again),
      history(order.decisions),
      h("section", { class: "card" }, h("h2", {}, "What happened"), timeline(order.timeline.map(event))),
    ],
  };
}

const back = () => h("p", {}, h("a", { href: "#/support" }, "All that waits"));

const event = ({ type, timestamp }) => ({ what: type ? words(type) : "Something else", at: timestamp });

function check(userErrors) {
  if (userErrors.length > 0) throw new Error(userErrors.map(({ message }) => message).join(" "));
  announce("Done");
}

/** The decision, with the note that it needs. */
function form(allowed, decide, more = [], names = {}) {
  const keys = idempotencyKeys();
  const known = { ...DECISIONS, ...names };
  const choice = h(
    "select",
    {},
    allowed.map((one) => h("option", { value: one }, known[one] ?? words(one))),
  );
  const note = h("textarea", { rows: 3, required: true, maxLength: 2000 });
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Decide"),
    field("Decision", choice),
    more,
    field("Note", note, "Why. Customers do not see it."),
    action("Decide", () => decide(choice.value, note.value, keys)),
  );
}

function refundForm({ id, total }, again) {
  const keys = idempotencyKeys();
  const amount = h("input", { inputMode: "decimal", placeholder: total.amount });
  const note = h("textarea", { rows: 2, required: true, maxLength: 2000 });
  const refund = async () => {
    const some = amount.value ? { amount: amount.value, currency: total.currency } : null;
    const input = { orderId: id, amount: some, note: note.value };
    const { orderRefund } = await request(SUPPORT_REFUND, { input, key: keys(input) });
    check(orderRefund.userErrors);
    again();
  };
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Refund"),
    field("Amount", amount, `In ${total.currency}. Without one, all that is left is refunded.`),
    field("Note", note, "Why. Customers do not see it."),
    action("Refund", refund),
  );
}

function history(decisions) {
  if (decisions.length === 0) return notice("Nothing was decided yet.");
  const row = ({ decision, actor, note, decidedAt, statusBefore, statusAfter }) =>
    h(
      "li",
      {},
      h("strong", {}, DECISIONS[decision] ?? words(decision)),
      ` by ${actor}, `,
      time(decidedAt),
      h("p", {}, note),
      statusBefore !== statusAfter && h("p", { class: "muted" }, `${words(statusBefore)} → ${words(statusAfter)}`),
    );
  return h("section", { class: "card" }, h("h2", {}, "Decisions"), h("ol", {}, decisions.map(row)));
}
