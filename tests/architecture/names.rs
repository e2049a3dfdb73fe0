//! Names of files and types are the field's own words.

use std::path::Path;

use crate::{ROOT, is_name, rust_files};

/// Words that no file and no type is named by. They are ours and not the field's, or say nothing: somebody who knows
/// GraphQL, federation and commerce should guess from a name what it is. In place of …
const BANNED: &[(&str, &str)] = &[
    ("apart", "split"),
    ("asked", "requested"),
    ("bare", "say of what: raw, text"),
    ("cashier", "payment processor"),
    ("heard", "received, confirmed"),
    ("helper", "what it does"),
    ("helpers", "what they do"),
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
    ("sighting", "observation, scan"),
    ("simulators", "sandbox"),
    ("standing", "current state"),
    ("stretch", "page, batch, range"),
    ("tariff", "rate"),
    ("tariffs", "rates"),
    ("tell", "report, publish, send"),
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
        // Databases know a migration by the name of its file: that can never change.
        if !path.starts_with("migrations") {
            names += 1;
            found.extend(banned(stem).map(|word| format!("{}: {word}", path.display())));
        }
        for name in types(&std::fs::read_to_string(&file).unwrap()) {
            names += 1;
            found.extend(banned(&name).map(|word| format!("{}: {name}: {word}", path.display())));
        }
    }
    assert!(names > 1_000, "the names are found: {names}");
    assert_eq!(found, [] as [String; 0]);
}

#[test]
fn a_banned_word_is_found_in_names_of_files_and_types() {
    let words = |name: &str| banned(name).collect::<Vec<_>>();
    assert_eq!(words("order_turn"), ["turn: say lock, phase"]);
    assert_eq!(words("IllegalMove"), ["move: say transition"]);
    assert_eq!(words("IdManager"), ["manager: say what it does"]);
    assert_eq!(words("customer_return"), [] as [&str; 0]);
    assert_eq!(words("ReturnPreview"), [] as [&str; 0]);
    let text = "pub(crate) struct Wish<'a>;\n    enum Told {}\ntrait Ask: Send {}\ntype Row = Model;\n\
                type Person @key(fields: \"id\") {\nlet x = \"a struct of\"; /// the type Twin";
    assert_eq!(types(text), ["Wish", "Told", "Ask", "Row"]);
}

/// The banned words of a name, with what to say instead.
fn banned(name: &str) -> impl Iterator<Item = String> {
    words(name).into_iter().filter_map(|word| {
        let (word, instead) = BANNED.iter().find(|(banned, _)| *banned == word)?;
        Some(format!("{word}: say {instead}"))
    })
}

/// `order_lock` and `OrderLock` are `order` and `lock`.
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

/// The types that a Rust file defines.
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
                // Not a type of GraphQL in a test's text.
                "type" => rest.contains(" = ") && rest.trim_end().ends_with(';'),
                _ => false,
            };
            (defines && !name.is_empty()).then(|| name.to_owned())
        })
        .collect()
}
