//! Compares validation with graphql-js; `router/language/run.sh` installs that and runs this.

use crate::graphql_js::Cases;
use crate::{GraphQLRequest, Router, compose};

const SDL: &str = include_str!("../../../language/validation.graphql");

#[tokio::test]
#[ignore = "needs Node.js and its packages: run router/language/run.sh"]
async fn graphql_js_finds_the_same_valid() {
    let supergraph = compose(&[("pets", SDL, "http://pets.invalid/")]).expect("a supergraph");
    let router = Router::builder().supergraph(&supergraph).calling_nobody();
    let router = router.build().expect("a router");
    let (mut valid, mut invalid, mut differences) = (0, 0, Vec::new());
    for case in Cases::of("validation.mjs") {
        let text = case["text"].as_str().expect("a text");
        let theirs = case["error"].as_str();
        match router.prepare(&GraphQLRequest::new(text)).await {
            Ok(_) => {
                valid += 1;
                if let Some(theirs) = theirs {
                    differences.push(format!("{text}\n    passes; graphql-js: {theirs}"));
                }
            }
            Err(refused) => {
                invalid += 1;
                if theirs.is_none() {
                    differences.push(format!("{text}\n    is refused: {:?}", refused.errors));
                }
                for error in &refused.errors {
                    let is_located = error
                        .locations
                        .iter()
                        .all(|at| at.line > 0 && at.column > 0);
                    assert!(
                        is_located && !error.locations.is_empty(),
                        "{error:?}: {text}"
                    );
                }
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
    println!("{valid} operations are valid alike, {invalid} invalid alike");
    assert!(valid > 0 && invalid > 0);
}
