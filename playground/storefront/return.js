// The page of one return. It is live until the reader leaves it.

import {
  action,
  badge,
  facts,
  h,
  isZero,
  nameOf,
  notice,
  shortNumber,
  time,
  timeline,
  webLink,
  words,
} from "../shared/dom.js";
import { connectionLine } from "../shared/connection.js";
import { idempotencyKeys, request, session } from "../shared/graph.js";
import { follow } from "../shared/live.js";
import { RETURN, RETURN_CANCEL, RETURN_LABEL, RETURN_UPDATED } from "../shared/order_operations.js";
import { parcelCard } from "../shared/parcel.js";
import { piece } from "../shared/piece.js";
import { announce, confirmed } from "../shared/shell.js";

const CANCEL = {
  title: "Cancel this return?",
  text: "Its shipping label will no longer be valid.",
  yes: "Cancel return",
  no: "Keep return",
};

export async function returned({ id, signal }) {
  const { return: found } = await request(RETURN, { id }, { signal });
  if (!found) return { title: "Return not found", body: h("a", { href: "#/orders" }, "See my orders") };
  const keys = idempotencyKeys();
  const progress = piece((one) => state(one, change));
  const parcel = piece(({ shipment }) => shipment && parcelCard(shipment));
  let now = found;

  function update(next) {
    if (next.status !== now.status) announce(`Return status: ${words(next.status)}`);
    // Tracking may not have answered its part.
    now = { ...next, shipment: next.shipment ?? now.shipment };
    show();
  }

  function show() {
    const { shipment, ...rest } = now;
    progress.show(rest);
    parcel.show({ shipment });
  }

  /** Runs a mutation of this return and shows what became of it. */
  async function change(operation, payload) {
    const answer = await request(operation, { id, key: keys([payload, id, now.timeline.length]) });
    const [error] = answer[payload].userErrors;
    update((await request(RETURN, { id }, { signal })).return);
    if (error) throw new Error(error.message);
  }

  const connection = connectionLine(() => following.retry());
  const following = follow({
    subscription: RETURN_UPDATED,
    variables: { id },
    bearer: session.token,
    async poll(signal) {
      return { returnUpdated: (await request(RETURN, { id }, { signal })).return };
    },
    onUpdate: ({ returnUpdated }) => update(returnUpdated),
    onState: connection.say,
  });
  signal.addEventListener("abort", () => {
    following.stop();
    connection.stop();
  });
  show();
  return { title: `Return ${shortNumber(id)}`, body: [connection.element, progress.element, parcel.element] };
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
        one.review?.isOpen &&
          one.review.reason !== "LABEL_NOT_VOIDED" &&
          notice("A person of our team looks at this return. You need not do anything.", "wait"),
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
        one.refundMethod === "STORE_CREDIT"
          ? h("p", { class: "muted" }, "Issued as ", h("a", { href: "#/credit" }, "store credit"), ".")
          : h("p", { class: "muted" }, "Refunded to the original payment method."),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "History"),
        timeline(
          one.timeline.map(({ type, timestamp }) => ({ what: type ? words(type) : "Something else", at: timestamp })),
        ),
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

/** What is refunded. */
export function refundTable(refund) {
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
      !isZero(refund.shipping) &&
      h("p", { class: "muted" }, "Includes the shipping cost, because the error was ours."),
  );
}
