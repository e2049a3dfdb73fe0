//! Processes die at every point of the journeys of orders and returns, and start again on the same data: nothing is lost,
//! and nothing happens twice.
//!
//! A run takes one journey. At its n-th effect (a commit, a claim, a call to a third party, a publication) the process
//! dies, or the answer is lost, or the effect happens twice. Then another process starts on the same data, whoever had no
//! answer asks again, and once nothing is due any more the invariants of `vantage check` hold and the third parties' books
//! agree.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod books;
mod case;
#[path = "../../subgraphs/orders/tests/orders/fake_subgraphs.rs"]
mod fake_subgraphs;
mod fixture;
mod invariants;
mod journey;
mod process;
#[expect(dead_code, reason = "the list of kinds is for the documentation")]
#[path = "../../src/commands/check/refunds.rs"]
mod refunds;
mod runs;
mod third_parties;
mod world;

use std::ops::Range;

use platform::testing::POSTGRES_URL;

use journey::Journey;
use runs::Sweep;

/// On PostgreSQL one of so many runs is made. What differs between the databases is below the effects.
const STRIDE: usize = 8;

/// Sweeps of each journey that begin with the runs of these numbers.
fn sweeps(
    database: &'static str,
    stride: usize,
    offsets: Range<usize>,
) -> impl Iterator<Item = Sweep> {
    let journeys = Journey::ALL.iter();
    journeys.flat_map(move |&journey| {
        offsets.clone().map(move |offset| Sweep {
            journey,
            database,
            stride,
            offset,
        })
    })
}

#[test]
fn a_process_that_dies_anywhere_loses_nothing_and_repeats_nothing() {
    // Halves, so that the longest journey does not run alone in the end.
    let mut all: Vec<_> = sweeps("sqlite", 2, 0..2).collect();
    if std::env::var(POSTGRES_URL).is_ok() {
        all.extend(sweeps("postgres", STRIDE, 0..1));
    }
    runs::all(&all);
}

#[test]
#[ignore = "takes longer: every run on PostgreSQL"]
fn the_same_on_postgres_without_gaps() {
    let all: Vec<_> = sweeps("postgres", 2, 0..2).collect();
    runs::all(&all);
}
