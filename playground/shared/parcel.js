// A parcel and its history, on the order's page and on the tracking page.

import { badge, facts, h, nameOf, time, timeline, webLink, words } from "./dom.js";

/** The steps of a delivery without incidents. Other statuses are shown at the step that they interrupt. */
const STEPS = ["LABEL_CREATED", "SHIPPED", "IN_TRANSIT", "OUT_FOR_DELIVERY", "DELIVERED"];
const INTERRUPTED_STEP = { DELIVERY_ATTEMPTED: 3, AVAILABLE_FOR_PICKUP: 3, RETURNING: 2, EXCEPTION: 2 };

/** The steps, with the one that the parcel has reached. */
function progress(status) {
  const reached = STEPS.includes(status) ? STEPS.indexOf(status) : INTERRUPTED_STEP[status];
  return h(
    "ol",
    { class: "progress" },
    STEPS.map((step, index) =>
      h("li", { class: index <= reached ? "reached" : "", "aria-current": index === reached && "step" }, words(step)),
    ),
  );
}

export function parcelCard(parcel, { heading = "h2" } = {}) {
  const number = parcel.trackingUrl ? webLink(parcel.trackingUrl, parcel.trackingNumber) : parcel.trackingNumber;
  const delivered = parcel.status === "DELIVERED";
  return h(
    "article",
    { class: "card parcel" },
    h("div", { class: "row apart" }, h(heading, {}, `${nameOf(parcel.carrier)} parcel`), badge(parcel.status)),
    progress(parcel.status),
    parcel.stale && h("p", { class: "notice wait" }, "The carrier is not responding, so this may be out of date."),
    facts([
      ["Tracking number", number],
      ["Last update", parcel.lastUpdate && time(parcel.lastUpdate)],
      [
        "Estimated delivery",
        !delivered && parcel.estimatedDelivery && time(parcel.estimatedDelivery, { onlyDay: true }),
      ],
    ]),
    contents(parcel.lines),
    parcel.history.length > 0 &&
      h(
        "details",
        { open: true },
        h("summary", {}, "History"),
        timeline(
          parcel.history
            .toReversed()
            .map(({ status, location, timestamp }) => ({ what: words(status), where: location, at: timestamp })),
        ),
      ),
  );
}

/** What is in the parcel. Guests see how much it is, and not what. */
function contents(lines) {
  if (!lines?.length) return null;
  return h(
    "p",
    {},
    h("span", { class: "muted" }, "In this parcel: "),
    lines.map(({ quantity, orderItem }) => `${quantity} × ${orderItem?.productName ?? "item"}`).join(", "),
  );
}
