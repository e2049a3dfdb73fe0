// Pieces of a live view. Each is replaced when its data has changed and not before, so that what the reader is doing
// elsewhere in the view stays as it is.

import { h } from "./dom.js";

/** A piece that `render` makes of its data: `show(data)` brings it up to date. */
export function piece(render) {
  const element = h("div", { class: "piece" });
  let before;

  function show(data) {
    const now = JSON.stringify(data);
    if (now === before) return;
    before = now;
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    // What the reader has folded stays folded.
    const open = [...element.querySelectorAll("details")].map((details) => details.open);
    element.replaceChildren(...[render(data)].flat(Infinity).filter(Boolean));
    element.querySelectorAll("details").forEach((details, index) => (details.open = open[index] ?? details.open));
    if (focused) {
      const same = focused.id && document.getElementById(focused.id);
      (same || document.querySelector("h1")).focus({ preventScroll: true });
    }
  }

  return { element, show };
}
