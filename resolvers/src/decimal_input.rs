//! `Decimal` as an argument. async-graphql's own parser rounds what it cannot hold and accepts underscores.

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{InputType, InputValueError, InputValueResult, Value};
use rust_decimal::Decimal;

/// A `Decimal` argument: exactly the number that was sent, or an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecimalInput(pub Decimal);

impl InputType for DecimalInput {
    type RawValueType = Decimal;

    fn type_name() -> Cow<'static, str> {
        <Decimal as InputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Decimal as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let decimal = match value.unwrap_or_default() {
            Value::String(text) => parse(&text),
            // As JSON writes it, which may be with an exponent.
            Value::Number(number) => {
                let text = number.to_string();
                if text.contains(['e', 'E']) {
                    Decimal::from_scientific(&text).map_err(|_| TOO_PRECISE)
                } else {
                    parse(&text)
                }
            }
            other => return Err(InputValueError::expected_type(other)),
        };
        decimal.map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        InputType::to_value(&self.0)
    }

    fn as_raw_value(&self) -> Option<&Decimal> {
        Some(&self.0)
    }
}

const NOT_A_DECIMAL: &str =
    "a Decimal is written as digits with at most one decimal point, like \"29.45\"";
const TOO_PRECISE: &str = "a Decimal has at most 28 digits: round the number before you send it";

/// Parses xs:decimal. What has more digits than fit is an error instead of being rounded.
fn parse(text: &str) -> Result<Decimal, &'static str> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut digits = whole.bytes().chain(decimals.bytes());
    if whole.len() + decimals.len() == 0 || !digits.all(|digit| digit.is_ascii_digit()) {
        return Err(NOT_A_DECIMAL);
    }
    Decimal::from_str_exact(text).map_err(|_| TOO_PRECISE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<String, String> {
        <DecimalInput as InputType>::parse(Some(value))
            .map(|decimal| decimal.0.to_string())
            .map_err(|error| error.into_server_error(Default::default()).message)
    }

    #[test]
    fn a_decimal_is_read_exactly() {
        for (text, expected) in [
            ("29.45", "29.45"),
            ("-0.5", "-0.5"),
            ("+7", "7"),
            (".5", "0.5"),
            ("7.", "7"),
            (
                "0.0000000000000000000000000001",
                "0.0000000000000000000000000001",
            ),
            (
                "79228162514264337593543950335",
                "79228162514264337593543950335",
            ),
        ] {
            assert_eq!(read(text.into()).as_deref(), Ok(expected), "{text}");
        }
        let number = |json: &str| Value::from_json(json.parse().unwrap()).unwrap();
        assert_eq!(read(number("29.45")).as_deref(), Ok("29.45"));
        assert_eq!(read(number("1200")).as_deref(), Ok("1200"));
        assert_eq!(read(number("1e-7")).as_deref(), Ok("0.0000001"));
    }

    #[test]
    fn what_is_no_decimal_or_would_be_rounded_is_refused_and_told_why() {
        for text in [
            "1_000", "1,000", "1e3", "", ".", "-", "+-1", " 1", "0x1", "1.2.3", "١", "NaN",
        ] {
            let error = read(text.into()).unwrap_err();
            assert!(error.contains("one decimal point"), "{text}: {error}");
        }
        let long = format!("0.{}1", "0".repeat(5_000));
        for text in [
            &long,
            "0.00000000000000000000000000001",
            "79228162514264337593543950336",
        ] {
            let error = read(text.into()).unwrap_err();
            assert!(error.contains("at most 28 digits"), "{error}");
        }
        let tiny = Value::from_json("1e-300".parse().unwrap()).unwrap();
        assert!(read(tiny).unwrap_err().contains("at most 28 digits"));
        assert!(read(Value::Boolean(true)).is_err());
        assert!(<DecimalInput as InputType>::parse(None).is_err());
    }
}
