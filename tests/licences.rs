//! Every dependency comes from crates.io under a licence allowed by `deny.toml`. `cargo deny` checks this and more;
//! this test needs no installation and no network.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The `allow` list of deny.toml.
fn allowed() -> BTreeSet<&'static str> {
    let deny = include_str!("../deny.toml");
    let (_, list) = deny.split_once("allow = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split('"').skip(1).step_by(2).collect()
}

/// The packages built on this machine.
fn packages() -> Vec<Value> {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(rustc.stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(["--filter-platform", host])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether an SPDX expression can be satisfied with allowed licences only.
fn permits(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut position = 0;
    let permitted = either(&tokens, &mut position, allowed);
    permitted && position == tokens.len()
}

fn either(tokens: &[&str], position: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut permitted = both(tokens, position, allowed);
    while tokens.get(*position) == Some(&"OR") {
        *position += 1;
        permitted |= both(tokens, position, allowed);
    }
    permitted
}

fn both(tokens: &[&str], position: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut permitted = one(tokens, position, allowed);
    while tokens.get(*position) == Some(&"AND") {
        *position += 1;
        permitted &= one(tokens, position, allowed);
    }
    permitted
}

fn one(tokens: &[&str], position: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let Some(&token) = tokens.get(*position) else {
        return false;
    };
    *position += 1;
    if token == "(" {
        let permitted = either(tokens, position, allowed);
        let closed = tokens.get(*position) == Some(&")");
        *position += 1;
        return permitted && closed;
    }
    match tokens.get(*position..*position + 2) {
        Some(["WITH", exception]) => {
            *position += 2;
            allowed.contains(format!("{token} WITH {exception}").as_str())
        }
        _ => allowed.contains(token),
    }
}

#[test]
fn every_dependency_has_an_allowed_licence_and_source() {
    let allowed = allowed();
    let packages = packages();
    assert!(packages.len() > 100, "the dependencies are found");
    let mut refused = Vec::new();
    for package in &packages {
        let name = &package["name"];
        match package["license"].as_str() {
            Some(licence) if permits(licence, &allowed) => {}
            licence => refused.push(format!("{name}: {licence:?}")),
        }
        match package["source"].as_str() {
            None | Some(CRATES_IO) => {}
            Some(source) => refused.push(format!("{name}: {source}")),
        }
    }
    assert_eq!(refused, [] as [String; 0], "see deny.toml");
}

#[test]
fn an_expression_is_permitted_when_allowed_licences_satisfy_it() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]);
    for licence in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0/MIT",
        "Apache-2.0 WITH LLVM-exception",
        "(GPL-3.0 OR MIT) AND Apache-2.0",
        "GPL-3.0 AND ISC OR MIT",
    ] {
        assert!(permits(licence, &allowed), "{licence}");
    }
    for licence in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "MIT AND (GPL-3.0 OR ISC)",
        "Apache-2.0 WITH other",
        "MIT AND",
        "(MIT",
        "MIT MIT",
    ] {
        assert!(!permits(licence, &allowed), "{licence}");
    }
}
