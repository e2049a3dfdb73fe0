// The operations about products, messages and tracking; those about orders and returns are in order_operations.js.

import { graphql } from "./graphql.js";

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
      isRelaxed
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

// Parcels.

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
    lines { quantity orderItem { id productName } }
    history { status location timestamp }
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
