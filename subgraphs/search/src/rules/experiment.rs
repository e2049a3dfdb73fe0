//! The statistics of the experiment: rates of its two groups with confidence intervals, whether customers are split as
//! planned, and whether searches have become slower.
//!
//! Customers are assigned, not searches, so a customer's searches are not independent of each other. The variance of a
//! rate is therefore computed over customers (the delta method for a ratio of means).

use entities::search::search_exposure::Variant;

/// Two-sided 95 %, in standard deviations of a normal distribution.
const CONFIDENCE: f64 = 1.959_963_984_540_054;
/// A split that is less probable than this is a mistake in the assignment rather than chance.
const MISMATCH: f64 = 0.001;
/// The share of customers that should see personalized results.
const TREATMENT_SHARE: f64 = 0.5;
/// How much slower the slowest hundredth of searches may become, in microseconds.
const LATENCY_BUDGET: i64 = 20_000;

/// What counts of a customer's searches: the searches, and those with an outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CustomerSearches {
    pub searches: i64,
    pub clicks: i64,
    pub carts: i64,
    pub conversions: i64,
}

/// The share of searches that had an outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    /// From 0 to 1; `None` without searches.
    pub value: Option<f64>,
    /// The confidence interval; `None` with fewer than two customers.
    pub interval: Option<(f64, f64)>,
    variance: Option<f64>,
}

/// One group of customers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arm {
    pub customers: i64,
    pub searches: i64,
    pub click_through: Rate,
    pub add_to_cart: Rate,
    pub conversion: Rate,
}

/// The difference of a rate, treatment minus control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    /// `None` if a group has no searches.
    pub value: Option<f64>,
    pub interval: Option<(f64, f64)>,
    /// Relative to control, such as 0.18 for 18 % more.
    pub relative: Option<f64>,
}

/// Whether the groups are as large as planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SampleRatio {
    /// With one degree of freedom.
    pub chi_square: f64,
    /// How probable a split at least as uneven is by chance.
    pub p_value: f64,
    /// Whether the assignment is wrong: no rate can be trusted then.
    pub is_mismatch: bool,
}

/// The latency of the slowest hundredth of searches, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guardrail {
    pub control_p99: Option<i64>,
    pub treatment_p99: Option<i64>,
}

/// Sums over the customers of a group, from which rates and their variances follow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    customers: i64,
    searches: f64,
    searches_squared: f64,
    outcomes: [OutcomeTotals; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct OutcomeTotals {
    sum: f64,
    squared: f64,
    with_searches: f64,
}

impl Totals {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of one customer's searches, far below 2^53"
    )]
    pub(crate) fn add(&mut self, customer: CustomerSearches) {
        let searches = customer.searches as f64;
        self.customers += 1;
        self.searches += searches;
        self.searches_squared += searches * searches;
        let outcomes = [customer.clicks, customer.carts, customer.conversions];
        for (totals, outcomes) in self.outcomes.iter_mut().zip(outcomes) {
            let outcomes = outcomes as f64;
            totals.sum += outcomes;
            totals.squared += outcomes * outcomes;
            totals.with_searches += outcomes * searches;
        }
    }

    pub(crate) fn arm(&self) -> Arm {
        #[expect(clippy::cast_possible_truncation, reason = "a sum of whole numbers")]
        let searches = self.searches as i64;
        let [click_through, add_to_cart, conversion] =
            self.outcomes.map(|outcome| self.rate(outcome));
        Arm {
            customers: self.customers,
            searches,
            click_through,
            add_to_cart,
            conversion,
        }
    }

    fn rate(&self, outcome: OutcomeTotals) -> Rate {
        if self.searches <= 0.0 {
            return Rate {
                value: None,
                interval: None,
                variance: None,
            };
        }
        let rate = outcome.sum / self.searches;
        #[expect(clippy::cast_precision_loss, reason = "a number of customers")]
        let customers = self.customers as f64;
        let variance = (self.customers > 1).then(|| {
            let residuals = rate.mul_add(
                rate.mul_add(self.searches_squared, -2.0 * outcome.with_searches),
                outcome.squared,
            );
            // Rounding may take a sum of squares below zero.
            customers / (customers - 1.0) * residuals.max(0.0) / self.searches.powi(2)
        });
        Rate {
            value: Some(rate),
            interval: variance.map(|variance| interval(rate, variance, 0.0)),
            variance,
        }
    }
}

impl Difference {
    pub(crate) fn between(control: Rate, treatment: Rate) -> Self {
        let value = treatment
            .value
            .zip(control.value)
            .map(|(treatment, control)| treatment - control);
        let variance = treatment
            .variance
            .zip(control.variance)
            .map(|(treatment, control)| treatment + control);
        let relative = value
            .zip(control.value)
            .and_then(|(value, control)| (control > 0.0).then_some(value / control));
        Self {
            value,
            interval: value
                .zip(variance)
                .map(|(value, variance)| interval(value, variance, -1.0)),
            relative,
        }
    }
}

/// Around a value, within the values that it can have.
fn interval(value: f64, variance: f64, lowest: f64) -> (f64, f64) {
    let half = CONFIDENCE * variance.sqrt();
    ((value - half).max(lowest), (value + half).min(1.0))
}

impl SampleRatio {
    /// Pearson's chi-square test of the number of customers in each group; `None` without customers.
    pub(crate) fn of(control: i64, treatment: i64) -> Option<Self> {
        let total = control + treatment;
        if total == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "numbers of customers")]
        let [control, treatment, total] = [control, treatment, total].map(|count| count as f64);
        let deviation = |count: f64, share: f64| {
            let expected = total * share;
            (count - expected).powi(2) / expected
        };
        let chi_square =
            deviation(treatment, TREATMENT_SHARE) + deviation(control, 1.0 - TREATMENT_SHARE);
        // The upper tail of the chi-square distribution with one degree of freedom.
        let p_value = libm::erfc((chi_square / 2.0).sqrt());
        Some(Self {
            chi_square,
            p_value,
            is_mismatch: p_value < MISMATCH,
        })
    }
}

impl Guardrail {
    /// How much slower searches are in treatment.
    pub(crate) fn difference(&self) -> Option<i64> {
        Some(self.treatment_p99? - self.control_p99?)
    }

    /// Whether that is within the budget; `None` if a group has no searches.
    pub(crate) fn has_passed(&self) -> Option<bool> {
        Some(self.difference()? <= LATENCY_BUDGET)
    }

    /// In microseconds.
    pub(crate) const fn budget() -> i64 {
        LATENCY_BUDGET
    }
}

/// Sums up both groups. A customer who was seen in both, because the split was changed, is in neither; returns how many
/// there were. Rows are in the order of customers.
pub(crate) fn totals<C: PartialEq + Copy>(
    rows: &[(C, Variant, CustomerSearches)],
) -> (Totals, Totals, i64) {
    let (mut control, mut treatment, mut in_both) = (Totals::default(), Totals::default(), 0);
    for customer in rows.chunk_by(|a, b| a.0 == b.0) {
        match customer {
            [(_, Variant::Control, searches)] => control.add(*searches),
            [(_, Variant::Treatment, searches)] => treatment.add(*searches),
            _ => in_both += 1,
        }
    }
    (control, treatment, in_both)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    fn arm(customers: &[(i64, i64)]) -> Arm {
        let mut totals = Totals::default();
        for &(searches, clicks) in customers {
            totals.add(CustomerSearches {
                searches,
                clicks,
                ..CustomerSearches::default()
            });
        }
        totals.arm()
    }

    #[test]
    fn a_rate_of_customers_with_one_search_each_has_the_binomial_interval() {
        // 30 of 100, with the sample variance p (1 - p) / (n - 1).
        let customers: Vec<_> = (0..100).map(|n| (1, i64::from(n < 30))).collect();
        let rate = arm(&customers).click_through;
        near(rate.value.unwrap(), 0.3);
        let (low, high) = rate.interval.unwrap();
        let half = CONFIDENCE * (0.3 * 0.7 / 99.0_f64).sqrt();
        near(low, 0.3 - half);
        near(high, 0.3 + half);
    }

    #[test]
    fn searches_of_one_customer_are_not_counted_as_independent() {
        // Ten customers whose searches all have a click, and ten whose searches have none.
        let clustered: Vec<_> = (0..20).map(|n| (50, if n < 10 { 50 } else { 0 })).collect();
        let independent: Vec<_> = (0..1_000).map(|n| (1, i64::from(n < 500))).collect();
        let width = |customers: &[(i64, i64)]| {
            let (low, high) = arm(customers).click_through.interval.unwrap();
            high - low
        };
        assert!(width(&clustered) > 6.0 * width(&independent));
    }

    #[test]
    fn groups_that_are_too_small_have_no_rate_or_no_interval() {
        let none = arm(&[]).click_through;
        assert_eq!((none.value, none.interval), (None, None));
        let one = arm(&[(4, 1)]).click_through;
        assert_eq!((one.value, one.interval), (Some(0.25), None));
        let difference = Difference::between(none, one);
        assert_eq!((difference.value, difference.relative), (None, None));
    }

    #[test]
    fn a_difference_tells_how_much_more_and_how_certain() {
        let customers =
            |clicks: i64| -> Vec<_> { (0..1_000).map(|n| (1, i64::from(n < clicks))).collect() };
        let control = arm(&customers(200)).click_through;
        let treatment = arm(&customers(236)).click_through;
        let difference = Difference::between(control, treatment);
        near(difference.value.unwrap(), 0.036);
        near(difference.relative.unwrap(), 0.18);
        let (low, high) = difference.interval.unwrap();
        let half = CONFIDENCE * (0.2 * 0.8 / 999.0 + 0.236 * 0.764 / 999.0_f64).sqrt();
        near(low, 0.036 - half);
        near(high, 0.036 + half);
    }

    #[test]
    fn an_uneven_split_is_found() {
        let ratio = |control, treatment| SampleRatio::of(control, treatment).unwrap();
        near(ratio(500, 500).chi_square, 0.0);
        near(ratio(500, 500).p_value, 1.0);
        // Reference values of the chi-square distribution.
        near(ratio(490, 510).chi_square, 0.4);
        assert!((ratio(490, 510).p_value - 0.527_089).abs() < 1e-5);
        assert!((ratio(469, 531).p_value - 0.049_94).abs() < 1e-4);
        assert!(!ratio(469, 531).is_mismatch);
        assert!(ratio(440, 560).is_mismatch);
        assert_eq!(SampleRatio::of(0, 0), None);
    }

    #[test]
    fn searches_may_become_20_ms_slower_and_not_more() {
        let guardrail = |treatment_p99| Guardrail {
            control_p99: Some(31_000),
            treatment_p99,
        };
        assert_eq!(guardrail(Some(51_000)).has_passed(), Some(true));
        assert_eq!(guardrail(Some(51_001)).has_passed(), Some(false));
        assert_eq!(guardrail(Some(9_000)).has_passed(), Some(true));
        assert_eq!(guardrail(None).has_passed(), None);
    }

    #[test]
    fn customers_in_both_groups_are_in_neither() {
        let searches = CustomerSearches {
            searches: 2,
            clicks: 1,
            ..CustomerSearches::default()
        };
        let rows = [
            (1, Variant::Control, searches),
            (2, Variant::Control, searches),
            (2, Variant::Treatment, searches),
            (3, Variant::Treatment, searches),
            (4, Variant::Treatment, searches),
        ];
        let (control, treatment, in_both) = totals(&rows);
        assert_eq!((control.arm().customers, treatment.arm().customers), (1, 2));
        assert_eq!(in_both, 1);
    }

    proptest! {
        #[test]
        fn the_variance_equals_that_of_the_residuals(
            customers in prop::collection::vec((1_i64..50, 0.0..=1.0), 2..60),
        ) {
            let customers: Vec<_> = customers
                .into_iter()
                .map(|(searches, share): (i64, f64)| (searches, (searches as f64 * share) as i64))
                .collect();
            let rate = arm(&customers).click_through;
            let n = customers.len() as f64;
            let searches: i64 = customers.iter().map(|one| one.0).sum();
            let clicks: i64 = customers.iter().map(|one| one.1).sum();
            let value = clicks as f64 / searches as f64;
            let residuals: f64 = customers
                .iter()
                .map(|&(searches, clicks)| (clicks as f64 - value * searches as f64).powi(2))
                .sum();
            let expected = n / (n - 1.0) * residuals / (searches as f64).powi(2);
            prop_assert!((rate.value.unwrap() - value).abs() < 1e-9);
            prop_assert!((rate.variance.unwrap() - expected).abs() < 1e-9);
            let (low, high) = rate.interval.unwrap();
            prop_assert!(0.0 <= low && low <= value && value <= high && high <= 1.0);
        }

        #[test]
        fn a_p_value_is_a_probability_that_falls_with_the_imbalance(a in 1_i64..2_000, b in 1_i64..2_000) {
            let ratio = SampleRatio::of(a, b).unwrap();
            prop_assert!((0.0..=1.0).contains(&ratio.p_value));
            prop_assert_eq!(SampleRatio::of(b, a).unwrap().chi_square, ratio.chi_square);
            let (low, high) = (a.min(b), a.max(b));
            let worse = SampleRatio::of(low - 1, high + 1).unwrap();
            prop_assert!(worse.p_value <= ratio.p_value);
        }
    }
}
