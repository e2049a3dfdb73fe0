// Notification preferences, and the messages that were sent.

import { action, badge, empty, field, h, nameOf, notice, time, words } from "../shared/dom.js";
import { NOTIFICATIONS, PREFERENCES, PREFERENCES_UPDATE } from "../shared/operations.js";
import { idempotencyKeys, request } from "../shared/graph.js";

const CHANNELS = ["PUSH", "EMAIL", "SMS"];
const CATEGORIES = ["ORDERS", "DEALS", "WISHLIST", "SOCIAL"];
const PAGE = 10;

export async function preferences({ signal }) {
  const [{ me }, messages] = await Promise.all([request(PREFERENCES, {}, { signal }), sent(signal)]);
  if (!me?.notificationPreferences) throw new Error("Your preferences could not be loaded.");
  const body = h("div", {});
  const keys = idempotencyKeys();
  const show = (current, said) => body.replaceChildren(form(current, said, save));

  async function save(input) {
    const { notificationPreferencesUpdate: answer } = await request(PREFERENCES_UPDATE, {
      id: me.id,
      input,
      key: keys(input),
    });
    if (answer.userErrors.length > 0) throw new Error(answer.userErrors.map(({ message }) => message).join(" "));
    const topics = answer.topicChanges.map(
      ({ topic, action, deviceTokens }) =>
        `${words(action)}: ${topic} (${deviceTokens} ${deviceTokens === 1 ? "device" : "devices"})`,
    );
    show(answer.notificationPreferences, ["Saved.", ...topics].join(" "));
    body.querySelector("button").focus();
  }

  show(me.notificationPreferences);
  return { title: "Notifications", body: [body, messages] };
}

/** The form of the 12 preferences. It saves those that were changed. */
function form(current, said, save) {
  const zones = Intl.supportedValuesOf("timeZone");
  const timezone = h("input", { type: "text", value: current.timezone, list: "zones", required: true });
  const cells = current.preferences.map(cell);
  const at = (channel, category) => cells.find((one) => one.is(channel, category));

  async function submit() {
    const updates = cells.map((one) => one.change()).filter(Boolean);
    const zone = timezone.value.trim();
    if (updates.length === 0 && zone === current.timezone) throw new Error("There are no changes to save.");
    await save({ updates, ...(zone !== current.timezone && { timezone: zone }) });
  }

  const saved = said && notice(said, "good");
  const submitting = action("Save", () => {
    // The message is about the previous change.
    saved?.remove();
    return submit();
  });
  const element = h(
    "form",
    { class: "card" },
    saved,
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "matrix" },
        h("caption", { class: "visually-hidden" }, "Messages by channel"),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("td", {}),
            CHANNELS.map((channel) => h("th", { scope: "col" }, nameOf(channel))),
          ),
        ),
        h(
          "tbody",
          {},
          CATEGORIES.map((category) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, words(category)),
              CHANNELS.map((channel) =>
                h("td", { dataset: { channel: nameOf(channel) } }, at(channel, category)?.element),
              ),
            ),
          ),
        ),
      ),
    ),
    h(
      "datalist",
      { id: "zones" },
      zones.map((value) => h("option", { value })),
    ),
    field("Time zone", timezone, "Quiet hours are in this time zone. Deals are held back until they end."),
    h("p", { class: "row" }, submitting),
  );
  element.onsubmit = (event) => {
    event.preventDefault();
    submitting.querySelector("button").click();
  };
  return element;
}

/** One preference: on or off, and for deals the quiet hours. */
function cell({ channel, category, enabled, quietHours }) {
  const name = `${words(category)} by ${nameOf(channel)}`;
  const box = h("input", { id: `cell-${channel}-${category}`, type: "checkbox", checked: enabled, "aria-label": name });
  // Other messages are not held back, but quiet hours that exist can be changed and cleared.
  const hours = category === "DEALS" || quietHours ? quiet(name, quietHours) : null;
  return {
    is: (otherChannel, otherCategory) => channel === otherChannel && category === otherCategory,
    element: h("div", {}, box, hours?.element),
    change() {
      const update = {
        ...(box.checked !== enabled && { enabled: box.checked }),
        ...hours?.change(),
      };
      return Object.keys(update).length > 0 && { channel, category, ...update };
    },
  };
}

function quiet(name, before) {
  const input = (label, value) =>
    h("input", { type: "time", value: value ?? "", "aria-label": `${name}: quiet ${label}` });
  const start = input("from", before?.start);
  const end = input("until", before?.end);
  return {
    element: h("div", { class: "quiet-hours" }, h("span", { class: "muted" }, "quiet"), start, "–", end),
    change() {
      if (!start.value !== !end.value) throw new Error(`${name}: enter both quiet hours, or neither.`);
      if (start.value === (before?.start ?? "") && end.value === (before?.end ?? "")) return {};
      return { quietHours: start.value ? { start: start.value, end: end.value } : null };
    },
  };
}

/** The messages that were sent. The preferences do not depend on them. */
async function sent(signal) {
  const list = h("ul", { class: "order-items" });
  let after = null;
  const more = action("Show more", add, { class: "quiet" });
  async function add() {
    const { me } = await request(NOTIFICATIONS, { first: PAGE, after }, { signal });
    if (!me?.notifications) throw new Error("Your messages could not be loaded.");
    const { nodes, pageInfo, totalCount } = me.notifications;
    after = pageInfo.endCursor;
    list.append(...nodes.map(message));
    more.hidden = !pageInfo.hasNextPage;
    if (totalCount === 0) list.replaceWith(empty("No messages yet."));
  }
  const section = h("section", { class: "card" }, h("h2", {}, "Messages"), list, more);
  try {
    await add();
  } catch (error) {
    if (signal.aborted) throw error;
    list.replaceWith(notice(error.message, "bad"));
    more.remove();
  }
  return section;
}

function message({ title, body, category, channel, status, sentAt, scheduledFor }) {
  const when = sentAt ?? scheduledFor;
  return h(
    "li",
    {},
    h("div", { class: "row apart" }, h("strong", {}, title), badge(status)),
    h("div", {}, body),
    h("small", { class: "muted" }, `${words(category)} by ${nameOf(channel)}, `, when ? time(when) : "not sent yet"),
  );
}
