//! Links between pages, including anchors.

use std::collections::{BTreeMap, BTreeSet};

use crate::{pages, tree};

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

/// Path of a link from the root.
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

/// Anchors generated for a page's headings.
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
