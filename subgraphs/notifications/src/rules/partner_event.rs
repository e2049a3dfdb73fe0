//! What partners see of events: which types, for which scopes, and which of their fields. Everything that is not listed
//! here stays with us.

/// The scope of those who may know which customers events are about, and what leads to them.
pub(crate) const CUSTOMERS: &str = "customers:read";

/// A type of events that partners may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartnerEventType {
    pub name: &'static str,
    /// The scope it requires.
    pub scope: &'static str,
    /// Paths of the fields that everybody with the scope sees.
    fields: &'static [&'static str],
    /// Those that require [`CUSTOMERS`], too.
    personal: &'static [&'static str],
}

const ORDERS: &str = "orders:read";
const RETURNS: &str = "returns:read";
const TRACKING: &str = "tracking:read";

const ORDER_STATUS: &[&str] = &[
    "version",
    "orderId",
    "previousStatus",
    "status",
    "timestamp",
];
const RETURN_STATUS: [&str; 5] = ["version", "returnId", "orderId", "previousStatus", "status"];
const PARCEL: &[&str] = &[
    "version",
    "orderId",
    "returnId",
    "shipmentId",
    "carrier",
    "previousStatus",
    "status",
    "allDelivered",
    "deliveredAt",
    "returnedToSender",
    "timestamp",
    "estimatedDelivery",
    "sequence",
];

const CUSTOMER: &[&str] = &["customerId"];
/// A carrier shows everybody with the number where its parcel goes.
const PARCEL_OF_CUSTOMER: &[&str] = &["customerId", "trackingNumber", "location"];
const LABEL_OF_CUSTOMER: &[&str] = &["customerId", "trackingNumber"];

const fn order_status(name: &'static str) -> PartnerEventType {
    PartnerEventType {
        name,
        scope: ORDERS,
        fields: ORDER_STATUS,
        personal: CUSTOMER,
    }
}

const fn of_return(
    name: &'static str,
    fields: &'static [&'static str],
    personal: &'static [&'static str],
) -> PartnerEventType {
    PartnerEventType {
        name,
        scope: RETURNS,
        fields,
        personal,
    }
}

const fn of_parcel(name: &'static str) -> PartnerEventType {
    PartnerEventType {
        name,
        scope: TRACKING,
        fields: PARCEL,
        personal: PARCEL_OF_CUSTOMER,
    }
}

/// The fields of a return's status, and more.
macro_rules! return_status {
    ($($field:literal),*) => {
        &[
            RETURN_STATUS[0], RETURN_STATUS[1], RETURN_STATUS[2], RETURN_STATUS[3],
            RETURN_STATUS[4], $($field),*
        ]
    };
}

/// All types, by domain.
pub(crate) const TYPES: [PartnerEventType; 17] = [
    PartnerEventType {
        name: "order.placed",
        scope: ORDERS,
        fields: &[
            "version",
            "orderId",
            "status",
            "items.orderItemId",
            "items.productId",
            "items.productName",
            "items.quantity",
            "total.amount",
            "total.currency",
            "totalUsd.amount",
            "totalUsd.currency",
            "timestamp",
        ],
        personal: CUSTOMER,
    },
    order_status("order.confirmed"),
    order_status("order.shipped"),
    order_status("order.delivered"),
    PartnerEventType {
        // The reason may be the customer's own words.
        personal: &["customerId", "reason"],
        ..order_status("order.cancelled")
    },
    PartnerEventType {
        fields: &[
            "version",
            "orderId",
            "refunded.amount",
            "refunded.currency",
            "timestamp",
        ],
        ..order_status("order.refunded")
    },
    of_return(
        "return.initiated",
        return_status!(
            "items.orderItemId",
            "items.productId",
            "items.productName",
            "items.quantity",
            "items.condition",
            "items.reasonCode",
            "refund.currency",
            "refund.items",
            "refund.tax",
            "refund.shipping",
            "refund.total",
            "refund.includesShipping"
        ),
        CUSTOMER,
    ),
    of_return(
        "return.label_generated",
        return_status!("carrier", "expiresAt", "fallbackDeadline"),
        LABEL_OF_CUSTOMER,
    ),
    of_return(
        "return.carrier_scanned",
        return_status!("scannedAt", "late"),
        CUSTOMER,
    ),
    of_return(
        "return.refund_issued",
        return_status!(
            "refund.currency",
            "refund.items",
            "refund.tax",
            "refund.shipping",
            "refund.total",
            "refund.includesShipping"
        ),
        CUSTOMER,
    ),
    of_return(
        "return.completed",
        return_status!(
            "items.orderItemId",
            "items.productId",
            "items.productName",
            "items.quantity",
            "items.condition",
            "items.reasonCode"
        ),
        CUSTOMER,
    ),
    of_return("return.manual_review", return_status!(), CUSTOMER),
    of_return("return.cancelled", return_status!(), LABEL_OF_CUSTOMER),
    of_return(
        "return.store_credit_issued",
        &["version", "returnId", "orderId", "amount", "currency"],
        CUSTOMER,
    ),
    of_return(
        "return.shipping_refunded",
        &[
            "version",
            "returnId",
            "orderId",
            "amount",
            "currency",
            "refund.currency",
            "refund.items",
            "refund.tax",
            "refund.shipping",
            "refund.total",
            "refund.includesShipping",
        ],
        CUSTOMER,
    ),
    of_parcel("tracking.status_changed"),
    of_parcel("tracking.returned_to_sender"),
];

/// The type of this name; `None` for events that are not for partners.
pub(crate) fn find(name: &str) -> Option<&'static PartnerEventType> {
    TYPES.iter().find(|one| one.name == name)
}

/// How much of a field is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Hidden,
    /// Some of the fields in it.
    InPart,
    Whole,
}

impl PartnerEventType {
    /// How much is seen of the field at this path, by those who may or may not see personal data.
    pub(crate) fn visibility(&self, path: &str, personal: bool) -> Visibility {
        let hidden: &[&str] = &[];
        let more = if personal { self.personal } else { hidden };
        let mut paths = self.fields.iter().chain(more);
        if paths.clone().any(|known| *known == path) {
            return Visibility::Whole;
        }
        let is_in = |known: &&str| {
            known
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        if paths.any(is_in) {
            Visibility::InPart
        } else {
            Visibility::Hidden
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_seen_by_those_who_may() {
        let check = |event: &str, path: &str, personal: bool, expected: Visibility| {
            let found = find(event).unwrap().visibility(path, personal);
            assert_eq!(found, expected, "{event} {path}");
        };
        check("order.placed", "orderId", false, Visibility::Whole);
        check("order.placed", "items", false, Visibility::InPart);
        check("order.placed", "items.quantity", false, Visibility::Whole);
        check("order.placed", "items.address", true, Visibility::Hidden);
        check("order.placed", "item", true, Visibility::Hidden);
        for field in ["customerId", "reason"] {
            check("order.cancelled", field, false, Visibility::Hidden);
            check("order.cancelled", field, true, Visibility::Whole);
        }
        check("return.initiated", "actor", true, Visibility::Hidden);
        check(
            "return.store_credit_issued",
            "storeCreditId",
            true,
            Visibility::Hidden,
        );
    }

    #[test]
    fn names_are_unique_and_no_personal_field_is_seen_by_everybody() {
        for (index, one) in TYPES.iter().enumerate() {
            assert_eq!(
                TYPES.iter().position(|other| other.name == one.name),
                Some(index)
            );
            for path in [
                "customerId",
                "trackingNumber",
                "location",
                "reason",
                "actor",
            ] {
                assert_eq!(
                    one.visibility(path, false),
                    Visibility::Hidden,
                    "{}",
                    one.name
                );
            }
        }
        assert_eq!(find("order.support_alert"), None);
        assert_eq!(find("return.support_alert"), None);
        assert_eq!(find("tracking.shipment_flagged"), None);
    }
}
