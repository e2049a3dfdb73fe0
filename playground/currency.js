// The currency that prices are shown in: chosen, or as the shop detects it, and why.

import { h } from "./dom.js";
import { CURRENCIES } from "./operations.js";
import { request } from "./vantage.js";

const KEY = "currency";

/** The code that was chosen; null leaves it to the shop. */
export const chosenCurrency = () => localStorage.getItem(KEY);

const WHY = {
  EXPLICIT: "your choice",
  SHIPPING_ADDRESS: "from your shipping address",
  BILLING_ADDRESS: "from your billing address",
  IP_GEOLOCATION: "from where you are",
  DEFAULT: "the shop's own",
};

/** The choice, with the context that prices have. `changed` shows them anew. */
export function currencyChoice(changed) {
  const automatic = h("option", { value: "" }, "Automatic");
  const select = h("select", { id: "currency" }, automatic);
  const context = h("span", { class: "muted context", role: "status" });

  async function show() {
    try {
      const { currencies, currencyContext } = await request(CURRENCIES, { currency: chosenCurrency() });
      const options = currencies.map(({ code, name, symbol }) =>
        h("option", { value: code }, `${code} ${symbol} ${name}`),
      );
      select.replaceChildren(automatic, ...options);
      select.value = chosenCurrency() ?? "";
      const { currency, country, detectedFrom } = currencyContext;
      context.textContent = `Prices in ${currency}: ${WHY[detectedFrom]}${country ? ` (${country})` : ""}`;
    } catch (error) {
      context.textContent = error.message;
    }
  }

  select.onchange = async () => {
    if (select.value) localStorage.setItem(KEY, select.value);
    else localStorage.removeItem(KEY);
    await Promise.all([show(), changed()]);
  };
  show();
  return h("div", { class: "currency" }, h("label", { htmlFor: "currency" }, "Currency"), select, context);
}
