//! Measures a document with its fragments spread: a few lines can expand beyond what a planner or a stack can take, or
//! never end.

use std::collections::HashMap;

use graphql_tools::parser::Pos;
use graphql_tools::parser::query::{Definition, FragmentSpread, Selection, SelectionSet};
use graphql_tools::static_graphql::query::Document;

use super::{Exceeded, OperationLimits, at_most};
use crate::prepare::document::{Selections, is_introspection};

/// The size of a selection with every fragment spread.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    fields: usize,
    /// Levels of the lists named in [`LISTS`].
    lists: usize,
}

/// A type's lists in the introspection schema; through them every type leads to every other.
const LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// Why a document is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::prepare) enum Rejection {
    Exceeded(Exceeded),
    Circular {
        fragment: String,
        via: Vec<String>,
        position: Pos,
    },
}

impl From<Exceeded> for Rejection {
    fn from(exceeded: Exceeded) -> Self {
        Self::Exceeded(exceeded)
    }
}

impl Size {
    fn add(&mut self, inner: Self) {
        self.depth = self.depth.max(inner.depth);
        self.fields = self.fields.saturating_add(inner.fields);
        self.lists = self.lists.max(inner.lists);
    }
}

/// Checks a document that has only been parsed. Unknown fragments are left to validation. Returns the number of fields
/// of the largest definition.
///
/// # Errors
/// The limit that is exceeded, or the first fragment that spreads itself.
pub(in crate::prepare) fn check(
    document: &Document,
    limits: &OperationLimits,
) -> Result<usize, Rejection> {
    let mut most = 0;
    let mut sizes = Sizes {
        fragments: HashMap::new(),
        known: HashMap::new(),
        spreading: Vec::new(),
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
            // Unused fragments are validated too.
            Definition::Fragment(fragment) => &fragment.selection_set,
        };
        let size = sizes.of(selections)?;
        at_most("depth", size.depth, limits.depth)?;
        at_most("fields", size.fields, limits.fields)?;
        most = most.max(size.fields);
    }
    Ok(most)
}

struct Sizes<'d> {
    fragments: HashMap<&'d str, &'d SelectionSet<'static, String>>,
    known: HashMap<&'d str, Size>,
    /// The fragments being measured, outermost first; meeting one again is a cycle.
    spreading: Vec<&'d str>,
    /// The recursion depth of the measurement.
    depth: usize,
    limits: &'d OperationLimits,
}

impl<'d> Sizes<'d> {
    fn of(&mut self, selections: &'d SelectionSet<'static, String>) -> Result<Size, Rejection> {
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
                    if is_introspection(field) {
                        let (lists, allowed) = (inner.lists, self.limits.introspection_depth);
                        at_most("introspection_depth", lists, allowed)?;
                    }
                    size.add(Size {
                        depth: inner.depth + 1,
                        fields: inner.fields.saturating_add(1),
                        lists: inner.lists + usize::from(LISTS.contains(&field.name.as_str())),
                    });
                }
                Selection::InlineFragment(fragment) => size.add(self.of(&fragment.selection_set)?),
                Selection::FragmentSpread(spread) => {
                    size.add(self.of_fragment(spread)?);
                }
            }
        }
        self.depth -= 1;
        Ok(size)
    }

    fn of_fragment(
        &mut self,
        spread: &'d FragmentSpread<'static, String>,
    ) -> Result<Size, Rejection> {
        let name = spread.fragment_name.as_str();
        if let Some(known) = self.known.get(name) {
            return Ok(*known);
        }
        let Some(selections) = self.fragments.get(name).copied() else {
            return Ok(Size::default());
        };
        let mut spreading = self.spreading.iter();
        if spreading.any(|known| *known == name) {
            return Err(Rejection::Circular {
                fragment: name.to_owned(),
                via: spreading.map(|name| (*name).to_owned()).collect(),
                position: spread.position,
            });
        }
        self.spreading.push(name);
        let size = self.of(selections)?;
        self.spreading.pop();
        self.known.insert(name, size);
        Ok(size)
    }
}

/// How many root fields an operation has with its fragments spread. The document is within the field limit.
pub(in crate::prepare) fn root_fields(document: &Document, selections: &Selections) -> usize {
    let fields = selections.items.iter().map(|selection| match selection {
        Selection::Field(field) => usize::from(field.name != "__typename"),
        Selection::InlineFragment(fragment) => root_fields(document, &fragment.selection_set),
        Selection::FragmentSpread(spread) => {
            let mut fragments = document.definitions.iter();
            let fragment = fragments.find_map(|definition| match definition {
                Definition::Fragment(fragment) if fragment.name == spread.fragment_name => {
                    Some(fragment)
                }
                _ => None,
            });
            fragment.map_or(0, |fragment| root_fields(document, &fragment.selection_set))
        }
    });
    fields.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> Result<usize, Rejection> {
        let document = graphql_tools::parser::parse_query::<String>(text).expect("a document");
        check(&document.into_static(), &OperationLimits::default())
    }

    fn limit(text: &str) -> &'static str {
        match check_text(text) {
            Err(Rejection::Exceeded(exceeded)) => exceeded.limit,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ordinary_documents_pass() {
        assert_eq!(
            check_text("{ a { b ...F } } fragment F on T { c ...G }"),
            Ok(3)
        );
    }

    #[test]
    fn chains_and_doublings_of_fragments_are_measured_spread() {
        let chain: String = (0..200)
            .map(|n| format!("fragment F{n} on T {{ a {{ ...F{} }} }} ", n + 1))
            .collect();
        assert_eq!(limit(&format!("{{ ...F0 }} {chain}")), "depth");
        let spreads: String = (0..1000)
            .map(|n| format!("fragment F{n} on T {{ ...F{} }} ", n + 1))
            .collect();
        assert_eq!(limit(&format!("{{ ...F0 }} {spreads}")), "depth");
        let doubling: String = (0..20)
            .map(|n| {
                format!(
                    "fragment F{n} on T {{ a {{ ...F{0} }} b {{ ...F{0} }} }} ",
                    n + 1
                )
            })
            .collect();
        let doubling = format!("{{ ...F0 }} {doubling} fragment F20 on T {{ a }}");
        assert_eq!(limit(&doubling), "fields");
    }

    #[test]
    fn a_fragment_that_spreads_itself_is_named_with_its_way() {
        for (text, wanted, way) in [
            ("{ ...F } fragment F on T { a { ...F } }", "F", &[][..]),
            (
                "{ ...E } fragment E on T { ...F } fragment F on T { ...G a } fragment G on T { a { ...H } } \
                 fragment H on T { ... { ...F } }",
                "F",
                &["G", "H"],
            ),
            (
                "{ a } fragment F on T { ...G } fragment G on T { ...F }",
                "G",
                &["F"],
            ),
        ] {
            let Err(Rejection::Circular { fragment, via, .. }) = check_text(text) else {
                panic!("{text}");
            };
            assert_eq!(
                (fragment.as_str(), via.as_slice()),
                (
                    wanted,
                    &way.iter().map(ToString::to_string).collect::<Vec<_>>()[..]
                ),
                "{text}"
            );
        }
        assert!(
            check_text("{ ...F ...F ...G } fragment F on T { ...G } fragment G on T { a }").is_ok()
        );
    }

    #[test]
    fn types_lead_to_types_so_often_only() {
        let schema = |inner: &str| format!("{{ __schema {{ types {{ {inner} }} }} }}");
        assert!(check_text(&schema("fields { type { fields { name } } }")).is_ok());
        let thrice = "fields { type { ...T } }";
        let members = "fragment T on __Type { ofType { possibleTypes { interfaces { name } } } }";
        let thrice = schema(thrice) + members;
        assert_eq!(limit(&thrice), "introspection_depth");
        assert_eq!(
            limit(
                "{ __type(name: \"A\") { fields { type { fields { type { fields { name } } } } } } }"
            ),
            "introspection_depth"
        );
        // Ordinary fields may have any name.
        assert!(check_text("{ fields { fields { fields { interfaces } } } }").is_ok());
    }
}
