//! Chooses a rate for a label.

use platform::providers::easypost::Rate;

/// The price range in which a label is bought without a person's approval, in US cents.
const PLAUSIBLE_CENTS: std::ops::RangeInclusive<i64> = 100..=5_000;

/// What to do with the carriers' rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Choice<'a> {
    Buy(&'a Rate),
    /// Too cheap or too expensive to be plausible: a person decides.
    Implausible(&'a Rate),
    /// No rate for ground transport in US dollars.
    None,
}

/// The cheapest rate for ground transport, if its price is plausible.
pub(crate) fn choose(rates: &[Rate]) -> Choice<'_> {
    let is_ground =
        |rate: &&Rate| rate.currency == "USD" && rate.service.to_lowercase().contains("ground");
    let Some(cheapest) = rates.iter().filter(is_ground).min_by_key(|rate| rate.rate) else {
        return Choice::None;
    };
    match cheapest.cents() {
        Some(cents) if PLAUSIBLE_CENTS.contains(&cents) => Choice::Buy(cheapest),
        _ => Choice::Implausible(cheapest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rate(service: &str, price: &str) -> Rate {
        let offered = json!({
            "id": format!("rate_{service}"), "carrier": "USPS", "service": service, "rate": price,
            "currency": "USD"
        });
        serde_json::from_value(offered).unwrap()
    }

    #[test]
    fn the_cheapest_ground_rate_is_bought_when_its_price_is_plausible() {
        let rates = |rates: &[(&str, &str)]| -> Vec<Rate> {
            let rates = rates.iter().map(|(service, price)| rate(service, price));
            rates.collect()
        };
        let offered = rates(&[
            ("Ground", "9.10"),
            ("FEDEX_GROUND", "9.09"),
            ("Priority", "1.00"),
        ]);
        assert_eq!(choose(&offered), Choice::Buy(&offered[1]));
        for plausible in ["1.00", "50.00"] {
            let offered = rates(&[("Ground", plausible)]);
            assert_eq!(choose(&offered), Choice::Buy(&offered[0]));
        }
        for implausible in ["0.99", "50.01", "50.001"] {
            let offered = rates(&[("Ground", implausible)]);
            assert_eq!(choose(&offered), Choice::Implausible(&offered[0]));
        }
        assert_eq!(choose(&rates(&[("Priority", "8.00")])), Choice::None);
        let mut foreign = rates(&[("Ground", "8.00")]);
        foreign[0].currency = "CAD".into();
        assert_eq!(choose(&foreign), Choice::None);
    }
}
