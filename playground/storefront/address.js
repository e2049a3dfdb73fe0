// The fields of a shipping address. What a country needs, the shop says.

import { field, h, mark } from "../shared/dom.js";
import { request } from "../shared/graph.js";
import { SHIPPING_COUNTRY } from "../shared/order_operations.js";
import { failed } from "../shared/shell.js";

/** The parts of an address by the name of their input: label, autocompletion, and whether every country has it. */
const PARTS = [
  ["name", "Name", "shipping name"],
  ["line1", "Street and number", "shipping address-line1"],
  ["line2", "Apartment, floor or company (optional)", "shipping address-line2"],
  ["city", "City", "shipping address-level2"],
];

/** What addresses in countries need, by the country's code: each is read once, when it is chosen. */
const needs = new Map();

async function needsOf(code, signal) {
  if (!needs.has(code)) {
    const { shippingCountries } = await request(SHIPPING_COUNTRY, { code }, { signal });
    needs.set(code, shippingCountries[0]);
  }
  return needs.get(code);
}

/**
 * The fields for one of these countries, filled in with `given`. `value()` is the address as the graph takes it, and
 * `mark(part, text)` says beside a part what is wrong with it.
 */
export async function addressFields(countries, given, signal) {
  const country = h(
    "select",
    { id: "address-country", autocomplete: "shipping country" },
    countries.map(({ code, name }) => h("option", { value: code }, name)),
  );
  country.value = given.countryCode;
  if (!country.value) country.value = "US";
  const texts = PARTS.map(([part, label, autocomplete]) => {
    const control = h("input", { id: `address-${part}`, autocomplete, maxLength: 200, value: given[part] ?? "" });
    return { part, control, element: field(label, control) };
  });
  const region = h("select", { id: "address-region", autocomplete: "shipping address-level1" });
  const regionName = h("label", { htmlFor: region.id });
  const regionField = h("div", { class: "field" }, regionName, region);
  const postalCode = h("input", {
    id: "address-postalCode",
    autocomplete: "shipping postal-code",
    maxLength: 20,
    value: given.postalCode ?? "",
  });
  const postalField = field("Postal code", postalCode);
  const controls = new Map([
    ["countryCode", country],
    ...texts.map(({ part, control }) => [part, control]),
    ["region", region],
    ["postalCode", postalCode],
  ]);

  const trouble = h("div", {});

  /** Shows what an address in the chosen country has. */
  function show({ regions, regionRequired, postalCodeRequired }, chosen) {
    regionField.hidden = regions.length === 0;
    regionName.textContent = regionRequired ? "State or province" : "State or region (optional)";
    region.replaceChildren(
      h("option", { value: "" }, regionRequired ? "Choose …" : "–"),
      ...regions.map(({ code, name }) => h("option", { value: code }, name)),
    );
    region.value = chosen ?? "";
    // An earlier order may name a region that this list does not have.
    if (region.selectedIndex < 0) region.value = "";
    postalField.hidden = !postalCodeRequired;
  }

  /** Reads what an address in the chosen country has. */
  async function follow() {
    const code = country.value;
    region.replaceChildren();
    trouble.replaceChildren();
    try {
      const found = await needsOf(code, signal);
      // The reader may have chosen yet another country.
      if (country.value === code) show(found, "");
    } catch (error) {
      if (!signal.aborted && country.value === code) trouble.replaceChildren(failed(error, follow));
    }
  }
  country.addEventListener("change", follow);
  show(await needsOf(country.value, signal), given.region);

  return {
    element: h(
      "fieldset",
      { class: "address" },
      h("legend", {}, "Deliver to"),
      field("Country", country),
      trouble,
      texts.map(({ element }) => element),
      postalField,
      regionField,
    ),
    /** The name of the part that this control is for. */
    partOf: (control) => [...controls].find(([, one]) => one === control)?.[0],
    control: (part) => controls.get(part),
    mark: (part, text) => mark(controls.get(part), text),
    parts: [...controls.keys()],
    value: () => ({
      ...Object.fromEntries(texts.map(({ part, control }) => [part, control.value.trim()])),
      line2: controls.get("line2").value.trim() || null,
      countryCode: country.value,
      region: region.value || null,
      postalCode: postalField.hidden ? "" : postalCode.value.trim(),
    }),
  };
}
