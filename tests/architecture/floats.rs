//! Money, rates and ratios are never floats: no code that handles them names such a type.

use std::path::Path;

use crate::{ROOT, is_name, rust_files};

/// Where amounts are stored, computed and shown.
const EXACT: [&str; 7] = [
    "entities/src/orders",
    "entities/src/pricing",
    "entities/src/returns",
    "resolvers/src",
    "subgraphs/orders/src",
    "subgraphs/pricing/src",
    "subgraphs/returns/src",
];

/// The value of a metric is a float.
const METRICS: [&str; 2] = ["gauge!", ".set(f64::from("];

#[test]
fn amounts_and_rates_are_never_floats() {
    let (mut files, mut floats) = (0, Vec::new());
    for folder in EXACT {
        for file in rust_files(&Path::new(ROOT).join(folder)) {
            files += 1;
            let text = std::fs::read_to_string(&file).unwrap();
            let lines = text.lines().filter(|line| names_float(line));
            floats.extend(lines.map(|line| format!("{}: {line}", file.display())));
        }
    }
    assert!(files > 100, "the files are found: {files}");
    assert_eq!(floats, [] as [String; 0]);
}

fn names_float(line: &str) -> bool {
    !METRICS.iter().any(|metric| line.contains(metric))
        && line
            .split(|c| !is_name(c))
            .any(|word| word == "f64" || word == "f32")
}

#[test]
fn a_float_is_found_and_a_metric_is_not() {
    assert!(names_float("    let rate: f64 = 0.9;"));
    assert!(names_float("amount as f32"));
    assert!(!names_float("let xf64 = as_seconds_f64();"));
    assert!(!names_float("gauge!(\"age\").set(f64::from(age));"));
}
