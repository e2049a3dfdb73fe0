//! What searches must reach, and what they aim at, by the number of products.

use crate::measure::Report;
use crate::requests::Kind;
use crate::shop::Indexed;

/// Catalogs up to this number of products are small.
const SMALL: u64 = 100_000;

/// What every search may take at the 99th percentile, in milliseconds.
const SMALL_P99: f64 = 50.0;
const LARGE_P99: f64 = 100.0;
/// What personalization and re-ranking may add together to the median, in milliseconds.
const ADDED: f64 = 8.0;
/// Goals for a million products: a search with a typing error, filters and facets, in milliseconds.
const GOAL_P50: f64 = 10.0;
const GOAL_P99: f64 = 50.0;
/// The build of their index in seconds, and the memory of the process in megabytes.
const GOAL_INDEX: f64 = 300.0;
const GOAL_MEMORY: f64 = 1_000.0;

struct Target {
    what: String,
    measured: f64,
    limit: f64,
    /// Goals are not counted as missed.
    is_goal: bool,
}

/// Prints the targets, and returns how many are missed.
pub(crate) fn print(
    reports: &[(Kind, Report)],
    indexed: &Indexed,
    memory: u64,
    products: u64,
) -> usize {
    let mut targets = of_all(reports, products);
    if products > SMALL {
        targets.extend(goals(reports, indexed, memory));
    }
    println!("\n{:<46}{:>10} {:>10}", "", "measured", "at most");
    let mut missed = 0;
    for target in targets {
        let is_met = target.measured <= target.limit;
        let verdict = match (is_met, target.is_goal) {
            (true, _) => "",
            (false, true) => "goal not reached",
            (false, false) => "MISSED",
        };
        missed += usize::from(!is_met && !target.is_goal);
        let Target {
            what,
            measured,
            limit,
            ..
        } = target;
        println!("{what:<46}{measured:>10.2} {limit:>10.2} {verdict}");
    }
    missed
}

fn of_all(reports: &[(Kind, Report)], products: u64) -> Vec<Target> {
    let limit = match products <= SMALL {
        true => SMALL_P99,
        false => LARGE_P99,
    };
    let mut targets = Vec::new();
    for (kind, report) in reports {
        targets.push(Target {
            what: format!("{}: p99, ms", kind.name()),
            measured: report.percentile(99),
            limit,
            is_goal: false,
        });
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let failed = reports
        .iter()
        .map(|(_, report)| report.failed())
        .sum::<u64>() as f64;
    targets.push(Target {
        what: "failed requests".to_owned(),
        measured: failed,
        limit: 0.0,
        is_goal: false,
    });
    if let (Some(plain), Some(both)) = (
        of(reports, Kind::Plain),
        of(reports, Kind::PersonalizedAndReranked),
    ) {
        targets.push(Target {
            what: "added by preferences and ranking: p50, ms".to_owned(),
            measured: both.percentile(50) - plain.percentile(50),
            limit: ADDED,
            is_goal: false,
        });
    }
    targets
}

fn goals(reports: &[(Kind, Report)], indexed: &Indexed, memory: u64) -> Vec<Target> {
    let goal = |what: String, measured: f64, limit: f64| Target {
        what,
        measured,
        limit,
        is_goal: true,
    };
    let mut goals = Vec::new();
    let kind = Kind::TypoAndFilters;
    if let Some(report) = of(reports, kind) {
        for (percent, limit) in [(50, GOAL_P50), (99, GOAL_P99)] {
            let what = format!("{}: p{percent}, ms", kind.name());
            goals.push(goal(what, report.percentile(percent), limit));
        }
    }
    if let Some(took) = indexed.took {
        let what = "build of the index, s".to_owned();
        goals.push(goal(what, took.as_secs_f64(), GOAL_INDEX));
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let memory = memory as f64;
    goals.push(goal("memory at most, MB".to_owned(), memory, GOAL_MEMORY));
    goals
}

fn of(reports: &[(Kind, Report)], kind: Kind) -> Option<&Report> {
    let found = reports.iter().find(|(of, _)| *of == kind);
    found.map(|(_, report)| report)
}
