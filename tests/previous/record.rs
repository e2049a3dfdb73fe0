//! Writes the fixture of a release from what its processes recorded. `record.sh` runs this.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use platform::database::recorder::DIRECTORY;

use crate::database::{DOMAINS, fresh};
use crate::fixture::{SHARED, path, schema_file, statements_file};
use crate::schema::Schema;
use crate::statement::{Statement, shortest};

#[tokio::test]
#[ignore = "writes the fixture of a release"]
async fn the_release_is_recorded() {
    let directory = std::env::var(DIRECTORY).expect("record.sh names the directory");
    let recorded = read(Path::new(&directory));
    let kinds: Vec<&str> = recorded.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["postgres", "sqlite"], "both kinds were recorded");
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    // The domains on whose schema each statement can be prepared, since one process may have several databases.
    let mut domains: BTreeMap<(&str, &Statement), Vec<&str>> = BTreeMap::new();
    for domain in DOMAINS {
        for database in fresh(domain).await {
            for statement in &recorded[database.kind] {
                if database.prepare(statement).await.is_ok() {
                    let key = (database.kind, statement);
                    domains.entry(key).or_default().push(domain);
                }
            }
            let schema = Schema::of(&database.connection).await.unwrap();
            let json = serde_json::to_string_pretty(&schema).unwrap();
            files.insert(schema_file(database.kind, domain), format!("{json}\n"));
            database.drop().await;
        }
    }
    for (kind, statements) in &recorded {
        for domain in DOMAINS.iter().chain([&SHARED]) {
            files.insert(statements_file(kind, domain), String::new());
        }
        let strange = statements
            .iter()
            .filter(|statement| !domains.contains_key(&(kind.as_str(), *statement)));
        for statement in strange {
            // Of tests with tables of their own.
            eprintln!("left out, on {kind}: {}", statement.sql);
        }
    }
    for ((kind, statement), of) in domains {
        let of = if of.len() == DOMAINS.len() {
            vec![SHARED]
        } else {
            of
        };
        for domain in of {
            let file = files.get_mut(&statements_file(kind, domain)).unwrap();
            file.push_str(&format!("{}\n", statement.line()));
        }
    }
    let release = format!("{} {}\n", env!("CARGO_PKG_VERSION"), commit());
    files.insert("release.txt".to_owned(), release);
    for (name, text) in files {
        let path = path(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// The distinct statements by kind of database.
fn read(directory: &Path) -> BTreeMap<String, BTreeSet<Statement>> {
    let mut all: BTreeMap<String, BTreeSet<Statement>> = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        // The last line of a process that was killed may be cut off.
        for line in text.split_inclusive('\n') {
            let line = line.strip_suffix('\n').and_then(|line| {
                let (kind, statement) = line.split_once('\t')?;
                Some((kind, Statement::parse(statement)?))
            });
            if let Some((kind, statement)) = line.filter(|(_, statement)| statement.is_query()) {
                all.entry(kind.to_owned()).or_default().insert(statement);
            }
        }
    }
    all.into_iter()
        .map(|(kind, statements)| (kind, shortest(statements)))
        .collect()
}

fn commit() -> String {
    let output = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_processes_recorded_is_read_by_kind_and_without_what_was_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write(
        "a.tsv",
        "sqlite\t\tSELECT 1\npostgres\tuuid\tDELETE FROM a WHERE id = $1\nsqlite\t\tPRAGMA x\n",
    );
    write("b.tsv", "sqlite\t\tSELECT 1\nsqlite\t\tSELECT");
    let read = read(directory.path());
    let lines = |kind: &str| read[kind].iter().map(Statement::line).collect::<Vec<_>>();
    assert_eq!(lines("sqlite"), ["\tSELECT 1"]);
    assert_eq!(lines("postgres"), ["uuid\tDELETE FROM a WHERE id = $1"]);
}
