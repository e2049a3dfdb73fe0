//! What the documentation names exists: files, links, commands and their options, settings, variables and metrics.
#![expect(
    clippy::unwrap_used,
    reason = "documentation that cannot be checked has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A Markdown file of the project, by its path from the root.
struct Page {
    path: String,
    text: String,
}

/// All files of the project, by their paths from the root; folders end with a slash.
fn tree() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::from(ROOT)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if matches!(name, ".git" | "target" | "node_modules" | "data") {
                continue;
            }
            let mut relative = path
                .strip_prefix(ROOT)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.is_dir() {
                relative.push('/');
                folders.push(path);
            }
            found.insert(relative);
        }
    }
    found
}

fn pages(tree: &BTreeSet<String>) -> Vec<Page> {
    tree.iter()
        .filter(|path| path.ends_with(".md"))
        // What is vendored was written elsewhere; what describes it was not.
        .filter(|path| !path.starts_with("vendor/") || path.matches('/').count() <= 2)
        .map(|path| Page {
            path: path.clone(),
            text: std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap(),
        })
        .collect()
}

/// The inline code of a page, and the lines of its shell blocks, comments and continuations resolved.
fn code(text: &str) -> (Vec<&str>, Vec<String>) {
    let mut inline = Vec::new();
    let mut shell = Vec::new();
    for (index, block) in text.split("```").enumerate() {
        if index % 2 == 0 {
            inline.extend(block.split('`').skip(1).step_by(2));
        } else if let Some(lines) = block.strip_prefix("sh\n") {
            let lines = lines.replace("\\\n", " ");
            shell.extend(lines.lines().map(|line| match line.split_once(" #") {
                Some((command, _)) => command.trim().to_owned(),
                None => line.trim().to_owned(),
            }));
        }
    }
    (inline, shell)
}

/// Whether a word of inline code is meant to be a file or folder of the project.
fn is_path(word: &str, tree: &BTreeSet<String>) -> bool {
    const EXTENSIONS: [&str; 14] = [
        "rs", "md", "sh", "yaml", "yml", "toml", "graphql", "js", "mjs", "html", "css", "json",
        "patch", "txt",
    ];
    let plain = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./<>{},*".contains(c));
    if !plain || word.starts_with(['/', '<', '*']) || word.starts_with("..") {
        return false;
    }
    let extension = word.rsplit_once('.').map(|(_, extension)| extension);
    let first = word.split('/').next().unwrap();
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
        || word.len() > 1 && word.ends_with('/')
        || word.contains('/') && tree.contains(&format!("{first}/"))
}

/// The paths that a word stands for: `{a,b}` is both, `<domain>` any folder.
fn alternatives(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else {
        return vec![word.to_owned()];
    };
    let (list, after) = rest.split_once('}').unwrap_or((rest, ""));
    list.split(',')
        .flat_map(|one| alternatives(&format!("{before}{one}{after}")))
        .collect()
}

/// Whether two paths are the same, where a segment with `<` or `*` is like any other.
fn matches(path: &str, pattern: &str) -> bool {
    let mut segments = path.trim_end_matches('/').split('/');
    let mut wanted = pattern.trim_end_matches('/').split('/');
    loop {
        match (segments.next(), wanted.next()) {
            (None, None) => return true,
            (Some(segment), Some(want)) => {
                let alike = match want.split_once(['*', '<']) {
                    Some((before, after)) => {
                        let after = after.rsplit(['*', '>']).next().unwrap();
                        segment.starts_with(before) && segment.ends_with(after)
                    }
                    None => segment == want,
                };
                if !alike {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Where a path of a page may be: at the root, beside the page, in the sources of its crate, or, if it is a bare
/// file name, anywhere.
fn exists(path: &str, page: &str, tree: &BTreeSet<String>) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let bases = [
        path.to_owned(),
        format!("{folder}/{path}"),
        format!("{folder}/src/{path}"),
        format!("{folder}/tests/{path}"),
        format!("{folder}/tests/suite/{path}"),
    ];
    let anywhere = !path.trim_end_matches('/').contains('/');
    tree.iter().any(|known| {
        bases
            .iter()
            .any(|base| matches(known, base.trim_start_matches('/')))
            || anywhere
                && matches(
                    known.trim_end_matches('/').rsplit('/').next().unwrap(),
                    path,
                )
    })
}

#[test]
fn every_path_that_the_documentation_names_exists() {
    let tree = tree();
    let pages = pages(&tree);
    assert!(pages.iter().any(|page| page.path == "router/README.md"));
    let mut missing = Vec::new();
    for page in &pages {
        let (inline, _) = code(&page.text);
        for word in inline.iter().flat_map(|code| code.split_whitespace()) {
            if is_path(word, &tree) {
                for path in alternatives(word) {
                    if !exists(&path, &page.path, &tree) {
                        missing.push(format!("{}: {path}", page.path));
                    }
                }
            }
        }
    }
    assert_eq!(missing, [] as [String; 0]);
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let tree = tree();
    let pages = pages(&tree);
    let texts: BTreeMap<&str, &str> = pages
        .iter()
        .map(|page| (page.path.as_str(), page.text.as_str()))
        .collect();
    let mut broken = Vec::new();
    let mut links = 0;
    for page in &pages {
        for target in page.text.split("](").skip(1) {
            let target = target.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() {
                page.path.clone()
            } else {
                resolve(&page.path, file)
            };
            let found = tree.contains(&file) || tree.contains(&format!("{file}/"));
            let anchored = anchor.is_empty()
                || texts
                    .get(&*file)
                    .is_some_and(|text| anchors(text).contains(anchor));
            if !found || !anchored {
                broken.push(format!("{}: {target}", page.path));
            }
        }
    }
    assert!(links > 10, "{links}");
    assert_eq!(broken, [] as [String; 0]);
}

/// A link's path from the root.
fn resolve(page: &str, link: &str) -> String {
    let mut segments: Vec<&str> = page.split('/').collect();
    segments.pop();
    for segment in link.split('/') {
        match segment {
            ".." => {
                segments.pop();
            }
            "." => {}
            _ => segments.push(segment),
        }
    }
    segments.join("/")
}

/// The anchors of a page's headings, as they are commonly made.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|heading| {
            heading
                .trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || "- _".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

/// What cargo knows of this workspace: packages, and their targets by kind.
fn targets() -> (BTreeSet<String>, BTreeSet<(String, String)>) {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(output.status.success());
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = BTreeSet::new();
    let mut targets = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        packages.insert(package["name"].as_str().unwrap().to_owned());
        for target in package["targets"].as_array().unwrap() {
            for kind in target["kind"].as_array().unwrap() {
                targets.insert((
                    kind.as_str().unwrap().to_owned(),
                    target["name"].as_str().unwrap().to_owned(),
                ));
            }
        }
    }
    (packages, targets)
}

/// The help of a command of the binary, or nothing if there is no such command.
fn help(command: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_vantage"))
        .args(command)
        .arg("--help")
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

/// What is wrong with `vantage …`: a command or an option that does not exist.
fn check_vantage(words: &[&str]) -> Result<(), String> {
    let mut command = Vec::new();
    let mut text = help(&[]).unwrap();
    for word in words {
        let lower = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        let has_commands = text.contains("Commands:");
        if word.starts_with('-') || !lower || !has_commands {
            break;
        }
        command.push(*word);
        text = help(&command).ok_or(format!("no command {word:?}"))?;
    }
    for option in words.iter().filter(|word| word.starts_with("--")) {
        let option = option.split('=').next().unwrap();
        if !text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .any(|known| known == option)
        {
            return Err(format!("no option {option:?}"));
        }
    }
    Ok(())
}

/// What is wrong with `cargo …`: a package or a target that does not exist.
fn check_cargo(
    words: &[&str],
    packages: &BTreeSet<String>,
    targets: &BTreeSet<(String, String)>,
) -> Result<(), String> {
    let (own, passed): (&[&str], &[&str]) = match words.iter().position(|word| *word == "--") {
        Some(at) => (&words[..at], &words[at + 1..]),
        None => (words, &[]),
    };
    for pair in own.windows(2) {
        let known = match pair[0] {
            "-p" => packages.contains(pair[1]),
            "--bench" | "--test" | "--example" | "--bin" => {
                targets.contains(&(pair[0][2..].to_owned(), pair[1].to_owned()))
            }
            "--manifest-path" => Path::new(ROOT).join(pair[1]).exists(),
            _ => true,
        };
        if !known {
            return Err(format!("cargo knows no {} {}", pair[0], pair[1]));
        }
    }
    let elsewhere = own
        .iter()
        .any(|word| matches!(*word, "-p" | "--example" | "--manifest-path"));
    if own.first() == Some(&"run") && !elsewhere {
        return check_vantage(passed);
    }
    Ok(())
}

#[test]
fn every_command_that_the_documentation_names_exists() {
    let tree = tree();
    let (packages, targets) = targets();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for page in pages(&tree) {
        let (inline, shell) = code(&page.text);
        let commands = inline.iter().map(|line| (*line).to_owned()).chain(shell);
        for command in commands.flat_map(|line| {
            line.split(['|', '(', ')', ';'])
                .flat_map(|part| part.split("&&"))
                .map(|part| part.trim().to_owned())
                .collect::<Vec<_>>()
        }) {
            let words: Vec<&str> = command
                .split_whitespace()
                // Variables before the command.
                .skip_while(|word| {
                    word.split_once('=').is_some_and(|(name, _)| {
                        name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
                    })
                })
                .collect();
            let verdict = match words.as_slice() {
                ["cargo", rest @ ..] if !rest.is_empty() => check_cargo(rest, &packages, &targets),
                ["vantage", rest @ ..] if !rest.is_empty() => check_vantage(rest),
                [script, ..] if script.ends_with(".sh") => exists(script, &page.path, &tree)
                    .then_some(())
                    .ok_or("no such script".to_owned()),
                _ => continue,
            };
            checked += 1;
            if let Err(reason) = verdict {
                wrong.push(format!("{}: {command}: {reason}", page.path));
            }
        }
    }
    assert!(checked > 20, "{checked}");
    assert_eq!(wrong, [] as [String; 0]);
}

/// Whether a path of the configuration exists, by its JSON schema; free keys of maps are any.
fn is_setting(path: &[&str], schema: &Value, root: &Value) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    let mut variants = vec![schema];
    while let Some(schema) = variants.pop() {
        for list in ["anyOf", "oneOf", "allOf"] {
            variants.extend(schema[list].as_array().into_iter().flatten());
        }
        if let Some(reference) = schema["$ref"].as_str() {
            variants.push(root.pointer(reference.trim_start_matches('#')).unwrap());
        }
        if let Some(inner) = schema["properties"].get(first)
            && is_setting(rest, inner, root)
        {
            return true;
        }
        if schema["additionalProperties"].is_object()
            && is_setting(rest, &schema["additionalProperties"], root)
        {
            return true;
        }
    }
    false
}

#[test]
fn every_setting_and_variable_that_the_documentation_names_exists() {
    let tree = tree();
    let schema: Value =
        serde_json::from_str(include_str!("../router-config/vantage.schema.json")).unwrap();
    let sections = schema["properties"].as_object().unwrap();
    let aliases = rust_sources(&tree, "src/config/");
    let sources = rust_sources(&tree, "");
    let mut unknown = Vec::new();
    let mut checked = 0;
    for page in pages(&tree)
        .iter()
        .filter(|page| !page.path.starts_with("vendor/"))
    {
        let (inline, shell) = code(&page.text);
        let words = inline
            .iter()
            .copied()
            .chain(shell.iter().map(String::as_str));
        for word in words.flat_map(|code| {
            code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        }) {
            let key: Vec<&str> = word.split('.').collect();
            let lower = word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
            let is_file = tree
                .iter()
                .any(|path| path.rsplit('/').next() == Some(word));
            if lower && key.len() > 1 && sections.contains_key(key[0]) && !is_file {
                checked += 1;
                // Events and topics are named alike.
                let is_event = sources.contains(&format!("\"{word}\""));
                if !is_event
                    && key[1..].iter().all(|segment| !segment.is_empty())
                    && !is_setting(&key, &schema, &schema)
                {
                    unknown.push(format!("{}: {word}", page.path));
                }
            }
            if let Some(name) = word
                .strip_prefix("VANTAGE_")
                .filter(|name| !name.is_empty())
            {
                checked += 1;
                let lowered = name.to_lowercase();
                let key: Vec<&str> = lowered.split("__").collect();
                if !is_setting(&key, &schema, &schema) && !aliases.contains(word) {
                    unknown.push(format!("{}: {word}", page.path));
                }
            }
        }
    }
    assert!(checked > 30, "{checked}");
    assert_eq!(unknown, [] as [String; 0]);
}

#[test]
fn every_metric_that_the_documentation_names_exists() {
    let tree = tree();
    let sources = rust_sources(&tree, "");
    let mut unknown = Vec::new();
    for page in pages(&tree) {
        let (inline, _) = code(&page.text);
        for word in inline
            .iter()
            .flat_map(|code| code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
        {
            if word.starts_with("vantage_") && !sources.contains(word) {
                unknown.push(format!("{}: {word}", page.path));
            }
        }
    }
    assert_eq!(unknown, [] as [String; 0]);
}

/// The text of the project's own Rust files below a folder, this one excepted.
fn rust_sources(tree: &BTreeSet<String>, folder: &str) -> String {
    tree.iter()
        .filter(|path| path.ends_with(".rs") && path.starts_with(folder))
        .filter(|path| !path.starts_with("vendor/") && *path != "tests/documentation.rs")
        .map(|path| std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap())
        .collect()
}

#[test]
fn what_does_not_exist_is_found() {
    let tree = tree();
    assert!(is_path("src/nowhere.rs", &tree));
    assert!(!is_path("text/event-stream", &tree));
    assert!(!exists("src/nowhere.rs", "README.md", &tree));
    assert!(!exists("nowhere.rs", "README.md", &tree));
    assert!(exists("entities/src/<domain>/", "README.md", &tree));
    assert!(
        exists("subgraphs/{orders,returns}/", "README.md", &tree)
            || alternatives("subgraphs/{orders,returns}/").len() == 2
    );
    assert!(check_vantage(&["nothing"]).is_err());
    assert!(check_vantage(&["serve", "--nothing"]).is_err());
    assert!(check_vantage(&["subgraph", "NAME", "--listen", "ADDR:PORT"]).is_ok());
    let (packages, targets) = targets();
    assert!(check_cargo(&["test", "-p", "nothing"], &packages, &targets).is_err());
    assert!(check_cargo(&["bench", "--bench", "nothing"], &packages, &targets).is_err());
    let schema: Value =
        serde_json::from_str(include_str!("../router-config/vantage.schema.json")).unwrap();
    assert!(is_setting(&["router", "deadline"], &schema, &schema));
    assert!(!is_setting(&["router", "nothing"], &schema, &schema));
}
