//! The meaning of carriers' codes. Unknown codes are ignored and the last status stays, unless the carrier itself
//! reports a failure.

use super::status::TrackingStatus as Status;

/// DHL has few codes, so its description is used too.
pub(crate) fn dhl(code: &str, said: &str) -> Option<Status> {
    let said = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    Some(match code {
        "pre-transit" => Status::LabelCreated,
        "transit" if says(&["return"]) => Status::Returning,
        "transit" if says(OUT_FOR_DELIVERY) => Status::OutForDelivery,
        "transit" if says(AT_A_PICKUP_POINT) => Status::AvailableForPickup,
        "transit" if says(PICKED_UP) => Status::Shipped,
        "transit" => Status::InTransit,
        "delivered" => Status::Delivered,
        "failure" if says(&["return"]) => Status::Returning,
        "failure" if says(ATTEMPTED) => Status::DeliveryAttempted,
        "failure" => Status::Exception,
        _ => return None,
    })
}

const OUT_FOR_DELIVERY: &[&str] = &[
    "out for delivery",
    "with delivery courier",
    "onto the delivery vehicle",
    "into the delivery vehicle",
];
const AT_A_PICKUP_POINT: &[&str] = &[
    "available for pickup",
    "ready for pickup",
    "ready for pick-up",
    "ready for collection",
    "awaiting collection",
];
const PICKED_UP: &[&str] = &["picked up"];
const ATTEMPTED: &[&str] = &["attempt"];
const NOT_DELIVERED: &[&str] = &[
    "not delivered",
    "not be delivered",
    "to be delivered",
    "undelivered",
    "will be delivered",
];
const ON_PAPER: &[&str] = &[
    "label created",
    "information received",
    "instruction data",
    "electronically",
];
const ON_ITS_WAY: &[&str] = &[
    "transit",
    "arrived",
    "departed",
    "processed",
    "sorted",
    "facility",
    "clearance",
    "customs",
    "hub",
];

/// DHL's descriptions, for events without a code.
pub(crate) fn dhl_words(said: &str) -> Option<Status> {
    let said = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let meanings: [(&[&str], Status); 8] = [
        (&["return"], Status::Returning),
        (ATTEMPTED, Status::DeliveryAttempted),
        (OUT_FOR_DELIVERY, Status::OutForDelivery),
        (AT_A_PICKUP_POINT, Status::AvailableForPickup),
        (PICKED_UP, Status::Shipped),
        (NOT_DELIVERED, Status::InTransit),
        (&["delivered"], Status::Delivered),
        (ON_PAPER, Status::LabelCreated),
    ];
    meanings
        .into_iter()
        .find(|(words, _)| says(words))
        .map(|(_, status)| status)
        .or_else(|| says(ON_ITS_WAY).then_some(Status::InTransit))
}

/// FedEx's codes of scans and of its derived statuses.
pub(crate) fn fedex(code: &str) -> Option<Status> {
    Some(match code {
        "OC" | "IN" => Status::LabelCreated,
        "PU" | "PX" | "DO" => Status::Shipped,
        "IT" | "IX" | "AR" | "AF" | "DP" | "LO" | "TR" | "CC" | "AX" | "OX" | "FD" | "AO"
        | "EA" | "ED" | "PL" | "SF" | "PF" => Status::InTransit,
        "OD" => Status::OutForDelivery,
        "DE" => Status::DeliveryAttempted,
        "HL" | "HP" => Status::AvailableForPickup,
        "DL" => Status::Delivered,
        "RS" | "RP" | "RC" => Status::Returning,
        "SE" | "CA" | "CD" | "DY" | "DD" => Status::Exception,
        _ => return None,
    })
}

/// FedEx's descriptions, for responses without a code.
pub(crate) fn fedex_words(said: &str) -> Option<Status> {
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

/// UPS: the package's three-digit status is the most specific; then the activity's type, with its code and text where
/// the type is not enough. `codes` may be either, since responses name them differently.
pub(crate) fn ups(kind: Option<&str>, codes: &[Option<&str>], said: &str) -> Option<Status> {
    let codes = || codes.iter().copied().flatten();
    // A returning parcel is also reported as in transit.
    let returning = (kind == Some("RS")).then_some(Status::Returning);
    returning
        .or_else(|| codes().find_map(ups_package))
        .or_else(|| ups_activity(kind?, codes(), said))
        // Short responses have the type as the package's code.
        .or_else(|| codes().find_map(|code| ups_activity(code, codes(), said)))
        .or_else(|| kind.is_none().then(|| codes().find_map(ups_code))?)
}

/// UPS's package statuses.
fn ups_package(code: &str) -> Option<Status> {
    Some(match code {
        "003" | "007" | "045" => Status::LabelCreated,
        "038" | "044" => Status::Shipped,
        "005" | "010" | "012" | "014" | "025" | "039" | "042" | "055" => Status::InTransit,
        "006" | "021" => Status::OutForDelivery,
        "011" | "026" => Status::Delivered,
        "022" | "023" | "024" | "060" | "061" | "062" | "066" => Status::DeliveryAttempted,
        "017" | "040" => Status::AvailableForPickup,
        "033" | "034" | "035" | "036" | "037" | "067" => Status::Returning,
        "013" | "016" | "029" | "030" | "032" | "046" | "047" | "048" | "049" | "050" | "051"
        | "052" | "058" | "059" | "064" | "068" | "069" => Status::Exception,
        _ => return None,
    })
}

fn ups_activity<'a>(
    kind: &str,
    mut codes: impl Iterator<Item = &'a str>,
    said: &str,
) -> Option<Status> {
    let said = said.to_lowercase();
    Some(match kind {
        "M" | "MV" => Status::LabelCreated,
        "P" => Status::Shipped,
        "I" if codes.any(|code| matches!(code, "OT" | "OF")) => Status::OutForDelivery,
        // For freight: it has reached a station.
        "I" | "DO" | "DD" => Status::InTransit,
        "O" => Status::OutForDelivery,
        "X" if said.contains("attempt") || codes.any(|code| code == "DA") => {
            Status::DeliveryAttempted
        }
        // UPS's other exceptions are not specified further.
        "X" => Status::Exception,
        "W" if said.contains("pickup") => Status::AvailableForPickup,
        "W" => Status::InTransit,
        "D" => Status::Delivered,
        "RS" => Status::Returning,
        _ => return None,
    })
}

/// UPS's activity codes, for those without a type.
fn ups_code(code: &str) -> Option<Status> {
    Some(match code {
        "MP" | "VP" => Status::LabelCreated,
        "PU" => Status::Shipped,
        "OR" | "DS" | "YP" | "DP" | "AR" | "IP" => Status::InTransit,
        "OT" | "OF" | "YI" => Status::OutForDelivery,
        "ZP" => Status::AvailableForPickup,
        "FS" | "KB" | "2W" | "8Q" | "9E" => Status::Delivered,
        _ => return None,
    })
}

/// EasyPost's statuses, which are the same for all carriers.
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
        assert_eq!(fedex_words("In Transit"), transit);
        assert_eq!(fedex("IT"), transit);
        assert_eq!(ups(None, &[Some("I")], "On The Way"), transit);
        assert_eq!(easypost("in_transit", "arrived_at_facility"), transit);
    }

    #[test]
    fn an_unknown_code_is_an_exception_only_if_the_carrier_says_so() {
        assert_eq!(dhl("failure", "Quite unheard of"), Some(Status::Exception));
        let unheard_of = ups(Some("X"), &[Some("ZZ")], "Quite unheard of");
        assert_eq!(unheard_of, Some(Status::Exception));
        assert_eq!(easypost("failure", "unheard_of"), Some(Status::Exception));
        assert_eq!(dhl("teleported", "Exception"), None);
        assert_eq!(fedex("ZZ"), None);
        assert_eq!(ups(Some("ZZ"), &[Some("999")], "Exception"), None);
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
        for (said, status) in [
            (
                "The shipment has been loaded onto the delivery vehicle",
                Status::OutForDelivery,
            ),
            (
                "Arrived at DHL Sort Facility  LEIPZIG - GERMANY",
                Status::InTransit,
            ),
            ("Could not be delivered, will try again", Status::InTransit),
            ("Delivered - signed for by: J DOE", Status::Delivered),
            ("Shipment information received", Status::LabelCreated),
        ] {
            assert_eq!(dhl_words(said), Some(status), "{said}");
        }
        assert_eq!(dhl_words("Unheard of"), None);
    }

    #[test]
    fn a_status_of_ups_is_understood_by_whichever_of_its_codes_there_is() {
        for (kind, codes, said, status) in [
            (
                Some("D"),
                [Some("011"), Some("FS")],
                "DELIVERED",
                Status::Delivered,
            ),
            (None, [None, Some("011")], "Delivered", Status::Delivered),
            (
                None,
                [Some("021"), None],
                "Out for Delivery Today",
                Status::OutForDelivery,
            ),
            (
                Some("D"),
                [Some("040"), Some("2Q")],
                "",
                Status::AvailableForPickup,
            ),
            (Some("O"), [None, Some("OF")], "", Status::OutForDelivery),
            (Some("I"), [None, Some("OT")], "", Status::OutForDelivery),
            (Some("I"), [None, Some("AR")], "", Status::InTransit),
            (
                Some("X"),
                [None, None],
                "Delivery Attempted",
                Status::DeliveryAttempted,
            ),
            (Some("X"), [None, Some("DA")], "", Status::DeliveryAttempted),
            (
                Some("W"),
                [None, Some("W")],
                "Ready for Customer Pickup",
                Status::AvailableForPickup,
            ),
            (Some("RS"), [None, None], "", Status::Returning),
            (None, [None, Some("KB")], "", Status::Delivered),
            (None, [None, Some("DP")], "", Status::InTransit),
        ] {
            assert_eq!(
                ups(kind, &codes, said),
                Some(status),
                "{kind:?} {codes:?} {said}"
            );
        }
    }
}
