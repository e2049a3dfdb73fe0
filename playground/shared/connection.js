// The line that says whether a view is live.

import { h } from "./dom.js";

/** The line, and `say` for the states of `follow`. `retry` runs when the reader asks for another attempt. */
export function connectionLine(retry) {
  const lamp = h("span", { class: "lamp", "aria-hidden": "true" });
  const status = h("span", { role: "status" });
  const again = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => retry() }, "Try again");
  let counting = null;
  let shown = "";

  /** Shows and announces the state of the connection, once for each change. */
  function say({ kind, transport, why, until }) {
    // To the reader, attempts in a row are one state.
    if (kind === "connecting" && lamp.classList.contains("waiting")) return;
    clearInterval(counting);
    lamp.className = `lamp ${kind}`;
    again.hidden = !["waiting", "polling", "stopped"].includes(kind);
    const because = why ? ` (${why})` : "";
    const texts = {
      connecting: () => "Connecting …",
      live: () => `Live${transport === "WebSocket" ? "" : ` by ${transport}`}`,
      waiting: () => `Connection lost${because}. Reconnecting …`,
      polling: () => `No live updates${because}. Refreshing regularly`,
      signIn: () => why,
      stopped: () => why,
    };
    const text = texts[kind]();
    if (shown !== text) status.textContent = text;
    shown = text;
    if (kind === "waiting") {
      const left = () => (lamp.title = `Next attempt in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`);
      left();
      counting = setInterval(left, 1_000);
    }
  }

  return { element: h("p", { class: "state" }, lamp, status, again), say, stop: () => clearInterval(counting) };
}
