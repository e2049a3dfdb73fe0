//! Chooses a rate for a label.

use entities::returns::return_decision;
use platform::providers::easypost::Rate;

/// The price range in which a label is bought without a person's approval, in US cents.
const PLAUSIBLE_CENTS: std::ops::RangeInclusive<i64> = 100..=5_000;

/// Which labels are bought without a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRules {
    /// The shop's telephone number, which carriers require across borders.
    pub phone: String,
    /// Services that cross borders, as `carrier/service` in EasyPost's names; ground services are always bought.
    pub international_services: Vec<String>,
    /// The highest price of a label that crosses a border, in US cents.
    pub international_limit: i64,
}

impl LabelRules {
    fn is_international(&self, rate: &Rate) -> bool {
        let name = format!("{}/{}", rate.carrier, rate.service);
        let mut services = self.international_services.iter();
        services.any(|service| service.eq_ignore_ascii_case(&name))
    }
}

/// What support decided about the label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requested<'a> {
    /// The only carrier, whatever its case; any if `None`.
    pub carrier: Option<&'a str>,
    /// Whether any price is plausible.
    pub accepts_any_rate: bool,
}

impl<'a> Requested<'a> {
    pub(crate) fn of(decision: &'a return_decision::Model) -> Self {
        Self {
            carrier: decision.carrier.as_deref(),
            accepts_any_rate: decision.accepts_any_rate,
        }
    }
}

/// What to do with the carriers' rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Choice<'a> {
    Buy(&'a Rate),
    /// Too cheap or too expensive to be plausible: a person decides.
    Implausible(&'a Rate),
    /// No suitable rate in US dollars.
    None,
}

/// The cheapest rate for ground transport or a service that crosses borders, if its price is plausible or accepted.
pub(crate) fn choose<'a>(
    rates: &'a [Rate],
    requested: &Requested<'_>,
    rules: &LabelRules,
) -> Choice<'a> {
    let is_suitable = |rate: &&Rate| {
        let is_ground = rate.service.to_lowercase().contains("ground");
        rate.currency == "USD" && (is_ground || rules.is_international(rate))
    };
    let is_requested = |rate: &&Rate| {
        let carrier = requested.carrier;
        carrier.is_none_or(|carrier| rate.carrier.eq_ignore_ascii_case(carrier))
    };
    let suitable = rates.iter().filter(is_suitable).filter(is_requested);
    let Some(cheapest) = suitable.min_by_key(|rate| rate.rate) else {
        return Choice::None;
    };
    let limit = match rules.is_international(cheapest) {
        true => rules.international_limit,
        false => *PLAUSIBLE_CENTS.end(),
    };
    match cheapest.cents() {
        Some(_) if requested.accepts_any_rate => Choice::Buy(cheapest),
        Some(cents) if (*PLAUSIBLE_CENTS.start()..=limit).contains(&cents) => Choice::Buy(cheapest),
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

    fn rules() -> LabelRules {
        LabelRules {
            phone: "+15025550100".to_owned(),
            international_services: vec!["UPS/Standard".to_owned()],
            international_limit: 15_000,
        }
    }

    #[test]
    fn services_that_cross_borders_are_bought_up_to_their_own_limit() {
        let mut offered = vec![rate("Expedited", "30.00"), rate("Standard", "120.00")];
        for rate in &mut offered {
            rate.carrier = "ups".to_owned();
        }
        let any = Requested::default();
        let choice = choose(&offered, &any, &rules());
        assert_eq!(choice, Choice::Buy(&offered[1]));
        offered[1].rate = "150.01".parse().unwrap();
        let choice = choose(&offered, &any, &rules());
        assert_eq!(choice, Choice::Implausible(&offered[1]));
    }

    #[test]
    fn the_cheapest_ground_rate_is_bought_when_its_price_is_plausible() {
        let rates = |rates: &[(&str, &str)]| -> Vec<Rate> {
            let rates = rates.iter().map(|(service, price)| rate(service, price));
            rates.collect()
        };
        let any = Requested::default();
        let offered = rates(&[
            ("Ground", "9.10"),
            ("FEDEX_GROUND", "9.09"),
            ("Priority", "1.00"),
        ]);
        assert_eq!(choose(&offered, &any, &rules()), Choice::Buy(&offered[1]));
        for plausible in ["1.00", "50.00"] {
            let offered = rates(&[("Ground", plausible)]);
            assert_eq!(choose(&offered, &any, &rules()), Choice::Buy(&offered[0]));
        }
        for implausible in ["0.99", "50.01", "50.001"] {
            let offered = rates(&[("Ground", implausible)]);
            assert_eq!(
                choose(&offered, &any, &rules()),
                Choice::Implausible(&offered[0])
            );
        }
        assert_eq!(
            choose(&rates(&[("Priority", "8.00")]), &any, &rules()),
            Choice::None
        );
        let mut foreign = rates(&[("Ground", "8.00")]);
        foreign[0].currency = "CAD".into();
        assert_eq!(choose(&foreign, &any, &rules()), Choice::None);
    }

    #[test]
    fn support_may_request_another_carrier_or_accept_any_price() {
        let mut offered = vec![rate("Ground", "80.00"), rate("Ground", "9.00")];
        offered[1].carrier = "UPS".to_owned();
        let requested = |carrier, accepts_any_rate| Requested {
            carrier,
            accepts_any_rate,
        };
        let choice = choose(&offered, &requested(Some("usps"), false), &rules());
        assert_eq!(choice, Choice::Implausible(&offered[0]));
        let choice = choose(&offered, &requested(Some("USPS"), true), &rules());
        assert_eq!(choice, Choice::Buy(&offered[0]));
        let choice = choose(&offered, &requested(Some("UPS"), false), &rules());
        assert_eq!(choice, Choice::Buy(&offered[1]));
        let choice = choose(&offered, &requested(Some("FedEx"), true), &rules());
        assert_eq!(choice, Choice::None);
    }
}
