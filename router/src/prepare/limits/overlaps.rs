//! Bounds the work of the overlapping-fields rule, which compares all selections at one position of the response with
//! each other: quadratic in what an attacker writes.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use graphql_tools::parser::query::{Definition, Selection};
use graphql_tools::static_graphql::query::Document;

use super::{Exceeded, OperationLimits, at_most};
use crate::prepare::document::Selections;

/// Checks a document whose fragments are acyclic and whose expanded size is within the limits.
pub(in crate::prepare) fn check(
    document: &Document,
    limits: &OperationLimits,
) -> Result<(), Exceeded> {
    let mut comparisons = Comparisons {
        fragments: HashMap::default(),
        count: 0,
        allowed: limits.comparisons,
    };
    for definition in &document.definitions {
        if let Definition::Fragment(fragment) = definition {
            let selections = &fragment.selection_set;
            comparisons.fragments.insert(&fragment.name, selections);
        }
    }
    for definition in &document.definitions {
        // The rule also checks each fragment by itself.
        comparisons.at(&[match definition {
            Definition::Operation(operation) => operation.selection_set(),
            Definition::Fragment(fragment) => &fragment.selection_set,
        }])?;
    }
    Ok(())
}

struct Comparisons<'d> {
    fragments: HashMap<&'d str, &'d Selections, RandomState>,
    count: usize,
    allowed: usize,
}

/// The selections at one position of the response.
#[derive(Default)]
struct Place<'d> {
    /// Selection sets; each gets a map for each comparison.
    sets: usize,
    fields: usize,
    /// Selections inside the fields with the same response key.
    inner: HashMap<&'d str, Vec<&'d Selections>, RandomState>,
}

impl<'d> Comparisons<'d> {
    fn at(&mut self, sets: &[&'d Selections]) -> Result<(), Exceeded> {
        let mut place = Place::default();
        for set in sets {
            place.sets += 1;
            self.gather(set, &mut place)?;
        }
        self.add(place.sets.saturating_sub(1) * (place.sets + place.fields) / 2)?;
        for mut inner in place.inner.into_values() {
            self.add(inner.len() * (inner.len() - 1) / 2)?;
            inner.retain(|selections| !selections.items.is_empty());
            if !inner.is_empty() {
                self.at(&inner)?;
            }
        }
        Ok(())
    }

    fn gather(&mut self, set: &'d Selections, place: &mut Place<'d>) -> Result<(), Exceeded> {
        for selection in &set.items {
            self.add(1)?;
            match selection {
                Selection::Field(field) => {
                    place.fields += 1;
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    let inner = place.inner.entry(key).or_default();
                    inner.push(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => {
                    self.gather(&fragment.selection_set, place)?;
                }
                Selection::FragmentSpread(spread) => {
                    place.sets += 1;
                    let fragment = self.fragments.get(spread.fragment_name.as_str());
                    if let Some(selections) = fragment.copied() {
                        self.gather(selections, place)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, comparisons: usize) -> Result<(), Exceeded> {
        self.count = self.count.saturating_add(comparisons);
        at_most("comparisons", self.count, self.allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest limit that admits a document.
    fn count(text: &str) -> usize {
        let document = graphql_tools::parser::parse_query::<String>(text).expect("a document");
        let document = document.into_static();
        let passes = |comparisons| {
            let limits = OperationLimits {
                comparisons,
                ..OperationLimits::default()
            };
            check(&document, &limits).is_ok()
        };
        (0..).find(|allowed| passes(*allowed)).expect("a limit")
    }

    #[test]
    fn a_document_that_says_everything_once_costs_its_length() {
        assert_eq!(count("{ a { b c { d } } e }"), 5);
        assert_eq!(count("{ a ... { b } } query b { c }"), 4);
    }

    #[test]
    fn what_is_said_again_costs_its_square() {
        let repeated = |times: usize| count(&format!("{{ {} }}", "a { b c } ".repeat(times)));
        assert!(repeated(40) > 3 * repeated(20));
        let levels = |times: usize| {
            let inner = format!("{{ {} }}", "a { b } ".repeat(times));
            count(&format!("{{ {} }}", format!("a {inner} ").repeat(times)))
        };
        assert!(levels(8) > 12 * levels(4));
        let fragments = |number: usize| {
            let spread: String = (0..number).map(|n| format!("...F{n} ")).collect();
            let fragments: String = (0..number)
                .map(|n| format!("fragment F{n} on T {{ f{n} }} "))
                .collect();
            count(&format!("{{ {spread} }} {fragments}"))
        };
        assert!(fragments(40) > 3 * fragments(20));
    }

    #[test]
    fn fragments_that_nobody_knows_are_compared_as_well() {
        let doubling: String = (0..40)
            .map(|n| format!("fragment F{n} on T {{ ...F{0} ...F{0} }} ", n + 1))
            .collect();
        let document = graphql_tools::parser::parse_query::<String>(&doubling);
        let document = document.expect("a document").into_static();
        let exceeded = check(&document, &OperationLimits::default()).expect_err("too many");
        assert_eq!(exceeded.limit, "comparisons");
    }
}
