//! An amount of money as input.

use async_graphql::InputObject;
use serde::Serialize;

use crate::decimal_input::DecimalInput;
use crate::money::{CurrencyCode, Money, Rounding};

/// An amount of money in a currency.
#[derive(Clone, Copy, Debug, Serialize, InputObject)]
pub struct MoneyInput {
    /// In major units, such as "29.45", with at most as many decimals as the currency has.
    #[serde(serialize_with = "as_text")]
    pub amount: DecimalInput,
    /// The currency of the amount.
    pub currency: CurrencyCode,
}

impl MoneyInput {
    /// The amount; `None` if it has more decimals than its currency, or is out of range.
    pub fn money(&self) -> Option<Money> {
        let money = Money::from_decimal(self.amount.0, self.currency, Rounding::Down)?;
        (money.decimal() == self.amount.0).then_some(money)
    }
}

fn as_text<S: serde::Serializer>(amount: &DecimalInput, serializer: S) -> Result<S::Ok, S::Error> {
    // 5 and 5.00 are the same input.
    serializer.collect_str(&amount.0.normalize())
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        for (amount, currency, expected) in [
            ("29.45", CurrencyCode::Eur, Some(2_945)),
            ("29.450", CurrencyCode::Eur, Some(2_945)),
            ("29.456", CurrencyCode::Eur, None),
            ("29", CurrencyCode::Jpy, Some(29)),
            ("29.5", CurrencyCode::Jpy, None),
            ("79228162514264337593543950335", CurrencyCode::Eur, None),
        ] {
            let amount: Decimal = amount.parse().unwrap();
            let input = MoneyInput {
                amount: DecimalInput(amount),
                currency,
            };
            assert_eq!(input.money().map(|money| money.minor), expected, "{amount}");
        }
    }

    #[test]
    fn equal_amounts_are_equal_inputs() {
        let input = |amount: &str| MoneyInput {
            amount: DecimalInput(amount.parse().unwrap()),
            currency: CurrencyCode::Eur,
        };
        let text = |amount| serde_json::to_string(&input(amount)).unwrap();
        assert_eq!(text("5"), text("5.00"));
        assert_ne!(text("5"), text("5.01"));
    }
}
