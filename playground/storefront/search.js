// Product search: the box with suggestions, results and facets.

import { chosenCurrency } from "./currency.js";
import { h, notice } from "../shared/dom.js";
import { SEARCH, SUGGESTIONS } from "../shared/operations.js";
import { picture } from "./picture.js";
import { priceTag, record, stars } from "./product.js";
import { announce } from "../shared/shell.js";
import { request } from "../shared/graph.js";

const PAGE = 24;
/** How long to wait for another letter before asking for suggestions. */
const DEBOUNCE = 150;
const SORTS = [
  ["RELEVANCE", "Best match"],
  ["PRICE_ASC", "Price, low to high"],
  ["PRICE_DESC", "Price, high to low"],
  ["RATING", "Best rated"],
  ["NEWEST", "Newest"],
];

/** The search box: a combobox with the shop's suggestions. */
export function searchBox() {
  const input = h("input", {
    id: "find",
    type: "search",
    placeholder: "Search products",
    maxLength: 256,
    autocomplete: "off",
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": "suggestions",
    "aria-autocomplete": "list",
  });
  const list = h("ul", { id: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true });
  let asking = new AbortController();
  let timer;
  let active = -1;

  function close() {
    clearTimeout(timer);
    asking.abort();
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function go(text) {
    close();
    input.value = text;
    const query = new URLSearchParams(text ? { q: text } : {});
    location.hash = `/?${query}`;
  }

  function mark(index) {
    const options = [...list.children];
    active = (index + options.length) % options.length;
    options.forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    input.setAttribute("aria-activedescendant", options[active].id);
  }

  async function suggest() {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const prefix = input.value.trim();
    if (!prefix) return close();
    const answer = await request(SUGGESTIONS, { prefix }, { signal }).catch(() => null);
    if (signal.aborted) return;
    const found = answer?.searchSuggestions ?? [];
    if (found.length === 0) return close();
    active = -1;
    input.removeAttribute("aria-activedescendant");
    list.replaceChildren(
      ...found.map(({ text }, index) => {
        const option = h("li", { id: `suggestion-${index}`, role: "option", "aria-selected": "false" }, text);
        // Before the input loses the focus, which closes the list.
        option.onpointerdown = (event) => {
          event.preventDefault();
          go(text);
        };
        return option;
      }),
    );
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    announce(`${found.length} suggestions`);
  }

  input.oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, DEBOUNCE);
  };
  input.onkeydown = (event) => {
    if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    } else if (!list.hidden && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      mark(event.key === "ArrowDown" ? active + 1 : Math.max(active, 0) - 1);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      go(list.children[active].textContent);
    }
  };
  input.onblur = close;

  const form = h(
    "form",
    { class: "find", role: "search" },
    h("label", { class: "visually-hidden", htmlFor: "find" }, "Search products"),
    input,
    list,
    h("button", {}, "Search"),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    go(input.value.trim());
  };
  return {
    element: form,
    text: () => input.value,
    show: (text) => {
      if (document.activeElement !== input) input.value = text;
    },
  };
}

/** The filters that an address names. */
function filters(query) {
  const [minPrice, maxPrice] = (query.get("price") ?? "").split("-");
  return {
    categories: query.getAll("category"),
    brands: query.getAll("brand"),
    // The facet's ranges are in US dollars.
    ...(maxPrice && { minPrice, maxPrice, currency: "USD" }),
    ...(query.has("rating") && { minRating: Number(query.get("rating")) }),
    ...(query.has("stock") && { inStock: true }),
  };
}

/** The results of the address's query. */
export async function search({ query, signal }) {
  const text = query.get("q") ?? "";
  const variables = {
    query: text,
    filters: filters(query),
    sort: query.get("sort") ?? "RELEVANCE",
    first: PAGE,
    currency: chosenCurrency(),
  };
  const { productSearch: found } = await request(SEARCH, variables, { signal });
  const cards = h("ul", { class: "products" });
  const more = h("button", { type: "button", class: "quiet" }, "Show more");
  const trouble = h("p", { class: "trouble", role: "alert" });
  let page = found;
  const add = () => {
    const before = cards.children.length;
    cards.append(...page.nodes.map((product, index) => card(product, found.queryId, before + index)));
    more.hidden = !page.pageInfo.hasNextPage;
  };
  more.onclick = async () => {
    more.disabled = true;
    trouble.textContent = "";
    try {
      page = (await request(SEARCH, { ...variables, after: page.pageInfo.endCursor }, { signal })).productSearch;
      const first = cards.children.length;
      add();
      cards.children[first]?.querySelector("a").focus();
      announce(`${cards.children.length} of ${found.totalCount} products shown`);
    } catch (error) {
      trouble.textContent = error.message;
    } finally {
      more.disabled = false;
    }
  };
  add();
  const count = `${found.totalCount} ${found.totalCount === 1 ? "product" : "products"}`;
  return {
    title: text ? `“${text}”` : "All products",
    said: `${count} found`,
    body: h(
      "div",
      { class: "results" },
      facets(found.facets, query),
      h(
        "section",
        { "aria-label": "Results" },
        h(
          "div",
          { class: "row apart" },
          h("p", { class: "muted" }, count, found.personalization.mode !== "NONE" && ", personalized for you"),
          sorting(query),
        ),
        found.isRelaxed && notice("No product has all of these words. These have some of them."),
        found.totalCount === 0 ? notice("No products found. Try fewer filters or different words.") : cards,
        h("div", { class: "center" }, more, trouble),
      ),
    ),
  };
}

function card(product, queryId, position) {
  const link = h("a", { href: `#/product/${product.id}` }, product.title);
  link.onclick = () => record({ kind: "SEARCH_CLICK", productId: product.id, queryId, position });
  return h(
    "li",
    { class: "card product" },
    picture(product),
    h("h2", {}, link),
    h("p", { class: "muted" }, product.brand ? `${product.brand} · ` : "", product.category),
    stars(product),
    priceTag(product.price),
    !product.inStock && h("p", { class: "muted" }, "Out of stock"),
  );
}

/** Goes to the same search with other parameters. */
function refine(query, change) {
  const next = new URLSearchParams(query);
  change(next);
  location.hash = `/?${next}`;
}

function sorting(query) {
  const select = h(
    "select",
    { id: "sort" },
    SORTS.map(([value, name]) => h("option", { value }, name)),
  );
  select.value = query.get("sort") ?? "RELEVANCE";
  select.onchange = () => refine(query, (next) => next.set("sort", select.value));
  return h("div", { class: "row" }, h("label", { htmlFor: "sort" }, "Sort by"), select);
}

/** `25-49.99` and `1000-` as people write them. */
const priceRange = (value) => (value.endsWith("-") ? `${value.slice(0, -1)} and up` : value.replace("-", " – "));

const FACETS = {
  category: { legend: "Category", name: (value) => value, many: true },
  brand: { legend: "Brand", name: (value) => value, many: true },
  price: { legend: "Price in US dollars", name: priceRange },
  rating: { legend: "Rating", name: (value) => `${value} and up` },
};

/** The facets as filters. Chosen values stay, even when no product has them. */
function facets(found, query) {
  const groups = found.filter(({ name }) => FACETS[name]).map((facet) => group(facet, query));
  const stock = h("input", { id: "facet-stock", type: "checkbox", checked: query.has("stock") });
  stock.onchange = () => refine(query, (next) => (stock.checked ? next.set("stock", "1") : next.delete("stock")));
  const chosen = ["category", "brand", "price", "rating", "stock"].some((name) => query.has(name));
  const clear = h("button", { type: "button", class: "quiet" }, "Clear filters");
  clear.onclick = () =>
    refine(query, (next) => ["category", "brand", "price", "rating", "stock"].forEach((name) => next.delete(name)));
  return h(
    "details",
    { class: "facets", open: matchMedia("(min-width: 50rem)").matches || chosen },
    h("summary", {}, "Filters"),
    chosen && clear,
    h("fieldset", {}, h("legend", {}, "Availability"), h("label", { class: "check" }, stock, "In stock")),
    groups,
  );
}

function group({ name, buckets }, query) {
  const { legend, name: label, many } = FACETS[name];
  const chosen = query.getAll(name);
  const missing = chosen.filter((value) => !buckets.some((bucket) => bucket.value === value));
  const all = [...buckets, ...missing.map((value) => ({ value, count: 0 }))];
  if (all.length === 0) return null;
  const boxes = all.map(({ value, count }, index) => {
    const box = h("input", { id: `facet-${name}-${value}`, type: "checkbox", checked: chosen.includes(value) });
    box.onchange = () =>
      refine(query, (next) => {
        if (!many) next.delete(name);
        else next.delete(name, value);
        if (box.checked) next.append(name, value);
      });
    const row = h(
      "label",
      { class: "check" },
      box,
      h("span", {}, label(value)),
      h("span", { class: "muted count" }, String(count)),
    );
    row.hidden = index >= 8 && !box.checked;
    return row;
  });
  const hidden = boxes.filter((row) => row.hidden);
  const rest = h("button", { type: "button", class: "quiet small" }, `${hidden.length} more`);
  rest.onclick = () => {
    hidden.forEach((row) => (row.hidden = false));
    rest.remove();
    hidden[0].querySelector("input").focus();
  };
  return h("fieldset", {}, h("legend", {}, legend), boxes, hidden.length > 0 && rest);
}
