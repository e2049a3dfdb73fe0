//! What carriers' codes mean. A code that is not here means nothing to us: the last status stays, unless the
//! carrier itself calls it a failure.

use crate::status::TrackingStatus as Status;

/// DHL: few codes, so what it says beside them counts, too.
pub(crate) fn dhl(code: &str, said: &str) -> Option<Status> {
    let said = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    Some(match code {
        "pre-transit" => Status::LabelCreated,
        "transit" if says(&["return"]) => Status::Returning,
        "transit" if says(&["out for delivery", "with delivery courier"]) => Status::OutForDelivery,
        "transit" if says(&["available for pickup", "ready for collection"]) => {
            Status::AvailableForPickup
        }
        "transit" if says(&["picked up"]) => Status::Shipped,
        "transit" => Status::InTransit,
        "delivered" => Status::Delivered,
        "failure" if says(&["attempt"]) => Status::DeliveryAttempted,
        "failure" => Status::Exception,
        _ => return None,
    })
}

/// FedEx: derived status codes. Some answers have the status in words only.
pub(crate) fn fedex(code: Option<&str>, said: &str) -> Option<Status> {
    let Some(code) = code else {
        return fedex_words(said);
    };
    Some(match code {
        "OC" | "IN" => Status::LabelCreated,
        "PU" | "PX" | "DO" => Status::Shipped,
        "IT" | "IX" | "AR" | "AF" | "DP" | "LO" | "TR" | "CC" | "AX" | "OX" => Status::InTransit,
        "OD" => Status::OutForDelivery,
        "DE" => Status::DeliveryAttempted,
        "HL" | "HP" => Status::AvailableForPickup,
        "DL" => Status::Delivered,
        "RS" | "RP" => Status::Returning,
        "SE" | "CA" | "CD" | "DY" | "DD" => Status::Exception,
        _ => return None,
    })
}

fn fedex_words(said: &str) -> Option<Status> {
    let said = said.to_lowercase();
    const WORDS: [(&str, Status); 9] = [
        ("label created", Status::LabelCreated),
        ("picked up", Status::Shipped),
        ("return", Status::Returning),
        ("vehicle for delivery", Status::OutForDelivery),
        ("ready for pickup", Status::AvailableForPickup),
        ("delivery exception", Status::DeliveryAttempted),
        ("exception", Status::Exception),
        ("delivered", Status::Delivered),
        ("in transit", Status::InTransit),
    ];
    WORDS
        .into_iter()
        .find(|(words, _)| said.contains(words))
        .map(|(_, status)| status)
}

/// UPS: the type of an activity, with its code and words where the type is not enough.
pub(crate) fn ups(kind: &str, code: &str, said: &str) -> Option<Status> {
    let said = said.to_lowercase();
    Some(match kind {
        "M" | "MV" => Status::LabelCreated,
        "P" => Status::Shipped,
        "I" => Status::InTransit,
        "O" => Status::OutForDelivery,
        "X" if code == "DA" || said.contains("attempt") => Status::DeliveryAttempted,
        // Nothing else that UPS calls an exception is known better.
        "X" => Status::Exception,
        "W" if said.contains("pickup") => Status::AvailableForPickup,
        "W" => Status::InTransit,
        "D" | "DD" => Status::Delivered,
        "RS" => Status::Returning,
        _ => return None,
    })
}

/// EasyPost, which tells of all carriers in words of its own.
pub(crate) fn easypost(status: &str, detail: &str) -> Option<Status> {
    Some(match (status, detail) {
        ("pre_transit", _) => Status::LabelCreated,
        ("in_transit", "received_at_origin_facility") => Status::Shipped,
        ("in_transit", "delivery_exception") => Status::DeliveryAttempted,
        ("in_transit", _) => Status::InTransit,
        ("out_for_delivery", _) => Status::OutForDelivery,
        ("available_for_pickup", _) => Status::AvailableForPickup,
        ("delivered", _) => Status::Delivered,
        ("return_to_sender", _) => Status::Returning,
        ("failure", _) => Status::Exception,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_carriers_own_samples_are_understood() {
        let transit = Some(Status::InTransit);
        assert_eq!(dhl("transit", "In transit"), transit);
        assert_eq!(fedex(None, "In Transit"), transit);
        assert_eq!(fedex(Some("IT"), ""), transit);
        assert_eq!(ups("I", "I", "On The Way"), transit);
        assert_eq!(easypost("in_transit", "arrived_at_facility"), transit);
    }

    #[test]
    fn an_unknown_code_is_an_exception_only_if_the_carrier_says_so() {
        assert_eq!(dhl("failure", "Quite unheard of"), Some(Status::Exception));
        assert_eq!(ups("X", "ZZ", "Quite unheard of"), Some(Status::Exception));
        assert_eq!(easypost("failure", "unheard_of"), Some(Status::Exception));
        assert_eq!(dhl("teleported", "Exception"), None);
        assert_eq!(fedex(Some("ZZ"), "Delivery exception"), None);
        assert_eq!(ups("ZZ", "X", "Exception"), None);
        assert_eq!(easypost("unknown", "unknown"), None);
    }

    #[test]
    fn what_a_carrier_says_tells_statuses_of_one_code_apart() {
        let cases = [
            ("Shipment picked up", Status::Shipped),
            ("With delivery courier", Status::OutForDelivery),
            (
                "Ready for collection by the recipient",
                Status::AvailableForPickup,
            ),
            (
                "Shipment is being returned to the sender",
                Status::Returning,
            ),
        ];
        for (said, status) in cases {
            assert_eq!(dhl("transit", said), Some(status), "{said}");
        }
        assert_eq!(
            ups("X", "X", "Delivery Attempted"),
            Some(Status::DeliveryAttempted)
        );
        assert_eq!(
            ups("W", "W", "Ready for Customer Pickup"),
            Some(Status::AvailableForPickup)
        );
    }
}
