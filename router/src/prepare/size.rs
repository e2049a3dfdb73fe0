//! How large a document becomes once its fragments are spread: a few lines can unfold into more than
//! any planner, or any stack, can take.

use std::collections::HashMap;

use graphql_tools::parser::query::{Definition, Selection, SelectionSet};
use graphql_tools::static_graphql::query::Document;

use super::limits::{Exceeded, OperationLimits, at_most};

/// A selection with every fragment spread.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    fields: usize,
}

impl Size {
    fn add(&mut self, inner: Self) {
        self.depth = self.depth.max(inner.depth);
        self.fields = self.fields.saturating_add(inner.fields);
    }
}

/// Checks a document that has only been parsed: its fragments may be unknown or circular, which is for
/// validation to say.
///
/// # Errors
/// The limit that is exceeded.
pub(super) fn check(document: &Document, limits: &OperationLimits) -> Result<(), Exceeded> {
    let mut sizes = Sizes {
        fragments: HashMap::new(),
        known: HashMap::new(),
        depth: 0,
        limits,
    };
    for definition in &document.definitions {
        if let Definition::Fragment(fragment) = definition {
            sizes
                .fragments
                .insert(&fragment.name, &fragment.selection_set);
        }
    }
    for definition in &document.definitions {
        let selections = match definition {
            Definition::Operation(operation) => operation.selection_set(),
            // One that no operation spreads still goes through validation.
            Definition::Fragment(fragment) => &fragment.selection_set,
        };
        let size = sizes.of(selections)?;
        at_most("depth", size.depth, limits.depth)?;
        at_most("fields", size.fields, limits.fields)?;
    }
    Ok(())
}

struct Sizes<'d> {
    fragments: HashMap<&'d str, &'d SelectionSet<'static, String>>,
    /// `None` while a fragment is being measured: meeting it again then is a cycle.
    known: HashMap<&'d str, Option<Size>>,
    /// How deep the measuring itself is.
    depth: usize,
    limits: &'d OperationLimits,
}

impl<'d> Sizes<'d> {
    fn of(&mut self, selections: &'d SelectionSet<'static, String>) -> Result<Size, Exceeded> {
        self.depth += 1;
        // Spreads count too: a chain of them recurses without nesting fields.
        let allowed = self.limits.depth;
        at_most("depth", self.depth, 2 * allowed).map_err(|exceeded| Exceeded {
            allowed,
            ..exceeded
        })?;
        let mut size = Size::default();
        for selection in &selections.items {
            match selection {
                Selection::Field(field) => {
                    let inner = self.of(&field.selection_set)?;
                    size.add(Size {
                        depth: inner.depth + 1,
                        fields: inner.fields.saturating_add(1),
                    });
                }
                Selection::InlineFragment(fragment) => size.add(self.of(&fragment.selection_set)?),
                Selection::FragmentSpread(spread) => {
                    size.add(self.of_fragment(&spread.fragment_name)?);
                }
            }
        }
        self.depth -= 1;
        Ok(size)
    }

    fn of_fragment(&mut self, name: &'d str) -> Result<Size, Exceeded> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.unwrap_or_default());
        }
        let Some(selections) = self.fragments.get(name).copied() else {
            return Ok(Size::default());
        };
        self.known.insert(name, None);
        let size = self.of(selections)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> Result<(), Exceeded> {
        let document = graphql_tools::parser::parse_query::<String>(text).expect("a document");
        check(&document.into_static(), &OperationLimits::default())
    }

    #[test]
    fn ordinary_documents_pass() {
        assert_eq!(
            check_text("{ a { b ...F } } fragment F on T { c ...F ...G }"),
            Ok(())
        );
    }

    #[test]
    fn chains_and_doublings_of_fragments_are_measured_spread() {
        let chain: String = (0..200)
            .map(|n| format!("fragment F{n} on T {{ a {{ ...F{} }} }} ", n + 1))
            .collect();
        let error = check_text(&format!("{{ ...F0 }} {chain}")).expect_err("too deep");
        assert_eq!(error.limit, "depth");
        let spreads: String = (0..1000)
            .map(|n| format!("fragment F{n} on T {{ ...F{} }} ", n + 1))
            .collect();
        check_text(&format!("{{ ...F0 }} {spreads}")).expect_err("too deep");
        let doubling: String = (0..40)
            .map(|n| {
                format!(
                    "fragment F{n} on T {{ a {{ ...F{0} }} b {{ ...F{0} }} }} ",
                    n + 1
                )
            })
            .collect();
        let error = check_text(&format!("{{ ...F0 }} {doubling} fragment F40 on T {{ a }}"))
            .expect_err("too large");
        assert_eq!(error.limit, "fields");
    }
}
