//! The documentation of every kind.

use std::collections::BTreeSet;

use super::refunds;

const DOCUMENTATION: &str = include_str!("../../../docs/invariants.md");

#[test]
fn every_kind_of_violation_has_a_section_that_says_what_to_do() {
    let kinds: BTreeSet<&str> = platform::invariants::KINDS
        .iter()
        .chain(orders::invariants::KINDS)
        .chain(returns::invariants::KINDS)
        .chain(refunds::KINDS)
        .copied()
        .collect();
    let sections = DOCUMENTATION.lines();
    let sections = sections.filter_map(|line| line.strip_prefix("### "));
    assert_eq!(kinds, sections.collect());
}
