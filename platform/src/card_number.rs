//! Finds and masks payment card numbers in text, so that they are never stored or sent on.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

/// How many digits a card number has.
const DIGITS: RangeInclusive<usize> = 12..=19;

/// Allowed between two digits of a number.
const SEPARATORS: [u8; 4] = *b" -_.";

/// Whether the text contains a card number, grouped or not.
pub fn contains(text: &str) -> bool {
    find(text).is_some()
}

/// Replaces each card number in the text by `…`.
pub fn hide(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    while let Some(number) = find(&shown) {
        shown.to_mut().replace_range(number, "…");
    }
    shown
}

/// The first run of digits whose length and check digit make it a card number.
fn find(text: &str) -> Option<Range<usize>> {
    let plain = runs(text, &[]).into_iter();
    let grouped = runs(text, &SEPARATORS).into_iter();
    plain
        .chain(grouped)
        .find(|run| is_number(&text[run.clone()]))
}

/// Runs of digits with at most one of these separators between two digits.
fn runs(text: &str, separators: &[u8]) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        if !byte.is_ascii_digit() {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            Some(run) if run.end + 1 == at && separators.contains(&bytes[run.end]) => {
                run.end = at + 1;
            }
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

fn is_number(run: &str) -> bool {
    let digits: Vec<u32> = run.chars().filter_map(|c| c.to_digit(10)).collect();
    // Luhn: every second digit from the right is doubled and its digits are added.
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    DIGITS.contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cards_number_is_found_however_it_is_written() {
        for text in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "4242-4242-4242-4242",
            "pm_4242424242424242",
            "tok_4242_4242_4242_4242",
            "card: 378282246310005.",
            "3 4242424242424242",
            "6304000000000000",
            "ä4000056655665556ä",
        ] {
            assert!(contains(text), "{text}");
        }
    }

    #[test]
    fn other_digits_are_none() {
        for text in [
            "",
            "4242",
            "4242424242424241",
            "pm_1NqQ2eLkdIwHu7ixTZPjFjgz",
            "pm_card_visa",
            "9205590036297012345678",
            "42424242424242424242424242424242",
            "4242  4242  4242  4242",
        ] {
            assert!(!contains(text), "{text}");
        }
    }

    #[test]
    fn a_hidden_number_leaves_the_rest() {
        assert_eq!(
            hide("from 4242 4242 4242 4242 and 378282246310005 to 12"),
            "from … and … to 12"
        );
        assert_eq!(hide("pm_card_visa"), "pm_card_visa");
    }
}
