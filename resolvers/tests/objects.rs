//! How objects are resolved by async-graphql's vendored copy: each field once, fragments and merged fields included.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{
    ComplexObject, Context, EmptyMutation, EmptySubscription, Interface, Object, Request, Schema,
    SimpleObject, Union,
};
use serde_json::{Value, json};

struct Query;

#[Object]
impl Query {
    async fn book(&self) -> Book {
        book()
    }

    async fn items(&self) -> Vec<Item> {
        let film = Film {
            title: "Stalker".to_owned(),
            minutes: 163,
        };
        vec![Item::Book(book()), Item::Film(film)]
    }

    async fn titled(&self) -> Titled {
        book().into()
    }
}

fn book() -> Book {
    Book {
        title: "Solaris".to_owned(),
        pages: 204,
        author: Author {
            name: "Lem".to_owned(),
            born: 1921,
        },
    }
}

#[derive(SimpleObject)]
#[graphql(complex)]
struct Book {
    title: String,
    pages: i32,
    author: Author,
}

#[ComplexObject]
impl Book {
    /// Is not ready when it is polled first.
    async fn slow(&self) -> i32 {
        tokio::task::yield_now().await;
        self.pages
    }

    async fn missing(&self) -> Option<async_graphql::Result<i32>> {
        tokio::task::yield_now().await;
        Some(Err("not here".into()))
    }
}

#[derive(SimpleObject)]
#[graphql(serial)]
struct Author {
    name: String,
    born: i32,
}

#[derive(SimpleObject)]
struct Film {
    title: String,
    minutes: i32,
}

#[derive(Union)]
enum Item {
    Book(Book),
    Film(Film),
}

#[derive(Interface)]
#[graphql(field(name = "title", ty = "&String"))]
enum Titled {
    Book(Book),
    Film(Film),
}

async fn execute(document: &str) -> Value {
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    let response = schema.execute(Request::new(document)).await;
    serde_json::to_value(response).expect("JSON")
}

#[tokio::test]
async fn fields_come_in_the_order_of_the_selection_whenever_they_are_ready() {
    let document = "{ book { slow title ...Rest ... on Titled { again: title } __typename } }
        fragment Rest on Book { pages author { born name } }";
    let answer = execute(document).await;
    let expected = r#"{"book":{"slow":204,"title":"Solaris","pages":204,"author":{"born":1921,"name":"Lem"},"again":"Solaris","__typename":"Book"}}"#;
    assert_eq!(answer["data"].to_string(), expected);
}

#[tokio::test]
async fn selections_of_the_same_field_are_merged() {
    let document = "{ book { author { name } ... on Book { author { born } } pages pages } }";
    let answer = execute(document).await;
    let author = json!({ "name": "Lem", "born": 1921 });
    assert_eq!(
        answer["data"],
        json!({ "book": { "author": author, "pages": 204 } })
    );
}

#[tokio::test]
async fn fragments_on_unions_and_interfaces_reach_their_objects() {
    let document = "{ items { __typename ... on Book { slow } ... on Film { minutes } }
        titled { title ... on Book { pages author { name } } ... on Film { minutes } } }";
    let answer = execute(document).await;
    let expected = json!({
        "items": [
            { "__typename": "Book", "slow": 204 },
            { "__typename": "Film", "minutes": 163 },
        ],
        "titled": { "title": "Solaris", "pages": 204, "author": { "name": "Lem" } },
    });
    assert_eq!(answer["data"], expected);
}

#[tokio::test]
async fn a_field_that_fails_says_where_and_costs_no_other() {
    let document = "query($no: Boolean!) { book { gone: missing pages @skip(if: $no) title } }";
    let variables = async_graphql::Variables::from_json(json!({ "no": true }));
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    let request = Request::new(document).variables(variables);
    let answer = serde_json::to_value(schema.execute(request).await).expect("JSON");
    assert_eq!(
        answer["data"],
        json!({ "book": { "gone": null, "title": "Solaris" } })
    );
    assert_eq!(answer["errors"][0]["path"], json!(["book", "gone"]));
}

/// How many steps have begun, and how many run.
#[derive(Default)]
struct Steps {
    begun: AtomicUsize,
    running: AtomicUsize,
}

struct Mutation;

#[Object]
impl Mutation {
    /// Is ready after it was polled so many times; returns its number, and how many ran at its end.
    async fn step(&self, context: &Context<'_>, polls: usize) -> async_graphql::Result<[usize; 2]> {
        let steps = context.data::<Steps>()?;
        let number = steps.begun.fetch_add(1, Ordering::SeqCst);
        steps.running.fetch_add(1, Ordering::SeqCst);
        for _ in 0..polls {
            tokio::task::yield_now().await;
        }
        let running = steps.running.fetch_sub(1, Ordering::SeqCst);
        if polls == 2 {
            return Err("a step that fails".into());
        }
        Ok([number, running])
    }
}

#[tokio::test]
async fn fields_of_a_mutation_run_one_after_the_other_whatever_fails() {
    let document = "mutation { a: step(polls: 5) ...More e: step(polls: 0) }
        fragment More on Mutation { b: step(polls: 0) ... { c: step(polls: 2) } d: step(polls: 3) }";
    let schema = Schema::new(Query, Mutation, EmptySubscription);
    let request = Request::new(document).data(Steps::default());
    let answer = serde_json::to_value(schema.execute(request).await).expect("JSON");
    assert_eq!(answer["errors"][0]["path"], json!(["c"]), "{answer}");
    for (number, field) in [(0, "a"), (1, "b"), (3, "d"), (4, "e")] {
        assert_eq!(
            answer["data"][field],
            json!([number, 1]),
            "{field}: {answer}"
        );
    }
}
