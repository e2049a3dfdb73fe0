// The customer's store credit: how much there is, and how it came about.

import { action, empty, h, shortNumber, time, words } from "../shared/dom.js";
import { request } from "../shared/graph.js";
import { STORE_CREDIT } from "../shared/order_operations.js";
import { announce } from "../shared/shell.js";

const PAGE = 20;

export async function credit({ signal }) {
  const read = async (after) => {
    const { me } = await request(STORE_CREDIT, { first: PAGE, after }, { signal });
    if (!me?.storeCredit) throw new Error("Your store credit could not be loaded. Try again in a moment.");
    return me.storeCredit;
  };
  const { balances, entries } = await read(null);
  let page = entries;
  const list = h("ul", { class: "order-items" });
  const more = action(
    "Show more",
    async () => {
      page = (await read(page.pageInfo.endCursor)).entries;
      add();
      announce(`${list.children.length} of ${page.totalCount} entries shown`);
    },
    { class: "quiet" },
  );
  const add = () => {
    list.append(...page.nodes.map(entry));
    more.hidden = !page.pageInfo.hasNextPage;
  };
  add();
  const sum = balances.map(({ formatted }) => formatted).join(", ");
  return {
    title: "Store credit",
    said: sum ? `${sum} of store credit` : "There is no store credit",
    body: [
      h(
        "section",
        { class: "card" },
        h("p", { class: "price" }, h("strong", {}, sum || "None")),
        h("p", { class: "muted" }, "It pays orders in its currency, if you choose so when you buy."),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "How it came about"),
        entries.totalCount === 0 ? empty("Refunds that cannot go back to your card are store credit.") : list,
        more,
      ),
    ],
  };
}

function entry({ kind, amount, occurredAt, orderId, returnId }) {
  return h(
    "li",
    { class: "row apart" },
    h(
      "span",
      {},
      `${words(kind)} `,
      returnId && h("a", { href: `#/returns/${returnId}` }, `Return ${shortNumber(returnId)}`),
      orderId && h("a", { href: `#/orders/${orderId}` }, `Order ${shortNumber(orderId)}`),
      " ",
      h("span", { class: "muted" }, time(occurredAt)),
    ),
    h("strong", {}, amount.formatted),
  );
}
