//! Why a mutation changed nothing, or not what was wanted: the codes of all entries of `userErrors`.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

platform::error_codes! {
    /// `code` of an entry of `userErrors`. `docs/errors.md` explains each.
    pub enum UserErrorCode {
        CurrencyNotAvailable = "CURRENCY_NOT_AVAILABLE",
        DuplicateItem = "DUPLICATE_ITEM",
        DuplicatePreference = "DUPLICATE_PREFERENCE",
        InvalidAddress = "INVALID_ADDRESS",
        InvalidId = "INVALID_ID",
        InvalidItems = "INVALID_ITEMS",
        InvalidPaymentMethod = "INVALID_PAYMENT_METHOD",
        InvalidPosition = "INVALID_POSITION",
        InvalidQuantity = "INVALID_QUANTITY",
        InvalidQueryId = "INVALID_QUERY_ID",
        InvalidQuietHours = "INVALID_QUIET_HOURS",
        InvalidReason = "INVALID_REASON",
        InvalidRegion = "INVALID_REGION",
        InvalidTimezone = "INVALID_TIMEZONE",
        InvalidToken = "INVALID_TOKEN",
        NotOfThisOrder = "NOT_OF_THIS_ORDER",
        OrderNotCancellable = "ORDER_NOT_CANCELLABLE",
        OrderTotalNotPayable = "ORDER_TOTAL_NOT_PAYABLE",
        PaymentDeclined = "PAYMENT_DECLINED",
        ProductNotAvailable = "PRODUCT_NOT_AVAILABLE",
        ProductNotFound = "PRODUCT_NOT_FOUND",
        ReasonTextTooLong = "REASON_TEXT_TOO_LONG",
        ReturnCancelled = "RETURN_CANCELLED",
        ReturnIneligible = "RETURN_INELIGIBLE",
        ReturnNotCancellable = "RETURN_NOT_CANCELLABLE",
        UnknownProduct = "UNKNOWN_PRODUCT",
        UnknownReason = "UNKNOWN_REASON",
    }
}

/// In the schema it is a `String!`: another code breaks no client.
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
    use super::*;

    #[test]
    fn codes_come_back_from_their_own_text() {
        for code in UserErrorCode::ALL {
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(text, format!("\"{}\"", code.as_str()));
            assert_eq!(serde_json::from_str::<UserErrorCode>(&text).unwrap(), *code);
        }
        assert!(serde_json::from_str::<UserErrorCode>("\"OTHER\"").is_err());
    }
}
