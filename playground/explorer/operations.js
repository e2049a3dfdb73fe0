// The operations of the demo, as tabs. What stands for an id is replaced by one when somebody signs in.

import { randomHex } from "../shared/graph.js";

const graphql = String.raw;

const SEARCH = graphql`# Products with their prices in a currency, for
# everybody. The facets narrow the search.
query Search($query: String!, $currency: CurrencyCode, $first: Int) {
  productSearch(query: $query, first: $first) {
    totalCount
    facets { name buckets { value count } }
    nodes {
      id
      title
      brand
      rating
      price(currency: $currency) { current { amount { amount formatted currency } } }
    }
  }
}
`;

const ACCOUNT = graphql`# The account page. Its query plan: one request for
# the orders, then five at the same time.
query Account($first: Int) {
  me {
    name
    notificationPreferences { timezone }
    orders(first: $first) {
      totalCount
      nodes {
        id
        status
        total { formatted }
        items {
          productName
          product { rating price { current { amount { formatted } } } }
          returnEligibility { eligible reasons { code message } }
        }
        shipments { carrier status estimatedDelivery }
        returns { id status }
      }
    }
  }
}
`;

const TRACKING = graphql`# A parcel as it moves: run this, and watch. The
# toolbar chooses how events arrive.
subscription Tracking($orderId: ID!) {
  orderTracking(orderId: $orderId) {
    sequence
    snapshot
    status
    location
    timestamp
    shipment { carrier trackingNumber }
  }
}
`;

const PLACE_ORDER = graphql`# Places an order. The same key gives the same order,
# however often this runs.
mutation PlaceOrder($input: OrderPlaceInput!, $key: String!) {
  orderPlace(input: $input, idempotencyKey: $key) {
    order { id status total { formatted } items { productName quantity lineTotal { formatted } } }
    userErrors { code message field }
  }
}
`;

const RETURN_PREVIEW = graphql`# What a return would refund, or why it is refused.
query PreviewReturn($input: ReturnCreateInput!) {
  returnPreview(input: $input) {
    eligible
    reasons { code message }
    refund { items { formatted } tax { formatted } shipping { formatted } total { formatted } includesShipping }
  }
}
`;

/** The ids that the tabs need, of whoever is signed in. */
export const IDS = graphql`
query Ids {
  me {
    shipped: orders(first: 1, status: [SHIPPED]) { nodes { id } }
    delivered: orders(first: 5, status: [DELIVERED]) { nodes { id items { id returnEligibility { eligible } } } }
  }
  productSearch(query: "headphones", first: 1) { nodes { id } }
  returnReasons { code }
}
`;

/** What stands for each id in the variables. */
export const PLACEHOLDERS = {
  shippedOrder: "ord_… (an order on its way: sign in)",
  deliveredOrder: "ord_… (a delivered order: sign in)",
  deliveredItem: "the id of one of its items",
  product: "prd_… (sign in)",
  reason: "a code of returnReasons",
};

const { shippedOrder, deliveredOrder, deliveredItem, product, reason } = PLACEHOLDERS;

export const TABS = [
  [SEARCH, { query: "headphones", currency: "EUR", first: 5 }],
  [ACCOUNT, { first: 5 }],
  [TRACKING, { orderId: shippedOrder }],
  [
    PLACE_ORDER,
    {
      input: {
        currency: "EUR",
        items: [{ productId: product, quantity: 1 }],
        shippingAddress: {
          name: "Demo Customer",
          line1: "Unter den Linden 1",
          city: "Berlin",
          postalCode: "10117",
          countryCode: "DE",
        },
        paymentMethodToken: "pm_card_visa",
      },
      key: randomHex(),
    },
  ],
  [
    RETURN_PREVIEW,
    {
      input: {
        orderId: deliveredOrder,
        items: [{ orderItemId: deliveredItem, quantity: 1, condition: "UNOPENED", reasonCode: reason }],
      },
    },
  ],
].map(([query, variables]) => ({ query, variables: JSON.stringify(variables, null, 2) }));

/** For a supergraph that is not the shop's. */
export const ANY_SCHEMA = [
  { query: "# The first button on the left opens the documentation.\n{\n  __typename\n}\n", variables: "" },
];
