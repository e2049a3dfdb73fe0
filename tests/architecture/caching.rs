//! A response is as public as the strictest of its fields that say something, so where one field is public, none may say
//! nothing.

use std::path::Path;

use super::ROOT;

/// The root fields of a `query.rs` without a cache policy; none if no field is public.
fn unmarked(text: &str) -> Vec<&str> {
    if !text.contains("cache_control(max_age") {
        return Vec::new();
    }
    let parts: Vec<&str> = text.split("\n    async fn ").collect();
    let fields = parts.windows(2).filter_map(|pair| {
        let [before, field] = pair else { return None };
        // What belongs to it begins after the field before.
        let attributes = before.rsplit("\n    }\n").next()?;
        let is_marked =
            attributes.contains("cache_control(") || attributes.contains("#[graphql(entity)]");
        (!is_marked).then(|| field.split('(').next()).flatten()
    });
    fields.collect()
}

#[test]
fn every_root_field_beside_a_public_one_has_a_cache_policy() {
    let (mut files, mut found) = (0, Vec::new());
    for domain in std::fs::read_dir(Path::new(ROOT).join("subgraphs")).unwrap() {
        let file = domain.unwrap().path().join("src/query.rs");
        let text = std::fs::read_to_string(&file).unwrap();
        files += usize::from(text.contains("cache_control(max_age"));
        let fields = unmarked(&text).into_iter();
        found.extend(fields.map(|field| format!("{field} in {}", file.display())));
    }
    assert!(files >= 4, "the public fields are found");
    assert_eq!(found, [] as [String; 0], "say max_age, private or no_cache");
}

#[test]
fn a_field_without_a_policy_is_found() {
    let text = "impl Query {
    #[graphql(cache_control(max_age = 60))]
    async fn public(&self) -> i32 {
        1
    }

    /// Says nothing.
    async fn me(&self) -> i32 {
        1
    }

    #[graphql(entity)]
    async fn find(&self) -> i32 {
        1
    }
}
";
    assert_eq!(unmarked(text), ["me"]);
    assert!(unmarked("impl Query {\n    async fn me(&self) {\n    }\n}").is_empty());
}
