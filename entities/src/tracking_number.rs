//! Carriers' tracking numbers. The same number is written in capitals or small letters, with spaces or without.

/// The number as it is stored and compared: in capitals, without spaces.
pub fn normalized(number: &str) -> String {
    let letters = number.chars().filter(|letter| !letter.is_whitespace());
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}

/// How a row may have the number: rows that others wrote have it in small letters or as it was given.
pub(crate) fn spellings(number: &str) -> [String; 3] {
    let normalized = normalized(number);
    let small = normalized.to_ascii_lowercase();
    [normalized, small, number.trim().to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_and_spaces_make_no_other_number() {
        for number in [
            "1Z999AA10123456784",
            " 1z 999 aa1 0123456784\n",
            "1z999aa10123456784",
        ] {
            assert_eq!(normalized(number), "1Z999AA10123456784");
            assert!(spellings(number).contains(&"1Z999AA10123456784".to_owned()));
            assert!(spellings(number).contains(&"1z999aa10123456784".to_owned()));
        }
    }
}
