// Building the page. Text from the server becomes text nodes and checked links, and nothing else.

/** Set as attributes although their names have no dash. */
const ATTRIBUTES = ["list", "role", "spellcheck", "autocomplete"];

/**
 * An element. Properties are set as such (`onclick`, `value`, `htmlFor`), names with a dash and a few others as
 * attributes (`aria-label`), `class` and `dataset` as expected. Children are elements or texts. Properties and children
 * that are null, undefined or false are left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name.includes("-") || ATTRIBUTES.includes(name)) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** A link to an address from the server, or its text alone when the address is not one of the web. */
export function webLink(address, ...children) {
  let url = null;
  try {
    url = new URL(address, location.href);
  } catch {
    // Shown as text.
  }
  if (!url || !["https:", "http:"].includes(url.protocol)) return h("span", {}, ...children);
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** `OUT_FOR_DELIVERY` and `order.shipped` as people write them. */
export function words(name) {
  const text = name.toLowerCase().replaceAll("_", " ").replaceAll(".", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Codes that are not words. */
const NAMES = { FEDEX: "FedEx", DHL: "DHL", UPS: "UPS", USPS: "USPS", SMS: "SMS", PAYPAL: "PayPal" };

export const nameOf = (code) => NAMES[code] ?? words(code);

/** What people call an order or a return: the last eight characters of its id, the random ones. */
export function shortNumber(id) {
  const end = id.slice(-8).toUpperCase();
  return `${end.slice(0, 4)}-${end.slice(4)}`;
}

/** Whether an amount of money is nothing. */
export const isZero = ({ amount }) => !/[1-9]/.test(amount);

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** A `<time>` in the reader's time zone. */
export function time(at, { onlyDay = false } = {}) {
  if (!at) return "–";
  const date = new Date(at);
  return h("time", { dateTime: at, title: date.toString() }, (onlyDay ? day : moment).format(date));
}

const TONES = {
  DELIVERED: "good",
  COMPLETED: "good",
  REFUND_ISSUED: "good",
  SENT: "good",
  FRESH: "good",
  CANCELLED: "bad",
  EXCEPTION: "bad",
  FAILED: "bad",
  DEAD_LETTERED: "bad",
  PENDING: "wait",
  MANUAL_REVIEW: "wait",
  DELIVERY_ATTEMPTED: "wait",
  RETURNING: "wait",
  SCHEDULED: "wait",
  STALE: "wait",
  VERY_STALE: "wait",
  REQUESTED: "wait",
  ISSUED: "good",
  REFUSED: "bad",
};

/** A status as a coloured word. */
export const badge = (status) => h("span", { class: `badge ${TONES[status] ?? "plain"}` }, words(status));

/** A list of terms and values, without those whose value is missing. */
export function facts(pairs) {
  const there = pairs.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return h(
    "dl",
    { class: "facts" },
    there.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}

/** Events in order. */
export function timeline(events) {
  return h(
    "ol",
    { class: "timeline" },
    events.map(({ what, where, at }) =>
      h("li", {}, h("strong", {}, what), where ? ` ${where}` : null, h("span", { class: "muted" }, time(at))),
    ),
  );
}

/** What stands in place of an empty list. */
export const empty = (text) => h("p", { class: "empty" }, text);

/** An inline message; errors are announced at once. */
export function notice(text, tone = "plain") {
  return h("p", { class: `notice ${tone}`, role: tone === "bad" ? "alert" : "status" }, text);
}

let ids = 0;

/** A labelled control. */
export function field(label, control, hint) {
  control.id ||= `field-${++ids}`;
  const hintId = hint && `${control.id}-hint`;
  if (hintId) control.setAttribute("aria-describedby", hintId);
  return h(
    "div",
    { class: "field" },
    h("label", { htmlFor: control.id }, label),
    control,
    hint && h("small", { id: hintId, class: "muted" }, hint),
  );
}

/** Says beside a control what is wrong with it; an empty text takes that back. */
export function mark(control, text) {
  const id = `${control.id}-wrong`;
  const place = control.closest(".field");
  place.querySelector(`[id="${id}"]`)?.remove();
  const hint = place.querySelector(`[id="${control.id}-hint"]`)?.id;
  const described = [text && id, hint].filter(Boolean).join(" ");
  if (described) control.setAttribute("aria-describedby", described);
  else control.removeAttribute("aria-describedby");
  if (!text) return control.removeAttribute("aria-invalid");
  control.setAttribute("aria-invalid", "true");
  control.after(h("small", { id, class: "trouble" }, text));
}

/** A button whose action runs once at a time; an error is shown beside it. */
export function action(label, run, properties = {}) {
  const trouble = h("span", { class: "trouble", role: "alert" });
  const button = h("button", { type: "button", ...properties }, label);
  button.onclick = async () => {
    // A disabled button would lose the focus.
    if (button.ariaDisabled) return;
    button.ariaDisabled = "true";
    trouble.textContent = "";
    try {
      await run();
    } catch (error) {
      trouble.textContent = error.message;
    } finally {
      button.ariaDisabled = null;
    }
  };
  return h("span", { class: "action" }, button, trouble);
}
