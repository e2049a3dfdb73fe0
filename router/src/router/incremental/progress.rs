//! Which parts of a response are ready, and which of its errors have been shown.

use super::Job;
use crate::error::{GraphQLError, PathSegment};
use crate::prepare::deferred::{Incremental, Step};
use crate::project::Parts;

/// Maximum number of errors in the deferred parts of a response.
const MAX_ERRORS: usize = 1_000;

/// What has completed.
pub(super) struct Progress<'i> {
    steps: &'i [Step],
    completed: Vec<bool>,
    pub(super) reports: Reports,
}

impl<'i> Progress<'i> {
    pub(super) fn new(incremental: &'i Incremental) -> Self {
        Self {
            steps: &incremental.steps,
            completed: vec![false; incremental.steps.len()],
            reports: Reports::default(),
        }
    }

    pub(super) fn is_ready(&self, part: Parts) -> bool {
        self.ready().has(part)
    }

    pub(super) fn ready(&self) -> Ready {
        let steps = self.steps.iter().zip(&self.completed);
        let mut waiting = Parts::default();
        for (step, _) in steps.filter(|(_, completed)| !**completed) {
            waiting.add(step.parts);
        }
        Ready { waiting }
    }

    pub(super) fn complete(&mut self, step: usize, errors: Vec<GraphQLError>, job: &Job) {
        self.completed[step] = true;
        let parts = self.steps[step].parts;
        for mut error in errors {
            error.path = job.variant.projection.client_path(&error.path);
            self.reports.errors.push(Report {
                parts,
                error,
                is_shown: false,
            });
        }
    }

    /// The errors of the initial part: not those of a fetch that concern deferred fields only.
    pub(super) fn initial_errors(&mut self, incremental: &Incremental) -> Vec<GraphQLError> {
        let mut shown = Vec::new();
        let reports = self.reports.errors.iter_mut();
        for report in reports.filter(|report| report.parts.contains(Parts::INITIAL)) {
            let path = incremental.projection.client_path(&report.error.path);
            if report.parts == Parts::INITIAL || path.len() == report.error.path.len() {
                report.is_shown = true;
                shown.push(report.error.clone().at(path));
            }
        }
        shown
    }
}

/// The parts whose fetches have completed.
pub(super) struct Ready {
    waiting: Parts,
}

impl Ready {
    pub(super) fn has(&self, part: Parts) -> bool {
        !self.waiting.contains(part)
    }
}

/// The errors of the fetches so far, each shown once.
#[derive(Default)]
pub(super) struct Reports {
    errors: Vec<Report>,
    /// How many have been shown in deferred parts.
    deferred: usize,
}

struct Report {
    /// The parts that have data of the fetch.
    parts: Parts,
    error: GraphQLError,
    is_shown: bool,
}

impl Reports {
    /// The errors that explain nulls in a part below a path, with their positions.
    pub(super) fn of(&self, part: Parts, path: &[PathSegment]) -> (Vec<usize>, Vec<GraphQLError>) {
        let errors = self.errors.iter().enumerate();
        let relevant = errors.filter(|(_, report)| {
            let error = &report.error.path;
            let common = error.len().min(path.len());
            report.parts.contains(part) && error[..common] == path[..common]
        });
        relevant
            .map(|(position, report)| (position, report.error.clone()))
            .unzip()
    }

    /// Those of a part's errors that have not been shown, and those that were found writing it.
    pub(super) fn shown(
        &mut self,
        relevant: &[usize],
        found: Vec<GraphQLError>,
    ) -> Vec<GraphQLError> {
        let mut shown = found;
        for position in relevant {
            let report = &mut self.errors[*position];
            if !std::mem::replace(&mut report.is_shown, true) {
                shown.push(report.error.clone());
            }
        }
        shown.truncate(MAX_ERRORS.saturating_sub(self.deferred));
        self.deferred += shown.len();
        for error in &shown {
            let code = error.code().as_str();
            metrics::counter!("router_deferred_errors_total", "code" => code).increment(1);
        }
        shown
    }
}
