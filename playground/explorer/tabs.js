// The tabs that the explorer begins with, and the ids in them.

import { session } from "../shared/graph.js";
import { ANY_SCHEMA, IDS, PLACEHOLDERS, TABS } from "./operations.js";
import { post } from "./transports.js";

/** Where GraphiQL keeps the tabs, and what is in its editors. */
const STORED = "graphiql:tabState";
const QUERY = "graphiql:query";
const VARIABLES = "graphiql:variables";

/**
 * The tabs to begin with where none are stored. What stands for ids is replaced once somebody is signed in, in the stored
 * tabs as well.
 */
export async function initialTabs(isShop) {
  const first = isShop ? TABS : ANY_SCHEMA;
  if (!localStorage.getItem(STORED)) {
    localStorage.setItem(QUERY, first[0].query);
    localStorage.setItem(VARIABLES, first[0].variables);
  }
  if (!isShop || !session.token) return first;
  const known = Object.entries(await ids().catch(() => ({}))).filter(([, value]) => value);
  const fill = (text) => known.reduce((text, [name, value]) => text.replaceAll(PLACEHOLDERS[name], value), text);
  for (const key of [STORED, VARIABLES]) {
    const stored = localStorage.getItem(key);
    if (stored) localStorage.setItem(key, fill(stored));
  }
  return first.map(({ query, variables }) => ({ query, variables: fill(variables) }));
}

/** The ids that stand in the tabs, of whoever is signed in. */
async function ids() {
  const { me, productSearch, returnReasons } = (await post({ query: IDS })).data;
  const returnable = ({ items }) => items.find(({ returnEligibility }) => returnEligibility?.eligible);
  const delivered = me?.delivered.nodes.find(returnable);
  return {
    shippedOrder: me?.shipped.nodes[0]?.id,
    deliveredOrder: delivered?.id,
    deliveredItem: delivered && returnable(delivered).id,
    product: productSearch?.nodes[0]?.id,
    reason: returnReasons?.[0]?.code,
  };
}
