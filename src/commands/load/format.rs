//! Numbers as people read them.

/// A latency, or a dash if there is none.
pub(super) fn milliseconds(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 10_000.0 => format!("{:.1} s", value / 1e3),
        Some(value) if value >= 100.0 => format!("{value:.0} ms"),
        Some(value) if value >= 10.0 => format!("{value:.1} ms"),
        Some(value) => format!("{value:.2} ms"),
    }
}

/// A share, or a dash if there is none.
pub(super) fn percent(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.2} %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_precise_as_they_are_worth() {
        for (value, written) in [
            (None, "–"),
            (Some(1.234), "1.23 ms"),
            (Some(12.34), "12.3 ms"),
            (Some(1_234.6), "1235 ms"),
            (Some(12_345.0), "12.3 s"),
        ] {
            assert_eq!(milliseconds(value), written);
        }
        assert_eq!(percent(Some(1.0)), "1.00 %");
        assert_eq!(percent(None), "–");
    }
}
