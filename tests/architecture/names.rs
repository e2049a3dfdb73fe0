//! File and type names use common terms of the field.

use std::path::Path;

use crate::{ROOT, is_name, rust_files};

/// Words not allowed in names of files, types and public functions, because they are private coinages or say nothing, with alternatives. A
/// reader who knows GraphQL, federation and commerce should be able to guess what a name means.
const BANNED: &[(&str, &str)] = &[
    ("apart", "split"),
    ("ask", "query, request"),
    ("asked", "requested"),
    ("asks", "queries, requests"),
    ("bare", "say of what: raw, text"),
    ("cashier", "payment processor"),
    ("heard", "received, confirmed"),
    ("helper", "what it does"),
    ("helpers", "what they do"),
    ("keep", "store, preserve"),
    ("kept", "stored, preserved"),
    ("judgement", "evaluation, decision"),
    ("keeper", "store, registry"),
    ("losses", "parse issues"),
    ("manager", "what it does"),
    ("mistake", "error"),
    ("mistakes", "errors"),
    ("move", "transition"),
    ("moves", "transitions"),
    ("needed", "required"),
    ("news", "updates"),
    ("patience", "timeout"),
    ("rechecks", "checks"),
    ("roster", "registry"),
    ("said", "description, text"),
    ("sighting", "observation, scan"),
    ("simulators", "sandbox"),
    ("standing", "current state"),
    ("stretch", "page, batch, range"),
    ("tariff", "rate"),
    ("tariffs", "rates"),
    ("tell", "report, publish, send"),
    ("tells", "reports, publishes, sends"),
    ("told", "reported, received"),
    ("turn", "lock, phase"),
    ("turns", "locks, phases"),
    ("twin", "duplicate"),
    ("twins", "duplicates"),
    ("util", "what it does"),
    ("utils", "what they do"),
    ("wanted", "requested"),
    ("watchers", "subscribers, watch registry"),
    ("wish", "request"),
    ("within", "under limit"),
];

#[test]
fn names_are_the_fields_own_words() {
    let mut found = Vec::new();
    let mut names = 0;
    for file in rust_files(Path::new(ROOT)) {
        let path = file.strip_prefix(ROOT).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        // A migration's file name is its identity in databases and cannot change.
        if !path.starts_with("migrations") {
            names += 1;
            found.extend(banned(stem).map(|word| format!("{}: {word}", path.display())));
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let mut defined = types(&text);
        if !path.components().any(|part| part.as_os_str() == "tests") {
            defined.extend(public_functions(&text));
        }
        for name in defined {
            names += 1;
            found.extend(banned(&name).map(|word| format!("{}: {name}: {word}", path.display())));
        }
    }
    assert!(names > 2_000, "the names are found: {names}");
    assert_eq!(found, [] as [String; 0]);
}

#[test]
fn a_banned_word_is_found_in_names_of_files_types_and_functions() {
    let words = |name: &str| banned(name).collect::<Vec<_>>();
    assert_eq!(words("order_turn"), ["turn: say lock, phase"]);
    assert_eq!(words("IllegalMove"), ["move: say transition"]);
    assert_eq!(words("IdManager"), ["manager: say what it does"]);
    assert_eq!(words("customer_return"), [] as [&str; 0]);
    assert_eq!(words("ReturnPreview"), [] as [&str; 0]);
    let text = "pub(crate) struct Wish<'a>;\n    enum Told {}\ntrait Ask: Send {}\ntype Row = Model;\n\
                type Person @key(fields: \"id\") {\nlet x = \"a struct of\"; /// the type Twin";
    assert_eq!(types(text), ["Wish", "Told", "Ask", "Row"]);
    let text =
        "pub async fn ask<T>(&self)\n    pub(super) const fn told() {\nfn private()\n/// pub fn x(";
    assert_eq!(public_functions(text), ["ask", "told"]);
}

/// Banned words in a name, with their alternatives.
fn banned(name: &str) -> impl Iterator<Item = String> {
    words(name).into_iter().filter_map(|word| {
        let (word, instead) = BANNED.iter().find(|(banned, _)| *banned == word)?;
        Some(format!("{word}: say {instead}"))
    })
}

/// Splits `order_lock` and `OrderLock` into `order` and `lock`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && !before.is_uppercase()) {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().unwrap().extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

/// Types defined in a Rust file.
fn types(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let line = match line.strip_prefix("pub") {
                Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1,
                Some(rest) => rest,
                None => line,
            };
            let (kind, rest) = line.trim_start().split_once(' ')?;
            let name = rest.split(|c: char| !is_name(c)).next()?;
            let defines = match kind {
                "struct" | "enum" | "union" | "trait" => true,
                // Skip GraphQL types in string literals.
                "type" => rest.contains(" = ") && rest.trim_end().ends_with(';'),
                _ => false,
            };
            (defines && !name.is_empty()).then(|| name.to_owned())
        })
        .collect()
}

/// Functions that a Rust file makes visible to others.
fn public_functions(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let (visibility, rest) = line.split_once("fn ")?;
            let name = rest.split(|c: char| !is_name(c)).next()?;
            visibility
                .trim_start()
                .starts_with("pub")
                .then(|| name.to_owned())
        })
        .collect()
}
