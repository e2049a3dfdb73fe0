// The currency of prices: chosen by the reader, or detected by the shop.

import { h } from "../shared/dom.js";
import { CURRENCIES } from "../shared/operations.js";
import { request } from "../shared/graph.js";

const KEY = "currency";

/** The code that the reader chose; null leaves it to the shop. */
export const chosenCurrency = () => localStorage.getItem(KEY);

const REASONS = {
  EXPLICIT: "as you chose",
  REQUEST: "as you chose",
  SHIPPING_ADDRESS: "based on your shipping address",
  BILLING_ADDRESS: "based on your billing address",
  IP_GEOLOCATION: "based on your location",
  DEFAULT: "the shop's default currency",
};

/** The choice of a currency, with the reason for the one in use. `changed` shows the prices again. */
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
      context.textContent = `Prices in ${currency}, ${REASONS[detectedFrom]}${country ? ` (${country})` : ""}`;
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
