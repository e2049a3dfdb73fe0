//! Redacts text from third parties before it is shown: keys, card and phone numbers, addresses.

/// Maximum length, in characters.
const LONGEST: usize = 300;

/// This many digits in a row may be a card, account or phone number.
const MANY_DIGITS: usize = 9;

/// Prefixes of keys and tokens.
const SECRETS: [&str; 8] = [
    "sk_", "rk_", "pk_", "whsec_", "EZAK", "EZTK", "Bearer", "eyJ",
];

/// The beginning of a text with possible secrets and personal data replaced by `…`.
pub fn redact(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_word = |c: char| c.is_alphanumeric() || "_-.+@".contains(c);
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        shown.push_str(if is_private(word) { "…" } else { word });
        let mut tail = tail.chars();
        if let Some(between) = tail.next() {
            shown.push(if between.is_control() { ' ' } else { between });
        }
        rest = tail.as_str();
        if shown.chars().count() > LONGEST {
            return shown.chars().take(LONGEST).chain(['…']).collect();
        }
    }
    shown
}

fn is_private(word: &str) -> bool {
    word.contains('@')
        || SECRETS.iter().any(|prefix| word.starts_with(prefix))
        || word
            .split(|c: char| !c.is_ascii_digit())
            .any(|digits| digits.len() >= MANY_DIGITS)
        || word.contains("_secret_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_private_is_hidden_and_the_rest_stays() {
        let check = |text: &str, shown: &str| assert_eq!(redact(text), shown, "{text}");
        check(
            r#"{"error":{"code":"card_declined","message":"Declined."}}"#,
            r#"{"error":{"code":"card_declined","message":"Declined."}}"#,
        );
        check("Invalid API Key: sk_test_4eC39H", "Invalid API Key: …");
        check(r#""number":"4242424242424242""#, r#""number":"…""#);
        check("to ana.m+shop@example.com now", "to … now");
        check("pi_3M_secret_abc", "…");
        check("a\r\nb", "a  b");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(redact(&"ä ".repeat(1_000)).chars().count(), LONGEST + 1);
        assert_eq!(redact(&"x".repeat(1_000)).chars().count(), LONGEST + 1);
    }
}
