// Every GraphQL operation of the storefront and the tracking page. The tests validate them against
// schema/api.graphql, and `request` in vantage.js sends nothing that was not written here.

const written = new WeakSet();

/** An operation or a fragment; `${FRAGMENT}` stands for that fragment's text. */
function graphql(strings, ...fragments) {
  const text = strings.reduce((text, part, index) => text + fragments[index - 1].query + part);
  const operation = Object.freeze({ query: text.trim() });
  written.add(operation);
  return operation;
}

/** The body of a request. */
export function body(operation, variables = {}) {
  if (!written.has(operation)) throw new TypeError("operations are written in operations.js");
  return { query: operation.query, variables };
}

// Search and products.

const PRICED = graphql`
  fragment Priced on Product {
    id
    title
    brand
    imageUrl
    category
    rating
    reviewCount
    inStock
    price(currency: $currency) {
      current { amount { formatted } }
      base { amount { formatted } }
      compareAt { amount { formatted } }
    }
  }
`;

export const CURRENCIES = graphql`
  query Currencies($currency: CurrencyCode) {
    currencies { code name symbol }
    currencyContext(currency: $currency) { currency country detectedFrom }
  }
`;

export const SEARCH = graphql`
  query Search(
    $query: String!
    $filters: ProductSearchFilters
    $sort: ProductSort
    $first: Int
    $after: String
    $currency: CurrencyCode
  ) {
    productSearch(query: $query, filters: $filters, sort: $sort, first: $first, after: $after) {
      totalCount
      queryId
      facets { name buckets { value count } }
      pageInfo { hasNextPage endCursor }
      personalization { mode variant }
      nodes { ...Priced }
    }
  }
  ${PRICED}
`;

export const SUGGESTIONS = graphql`
  query Suggestions($prefix: String!) {
    searchSuggestions(prefix: $prefix) { text product { id } }
  }
`;

export const PRODUCT = graphql`
  query Product($id: ID!, $currency: CurrencyCode) {
    product(id: $id) {
      ...Priced
      description
      availableQuantity
      price(currency: $currency) {
        adjustments { kind usd { formatted } }
        current {
          usd { formatted }
          exchangeRate { base to effectiveRate bufferPercent freshness source asOf fetchedAt }
        }
      }
      priceHistory { changedAt base { formatted } compareAt { formatted } }
    }
  }
  ${PRICED}
`;

export const EVENT_RECORD = graphql`
  mutation EventRecord($input: SearchEventInput!) {
    searchEventRecord(input: $input) { recorded userErrors { message } }
  }
`;

// The account and its orders.

export const ME = graphql`
  query Me {
    me { id name email }
  }
`;

export const PARCEL = graphql`
  fragment Parcel on Shipment {
    id
    carrier
    trackingNumber
    trackingUrl
    status
    lastUpdate
    estimatedDelivery
    stale
    history { status location timestamp }
  }
`;

export const ORDERS = graphql`
  query Orders($first: Int, $after: String, $status: [OrderStatus!]) {
    me {
      orders(first: $first, after: $after, status: $status) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
          id
          status
          placedAt
          total { formatted }
          items {
            id
            productName
            quantity
            lineTotal { formatted }
            returnEligibility { eligible returnDeadline }
          }
          shipments { id carrier status estimatedDelivery }
          returns { id status }
        }
      }
    }
  }
`;

export const ORDER = graphql`
  query Order($id: ID!) {
    order(id: $id) {
      id
      status
      placedAt
      deliveredAt
      allowedActions
      exchangeRate
      subtotal { formatted }
      shipping { formatted }
      tax { formatted }
      total { formatted currency }
      totalUsd { formatted }
      paymentMethod { kind last4 usable }
      shippingAddress { name line1 line2 city region postalCode countryCode }
      timeline { event timestamp actor }
      items {
        id
        productName
        quantity
        unitPrice { formatted }
        lineTotal { formatted }
        product { id category }
        returnEligibility { ...Eligibility }
      }
      shipments { ...Parcel }
      returns { id status createdAt nextStep refund { total { formatted } } items { productName quantity } }
    }
  }
  fragment Eligibility on ReturnEligibility {
    eligible
    returnDeadline
    returnableQuantity
    reasons { code message }
  }
  ${PARCEL}
`;

export const ORDER_CANCEL = graphql`
  mutation OrderCancel($id: ID!, $key: String!) {
    orderCancel(id: $id, idempotencyKey: $key) {
      order { id }
      userErrors { message code }
    }
  }
`;

// Returns.

export const RETURN_FORM = graphql`
  query ReturnForm($id: ID!) {
    returnReasons { code category label refundsShipping }
    order(id: $id) {
      id
      placedAt
      items {
        id
        productName
        quantity
        unitPrice { formatted }
        returnEligibility { eligible returnDeadline returnableQuantity reasons { message } }
      }
    }
  }
`;

const REFUND = graphql`
  fragment Refund on RefundQuote {
    items { formatted }
    tax { formatted }
    shipping { amount formatted }
    total { formatted }
    includesShipping
  }
`;

const RETURN_STATE = graphql`
  fragment ReturnState on Return {
    id
    status
    nextStep
    createdAt
    fallbackDeadline
    refundMethod
    refund { ...Refund }
    order { id }
    items { productName quantity condition reasonText reason { label } }
    label { url carrier trackingNumber returnAddress expiresAt estimatedCost { formatted } }
    timeline { event timestamp }
  }
`;

export const RETURN_PREVIEW = graphql`
  query ReturnPreview($input: ReturnCreateInput!) {
    returnPreview(input: $input) {
      eligible
      reasons { code message orderItemId }
      refund { ...Refund }
    }
  }
  ${REFUND}
`;

export const RETURN_CREATE = graphql`
  mutation ReturnCreate($input: ReturnCreateInput!, $key: String!) {
    returnCreate(input: $input, idempotencyKey: $key) {
      return { id }
      userErrors {
        ... on UserError { message code field }
        ... on ReturnIneligible { reasons { message } }
      }
    }
  }
`;

export const RETURN = graphql`
  query Return($id: ID!) {
    return(id: $id) {
      ...ReturnState
      shipment { ...Parcel }
    }
  }
  ${RETURN_STATE}
  ${REFUND}
  ${PARCEL}
`;

export const RETURN_LABEL = graphql`
  mutation ReturnLabel($id: ID!, $key: String!) {
    returnLabelGenerate(id: $id, idempotencyKey: $key) {
      return { id }
      userErrors { message code }
    }
  }
`;

export const RETURN_CANCEL = graphql`
  mutation ReturnCancel($id: ID!, $key: String!) {
    returnCancel(id: $id, idempotencyKey: $key) {
      return { id }
      userErrors { message code }
    }
  }
`;

// Notifications.

const CELLS = graphql`
  fragment Cells on NotificationPreferences {
    timezone
    updatedAt
    preferences { channel category enabled quietHours { start end } }
  }
`;

export const PREFERENCES = graphql`
  query Preferences {
    me { id notificationPreferences { ...Cells } }
  }
  ${CELLS}
`;

export const PREFERENCES_UPDATE = graphql`
  mutation PreferencesUpdate($id: ID!, $input: NotificationPreferencesUpdateInput!, $key: String!) {
    notificationPreferencesUpdate(customerId: $id, input: $input, idempotencyKey: $key) {
      updated
      topicChanges { topic action deviceTokens }
      notificationPreferences { ...Cells }
      userErrors { message code field }
    }
  }
  ${CELLS}
`;

export const NOTIFICATIONS = graphql`
  query Notifications($first: Int, $after: String) {
    me {
      notifications(first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { id category channel title body status scheduledFor sentAt }
      }
    }
  }
`;

// Tracking.

export const SENT_ORDERS = graphql`
  query SentOrders {
    me {
      orders(first: 12, status: [SHIPPED, DELIVERED]) {
        nodes { id status placedAt items { productName } shipments { id status } }
      }
    }
  }
`;

export const ORDER_PARCELS = graphql`
  query OrderParcels($id: ID!) {
    order(id: $id) { id status shipments { ...Parcel } }
  }
  ${PARCEL}
`;

export const ORDER_TRACKING = graphql`
  subscription OrderTracking($id: ID!) {
    orderTracking(orderId: $id) {
      sequence
      snapshot
      status
      location
      timestamp
      shipment { id }
      order { id status shipments { ...Parcel } }
    }
  }
  ${PARCEL}
`;

export const GUEST_TRACKING = graphql`
  subscription GuestTracking($token: String!) {
    orderTrackingByToken(token: $token) {
      sequence
      snapshot
      status
      location
      shipment { ...Parcel }
    }
  }
  ${PARCEL}
`;

export const GUEST_PARCEL = graphql`
  query GuestParcel($token: String!) {
    trackByToken(token: $token) { ...Parcel }
  }
  ${PARCEL}
`;

// Support.

export const SUPPORT_QUEUES = graphql`
  query SupportQueues {
    supportReturns(first: 100) {
      totalCount
      nodes { id status review { reason since } }
    }
    supportOrders(needsAttention: true, first: 100) {
      totalCount
      nodes { id status review { reason since } }
    }
  }
`;

export const SUPPORT_RETURN = graphql`
  query SupportReturn($id: ID!) {
    return(id: $id) {
      id
      status
      order { id }
      items { productName quantity reason { label } }
      refund { total { amount currency formatted } }
      label { carrier trackingNumber }
      review {
        reason
        since
        isOpen
        allowedDecisions
        history { decision actor note decidedAt statusBefore statusAfter }
      }
      timeline { type timestamp }
    }
  }
`;

export const SUPPORT_DECIDE_RETURN = graphql`
  mutation SupportDecideReturn($input: ReturnReviewInput!, $key: String!) {
    returnReviewDecide(input: $input, idempotencyKey: $key) {
      return { id }
      userErrors { message }
    }
  }
`;

export const SUPPORT_ORDER = graphql`
  query SupportOrder($id: ID!) {
    order(id: $id) {
      id
      status
      customer { name email }
      total { amount currency formatted }
      refunds { amount { formatted } status requestedAt }
      review { reason isOpen allowedDecisions }
      decisions { decision actor note decidedAt statusBefore statusAfter }
      timeline { type timestamp }
    }
  }
`;

export const SUPPORT_DECIDE_ORDER = graphql`
  mutation SupportDecideOrder($input: OrderReviewInput!, $key: String!) {
    orderReviewDecide(input: $input, idempotencyKey: $key) {
      order { id }
      userErrors { message }
    }
  }
`;

export const SUPPORT_REFUND = graphql`
  mutation SupportRefund($input: OrderRefundInput!, $key: String!) {
    orderRefund(input: $input, idempotencyKey: $key) {
      refund { status }
      userErrors { message }
    }
  }
`;
