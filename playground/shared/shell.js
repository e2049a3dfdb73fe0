// The frame of every page: navigation, signing in, and announcements to screen readers.

import { h, notice } from "./dom.js";
import { endpoint, pages, session } from "./graph.js";

/** The one row of navigation. */
const PAGES = [
  [`${pages}storefront.html#/`, "Products"],
  [`${pages}storefront.html#/orders`, "My orders"],
  [`${pages}storefront.html#/notifications`, "Notifications"],
  [`${pages}tracking.html`, "Tracking"],
  [`${pages}storefront.html#/support`, "Support"],
  [endpoint.pathname, "Explorer"],
];
const links = PAGES.map(([href, name]) => h("a", { href }, name));

/** Marks where the reader is. `hash` is the part of a page that has several entries. */
export function markCurrent(hash = "") {
  for (const link of links) {
    if (link.pathname === location.pathname && link.hash === hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

const spoken = h("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });

/** Announces a text to screen readers. */
export function announce(text) {
  spoken.textContent = "";
  // The same text set in one step would not be announced again.
  requestAnimationFrame(() => (spoken.textContent = text));
}

const dialog = signInDialog();

/** Shows the dialog that asks who signs in. */
export function signIn() {
  dialog.querySelector("textarea").value = "";
  if (hasShop) showCustomers();
  dialog.showModal();
}

let hasShop = true;

/** Puts the frame around the page's own `<main>`. Without the shop there is only the explorer to go to. */
export function frame({ isShop = true } = {}) {
  hasShop = isShop;
  const account = h("button", { type: "button", class: "quiet" });
  const expired = h(
    "p",
    { class: "notice wait expired", role: "status", hidden: true },
    "Your access token was refused or has expired, so you have been signed out.",
  );
  const show = () => {
    account.textContent = session.token ? "Sign out" : "Sign in";
    expired.hidden = !session.wasRefused;
  };
  account.onclick = () => {
    if (!session.token) return signIn();
    session.token = "";
    announce("Signed out");
  };
  session.onChange(show);
  show();
  const skip = h("a", { class: "skip", href: "#main" }, "Skip to the content");
  // The storefront uses the fragment as its address, so following the link must not change it.
  skip.onclick = (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  };
  const header = h(
    "header",
    { class: "site" },
    h("a", { class: "brand", href: isShop ? links[0].href : endpoint.pathname }, "Vantage"),
    h("nav", { "aria-label": "Pages" }, isShop ? links : []),
    account,
  );
  document.body.prepend(skip, header, expired);
  document.body.append(spoken, dialog);
}

function signInDialog() {
  const token = h("textarea", {
    id: "sign-in-token",
    rows: 4,
    required: true,
    spellcheck: "false",
    autocomplete: "off",
  });
  const trouble = h("p", { class: "trouble", role: "alert" });
  const form = h(
    "form",
    {},
    h("h2", { id: "sign-in-title" }, "Sign in"),
    h("div", { class: "row customers" }),
    h(
      "p",
      {},
      "Paste an access token. The command ",
      h("code", {}, "vantage token"),
      " prints one for a customer, and with ",
      h("code", {}, "--support"),
      " one for a support agent.",
    ),
    h("label", { htmlFor: "sign-in-token" }, "Access token"),
    token,
    trouble,
    h("p", { class: "muted" }, "It is kept until you close this tab, and is sent to this shop only."),
    h(
      "div",
      { class: "row end" },
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"),
      h("button", {}, "Sign in"),
    ),
  );
  const dialog = h("dialog", { class: "site", "aria-labelledby": "sign-in-title" }, form);
  form.onsubmit = (event) => {
    event.preventDefault();
    if (!/^\s*(bearer\s+)?[\w-]+\.[\w-]+\.[\w-]+\s*$/i.test(token.value)) {
      trouble.textContent = "This is not an access token. A token has three parts, separated by dots.";
      return;
    }
    trouble.textContent = "";
    enter(token.value);
  };
  return dialog;
}

function enter(token) {
  dialog.close();
  session.token = token;
  announce("Signed in");
}

/** Offers the demo shop's customers, of whom the server has tokens in development. */
async function showCustomers() {
  const place = dialog.querySelector(".customers");
  const customers = await fetch(`${pages}customers.json`, { cache: "no-store" }).then(
    (answer) => answer.json(),
    () => [],
  );
  place.replaceChildren(
    ...customers.map(({ name, token }) => h("button", { type: "button", onclick: () => enter(token) }, name)),
  );
}

/** What stands in place of something that needs an account. */
export function signedOut(why = "Sign in to see this page.") {
  return h(
    "div",
    { class: "card center" },
    h("p", {}, why),
    h("button", { type: "button", onclick: signIn }, "Sign in"),
  );
}

/** What stands in place of something that could not be loaded. */
export function failed(error, again) {
  if (error.code === "UNAUTHENTICATED") {
    return signedOut(session.token ? "Your access token was refused or has expired." : undefined);
  }
  return h(
    "div",
    { class: "card" },
    notice(error.message, "bad"),
    again && h("button", { type: "button", onclick: again }, "Try again"),
  );
}

/** Asks the reader to confirm, and runs it then. */
export function confirmed({ title, text, yes, no }, run) {
  return new Promise((resolve, reject) => {
    const close = (answer) => {
      dialog.close();
      dialog.remove();
      answer ? run().then(resolve, reject) : resolve();
    };
    const dialog = h(
      "dialog",
      { class: "site", "aria-labelledby": "confirm-title" },
      h("h2", { id: "confirm-title" }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "row end" },
        h("button", { type: "button", class: "quiet", onclick: () => close(false) }, no),
        h("button", { type: "button", class: "danger", onclick: () => close(true) }, yes),
      ),
    );
    dialog.oncancel = () => close(false);
    document.body.append(dialog);
    dialog.showModal();
  });
}
