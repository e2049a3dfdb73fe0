// The frame of every page: the way to the other pages, signing in, and what is announced.

import { h, notice } from "./dom.js";
import { endpoint, session } from "./vantage.js";

const PAGES = [
  ["storefront.html", "Shop"],
  ["tracking.html", "Tracking"],
  [endpoint.pathname, "Explorer"],
];

const spoken = h("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });

/** Says something to who listens to the page rather than looking at it. */
export function announce(text) {
  spoken.textContent = "";
  // A region that is emptied and filled in one step may stay silent when the text is the same.
  requestAnimationFrame(() => (spoken.textContent = text));
}

const dialog = signInDialog();

/** Asks for a token; `session` tells who listens when there is one. */
export function signIn() {
  dialog.querySelector("textarea").value = "";
  dialog.showModal();
}

/** Puts the frame around the page's own `<main>`. `extra` comes beside the pages' links. */
export function frame(...extra) {
  const here = location.pathname.split("/").pop();
  const links = PAGES.map(([address, name]) =>
    h("a", { href: address, "aria-current": address === here && "page" }, name),
  );
  const account = h("button", { type: "button", class: "quiet" });
  const show = () => (account.textContent = session.token ? "Sign out" : "Sign in");
  account.onclick = () => {
    if (!session.token) return signIn();
    session.token = "";
    announce("Signed out");
  };
  session.onChange(show);
  show();
  const skip = h("a", { class: "skip", href: "#main" }, "Skip to the content");
  // The fragment is the storefront's own address: following the link must not change it.
  skip.onclick = (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  };
  const header = h(
    "header",
    { class: "site" },
    h("a", { class: "brand", href: "storefront.html" }, "Vantage"),
    h("nav", { "aria-label": "Pages" }, links),
    ...extra,
    account,
  );
  document.body.prepend(skip, header);
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
    h(
      "p",
      {},
      "Paste an access token. In development ",
      h("code", {}, "vantage token --demo"),
      " prints one of the demo customer.",
    ),
    h("label", { htmlFor: "sign-in-token" }, "Access token"),
    token,
    trouble,
    h("p", { class: "muted" }, "It is kept until this tab is closed, and sent to this shop only."),
    h(
      "div",
      { class: "row end" },
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"),
      h("button", {}, "Sign in"),
    ),
  );
  const dialog = h("dialog", { "aria-labelledby": "sign-in-title" }, form);
  form.onsubmit = (event) => {
    event.preventDefault();
    if (!/^\s*(bearer\s+)?[\w-]+\.[\w-]+\.[\w-]+\s*$/i.test(token.value)) {
      trouble.textContent = "This is not a token: it has three parts with dots between.";
      return;
    }
    trouble.textContent = "";
    dialog.close();
    session.token = token.value;
    announce("Signed in");
  };
  return dialog;
}

/** What to show instead of something that needs an account. */
export function signedOut(why = "Sign in to see this.") {
  return h(
    "div",
    { class: "card center" },
    h("p", {}, why),
    h("button", { type: "button", onclick: signIn }, "Sign in"),
  );
}

/** What to show instead of something that could not be loaded. */
export function failed(error, again) {
  if (error.code === "UNAUTHENTICATED") {
    return signedOut(session.token ? "The access token was refused; it may have expired." : undefined);
  }
  return h(
    "div",
    { class: "card" },
    notice(error.message, "bad"),
    again && h("button", { type: "button", onclick: again }, "Try again"),
  );
}

/** Runs it when the reader says so once more. */
export function confirmed({ title, text, yes }, run) {
  return new Promise((resolve, reject) => {
    const close = (answer) => {
      dialog.close();
      dialog.remove();
      answer ? run().then(resolve, reject) : resolve();
    };
    const dialog = h(
      "dialog",
      { "aria-labelledby": "confirm-title" },
      h("h2", { id: "confirm-title" }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "row end" },
        h("button", { type: "button", class: "quiet", onclick: () => close(false) }, "Keep it"),
        h("button", { type: "button", class: "danger", onclick: () => close(true) }, yes),
      ),
    );
    dialog.oncancel = () => close(false);
    document.body.append(dialog);
    dialog.showModal();
  });
}
