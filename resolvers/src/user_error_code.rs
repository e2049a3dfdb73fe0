//! The codes of all entries of `userErrors`: why a mutation changed nothing, or not what was requested.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, Enum, OutputType, Positioned, ServerResult, Value};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines the codes, and their GraphQL enum with the same descriptions.
macro_rules! user_error_codes {
    ($($(#[$description:meta])* $variant:ident = $code:literal,)*) => {
        platform::error_codes! {
            /// `code` of an entry of `userErrors`. `docs/errors.md` explains each.
            pub enum UserErrorCode {
                $($(#[$description])* $variant = $code,)*
            }
        }

        /// Why a mutation changed nothing, or not what was requested. `docs/errors.md` explains each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
        #[graphql(remote = "UserErrorCode")]
        pub enum UserErrorType {
            $($(#[$description])* $variant,)*
        }
    };
}

user_error_codes! {
    /// Somebody else has decided already; the message says what.
    AlreadyDecided = "ALREADY_DECIDED",
    /// No exchange rate of the currency is known at the moment.
    CurrencyNotAvailable = "CURRENCY_NOT_AVAILABLE",
    /// This cannot be decided in this state; the message lists what can.
    DecisionNotPossible = "DECISION_NOT_POSSIBLE",
    /// A product, an order item or a customer is named twice.
    DuplicateItem = "DUPLICATE_ITEM",
    /// A channel and category are named twice.
    DuplicatePreference = "DUPLICATE_PREFERENCE",
    /// A part of the address is missing, too long, or does not exist.
    InvalidAddress = "INVALID_ADDRESS",
    /// An adjustment has no kind, or not one of a percentage and an amount in range.
    InvalidAdjustment = "INVALID_ADJUSTMENT",
    /// The amount is not positive, has too many decimals, is in another currency, or is not wanted here.
    InvalidAmount = "INVALID_AMOUNT",
    /// An id is malformed, or of another type of object.
    InvalidId = "INVALID_ID",
    /// There are no items, changes or customers, or too many.
    InvalidItems = "INVALID_ITEMS",
    /// A link is too long, or does not start as the message says.
    InvalidLink = "INVALID_LINK",
    /// The language is not a BCP 47 tag.
    InvalidLocale = "INVALID_LOCALE",
    /// The token is not one of the payment provider's, or cannot be used.
    InvalidPaymentMethod = "INVALID_PAYMENT_METHOD",
    /// A time is in the past, or an end comes before its beginning.
    InvalidPeriod = "INVALID_PERIOD",
    /// The telephone number is not in international form.
    InvalidPhoneNumber = "INVALID_PHONE_NUMBER",
    /// A position is negative.
    InvalidPosition = "INVALID_POSITION",
    /// A price is not in whole cents or out of range, or a change sets nothing.
    InvalidPrice = "INVALID_PRICE",
    /// A quantity is out of range.
    InvalidQuantity = "INVALID_QUANTITY",
    /// The id is not the `queryId` of a search.
    InvalidQueryId = "INVALID_QUERY_ID",
    /// Quiet hours start and end at the same time.
    InvalidQuietHours = "INVALID_QUIET_HOURS",
    /// The reason is too long, or empty where one is required.
    InvalidReason = "INVALID_REASON",
    /// The region is not `us`, `eu` or `apac`.
    InvalidRegion = "INVALID_REGION",
    /// A text is empty or too long.
    InvalidText = "INVALID_TEXT",
    /// The time zone is not an IANA name.
    InvalidTimezone = "INVALID_TIMEZONE",
    /// The device token is empty or too long.
    InvalidToken = "INVALID_TOKEN",
    /// The tracking number is empty or too long, or has other characters than letters, digits and hyphens.
    InvalidTrackingNumber = "INVALID_TRACKING_NUMBER",
    /// It waits for no decision.
    NotInReview = "NOT_IN_REVIEW",
    /// An item belongs to another order.
    NotOfThisOrder = "NOT_OF_THIS_ORDER",
    /// Everything of the order is in a parcel already.
    NothingLeftToShip = "NOTHING_LEFT_TO_SHIP",
    /// The order has been shipped, or is already cancelled.
    OrderNotCancellable = "ORDER_NOT_CANCELLABLE",
    /// There is no such order.
    OrderNotFound = "ORDER_NOT_FOUND",
    /// The order is not paid yet, so it cannot be repeated.
    OrderNotReorderable = "ORDER_NOT_REORDERABLE",
    /// The order is not paid, is cancelled, or was sent already.
    OrderNotShippable = "ORDER_NOT_SHIPPABLE",
    /// The order's total is lower or higher than what can be paid.
    OrderTotalNotPayable = "ORDER_TOTAL_NOT_PAYABLE",
    /// There is less of the product than wanted.
    OutOfStock = "OUT_OF_STOCK",
    /// The bank declined the payment. The order exists and is cancelled.
    PaymentDeclined = "PAYMENT_DECLINED",
    /// The product has no price yet.
    PriceRequired = "PRICE_REQUIRED",
    /// The product is no longer sold.
    ProductNotAvailable = "PRODUCT_NOT_AVAILABLE",
    /// The ordered product does not exist.
    ProductNotFound = "PRODUCT_NOT_FOUND",
    /// A purchase is recorded from its order, and not by clients.
    PurchaseNotAccepted = "PURCHASE_NOT_ACCEPTED",
    /// More units than are left to send of the order.
    QuantityExceedsOrdered = "QUANTITY_EXCEEDS_ORDERED",
    /// The text of a reason is too long.
    ReasonTextTooLong = "REASON_TEXT_TOO_LONG",
    /// More would be refunded than was captured.
    RefundTooHigh = "REFUND_TOO_HIGH",
    /// The return is cancelled, so it gets no label.
    ReturnCancelled = "RETURN_CANCELLED",
    /// A rule prevents the return.
    ReturnIneligible = "RETURN_INELIGIBLE",
    /// The carrier has the package, or the return is already cancelled.
    ReturnNotCancellable = "RETURN_NOT_CANCELLABLE",
    /// The parcel cannot be sent to this country, or not in this way.
    ShippingNotAvailable = "SHIPPING_NOT_AVAILABLE",
    /// The order would cost something else than expected.
    TotalChanged = "TOTAL_CHANGED",
    /// Another parcel has the tracking number, or the parcel is registered with other content.
    TrackingNumberInUse = "TRACKING_NUMBER_IN_USE",
    /// The product of the event does not exist.
    UnknownProduct = "UNKNOWN_PRODUCT",
    /// The reason is not one of `returnReasons`.
    UnknownReason = "UNKNOWN_REASON",
    /// The price was set since the expected version.
    VersionMismatch = "VERSION_MISMATCH",
}

/// In the schema, `code` is a `String!`, so that other teams' subgraphs may have codes of their own.
impl OutputType for UserErrorCode {
    fn type_name() -> Cow<'static, str> {
        <String as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <String as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::from(self.as_str()))
    }
}

/// Outcomes are kept under their idempotency keys.
impl Serialize for UserErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for UserErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = Cow::<str>::deserialize(deserializer)?;
        let known = Self::ALL.iter().find(|known| known.as_str() == code);
        let unknown = || D::Error::custom(format!("`{code}` is no code of a user error"));
        known.copied().ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::InputType;

    use super::*;

    #[test]
    fn codes_have_the_same_name_as_text_and_as_enum_value() {
        for code in UserErrorCode::ALL {
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(text, format!("\"{}\"", code.as_str()));
            assert_eq!(serde_json::from_str::<UserErrorCode>(&text).unwrap(), *code);
            let name = UserErrorType::from(*code).to_value().to_string();
            assert_eq!(name, code.as_str());
        }
        assert!(serde_json::from_str::<UserErrorCode>("\"OTHER\"").is_err());
    }
}
