//! "Did you mean": suggests the valid key nearest to an unknown one.

use serde_json::Value;

use super::layers::SEPARATOR;
use super::node::Origin;

/// The name of the variable that sets a path.
pub(super) fn variable(prefix: &str, path: &[String]) -> String {
    format!("{prefix}{}", path.join(SEPARATOR).to_uppercase())
}

/// The default at a path as it would be written, if it is a plain value.
pub(super) fn default(path: &[String], defaults: &Value) -> Option<String> {
    match path
        .iter()
        .try_fold(defaults, |section, key| section.get(key))?
    {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Suggests a fix for an unknown key, phrased for where it was set. The last key of the path is the unknown one,
/// `known` are its possible siblings, and `defaults` contains every key.
pub(super) fn hint(
    prefix: &str,
    path: &[String],
    origin: &Origin,
    known: &[&str],
    defaults: &Value,
) -> String {
    let Some((unknown, section)) = path.split_last() else {
        return "remove it".to_owned();
    };
    let place = |segments: &[String], rest: &[String]| {
        let whole = [segments, rest].concat();
        match origin {
            Origin::Variable(_) => variable(prefix, &whole),
            _ => format!("{:?}", whole.join(".")),
        }
    };
    // A variable with a misspelt section has more segments behind it; show those too.
    let set: Vec<String> = match origin {
        Origin::Variable(name) => name
            .trim_start_matches(prefix)
            .to_lowercase()
            .split(SEPARATOR)
            .map(str::to_owned)
            .collect(),
        _ => path.to_vec(),
    };
    if let Some(sibling) = nearest(unknown, known.iter().copied()) {
        let mended = [section, &[sibling.to_owned()]].concat();
        let rest = set.get(path.len()..).unwrap_or_default();
        return format!("did you mean {}?", place(&mended, rest));
    }
    if let Some(elsewhere) = elsewhere(&set, defaults) {
        return format!("did you mean {}?", place(&elsewhere, &[]));
    }
    let mut known = known.to_vec();
    known.sort_unstable();
    let keys = known.join(", ");
    match section {
        [] => format!("the keys are {keys}"),
        _ => format!("the keys of {:?} are {keys}", section.join(".")),
    }
}

/// The candidate within typing distance: at most a third of the letters differ.
fn nearest<'a>(unknown: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(unknown, candidate), candidate))
        .filter(|(distance, candidate)| distance * 3 <= candidate.len().max(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// A key of another section: the same words joined differently (`VANTAGE_ROUTER_DEADLINE`), or the only key of this
/// name.
fn elsewhere(set: &[String], defaults: &Value) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    collect(defaults, &mut Vec::new(), &mut paths);
    let words = |path: &[String]| path.join("_").replace('.', "_");
    let given = words(set);
    if let Some(path) = paths.iter().find(|path| words(path) == given) {
        return Some(path.clone());
    }
    let mut same_name = paths.iter().filter(|path| path.last() == set.last());
    match (same_name.next(), same_name.next()) {
        (Some(only), None) => Some(only.clone()),
        _ => None,
    }
}

fn collect(section: &Value, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let Value::Object(entries) = section else {
        return;
    };
    for (key, value) in entries {
        path.push(key.clone());
        paths.push(path.clone());
        collect(value, path, paths);
        path.pop();
    }
}
