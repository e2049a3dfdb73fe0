//! List arguments of fields with the same response key. `graphql-tools` considers two lists equal if one is a prefix of
//! the other, and so would merge different fields. It compares objects completely, so lists are compared as objects.

use std::sync::LazyLock;

use graphql_tools::static_graphql::query::{
    Definition, Document, OperationDefinition, Selection, SelectionSet, Value,
};
use graphql_tools::static_graphql::schema;
use graphql_tools::validation::rules::OverlappingFieldsCanBeMerged;
use graphql_tools::validation::utils::ValidationError;
use graphql_tools::validation::validate::{ValidationPlan, validate};

static MERGING: LazyLock<ValidationPlan> =
    LazyLock::new(|| ValidationPlan::from(vec![Box::new(OverlappingFieldsCanBeMerged::new())]));

/// Fields that cannot be merged because of list arguments, in an otherwise valid document.
pub(super) fn check(schema: &schema::Document, document: &Document) -> Vec<ValidationError> {
    let mut copy = document.clone();
    let mut has_lists = false;
    for definition in &mut copy.definitions {
        let set = match definition {
            Definition::Fragment(fragment) => &mut fragment.selection_set,
            Definition::Operation(operation) => match operation {
                OperationDefinition::SelectionSet(set) => set,
                OperationDefinition::Query(query) => &mut query.selection_set,
                OperationDefinition::Mutation(mutation) => &mut mutation.selection_set,
                OperationDefinition::Subscription(subscription) => &mut subscription.selection_set,
            },
        };
        of_set(set, &mut has_lists);
    }
    if has_lists {
        validate(schema, &copy, &MERGING)
    } else {
        Vec::new()
    }
}

fn of_set(set: &mut SelectionSet, has_lists: &mut bool) {
    for selection in &mut set.items {
        match selection {
            Selection::Field(field) => {
                for (_, value) in &mut field.arguments {
                    as_object(value, has_lists);
                }
                of_set(&mut field.selection_set, has_lists);
            }
            Selection::InlineFragment(fragment) => of_set(&mut fragment.selection_set, has_lists),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Rewrites lists as objects with field names that no document can contain.
fn as_object(value: &mut Value, has_lists: &mut bool) {
    match value {
        Value::List(items) => {
            *has_lists = true;
            let items = std::mem::take(items).into_iter().enumerate();
            let list = ("[]".to_owned(), Value::Null);
            let items = items.map(|(index, mut item)| {
                as_object(&mut item, has_lists);
                (index.to_string(), item)
            });
            *value = Value::Object([list].into_iter().chain(items).collect());
        }
        Value::Object(fields) => {
            for (_, field) in fields {
                as_object(field, has_lists);
            }
        }
        _ => {}
    }
}
