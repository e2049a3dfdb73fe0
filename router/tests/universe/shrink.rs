//! Shrinks an operation to the smallest one that still fails.

use graphql_tools::static_graphql::query::{
    Definition, Document, OperationDefinition, Selection, SelectionSet,
};

/// Documents with one element removed.
pub(crate) fn smaller(document: &Document) -> Vec<Document> {
    let mut smaller = Vec::new();
    for change in [Change::Remove, Change::Unwrap, Change::Plain] {
        for number in 0.. {
            let mut document = document.clone();
            let set = selections(&mut document);
            match change_set(set, &mut { number }, change) {
                Some(true) => smaller.push(without_unused(document)),
                Some(false) => {}
                // No selection has this index.
                None => break,
            }
        }
    }
    smaller
}

#[derive(Clone, Copy)]
enum Change {
    Remove,
    /// Replaces a fragment with its selections.
    Unwrap,
    /// Removes alias and directives.
    Plain,
}

fn selections(document: &mut Document) -> &mut SelectionSet {
    match document.definitions.first_mut() {
        Some(Definition::Operation(OperationDefinition::Query(query))) => &mut query.selection_set,
        Some(Definition::Operation(OperationDefinition::Mutation(mutation))) => {
            &mut mutation.selection_set
        }
        _ => unreachable!("operations are drawn with a name"),
    }
}

/// Changes the selection with this index; `None` if it is not in this set.
fn change_set(set: &mut SelectionSet, number: &mut usize, change: Change) -> Option<bool> {
    for index in 0..set.items.len() {
        if *number == 0 {
            return Some(change_item(set, index, change));
        }
        *number -= 1;
        let inner = match &mut set.items[index] {
            Selection::Field(field) => &mut field.selection_set,
            Selection::InlineFragment(fragment) => &mut fragment.selection_set,
            Selection::FragmentSpread(_) => continue,
        };
        if let Some(changed) = change_set(inner, number, change) {
            return Some(changed);
        }
    }
    None
}

fn change_item(set: &mut SelectionSet, index: usize, change: Change) -> bool {
    if matches!(change, Change::Remove) {
        let others = set.items.len() > 1;
        if others {
            set.items.remove(index);
        }
        return others;
    }
    match (change, &mut set.items[index]) {
        (Change::Unwrap, Selection::InlineFragment(fragment)) => {
            let inner = std::mem::take(&mut fragment.selection_set.items);
            set.items.splice(index..=index, inner);
            true
        }
        (Change::Plain, Selection::Field(field)) => {
            let has = !field.directives.is_empty() || field.alias.is_some();
            field.directives.clear();
            field.alias = None;
            has
        }
        (Change::Plain, Selection::InlineFragment(fragment)) => {
            let has = !fragment.directives.is_empty();
            fragment.directives.clear();
            has
        }
        _ => false,
    }
}

/// Removes variables that are no longer used.
fn without_unused(mut document: Document) -> Document {
    let text = selections(&mut document).to_string();
    let definitions = match document.definitions.first_mut() {
        Some(Definition::Operation(OperationDefinition::Query(query))) => {
            &mut query.variable_definitions
        }
        Some(Definition::Operation(OperationDefinition::Mutation(mutation))) => {
            &mut mutation.variable_definitions
        }
        _ => return document,
    };
    definitions.retain(|variable| text.contains(&format!("${})", variable.name)));
    document
}

#[test]
fn what_goes_wrong_is_all_that_is_left() {
    let text = "query Q($v: Boolean!) { d a @skip(if: $v) { ... on T { b x: c } } }";
    let document = graphql_tools::parser::parse_query::<String>(text);
    let mut document = document.expect("a document").into_static();
    while let Some(next) = smaller(&document)
        .into_iter()
        .find(|document| document.to_string().contains('c'))
    {
        document = next;
    }
    let words: Vec<_> = document
        .to_string()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert_eq!(words.join(" "), "query Q { a { c } }");
}
