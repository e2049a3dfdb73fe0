//! `vantage search experiment`: prints whether personalized results are better.

use std::fmt::Write;

use search::{
    ExperimentDifference, ExperimentGroup, ExperimentGroups, ExperimentRate, SearchExperiment,
};

use super::open;
use crate::cli::{self, SearchReportFormat};
use crate::output;

pub(super) async fn run(command: cli::SearchExperiment) -> anyhow::Result<()> {
    let state = open(&command.settings).await?;
    let report = state.search_experiment(command.days).await?;
    match command.format {
        SearchReportFormat::Json => output::line(&serde_json::to_string_pretty(&report)?),
        SearchReportFormat::Text => output::print(&text(&report)),
    }
}

fn text(report: &SearchExperiment) -> String {
    let mut text = format!(
        "Searches since {}, with 95 % confidence intervals\n",
        report.since.0.format("%Y-%m-%d %H:%M UTC")
    );
    groups(&mut text, "All customers", &report.all);
    groups(
        &mut text,
        "Customers with preferences",
        &report.with_preferences,
    );
    let _ = writeln!(text);
    match &report.sample_ratio {
        None => {
            let _ = writeln!(text, "sample ratio   no customers yet");
        }
        Some(ratio) => {
            let verdict = if ratio.mismatch {
                "MISMATCH: the assignment is wrong, and no figure above can be trusted"
            } else {
                "as planned"
            };
            let (chi_square, p) = (ratio.chi_square, ratio.p_value);
            let _ = writeln!(
                text,
                "sample ratio   chi-square {chi_square:.2}, p {p:.4}: {verdict}"
            );
        }
    }
    if report.customers_in_both > 0 {
        let _ = writeln!(
            text,
            "not counted    {} customers who were seen in both groups",
            report.customers_in_both
        );
    }
    let latency = &report.latency;
    let p99 = |value: Option<f64>| value.map_or("–".to_owned(), |ms| format!("{ms:.1} ms"));
    let verdict = match latency.passed {
        None => "not known yet",
        Some(true) => "within the limit",
        Some(false) => "EXCEEDED",
    };
    let _ = writeln!(
        text,
        "latency p99    control {}, treatment {}, at most {:.0} ms more: {verdict}",
        p99(latency.control_p99_ms),
        p99(latency.treatment_p99_ms),
        latency.budget_ms,
    );
    text
}

fn groups(text: &mut String, title: &str, groups: &ExperimentGroups) {
    let _ = writeln!(
        text,
        "\n{title:<28}{:<24}{:<24}difference",
        "control", "treatment"
    );
    let count = |of: fn(&ExperimentGroup) -> i32| (of(&groups.control), of(&groups.treatment));
    for (name, (control, treatment)) in [
        ("  customers", count(|group| group.customers)),
        ("  searches", count(|group| group.searches)),
    ] {
        let _ = writeln!(text, "{name:<28}{control:<24}{treatment}");
    }
    let (control, treatment) = (&groups.control, &groups.treatment);
    for (name, control, treatment, between) in [
        (
            "  click-through",
            &control.click_through,
            &treatment.click_through,
            &groups.click_through,
        ),
        (
            "  add-to-cart",
            &control.add_to_cart,
            &treatment.add_to_cart,
            &groups.add_to_cart,
        ),
        (
            "  conversion",
            &control.conversion,
            &treatment.conversion,
            &groups.conversion,
        ),
    ] {
        let (control, treatment) = (rate(control), rate(treatment));
        let _ = writeln!(
            text,
            "{name:<28}{control:<24}{treatment:<24}{}",
            difference(between)
        );
    }
}

/// `12.0 % (9.1–14.9)`.
fn rate(rate: &ExperimentRate) -> String {
    let Some(value) = rate.value else {
        return "–".to_owned();
    };
    match rate.low.zip(rate.high) {
        Some((low, high)) => format!("{} % ({}–{})", percent(value), percent(low), percent(high)),
        None => format!("{} %", percent(value)),
    }
}

/// `+2.1 points (-0.4 to +4.6), +18 %, not significant`.
fn difference(difference: &ExperimentDifference) -> String {
    let Some(value) = difference.value else {
        return "–".to_owned();
    };
    let mut text = format!("{:+.1} points", 100.0 * value);
    if let Some((low, high)) = difference.low.zip(difference.high) {
        let _ = write!(text, " ({:+.1} to {:+.1})", 100.0 * low, 100.0 * high);
        if let Some(relative) = difference.relative {
            let _ = write!(text, ", {:+.0} %", 100.0 * relative);
        }
        let is_significant = low > 0.0 || high < 0.0;
        text.push_str(if is_significant {
            ", significant"
        } else {
            ", not significant"
        });
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(value: Option<f64>, low: Option<f64>, high: Option<f64>) -> ExperimentRate {
        ExperimentRate { value, low, high }
    }

    #[test]
    fn rates_are_percentages_with_their_interval_where_there_is_one() {
        let cases = [
            (
                rates(Some(0.12), Some(0.091), Some(0.149)),
                "12.0 % (9.1–14.9)",
            ),
            (rates(Some(0.5), None, None), "50.0 %"),
            (rates(None, None, None), "–"),
        ];
        for (one, expected) in cases {
            assert_eq!(rate(&one), expected);
        }
    }

    #[test]
    fn a_difference_says_whether_it_is_significant() {
        let between = |low, high| ExperimentDifference {
            value: Some(0.036),
            low: Some(low),
            high: Some(high),
            relative: Some(0.18),
        };
        assert_eq!(
            difference(&between(0.001, 0.071)),
            "+3.6 points (+0.1 to +7.1), +18 %, significant"
        );
        assert!(difference(&between(-0.01, 0.08)).ends_with("not significant"));
    }
}
