//! Files and folders.

use std::collections::BTreeSet;

use crate::{code, pages, tree};

/// Whether inline code looks like a project path.
pub(crate) fn is_path(word: &str, tree: &BTreeSet<String>) -> bool {
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

/// Expands `{a,b}` into both, and `<domain>` into any folder.
pub(crate) fn alternatives(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else {
        return vec![word.to_owned()];
    };
    let (list, after) = rest.split_once('}').unwrap_or((rest, ""));
    list.split(',')
        .flat_map(|one| alternatives(&format!("{before}{one}{after}")))
        .collect()
}

/// Whether two paths match; a segment containing `<` or `*` matches any.
fn matches(path: &str, pattern: &str) -> bool {
    let mut segments = path.trim_end_matches('/').split('/');
    let mut required = pattern.trim_end_matches('/').split('/');
    loop {
        match (segments.next(), required.next()) {
            (None, None) => return true,
            (Some(segment), Some(pattern)) => {
                let alike = match pattern.split_once(['*', '<']) {
                    Some((before, after)) => {
                        let after = after.rsplit(['*', '>']).next().unwrap();
                        segment.starts_with(before) && segment.ends_with(after)
                    }
                    None => segment == pattern,
                };
                if !alike {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Looks for a path at the root, beside the page, in the sources of its crate, and, for a bare file name, anywhere.
pub(crate) fn exists(path: &str, page: &str, tree: &BTreeSet<String>) -> bool {
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
