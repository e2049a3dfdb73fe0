//! The GraphQL type `SearchExperiment`: whether personalized results are better, in figures. `vantage search experiment`
//! prints the same.

use async_graphql::SimpleObject;
use chrono::TimeDelta;
use entities::search::search_exposure::{self, Variant};
use resolvers::scalars::DateTime;
use sea_orm::DbErr;
use serde::Serialize;

use crate::State;
use crate::rules::experiment::{
    Arm, CustomerSearches, Difference, Guardrail, Rate, SampleRatio, totals,
};

/// The longest period of a report, for which searches are kept.
pub const MAX_DAYS: i32 = 90;

/// The state of the experiment on personalized search results. The groups differ by chance alone, unless personalization
/// makes a difference: customers are assigned at random, and always to the same group.
#[derive(Clone, Debug, Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct SearchExperiment {
    /// Searches since then are counted.
    pub since: DateTime,
    /// All customers who searched.
    pub all: ExperimentGroups,
    /// Only the searches of customers with enough signals for a preference; the others see the same in both groups.
    pub with_preferences: ExperimentGroups,
    /// Whether the groups are as large as planned, half of the customers each; null without customers.
    pub sample_ratio: Option<ExperimentSampleRatio>,
    /// Customers who were seen in both groups, because the flag was changed. They are not counted.
    pub customers_in_both: i32,
    /// Whether personalized searches are fast enough.
    pub latency: ExperimentLatency,
}

/// The two groups, and how they differ.
#[derive(Clone, Debug, Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentGroups {
    /// Customers who see results by relevance alone.
    pub control: ExperimentGroup,
    /// Customers who see personalized results.
    pub treatment: ExperimentGroup,
    /// The difference in click-through, the primary metric.
    pub click_through: ExperimentDifference,
    /// The difference in add-to-cart.
    pub add_to_cart: ExperimentDifference,
    /// The difference in conversion.
    pub conversion: ExperimentDifference,
}

/// A group of customers.
#[derive(Clone, Debug, Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentGroup {
    /// How many customers searched.
    pub customers: i32,
    /// How many searches there were; the same search by the same customer counts once in half an hour.
    pub searches: i32,
    /// The share of searches with a click on a result within a day.
    pub click_through: ExperimentRate,
    /// The share of searches of which a result was put into the cart within a day.
    pub add_to_cart: ExperimentRate,
    /// The share of searches of which a result was bought within seven days.
    pub conversion: ExperimentRate,
}

/// The share of searches with an outcome.
#[derive(Clone, Debug, Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentRate {
    /// From 0 to 1; null without searches.
    pub value: Option<f64>,
    /// The lower end of the 95 % confidence interval; null with fewer than two customers.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// How much greater a rate is in treatment than in control.
#[derive(Clone, Debug, Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentDifference {
    /// From -1 to 1; null if a group has no searches.
    pub value: Option<f64>,
    /// The lower end of the 95 % confidence interval; null if a group has fewer than two customers. The difference is
    /// significant if the interval does not contain 0.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// The difference relative to control, such as 0.18 for 18 % more; null if control has none.
    pub relative: Option<f64>,
}

/// A chi-square test of the groups' sizes.
#[derive(Clone, Debug, Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentSampleRatio {
    /// The test statistic, with one degree of freedom.
    pub chi_square: f64,
    /// The probability of a split at least as uneven by chance.
    pub p_value: f64,
    /// Whether that is below 0.001: then the assignment is wrong, and no figure can be trusted.
    pub mismatch: bool,
}

/// The guardrail: personalized searches may be slower by 20 ms at most.
#[derive(Clone, Debug, Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentLatency {
    /// The 99th percentile of the control group's searches, in milliseconds; null without searches.
    pub control_p99_ms: Option<f64>,
    /// The 99th percentile of the treatment group's searches, in milliseconds; null without searches.
    pub treatment_p99_ms: Option<f64>,
    /// By how much treatment may be above control, in milliseconds.
    pub budget_ms: f64,
    /// Whether it is within the budget; null if a group has no searches.
    pub passed: Option<bool>,
}

impl State {
    /// Reports the searches of the last days, at most [`MAX_DAYS`].
    ///
    /// # Errors
    /// A database that cannot be read.
    pub async fn search_experiment(&self, days: i32) -> Result<SearchExperiment, DbErr> {
        self.personalization.exposures.flush(&self.database).await?;
        let since = self.clock.now() - TimeDelta::days(days.clamp(1, MAX_DAYS).into());
        let db = self.database.read();
        let mut groups = Vec::new();
        for with_preferences in [false, true] {
            let rows = search_exposure::totals(db, since, with_preferences).await?;
            let rows: Vec<_> = rows
                .into_iter()
                .map(|row| {
                    let searches = CustomerSearches {
                        searches: row.searches,
                        clicks: row.clicks,
                        carts: row.carts,
                        conversions: row.conversions,
                    };
                    (row.customer_id, row.variant, searches)
                })
                .collect();
            let (control, treatment, in_both) = totals(&rows);
            groups.push((control.arm(), treatment.arm(), in_both));
        }
        let (all, with_preferences) = (groups[0], groups[1]);
        let p99 = async |variant| search_exposure::latency(db, variant, since, 990).await;
        let guardrail = Guardrail {
            control_p99: p99(Variant::Control).await?,
            treatment_p99: p99(Variant::Treatment).await?,
        };
        Ok(SearchExperiment {
            since: DateTime(since),
            sample_ratio: SampleRatio::of(all.0.customers, all.1.customers).map(Into::into),
            customers_in_both: int(all.2),
            all: ExperimentGroups::of(all.0, all.1),
            with_preferences: ExperimentGroups::of(with_preferences.0, with_preferences.1),
            latency: guardrail.into(),
        })
    }
}

impl ExperimentGroups {
    fn of(control: Arm, treatment: Arm) -> Self {
        let difference =
            |rate: fn(&Arm) -> Rate| Difference::between(rate(&control), rate(&treatment)).into();
        Self {
            click_through: difference(|arm| arm.click_through),
            add_to_cart: difference(|arm| arm.add_to_cart),
            conversion: difference(|arm| arm.conversion),
            control: control.into(),
            treatment: treatment.into(),
        }
    }
}

impl From<Arm> for ExperimentGroup {
    fn from(arm: Arm) -> Self {
        Self {
            customers: int(arm.customers),
            searches: int(arm.searches),
            click_through: arm.click_through.into(),
            add_to_cart: arm.add_to_cart.into(),
            conversion: arm.conversion.into(),
        }
    }
}

impl From<Rate> for ExperimentRate {
    fn from(rate: Rate) -> Self {
        Self {
            value: rate.value,
            low: rate.interval.map(|(low, _)| low),
            high: rate.interval.map(|(_, high)| high),
        }
    }
}

impl From<Difference> for ExperimentDifference {
    fn from(difference: Difference) -> Self {
        Self {
            value: difference.value,
            low: difference.interval.map(|(low, _)| low),
            high: difference.interval.map(|(_, high)| high),
            relative: difference.relative,
        }
    }
}

impl From<SampleRatio> for ExperimentSampleRatio {
    fn from(ratio: SampleRatio) -> Self {
        Self {
            chi_square: ratio.chi_square,
            p_value: ratio.p_value,
            mismatch: ratio.is_mismatch,
        }
    }
}

impl From<Guardrail> for ExperimentLatency {
    fn from(guardrail: Guardrail) -> Self {
        Self {
            control_p99_ms: guardrail.control_p99.map(milliseconds),
            treatment_p99_ms: guardrail.treatment_p99.map(milliseconds),
            budget_ms: milliseconds(Guardrail::budget()),
            passed: guardrail.has_passed(),
        }
    }
}

fn int(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "latencies, far below 2^53")]
fn milliseconds(micros: i64) -> f64 {
    micros as f64 / 1_000.0
}
