//! Commands and their options: those of the binary, of cargo, and scripts.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::paths::exists;
use crate::{ROOT, code, pages, tree};

/// The workspace's packages and their targets by kind, from cargo.
pub(crate) fn targets() -> (BTreeSet<String>, BTreeSet<(String, String)>) {
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

/// Help text of a subcommand, or `None` if it does not exist.
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

/// Reports an unknown subcommand or option of `vantage …`.
pub(crate) fn check_vantage(words: &[&str]) -> Result<(), String> {
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

/// Reports an unknown package or target of `cargo …`.
pub(crate) fn check_cargo(
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
                // Environment variables before the command.
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
