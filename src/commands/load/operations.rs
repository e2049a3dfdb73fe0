//! The operations of the journeys, as the shop's pages and apps send them.

/// A GraphQL operation.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) document: &'static str,
}

/// Declares operations, and a list of all of them for tests.
macro_rules! operations {
    ($($constant:ident = $name:literal, $document:literal;)+) => {
        $(pub(super) const $constant: Operation = Operation { name: $name, document: $document };)+

        #[cfg(test)]
        pub(super) const ALL: &[&Operation] = &[$(&$constant),+];
    };
}

operations! {
    PING = "LoadPing", "query LoadPing { __typename }";

    CATALOG = "LoadCatalog", "query LoadCatalog($first: Int!) {
        currencies { code }
        productSearch(query: \"\", first: $first) {
            nodes { id title category inStock }
        }
    }";

    CUSTOMERS = "LoadCustomers", "query LoadCustomers($first: Int!, $after: String) {
        supportOrders(first: $first, after: $after) {
            pageInfo { hasNextPage endCursor }
            nodes { customer { id } }
        }
    }";

    CUSTOMER = "LoadCustomer", "query LoadCustomer {
        me {
            id
            orders(first: 20) {
                nodes {
                    id
                    shippingAddress { name line1 line2 city region postalCode countryCode }
                    items { id returnEligibility { eligible returnableQuantity } }
                }
            }
        }
    }";

    REASONS = "LoadReasons", "query LoadReasons { returnReasons { code category } }";

    SEARCH = "LoadSearch", "query LoadSearch(
        $query: String!, $filters: ProductSearchFilters, $first: Int!, $currency: CurrencyCode
    ) {
        productSearch(query: $query, filters: $filters, first: $first) {
            totalCount
            isRelaxed
            queryId
            facets { name buckets { value count } }
            pageInfo { hasNextPage endCursor }
            nodes {
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
                    compareAt { amount { formatted } }
                }
            }
        }
    }";

    SUGGESTIONS = "LoadSuggestions", "query LoadSuggestions($prefix: String!) {
        searchSuggestions(prefix: $prefix) { text product { id } }
    }";

    PRODUCT = "LoadProduct", "query LoadProduct($id: ID!, $currency: CurrencyCode) {
        product(id: $id) {
            id
            title
            brand
            description
            imageUrl
            category
            rating
            reviewCount
            availableQuantity
            price(currency: $currency) {
                adjustments { kind usd { formatted } }
                current {
                    amount { formatted }
                    usd { formatted }
                    exchangeRate { effectiveRate freshness }
                }
                compareAt { amount { formatted } }
            }
            priceHistory { changedAt base { formatted } }
        }
    }";

    ACCOUNT = "LoadAccount", "query LoadAccount($currency: CurrencyCode) {
        me {
            name
            orders(first: 20) {
                totalCount
                nodes {
                    id
                    status
                    total { formatted }
                    totalUsd { amount }
                    items {
                        productName
                        product {
                            title
                            imageUrl
                            price(currency: $currency) {
                                current { amount { formatted } exchangeRate { freshness } }
                            }
                        }
                        returnEligibility { eligible returnDeadline reasons { code } }
                    }
                    shipments { carrier status estimatedDelivery }
                    returns { status nextStep }
                }
            }
            notificationPreferences { preferences { channel category enabled } }
        }
    }";

    ORDER = "LoadOrder", "query LoadOrder($id: ID!) {
        order(id: $id) {
            id
            status
            placedAt
            allowedActions
            paymentStatus
            subtotal { formatted }
            shipping { formatted }
            tax { formatted }
            total { amount currency formatted }
            paymentMethod { kind last4 }
            shippingAddress { name line1 city postalCode countryCode }
            timeline { type timestamp }
            items {
                id
                productName
                quantity
                unitPrice { formatted }
                lineTotal { formatted }
                returnEligibility { eligible returnDeadline returnableQuantity }
            }
            shipments { id carrier trackingNumber status history { status location timestamp } }
            returns { id status nextStep }
        }
    }";

    PREVIEW = "LoadOrderPreview", "query LoadOrderPreview($input: OrderPreviewInput!) {
        orderPreview(input: $input) {
            lines { product { id title } quantity displayTotal { formatted } }
            subtotal { formatted }
            shipping { formatted }
            tax { formatted }
            total { amount currency formatted }
            shippingOptions { code name price { formatted } earliestDelivery latestDelivery }
            isComplete
            userErrors { code field message }
        }
    }";

    PLACE = "LoadOrderPlace", "mutation LoadOrderPlace($input: OrderPlaceInput!, $key: String!) {
        orderPlace(input: $input, idempotencyKey: $key) {
            order { id status total { amount currency } }
            paymentClientSecret
            userErrors { code field message }
        }
    }";

    RETURN_FORM = "LoadReturnForm", "query LoadReturnForm($id: ID!) {
        returnReasons { code category label refundsShipping }
        order(id: $id) {
            id
            placedAt
            items {
                id
                productName
                quantity
                unitPrice { formatted }
                returnEligibility { eligible returnDeadline returnableQuantity reasons { code message } }
            }
        }
    }";

    RETURN_PREVIEW = "LoadReturnPreview", "query LoadReturnPreview($input: ReturnCreateInput!) {
        returnPreview(input: $input) {
            eligible
            reasons { code message orderItemId }
            refund { items { formatted } tax { formatted } shipping { formatted } total { formatted } }
            estimatedLabelCost { formatted }
        }
    }";

    RETURN_CREATE = "LoadReturnCreate", "mutation LoadReturnCreate($input: ReturnCreateInput!, $key: String!) {
        returnCreate(input: $input, idempotencyKey: $key) {
            return { id status }
            userErrors { ... on UserError { code message } }
        }
    }";

    RETURN = "LoadReturn", "query LoadReturn($id: ID!) {
        return(id: $id) {
            id
            status
            nextStep
            refundMethod
            refund { total { formatted } }
            items { productName quantity condition reason { label } }
            label { url carrier trackingNumber expiresAt }
            timeline { type timestamp }
        }
    }";

    RETURN_CANCEL = "LoadReturnCancel", "mutation LoadReturnCancel($id: ID!, $key: String!) {
        returnCancel(id: $id, idempotencyKey: $key) {
            return { id status }
            userErrors { code message }
        }
    }";

    TRACKING = "LoadTracking", "subscription LoadTracking($id: ID!) {
        orderTracking(orderId: $id) {
            sequence
            snapshot
            status
            location
            timestamp
            carrier
            estimatedDelivery
        }
    }";
}

#[cfg(test)]
mod tests {
    use graphql_tools::parser::{parse_query, parse_schema};
    use graphql_tools::validation::rules::default_rules_validation_plan;
    use graphql_tools::validation::validate::validate;

    use super::*;

    #[test]
    fn every_operation_is_valid_against_the_public_schema() {
        let schema = include_str!("../../../schema/api.graphql");
        let built_in = "scalar Int scalar Float scalar String scalar Boolean scalar ID";
        let schema = format!("{schema} {built_in}");
        let schema = parse_schema::<String>(&schema).unwrap().into_static();
        let plan = default_rules_validation_plan();
        for operation in ALL {
            let document = parse_query::<String>(operation.document).unwrap();
            let document = document.into_static();
            let errors = validate(&schema, &document, &plan);
            let messages: Vec<_> = errors.iter().map(|error| &error.message).collect();
            assert_eq!(messages, [] as [&String; 0], "{}", operation.name);
            assert!(operation.document.contains(operation.name));
        }
    }
}
