//! The previous release works on this version's schema, so that both can run while one replaces the other: its statements
//! can be prepared, and its tables change only in ways that it does not notice. `record.sh` records a release.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod database;
mod fixture;
mod record;
mod reviewed;
mod rules;
mod schema;
mod statement;

use std::collections::BTreeSet;

use database::{DOMAINS, fresh};
use reviewed::REVIEWED;
use rules::differences;
use schema::Schema;
use statement::Statement;

const NONE: [String; 0] = [];

#[tokio::test]
async fn every_statement_of_the_previous_release_can_be_prepared() {
    let release = fixture::release();
    let mut broken = Vec::new();
    for domain in DOMAINS {
        for database in fresh(domain).await {
            let statements = fixture::statements(database.kind, domain);
            assert!(statements.len() > 30, "{domain}: {}", statements.len());
            for statement in statements {
                if let Err(error) = database.prepare(&statement).await {
                    let (kind, sql) = (database.kind, &statement.sql);
                    broken.push(format!("{domain} on {kind}: {error}\n    {sql}"));
                }
            }
            database.drop().await;
        }
    }
    assert_eq!(
        broken, NONE,
        "release {release} runs these statements while this version is rolled out: add what is new in this version, and \
         remove what is old in the next one: {broken:#?}"
    );
}

#[tokio::test]
async fn the_schema_changes_only_in_ways_that_the_previous_release_does_not_notice() {
    let release = fixture::release();
    let mut found = BTreeSet::new();
    for domain in DOMAINS {
        for database in fresh(domain).await {
            let previous = fixture::schema(database.kind, domain);
            assert!(previous.tables().len() > 5, "{domain}");
            let now = Schema::of(&database.connection).await.unwrap();
            let all = differences(&previous, &now);
            found.extend(all.into_iter().map(|difference| (domain, difference)));
            database.drop().await;
        }
    }
    let is_reviewed = |(domain, difference): &(&str, String)| {
        let mut reviewed = REVIEWED.iter();
        reviewed.any(|one| one.domain == *domain && one.difference == *difference)
    };
    let refused: Vec<_> = found.iter().filter(|&one| !is_reviewed(one)).collect();
    assert_eq!(
        refused,
        [] as [&(&str, String); 0],
        "release {release} cannot work with this: add what is new in this version, and remove what is old in the next one, \
         or say in tests/previous/reviewed.rs why it can: {refused:#?}"
    );
    for one in REVIEWED {
        let difference = (one.domain, one.difference.to_owned());
        assert!(found.contains(&difference), "no longer so: {difference:?}");
        assert!(one.reason.len() > 20, "{difference:?} needs a reason");
    }
}

#[test]
fn the_recorded_release_is_the_one_that_may_run_on_the_schema() {
    let release = fixture::release();
    let version = release.split(' ').next().unwrap();
    assert_eq!(version, migrations::PREVIOUS_RELEASE);
}

#[tokio::test]
async fn a_statement_about_what_is_not_there_or_of_another_type_is_found() {
    for database in fresh("orders").await {
        let statement = |types: &[&str], sqlite: &str, postgres: &str| Statement {
            types: types.iter().map(|&name| name.to_owned()).collect(),
            sql: match database.kind {
                "sqlite" => sqlite.to_owned(),
                _ => postgres.to_owned(),
            },
        };
        let known = statement(
            &["uuid"],
            "SELECT \"id\" FROM \"orders\" WHERE \"id\" = ?",
            "SELECT \"id\" FROM \"orders\" WHERE \"id\" = $1",
        );
        assert_eq!(database.prepare(&known).await, Ok(()));
        let upsert = |column: &str| {
            format!(
                "INSERT INTO \"leases\" (\"name\") VALUES ('x') ON CONFLICT (\"{column}\") DO NOTHING"
            )
        };
        let upsert = |column: &str| statement(&[], &upsert(column), &upsert(column));
        assert_eq!(database.prepare(&upsert("name")).await, Ok(()));
        let unknown = "SELECT \"shade\" FROM \"orders\"";
        let mut wrong = vec![
            statement(&[], unknown, unknown),
            // Nothing is unique in it.
            upsert("holder"),
        ];
        if database.kind == "postgres" {
            wrong.push(Statement {
                types: vec!["text".to_owned()],
                ..known
            });
        }
        for wrong in wrong {
            let prepared = database.prepare(&wrong).await;
            assert!(prepared.is_err(), "{}: {wrong:?}", database.kind);
        }
        database.drop().await;
    }
}
