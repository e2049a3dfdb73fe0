//! Whether subgraphs compose: the rules of Apollo Federation, with its codes. The library that merges subgraphs checks
//! only some of them.

mod costs;
mod definitions;
mod field_sets;
mod graph;
mod graphql;
mod inaccessible;
mod inputs;
mod links;
mod merge;
mod merged;
mod overrides;
mod prepared;
mod restore;
mod satisfiability;
mod selections;
mod sharing;
mod source;
mod specification;
mod subgraph;
mod values;

use self::prepared::Prepared;
use self::subgraph::Subgraph;
use crate::error::{CompositionCode, Diagnostic};

/// What the rules find.
#[derive(Default)]
struct Report {
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Adds an error, once.
    fn add<'n>(
        &mut self,
        code: CompositionCode,
        subgraphs: impl IntoIterator<Item = &'n str>,
        message: String,
    ) {
        let mut subgraphs: Vec<String> = subgraphs.into_iter().map(str::to_owned).collect();
        subgraphs.sort();
        subgraphs.dedup();
        let diagnostic = Diagnostic {
            code,
            message,
            subgraphs,
        };
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// What has been found, if anything.
    fn result(&mut self) -> Result<(), Vec<Diagnostic>> {
        match std::mem::take(&mut self.diagnostics) {
            found if found.is_empty() => Ok(()),
            found => Err(found),
        }
    }
}

/// The subgraphs, each `(name, SDL, URL)`, as the merging library takes them.
///
/// # Errors
/// Every violation: those of single subgraphs first, without which the others mean nothing.
pub(super) fn check(subgraphs: &[(&str, &str, &str)]) -> Result<Prepared, Vec<Diagnostic>> {
    let mut report = Report::default();
    let mut read = Vec::new();
    for (name, sdl, _) in subgraphs {
        if let Some(subgraph) = Subgraph::read(name, sdl, &mut report) {
            source::check(&subgraph, &mut report);
            read.push(subgraph);
        }
    }
    report.result()?;
    links::check(&read, &mut report);
    if read.iter().all(|subgraph| subgraph.schema.query.is_none()) {
        let names = read.iter().map(|subgraph| subgraph.name.as_str());
        let message = "no subgraph has a field of Query: clients could ask for nothing".to_owned();
        report.add(CompositionCode::NoQueries, names, message);
    }
    report.result()?;
    merge::check(&read, &mut report);
    sharing::check(&read, &mut report);
    inputs::check(&read, &mut report);
    overrides::check(&read, &mut report);
    report.result()?;
    merge::check_implementations(&read, &mut report);
    report.result()?;
    inaccessible::check(&read, &mut report);
    report.result()?;
    satisfiability::check(&read, &mut report);
    report.result()?;
    Ok(prepared::prepare(&read))
}
