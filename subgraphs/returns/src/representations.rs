//! Representations of entities of other subgraphs, by which a `_entities` query names them.

use async_graphql::{Name, Value, Variables};
use resolvers::id::IdKind;
use serde::Deserialize;
use uuid::Uuid;

/// What a query of `_entities` answers: the entities in the order of their representations.
#[derive(Deserialize)]
pub(crate) struct Entities<T> {
    #[serde(rename = "_entities")]
    pub entities: Vec<Option<T>>,
}

/// The variable `representations` of entities of this type and kind of id.
pub(crate) fn representations(type_name: &str, kind: IdKind, ids: &[Uuid]) -> Variables {
    let representation = |&id: &Uuid| {
        let fields = [
            (Name::new("__typename"), Value::from(type_name)),
            (Name::new("id"), Value::from(kind.format(id))),
        ];
        Value::Object(fields.into_iter().collect())
    };
    let mut variables = Variables::default();
    variables.insert(
        Name::new("representations"),
        Value::List(ids.iter().map(representation).collect()),
    );
    variables
}
