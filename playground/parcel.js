// A parcel: where it is and where it has been, on the order's page and on the tracking page.

import { badge, facts, h, nameOf, time, timeline, webLink, words } from "./dom.js";

/** The way of a parcel that meets no trouble. Other statuses stand at the step they interrupt. */
const WAY = ["LABEL_CREATED", "SHIPPED", "IN_TRANSIT", "OUT_FOR_DELIVERY", "DELIVERED"];
const STANDS_AT = { DELIVERY_ATTEMPTED: 3, AVAILABLE_FOR_PICKUP: 3, RETURNING: 2, EXCEPTION: 2 };

/** The steps of the way, with the one it has come to. */
function way(status) {
  const reached = WAY.includes(status) ? WAY.indexOf(status) : STANDS_AT[status];
  return h(
    "ol",
    { class: "way" },
    WAY.map((step, index) =>
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
    way(parcel.status),
    parcel.stale &&
      h("p", { class: "notice wait" }, "The carrier has not answered for a while: this may be out of date."),
    facts([
      ["Tracking number", number],
      ["Last update", parcel.lastUpdate && time(parcel.lastUpdate)],
      [
        "Estimated delivery",
        !delivered && parcel.estimatedDelivery && time(parcel.estimatedDelivery, { onlyDay: true }),
      ],
    ]),
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
