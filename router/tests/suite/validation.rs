//! Each validation rule, with documents that satisfy it and documents that violate it.

use router::{ErrorCode, GraphQLRequest, RequestContext, StatusHint};
use serde_json::json;

use crate::kit::{Graph, Subgraph};

const CASES: &str = include_str!("fixtures/validation.txt");

/// Error codes of rejected documents. `BAD_USER_INPUT` is for conditions at the root of a subscription, which depend on
/// variables.
const CODES: [ErrorCode; 3] = [
    ErrorCode::GraphQLParseFailed,
    ErrorCode::GraphQLValidationFailed,
    ErrorCode::BadUserInput,
];

async fn graph() -> Graph {
    let shop = Subgraph::new(
        "shop",
        r#"type Query {
             a: Int dog: Dog pet: Pet being: Being count(of: Int = 1): Int look(at: Look): Int one(of: One): Int
             numbers(i: Int, f: Float, s: String, b: Boolean, id: ID, ids: [ID!], any: Any): Int
           }
           type Mutation { feed(id: ID!): Dog }
           type Subscription { heard: Dog ticks: Int }
           interface Pet { name: String }
           type Dog implements Pet {
             id: ID name: String nick: String barks: Int size: Size does(trick: Trick!): Boolean
             tricks(first: Trick! = SIT): Int friends: [Dog]
           }
           type Cat implements Pet { name: String named: Boolean meows: Int }
           type Robot { model: String }
           union Being = Dog | Cat
           enum Trick { SIT ROLL }
           enum Size { BIG }
           scalar Any
           input Look { size: Int! trick: Trick tags: [String!] inner: Look }
           input One @oneOf { a: Int b: String }"#,
    );
    Graph::new([shop]).await
}

#[tokio::test]
async fn every_rule_is_kept() {
    let graph = graph().await;
    let (mut rule, mut wrong) = ("", Vec::new());
    for line in CASES.lines() {
        let Some((sign, document)) = line.split_once(' ') else {
            continue;
        };
        if sign == "#" {
            rule = document;
            continue;
        }
        // Operation selection is not under test here.
        let mut request = GraphQLRequest::new(document);
        request.operation_name = document.contains("query A").then(|| "A".to_owned());
        let prepared = graph.local.prepare(&request).await;
        match (sign, prepared) {
            ("+", Ok(_)) => {}
            ("-", Err(refused)) => {
                let told = refused
                    .errors
                    .iter()
                    .all(|error| CODES.contains(&error.code()) && !error.locations.is_empty());
                if !told || refused.errors.is_empty() {
                    wrong.push(format!(
                        "{rule}: {document}\n    reported as {:?}",
                        refused.errors
                    ));
                }
            }
            (_, Ok(_)) => wrong.push(format!("{rule}: {document}\n    passes")),
            (_, Err(refused)) => {
                wrong.push(format!(
                    "{rule}: {document}\n    is rejected: {:?}",
                    refused.errors
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn operations_that_the_schema_has_none_of_are_refused_at_their_place() {
    let shop = Subgraph::new("shop", "type Query { a: Int }").root("a", json!(1));
    let graph = Graph::new([shop]).await;
    for document in ["mutation { a }", "query A { a } subscription B { a }"] {
        let request = GraphQLRequest::new(document);
        let refused = graph
            .local
            .execute(request, RequestContext::default())
            .await;
        assert_eq!(
            refused.status_hint(),
            StatusHint::RequestError(ErrorCode::GraphQLValidationFailed),
            "{document}"
        );
        assert!(!refused.errors[0].locations.is_empty(), "{document}");
    }
}

#[tokio::test]
async fn an_error_is_told_once_and_at_its_place() {
    let graph = graph().await;
    for (document, message, line, column) in [
        (
            "{ dog { __typename(zz: 1) } }",
            "Unknown argument \"zz\" on field \"Dog.__typename\".",
            1,
            9,
        ),
        (
            "{ dog { nothing(zz: 1) } }",
            "Cannot query field \"nothing\" on type \"Dog\".",
            1,
            9,
        ),
        (
            "{ a }\nfragment F on Query { a }",
            "Fragment \"F\" is never used.",
            2,
            1,
        ),
        (
            "{ numbers(id: {a: 1}) }",
            "Expected value of type \"ID\", found {a: 1}.",
            1,
            3,
        ),
    ] {
        let request = GraphQLRequest::new(document);
        let Err(refused) = graph.local.prepare(&request).await else {
            panic!("{document} passes");
        };
        let errors: Vec<_> = refused
            .errors
            .iter()
            .map(|error| {
                let at = error.locations[0];
                (error.message.as_str(), at.line, at.column)
            })
            .collect();
        assert_eq!(errors, [(message, line, column)], "{document}");
    }
    let request = GraphQLRequest::new("fragment F on Query { a }");
    let Err(refused) = graph.local.prepare(&request).await else {
        panic!("there is no operation");
    };
    let at = refused.errors[0].locations[0];
    assert_eq!((at.line, at.column), (1, 1));
}
