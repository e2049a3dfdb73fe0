//! Resolves entities independently: a representation without an entity, or whose resolver fails, is null and does not
//! affect the others. async-graphql alone returns a single error for all of them, without saying which one failed.

use std::borrow::Cow;
use std::collections::HashMap;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::resolve_container;
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, ErrorExtensionValues, ObjectType, OutputType,
    Positioned, QueryPathNode, QueryPathSegment, ServerError, ServerResult, Value,
};
use parking_lot::Mutex;

use crate::error::ErrorCode;
use crate::nul_characters;

/// A wrapper around a subgraph's query root. The schema is that of the inner root.
pub struct Entities<Q>(pub Q);

/// How many representations of each `_entities` field have been started. They start in order, so this is the index of
/// the next. Stored in the request's data.
#[derive(Default)]
pub(crate) struct Begun(Mutex<HashMap<usize, usize>>);

impl Begun {
    fn next(&self, field: &Positioned<Field>) -> usize {
        // A field of the document has a stable address during execution.
        let mut begun = self.0.lock();
        let next = begun.entry(std::ptr::from_ref(field).addr()).or_default();
        *next += 1;
        *next - 1
    }
}

impl<Q: ObjectType> ContainerType for Entities<Q> {
    async fn resolve_field(&self, context: &Context<'_>) -> ServerResult<Option<Value>> {
        self.0.resolve_field(context).await
    }

    async fn find_entity(
        &self,
        context: &Context<'_>,
        representation: &Value,
    ) -> ServerResult<Option<Value>> {
        let index = context
            .data_opt::<Begun>()
            .map(|begun| begun.next(context.item));
        let mut entity = context.clone();
        if let Some(index) = index {
            entity.path_node = Some(QueryPathNode {
                parent: context.path_node.as_ref(),
                segment: QueryPathSegment::Index(index),
            });
        }
        let found = match unreadable(representation) {
            Some(problem) => Err(refused(&entity, problem)),
            None => self.0.find_entity(&entity, representation).await,
        };
        let error = match found {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => refused(
                &entity,
                "The representation is not of an entity of this subgraph, or lacks its key",
            ),
            Err(error) if error.path.is_empty() => entity.set_error_path(error),
            Err(error) => error,
        };
        context.add_error(error);
        Ok(Some(Value::Null))
    }
}

/// Why a representation cannot be of any entity.
fn unreadable(representation: &Value) -> Option<&'static str> {
    match representation {
        Value::Object(fields) if !matches!(fields.get(TYPE_NAME), Some(Value::String(_))) => {
            Some("The representation has no __typename")
        }
        Value::Object(_) => {
            nul_characters::has_nul(representation).then_some(nul_characters::MESSAGE)
        }
        _ => Some("The representation is not an object with __typename and a key"),
    }
}

const TYPE_NAME: &str = "__typename";

fn refused(entity: &Context<'_>, message: &str) -> ServerError {
    let mut error = ServerError::new(message, Some(entity.item.pos));
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", ErrorCode::BadUserInput.as_str());
    error.extensions = Some(extensions);
    entity.set_error_path(error)
}

impl<Q: ObjectType> OutputType for Entities<Q> {
    fn type_name() -> Cow<'static, str> {
        Q::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Q::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        resolve_container(context, self).await
    }
}

impl<Q: ObjectType> ObjectType for Entities<Q> {}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject};
    use async_graphql::{Request, Variables};
    use platform::caller::Caller;
    use serde_json::json;

    use super::*;
    use crate::error::{ApiError, ApiResult};
    use crate::subgraph::Subgraph;

    #[derive(SimpleObject)]
    struct Thing {
        id: ID,
    }

    #[derive(SimpleObject)]
    #[graphql(complex)]
    struct Other {
        id: ID,
    }

    #[async_graphql::ComplexObject]
    impl Other {
        async fn broken(&self) -> Option<ApiResult<i32>> {
            Some(Err(ApiError::forbidden("Not yours")))
        }
    }

    struct Query;

    #[Object]
    impl Query {
        async fn nothing(&self) -> bool {
            false
        }

        #[graphql(entity)]
        async fn thing(&self, id: ID) -> ApiResult<Option<Thing>> {
            match id.as_str() {
                "broken" => Err(ApiError::forbidden("Not yours")),
                "gone" => Ok(None),
                _ => Ok(Some(Thing { id })),
            }
        }

        #[graphql(entity)]
        async fn other(&self, id: ID) -> Other {
            Other { id }
        }
    }

    async fn ask(document: &str, representations: serde_json::Value) -> serde_json::Value {
        let schema = Schema::build(Entities(Query), EmptyMutation, EmptySubscription)
            .enable_federation()
            .finish();
        let subgraph = Subgraph::new("things", schema, |_| ());
        let variables = Variables::from_json(json!({ "of": representations }));
        let request = Request::new(document).variables(variables);
        let response = subgraph.execute(request, Caller::default()).await;
        serde_json::to_value(response).expect("JSON")
    }

    const DOCUMENT: &str = "query($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Thing { id } ... on Other { broken } } }";

    #[tokio::test]
    async fn one_that_cannot_be_found_costs_the_others_nothing() {
        let good = json!({ "__typename": "Thing", "id": "a" });
        let representations = json!([
            good,
            { "__typename": "Nonsense", "id": "a" },
            { "__typename": "Thing" },
            { "__typename": "Thing", "id": null },
            { "id": "a" },
            { "__typename": "Thing", "id": "gone" },
            { "__typename": "Thing", "id": "broken" },
            good,
            { "__typename": "Thing", "id": "a\u{0}" },
            { "__typename": 5, "id": "a" },
            "Thing",
            good,
        ]);
        let answer = ask(DOCUMENT, representations).await;
        let found = json!({ "__typename": "Thing", "id": "a" });
        assert_eq!(
            answer["data"]["_entities"],
            json!([
                found, null, null, null, null, null, null, found, null, null, null, found
            ])
        );
        let mut told: Vec<_> = answer["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| {
                let code = error["extensions"]["code"].clone();
                (error["path"].to_string(), code)
            })
            .collect();
        told.sort_by(|one, other| one.0.cmp(&other.0));
        let mut expected: Vec<_> = [1, 2, 3, 4, 8, 9, 10]
            .map(|index| (index, "BAD_USER_INPUT"))
            .into_iter()
            .chain([(6, "FORBIDDEN")])
            .map(|(index, code)| (json!(["_entities", index]).to_string(), json!(code)))
            .collect();
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_text_that_no_database_stores_costs_its_own_entity_where_it_is_in_the_document() {
        let document = r#"{ _entities(representations: [
            {__typename: "Thing", id: "a\u0000"}, {__typename: "Thing", id: "a"}
        ]) { ... on Thing { id } } }"#;
        let answer = ask(document, json!([])).await;
        assert_eq!(answer["data"]["_entities"], json!([null, { "id": "a" }]));
    }

    #[tokio::test]
    async fn the_path_of_an_error_says_of_which_entity_it_is() {
        for count in [1, 30, 31, 500] {
            let representations: Vec<_> = (0..count)
                .map(|index| match index % 3 {
                    0 => json!({ "__typename": "Thing", "id": "broken" }),
                    1 => json!({ "__typename": "Thing", "id": "a" }),
                    _ => json!({ "__typename": "Other", "id": "a" }),
                })
                .collect();
            let document = "query($of: [_Any!]!) { a: _entities(representations: $of) { ... on Thing { id } ... on Other { broken } } b: _entities(representations: $of) { ... on Thing { id } } }";
            let answer = ask(document, json!(representations)).await;
            let mut expected: Vec<String> = Vec::new();
            for index in 0..count {
                match index % 3 {
                    0 => {
                        expected.push(json!(["a", index]).to_string());
                        expected.push(json!(["b", index]).to_string());
                    }
                    2 => expected.push(json!(["a", index, "broken"]).to_string()),
                    _ => {}
                }
            }
            let mut told: Vec<String> = answer["errors"]
                .as_array()
                .expect("errors")
                .iter()
                .map(|error| error["path"].to_string())
                .collect();
            expected.sort();
            told.sort();
            assert_eq!(told, expected);
        }
    }
}
