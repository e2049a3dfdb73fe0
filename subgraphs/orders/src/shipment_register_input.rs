//! The input of `shipmentRegister`, which is also the body of the warehouse's webhook.

use async_graphql::{Enum, ID, InputObject};
use resolvers::id::IdKind;
use resolvers::user_error::{InputError, UserErrorCode};
use serde::Serialize;
use uuid::Uuid;

use crate::rules::parcel_content::Units;

/// Maximum length of a tracking number.
const MAX_NUMBER: usize = 40;

/// The companies that transport parcels.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Enum,
    Serialize,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
pub(crate) enum Carrier {
    /// DHL.
    Dhl,
    /// FedEx.
    Fedex,
    /// UPS.
    Ups,
    /// United States Postal Service.
    Usps,
}

impl Carrier {
    /// As in events: `dhl`, ….
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A parcel that the warehouse hands over to a carrier.
#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct ShipmentRegisterInput {
    /// The order's id, `ord_…`.
    pub order_id: ID,
    /// The company that transports the parcel.
    pub carrier: Carrier,
    /// The carrier's number for the parcel, at most 40 letters, digits and hyphens. Letter case and spaces do not matter.
    pub tracking_number: String,
    /// What is in the parcel. By default all that is left to send of the order.
    pub lines: Option<Vec<ShipmentLineInput>>,
}

/// Units of a line of the order in a parcel.
#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct ShipmentLineInput {
    /// The line's id, `oi_…`.
    pub order_item_id: ID,
    /// How many units are in the parcel, at least 1.
    pub quantity: i32,
}

/// The parsed input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedShipment {
    pub order: Uuid,
    pub carrier: Carrier,
    pub tracking_number: String,
    /// `None` for all that is left.
    pub lines: Option<Vec<Units>>,
}

/// Parses the input, or returns all of its errors.
pub(crate) fn parse(input: &ShipmentRegisterInput) -> Result<ParsedShipment, Vec<InputError>> {
    let mut errors = Vec::new();
    let order = IdKind::Order.parse(&input.order_id);
    if order.is_none() {
        errors.push(InputError::new(
            UserErrorCode::InvalidId,
            "The order's id is not valid",
            &["input", "orderId"],
        ));
    }
    let number = entities::tracking_number::normalized(&input.tracking_number);
    let is_readable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if number.is_empty() || number.len() > MAX_NUMBER || !number.bytes().all(is_readable) {
        errors.push(InputError::new(
            UserErrorCode::InvalidTrackingNumber,
            format!("A tracking number has 1 to {MAX_NUMBER} letters, digits and hyphens"),
            &["input", "trackingNumber"],
        ));
    }
    let lines = input
        .lines
        .as_ref()
        .map(|lines| parse_lines(lines, &mut errors));
    match order {
        Some(order) if errors.is_empty() => Ok(ParsedShipment {
            order,
            carrier: input.carrier,
            tracking_number: number,
            lines,
        }),
        _ => Err(errors),
    }
}

fn parse_lines(lines: &[ShipmentLineInput], errors: &mut Vec<InputError>) -> Vec<Units> {
    if lines.is_empty() {
        errors.push(InputError::new(
            UserErrorCode::InvalidItems,
            "Name at least one line, or leave `lines` out for all that is left",
            &["input", "lines"],
        ));
    }
    let mut parsed = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match IdKind::OrderItem.parse(&line.order_item_id) {
            Some(item) => parsed.push(Units {
                item,
                quantity: line.quantity,
            }),
            None => errors.push(InputError::new(
                UserErrorCode::InvalidId,
                "The item's id is not valid",
                &["input", "lines", &index.to_string(), "orderItemId"],
            )),
        }
    }
    parsed
}
