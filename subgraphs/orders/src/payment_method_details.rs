//! Payment methods at the provider: their tokens, and the details we store.

use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use entities::orders::payment_method::PaymentMethodKind;
use platform::card_number;
use platform::providers::stripe;

/// The prefixes of the provider's tokens for payment methods, including saved ones.
const PREFIXES: [&str; 3] = ["pm_", "tok_", "src_"];
/// Maximum length of a token, in characters.
const MAX_TOKEN: usize = 255;

/// Whether this looks like a token of the provider. Anything else, above all a card number, must be neither sent nor
/// stored.
pub(crate) fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let name = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix));
    text.len() <= MAX_TOKEN
        && name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_part))
        && !card_number::contains(text)
}

/// The stored details of a payment method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MethodDetails {
    pub kind: PaymentMethodKind,
    pub last4: Option<String>,
    /// A card expires at the end of its month.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The details to store of the provider's payment method; `None` for a kind that is not accepted.
pub(crate) fn details(method: &stripe::PaymentMethod) -> Option<MethodDetails> {
    let kind = match (method.kind.as_str(), &method.card) {
        ("card", Some(card)) => match card.wallet.as_ref().map(|wallet| wallet.kind.as_str()) {
            Some("apple_pay") => PaymentMethodKind::ApplePay,
            Some("google_pay") => PaymentMethodKind::GooglePay,
            _ => PaymentMethodKind::Card,
        },
        ("paypal", _) => PaymentMethodKind::Paypal,
        ("us_bank_account" | "sepa_debit" | "bacs_debit" | "acss_debit" | "au_becs_debit", _) => {
            PaymentMethodKind::BankAccount
        }
        _ => return None,
    };
    let card = method.card.as_ref();
    Some(MethodDetails {
        kind,
        last4: card.map(|card| card.last4.chars().take(4).collect()),
        expires_at: card.and_then(|card| month_after(card.exp_year, card.exp_month)),
    })
}

fn month_after(year: i32, month: u32) -> Option<DateTime<Utc>> {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let next = first.checked_add_months(Months::new(1))?;
    Some(next.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use serde_json::json;

    #[test]
    fn a_card_is_known_by_its_wallet_and_is_good_until_its_month_is_over() {
        use PaymentMethodKind::{ApplePay, BankAccount, Card, Paypal};
        let card = |month, wallet| {
            json!({
                "id": "pm_1", "type": "card",
                "card": { "last4": "4242", "exp_month": month, "exp_year": 2028, "wallet": wallet },
            })
        };
        let bare = |kind: &str| json!({ "id": "pm_1", "type": kind, "card": null });
        let at = |year, month| Some(Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).unwrap());
        let last4 = Some("4242".to_owned());
        let cases = [
            (
                card(8, json!(null)),
                Some((Card, last4.clone(), at(2028, 9))),
            ),
            (
                card(12, json!({ "type": "apple_pay" })),
                Some((ApplePay, last4.clone(), at(2029, 1))),
            ),
            (
                card(1, json!({ "type": "link" })),
                Some((Card, last4, at(2028, 2))),
            ),
            (bare("paypal"), Some((Paypal, None, None))),
            (bare("sepa_debit"), Some((BankAccount, None, None))),
            (bare("card"), None),
            (bare("crypto"), None),
        ];
        for (method, expected) in cases {
            let method = serde_json::from_value(method).unwrap();
            let details =
                details(&method).map(|details| (details.kind, details.last4, details.expires_at));
            assert_eq!(details, expected, "{method:?}");
        }
    }

    #[test]
    fn only_the_providers_names_are_tokens_and_never_a_cards_number() {
        for token in [
            "pm_card_visa",
            "pm_1NqQ2eLkdIwHu7ixTZPjFjgz",
            "tok_visa",
            "tok_1N3T00LkdIwHu7ixt44h1F8k",
            "src_1NfRKNLkdIwHu7ix",
        ] {
            assert!(is_token(token), "{token}");
        }
        for text in [
            "",
            "pm_",
            "visa",
            "PM_card_visa",
            "xpm_card_visa",
            "pi_1NqQ2eLkdIwHu7ix",
            "cus_1NqQ2eLkdIwHu7ix",
            "card_1NqQ2eLkdIwHu7ix",
            "4242424242424242",
            "4242-4242-4242-4242",
            "378282246310005",
            "pm_4242424242424242",
            "tok_4242_4242_4242_4242",
            "src_5555-5555-5555-4444",
            "pm_x4000056655665556x",
            "pm_1/detach",
            "pm_1?expand=x",
            "pm_ü",
            "pm_1 ",
        ] {
            assert!(!is_token(text), "{text}");
        }
        assert!(!is_token(&format!("pm_{}", "x".repeat(253))));
    }
}
