// The tracking page: an order's parcels as they move, for its owner or for who has a guest link.

import { badge, field, h, notice, time, words } from "./dom.js";
import { follow } from "./live.js";
import { GUEST_PARCEL, GUEST_TRACKING, ORDER_PARCELS, ORDER_TRACKING, SENT_ORDERS } from "./operations.js";
import { parcelCard } from "./parcel.js";
import { announce, failed, frame, signedOut } from "./shell.js";
import { Refused, request, session, takeFromFragment } from "./vantage.js";

const GUEST = "guest";

const list = h("aside", { class: "list", "aria-label": "Orders" });
const parcels = h("div", {});
const lamp = h("span", { class: "lamp", "aria-hidden": "true" });
const stateText = h("span", { role: "status" });
const again = h("button", { type: "button", class: "quiet", hidden: true, onclick: start }, "Try again now");
const state = h("p", { class: "state" }, lamp, stateText, again);
const heading = h("h1", { tabIndex: -1 }, "Track an order");

let following = null;
let counting = null;

/** What this page follows: a guest's link, or one of the caller's orders. */
function watched() {
  const guest = sessionStorage.getItem(GUEST);
  if (guest) return { guest };
  const order = new URLSearchParams(location.hash.slice(1)).get("order");
  // What is no order's number is not worth asking for: a link may have been made of nothing.
  return { order: ORDER.test(order ?? "") ? order : null };
}

const ORDER = /^ord_[0-9a-hjkmnp-tv-z]{26}$/;

const noSuch = () => new Refused("There is no such order or parcel.", "NOT_FOUND");

/** How the order's owner follows it. */
const asOwner = (order) => ({
  subscription: ORDER_TRACKING,
  variables: { id: order },
  bearer: session.token,
  async poll(signal) {
    const { order: found } = await request(ORDER_PARCELS, { id: order }, { signal });
    if (!found) throw noSuch();
    return { orderTracking: { order: found } };
  },
});

/** How a guest does, who has a link and no account. A link to one parcel can be read and not followed. */
function asGuest(token) {
  const known = new Map();
  /** The parcels that were told of, in the form in which an owner gets them. */
  const told = ({ shipment, ...update }) => {
    if (shipment) known.set(shipment.id, shipment);
    return { orderTracking: { ...update, order: { shipments: [...known.values()] } } };
  };
  return {
    subscription: GUEST_TRACKING,
    variables: { token },
    bearer: "",
    pollsWhenForbidden: true,
    read: ({ orderTrackingByToken: update }) => told(update),
    async poll(signal) {
      const { trackByToken: shipment } = await request(GUEST_PARCEL, { token }, { signal });
      if (!shipment) throw noSuch();
      return { orderTrackingByToken: { shipment } };
    },
  };
}

function start() {
  following?.stop();
  clearInterval(counting);
  parcels.replaceChildren();
  state.hidden = true;
  const { guest, order } = watched();
  heading.textContent = guest ? "Your parcel" : "Track an order";
  if (guest) {
    watch(asGuest(guest));
  } else if (!session.token) {
    parcels.replaceChildren(signedOut("Sign in to follow your orders, or open the link of your message."));
  } else if (order) {
    watch(asOwner(order));
  } else {
    parcels.replaceChildren(notice("Choose an order to follow."));
  }
}

function watch(way) {
  let newest = -1;
  let known = new Map();
  state.hidden = false;
  following = follow({
    ...way,
    onUpdate(data) {
      const { orderTracking: update } = way.read ? way.read(data) : data;
      // After a reconnect the snapshot may be of something that this page has shown already.
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
  if (all.length === 0) return parcels.replaceChildren(notice("Nothing has been sent yet."));
  const cards = all.map((parcel) => {
    const card = parcelCard(parcel);
    const before = known.get(parcel.id);
    if (before && JSON.stringify(before) !== JSON.stringify(parcel)) card.classList.add("fresh");
    return card;
  });
  // The reader's folded histories stay folded.
  const folded = [...parcels.querySelectorAll("details")].map(({ open }) => open);
  parcels.replaceChildren(...cards);
  parcels.querySelectorAll("details").forEach((details, index) => (details.open = folded[index] ?? true));
  if (known.size > 0 && !update.snapshot && update.status) {
    announce([words(update.status), update.location].filter(Boolean).join(", "));
  }
}

/** Says how the page is connected, once for each change; the seconds of a pause are shown and not said. */
function say({ kind, way, why, until, every }) {
  // Attempts that follow one another are one state to the reader.
  if (kind === "connecting" && lamp.classList.contains("waiting")) return;
  clearInterval(counting);
  lamp.className = `lamp ${kind}`;
  again.hidden = !["polling", "stopped"].includes(kind);
  const because = why ? ` (${why})` : "";
  const texts = {
    connecting: () => "Connecting …",
    live: () => `Live${way === "WebSocket" ? "" : `, by ${way}`}`,
    waiting: () => `Connection lost${because}. Trying again`,
    polling: () => `Looking every ${every / 1000} s${because}`,
    signIn: () => `Not followed: ${why}`,
    stopped: () => `Not followed: ${why}`,
  };
  const text = texts[kind]();
  if (stateText.dataset.text !== text) stateText.textContent = text;
  stateText.dataset.text = text;
  if (kind === "signIn") parcels.replaceChildren(signedOut(`${why}.`));
  if (kind === "waiting") {
    const left = () => (lamp.title = `In ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`);
    left();
    counting = setInterval(left, 1_000);
  }
}

/** The orders that have something to follow, and a way to name another. */
async function showList() {
  if (watched().guest) {
    const leave = () => {
      sessionStorage.removeItem(GUEST);
      refresh();
    };
    return list.replaceChildren(
      notice("You see this by a guest link."),
      h("button", { type: "button", class: "quiet", onclick: leave }, "Leave the link"),
    );
  }
  if (!session.token) return list.replaceChildren(otherOrder());
  try {
    const { me } = await request(SENT_ORDERS);
    list.replaceChildren(
      h("h2", {}, "On the way and delivered"),
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
      h("span", { class: "row apart" }, time(placedAt, { onlyDay: true }), badge(parcel)),
      h("small", { class: "muted" }, items.map(({ productName }) => productName).join(", ")),
    ),
  );
}

function otherOrder() {
  const id = h("input", {
    type: "text",
    placeholder: "ord_…",
    pattern: "\\s*ord_\\w+\\s*",
    title: "An order's number starts with ord_",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
  });
  const form = h("form", {}, field("Order number", id), h("p", {}), h("button", { class: "quiet" }, "Follow"));
  form.onsubmit = (event) => {
    event.preventDefault();
    location.hash = `order=${id.value.trim()}`;
  };
  return form;
}

/** Marks the order that is followed. */
function current() {
  for (const link of list.querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** A guest's link is kept for this tab and taken out of the address. */
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
document
  .getElementById("main")
  .replaceChildren(heading, h("div", { class: "tracking" }, list, h("section", { "aria-label": "Parcels" }, state, parcels)));
addEventListener("hashchange", () => {
  if (new URLSearchParams(location.hash.slice(1)).has(GUEST)) return refresh();
  if (sessionStorage.getItem(GUEST)) {
    // Following an order by its address leaves the guest's link.
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
