// The operations about orders, returns and support.

import { graphql } from "./graphql.js";
import { PARCEL } from "./operations.js";

// Orders.

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

const ORDER_STATE = graphql`
  fragment OrderState on Order {
    id
    status
    placedAt
    deliveredAt
    allowedActions
    exchangeRate
    paymentStatus
    capturedAmount { amount formatted }
    storeCreditUsed { amount formatted }
    subtotal { formatted }
    shipping { formatted }
    tax { formatted }
    total { amount formatted currency }
    totalUsd { formatted }
    refunds { amount { formatted } status requestedAt }
    paymentMethod { kind last4 usable }
    shippingOption
    shippingAddress { name line1 line2 city region postalCode countryCode }
    timeline { type timestamp actor }
    items {
      id
      productName
      quantity
      unitPrice { formatted }
      lineTotal { formatted }
      product { id }
      returnEligibility { eligible returnDeadline returnableQuantity reasons { code message } }
    }
    shipments { ...Parcel }
    returns { id status nextStep refund { total { formatted } } items { productName quantity } }
  }
`;

export const ORDER = graphql`
  query Order($id: ID!) {
    order(id: $id) { ...OrderState }
  }
  ${ORDER_STATE}
  ${PARCEL}
`;

export const ORDER_UPDATED = graphql`
  subscription OrderUpdated($id: ID!) {
    orderUpdated(orderId: $id) { ...OrderState }
  }
  ${ORDER_STATE}
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

// Buying.

export const SHIPPING_COUNTRIES = graphql`
  query ShippingCountries {
    shippingCountries { code name }
  }
`;

export const SHIPPING_COUNTRY = graphql`
  query ShippingCountry($code: String!) {
    shippingCountries(codes: [$code]) { regionRequired postalCodeRequired regions { code name } }
  }
`;

export const CHECKOUT = graphql`
  query Checkout {
    currencies { code name }
    currencyContext { country }
    me {
      name
      storeCredit { balances { formatted } }
      orders(first: 1) { nodes { shippingAddress { name line1 line2 city region postalCode countryCode } } }
    }
  }
`;

const PREVIEW = graphql`
  fragment Preview on OrderPreview {
    lines {
      product { id title }
      quantity
      unitPrice { formatted }
      displayTotal { formatted }
    }
    subtotal { formatted }
    shipping { amount formatted }
    tax { formatted }
    total { amount currency formatted }
    storeCredit { amount formatted }
    amountDue { formatted }
    totalUsd { formatted }
    exchangeRate { rate }
    currency
    currencyFallback
    taxDisplay
    isComplete
    shippingOption
    shippingOptions { code name price { amount formatted } earliestDelivery latestDelivery }
    shortages { ...Shortage }
    userErrors { code field message }
  }
  fragment Shortage on StockShortage {
    product { id title }
    wanted
    availableQuantity
  }
`;

export const ORDER_PREVIEW = graphql`
  query OrderPreview($input: OrderPreviewInput!) {
    orderPreview(input: $input) { ...Preview }
  }
  ${PREVIEW}
`;

const PLACED = graphql`
  fragment Placed on OrderPlacePayload {
    order { id }
    paymentClientSecret
    preview { ...Preview }
    shortages { ...Shortage }
    userErrors { code field message }
  }
`;

export const ORDER_PLACE = graphql`
  mutation OrderPlace($input: OrderPlaceInput!, $key: String!) {
    orderPlace(input: $input, idempotencyKey: $key) { ...Placed }
  }
  ${PLACED}
  ${PREVIEW}
`;

export const REORDER_FORM = graphql`
  query ReorderForm($id: ID!) {
    order(id: $id) {
      id
      allowedActions
      total { currency }
      items { productName quantity product { id } }
      shippingAddress { name line1 line2 city region postalCode countryCode }
    }
  }
`;

export const ORDER_REORDER = graphql`
  mutation OrderReorder($id: ID!, $token: String!, $key: String!) {
    orderReorder(id: $id, paymentMethodToken: $token, idempotencyKey: $key) { ...Placed }
  }
  ${PLACED}
  ${PREVIEW}
`;

export const STORE_CREDIT = graphql`
  query StoreCredit($first: Int, $after: String) {
    me {
      storeCredit {
        balances { formatted }
        entries(first: $first, after: $after) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes { kind amount { formatted } occurredAt orderId returnId }
        }
      }
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
    shipment { ...Parcel }
    review { reason isOpen decision }
    items { productName quantity condition reasonText reason { label } }
    label { url carrier trackingNumber returnAddress expiresAt estimatedCost { formatted } }
    timeline { type timestamp }
  }
`;

export const RETURN_PREVIEW = graphql`
  query ReturnPreview($input: ReturnCreateInput!) {
    returnPreview(input: $input) {
      eligible
      reasons { code message orderItemId }
      refund { ...Refund }
      estimatedLabelCost { formatted }
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
    return(id: $id) { ...ReturnState }
  }
  ${RETURN_STATE}
  ${REFUND}
  ${PARCEL}
`;

export const RETURN_UPDATED = graphql`
  subscription ReturnUpdated($id: ID!) {
    returnUpdated(returnId: $id) { ...ReturnState }
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
