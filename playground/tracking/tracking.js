// The tracking page: an order's parcels as they move, for its owner or for anyone with a guest link.

import "../shared/vantage.css";
import "./tracking.css";

import { connectionLine } from "../shared/connection.js";
import { badge, field, h, notice, shortNumber, time, words } from "../shared/dom.js";
import { follow } from "../shared/live.js";
import { GUEST_PARCEL, GUEST_TRACKING, ORDER_PARCELS, ORDER_TRACKING, SENT_ORDERS } from "../shared/operations.js";
import { parcelCard } from "../shared/parcel.js";
import { announce, failed, frame, markCurrent, signedOut } from "../shared/shell.js";
import { Refused, request, session, takeFromFragment } from "../shared/graph.js";

const GUEST = "guest";

const list = h("aside", { class: "list", "aria-label": "Orders" });
const parcels = h("div", {});
const connection = connectionLine(start);
const heading = h("h1", { tabIndex: -1 }, "Track an order");

let following = null;

const ORDER_ID = /^ord_[0-9a-hjkmnp-tv-z]{26}$/;

/** The source of this page: a guest's link, or one of the caller's orders. An id that cannot exist is `invalid`. */
function source() {
  const guest = sessionStorage.getItem(GUEST);
  if (guest) return { guest };
  const order = new URLSearchParams(location.hash.slice(1)).get("order");
  if (order === null) return {};
  return ORDER_ID.test(order) ? { order } : { invalid: true };
}

const notFound = () => new Refused("This order was not found.", "NOT_FOUND");

/** The order's owner follows all of its parcels. */
const asOwner = (order) => ({
  subscription: ORDER_TRACKING,
  variables: { id: order },
  bearer: session.token,
  async poll(signal) {
    const { order: found } = await request(ORDER_PARCELS, { id: order }, { signal });
    if (!found) throw notFound();
    return { orderTracking: { order: found } };
  },
});

/** A guest has a link and no account. A link to a single parcel can be read but not subscribed to. */
function asGuest(token) {
  const known = new Map();
  /** All parcels of the updates so far, in the form of the owner's updates. */
  const collect = ({ shipment, ...update }) => {
    if (shipment) known.set(shipment.id, shipment);
    return { orderTracking: { ...update, order: { shipments: [...known.values()] } } };
  };
  return {
    subscription: GUEST_TRACKING,
    variables: { token },
    bearer: "",
    pollsWhenForbidden: true,
    read: ({ orderTrackingByToken: update }) => collect(update),
    async poll(signal) {
      const { trackByToken: shipment } = await request(GUEST_PARCEL, { token }, { signal });
      if (!shipment) throw notFound();
      return { orderTrackingByToken: { shipment } };
    },
  };
}

function start() {
  following?.stop();
  connection.stop();
  parcels.replaceChildren();
  connection.element.hidden = true;
  const { guest, order, invalid } = source();
  heading.textContent = guest ? "Your order" : order ? `Order ${shortNumber(order)}` : "Track an order";
  if (guest) {
    watch(asGuest(guest));
  } else if (!session.token) {
    parcels.replaceChildren(signedOut("Sign in to track your orders, or open the tracking link from your email."));
  } else if (order) {
    watch(asOwner(order));
  } else {
    const text = "Choose one of your orders to track it.";
    parcels.replaceChildren(notice(invalid ? `This link does not lead to an order. ${text}` : text));
  }
}

function watch(source) {
  let newest = -1;
  let known = new Map();
  connection.element.hidden = false;
  following = follow({
    ...source,
    onUpdate(data) {
      const { orderTracking: update } = source.read ? source.read(data) : data;
      // After reconnecting, the snapshot may be older than what is on the page.
      if (update.sequence < newest) return;
      newest = update.sequence ?? newest;
      const all = update.order.shipments ?? [];
      show(all, known, update);
      known = new Map(all.map((parcel) => [parcel.id, parcel]));
    },
    onState: say,
  });
}

function show(all, known, update) {
  if (all.length === 0) return parcels.replaceChildren(notice("Nothing has shipped yet."));
  const cards = all.map((parcel) => {
    const card = parcelCard(parcel);
    const before = known.get(parcel.id);
    if (before && JSON.stringify(before) !== JSON.stringify(parcel)) card.classList.add("fresh");
    return card;
  });
  // Histories that the reader closed stay closed.
  const folded = [...parcels.querySelectorAll("details")].map(({ open }) => open);
  parcels.replaceChildren(...cards);
  parcels.querySelectorAll("details").forEach((details, index) => (details.open = folded[index] ?? true));
  if (known.size > 0 && !update.snapshot && update.status) {
    announce([words(update.status), update.location].filter(Boolean).join(", "));
  }
}

function say(state) {
  connection.say(state);
  if (state.kind === "signIn") parcels.replaceChildren(signedOut(`${state.why}.`));
}

/** The orders that have shipped, and a form for another one. */
async function showList() {
  if (source().guest) {
    const leave = () => {
      sessionStorage.removeItem(GUEST);
      refresh();
    };
    return list.replaceChildren(
      notice("You are viewing a shared tracking link."),
      h("button", { type: "button", class: "quiet", onclick: leave }, "Stop viewing it"),
    );
  }
  if (!session.token) return list.replaceChildren(otherOrder());
  try {
    const { me } = await request(SENT_ORDERS);
    list.replaceChildren(
      h("h2", {}, "Shipped orders"),
      h("ul", { class: "sent" }, (me?.orders.nodes ?? []).map(sentOrder)),
      h("hr"),
      otherOrder(),
    );
    current();
  } catch (error) {
    list.replaceChildren(failed(error, showList));
  }
}

function sentOrder({ id, status, placedAt, items, shipments }) {
  const parcel = shipments?.at(-1)?.status ?? status;
  return h(
    "li",
    {},
    h(
      "a",
      { href: `#order=${id}` },
      h("span", { class: "row apart" }, h("strong", {}, shortNumber(id)), badge(parcel)),
      h("small", { class: "muted" }, "Placed ", time(placedAt, { onlyDay: true })),
      h("small", { class: "muted" }, items.map(({ productName }) => productName).join(", ")),
    ),
  );
}

function otherOrder() {
  const id = h("input", {
    type: "text",
    placeholder: "ord_…",
    pattern: "\\s*ord_\\w+\\s*",
    title: "An order ID starts with ord_",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
  });
  const form = h("form", {}, field("Order ID", id), h("button", { class: "quiet" }, "Track"));
  form.onsubmit = (event) => {
    event.preventDefault();
    location.hash = `order=${id.value.trim()}`;
  };
  return form;
}

/** Marks the order that is tracked. */
function current() {
  for (const link of list.querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** Keeps a guest's link for this tab, and removes it from the address. */
function takeGuestLink() {
  const guest = takeFromFragment(GUEST);
  if (guest) sessionStorage.setItem(GUEST, guest);
}

function refresh() {
  takeGuestLink();
  showList();
  start();
}

frame();
markCurrent();
document
  .getElementById("main")
  .replaceChildren(
    heading,
    h("div", { class: "tracking" }, list, h("section", { "aria-label": "Parcels" }, connection.element, parcels)),
  );
addEventListener("hashchange", () => {
  if (new URLSearchParams(location.hash.slice(1)).has(GUEST)) return refresh();
  if (sessionStorage.getItem(GUEST)) {
    // The address of an order replaces the guest's link.
    sessionStorage.removeItem(GUEST);
    return refresh();
  }
  current();
  start();
});
addEventListener("pagehide", () => following?.stop());
addEventListener("pageshow", (event) => event.persisted && start());
session.onChange(refresh);
refresh();
