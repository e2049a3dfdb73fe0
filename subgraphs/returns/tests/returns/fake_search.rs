//! A fake search subgraph that knows the measures of every product.

use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject};
use resolvers::subgraph::Subgraph;

pub(crate) fn subgraph() -> Subgraph {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish();
    Subgraph::new("search", schema, |_| {})
}

struct Query;

#[Object]
impl Query {
    #[graphql(entity)]
    async fn product(&self, id: ID) -> Product {
        Product {
            id,
            weight_grams: Some(6_350),
            dimensions: Some(Dimensions {
                length_mm: 762,
                width_mm: 254,
                height_mm: 508,
            }),
            hs_code: Some("852852".to_owned()),
            origin_country: Some("KR".to_owned()),
        }
    }
}

#[derive(SimpleObject)]
struct Product {
    id: ID,
    weight_grams: Option<i32>,
    dimensions: Option<Dimensions>,
    hs_code: Option<String>,
    origin_country: Option<String>,
}

#[derive(SimpleObject)]
struct Dimensions {
    length_mm: i32,
    width_mm: i32,
    height_mm: i32,
}
