// Ids in the shop that operations may use.

import assert from "node:assert/strict";

const QUERY = `{
  me {
    id
    orders(first: 30) {
      nodes { id trackingToken items { id product { id } } shipments { id } returns { id } }
      edges { cursor }
    }
  }
  productSearch(query: "", first: 30) { nodes { id } edges { cursor } }
}`;

const OTHERS = `{ me { id orders(first: 5) { nodes { id items { id } shipments { id } returns { id } } } } }`;

/** Ids by kind; most belong to the customer, some to others. */
export async function readShop(ask) {
  const mine = await data(ask, QUERY, "customer");
  const theirs = await data(ask, OTHERS, "other");
  const orders = [...mine.me.orders.nodes, ...theirs.me.orders.nodes];
  const of = (list) => orders.flatMap((order) => order[list].map(({ id }) => id));
  const shop = {
    customers: [mine.me.id, theirs.me.id],
    orders: orders.map(({ id }) => id),
    items: of("items"),
    shipments: of("shipments"),
    returns: of("returns"),
    products: mine.productSearch.nodes.map(({ id }) => id),
    tokens: mine.me.orders.nodes.flatMap(({ trackingToken }) => trackingToken ?? []),
    cursors: [...mine.me.orders.edges, ...mine.productSearch.edges].map(({ cursor }) => cursor),
  };
  for (const [kind, found] of Object.entries(shop)) {
    assert(found.length > 0, `the shop has no ${kind}`);
  }
  return shop;
}

async function data(ask, query, caller) {
  const answer = await ask({ query, caller });
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}
