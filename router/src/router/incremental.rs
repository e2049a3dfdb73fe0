//! Delivers an operation's response in parts, each as soon as the fetches that it has data of have completed.

mod progress;

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use self::progress::{Progress, Ready, Reports};
use super::admission::Admitted;
use super::job::{Job, LARGE_ANSWER};
use super::{Router, request_error};
use crate::error::{ErrorCode, GraphQLError};
use crate::execute::Gathered;
use crate::incremental::{DeferredPart, DeferredPayload, IncrementalResponse};
use crate::prepare::deferred::Incremental;
use crate::project::{self, MAX_PENDING, Parts, PendingFragment, Projection, Written};
use crate::request::{GraphQLRequest, PreparedRequest, RequestContext};
use crate::response::GraphQLResponse;
use crate::trace;
use crate::value::Value;

/// A part that is ready.
enum Part {
    Initial {
        response: Box<GraphQLResponse>,
        has_next: bool,
    },
    Deferred(DeferredPart),
}

impl Router {
    /// Prepares and executes a query or mutation whose client accepts a response in parts: fields with `@defer` follow
    /// the others unless they come from the same fetches. All root fields of a mutation belong to the initial part.
    pub async fn execute_incremental(
        &self,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> IncrementalResponse {
        match self.prepare(&request).await {
            Ok(operation) => {
                let variables = request.variables;
                self.execute_prepared_incremental(PreparedRequest {
                    operation,
                    variables,
                    context,
                })
                .await
            }
            Err(refused) => IncrementalResponse::whole(refused),
        }
    }

    /// The same for a query or mutation prepared by this router.
    pub async fn execute_prepared_incremental(
        &self,
        request: PreparedRequest,
    ) -> IncrementalResponse {
        let span = trace::operation(&request.operation);
        let running = self.run_incremental(request).instrument(span.clone());
        let response = running.await;
        trace::errors(&span, &response.initial.errors);
        response
    }

    async fn run_incremental(&self, request: PreparedRequest) -> IncrementalResponse {
        let job = match self.job(request).await {
            Ok(job) => job,
            Err(refused) => return IncrementalResponse::whole(refused),
        };
        let may_defer = self.inner.options.defer && job.dry_run().is_none();
        let incremental = job.variant.incremental.clone();
        let Some(incremental) = incremental.filter(|_| may_defer) else {
            return IncrementalResponse::whole(self.run(job).await);
        };
        let deadline = job.deadline();
        match self.inner.admission.admit(job.cost, deadline).await {
            Ok(admitted) => start(job, incremental, admitted, deadline).await,
            Err(refused) => IncrementalResponse::whole(refused),
        }
    }
}

/// Starts a job with deferred fragments, and waits for the initial part.
async fn start(
    job: Job,
    incremental: Arc<Incremental>,
    admitted: Admitted,
    deadline: Instant,
) -> IncrementalResponse {
    // As many parts as there are steps, at most, and their data is limited: it need not be bounded.
    let (parts, receiver) = unbounded_channel();
    let run = async move {
        deliver(&Arc::new(job), &incremental, deadline, &parts).await;
        drop(admitted);
    };
    // A task of its own: the operation does not wait for a client that reads slowly.
    let run = run.instrument(trace::stage("execute"));
    let run = tokio::spawn(run.in_current_span());
    let mut running = Running {
        parts: receiver,
        _run: AbortOnDropHandle::new(run),
    };
    let (initial, has_next) = match running.parts.recv().await {
        Some(Part::Initial { response, has_next }) => (*response, has_next),
        _ => {
            let message = "The answer could not be written.";
            return IncrementalResponse::whole(request_error(ErrorCode::Internal, message));
        }
    };
    if !has_next {
        return IncrementalResponse::whole(initial);
    }
    let later = stream::unfold(running, |mut running| async move {
        match running.parts.recv().await {
            Some(Part::Deferred(part)) => Some((part, running)),
            _ => None,
        }
    });
    IncrementalResponse {
        initial,
        later: Some(later.boxed()),
    }
}

/// A job that runs until its parts are no longer awaited.
struct Running {
    parts: UnboundedReceiver<Part>,
    _run: AbortOnDropHandle<()>,
}

/// How much may still be deferred: fragments can repeat what they have in common.
#[derive(Clone, Copy)]
struct Room {
    fragments: usize,
    /// The JSON of their data.
    bytes: usize,
}

impl Room {
    /// Counts a deferred fragment. Its data becomes null if there is no room for it.
    fn fit(
        &mut self,
        written: &mut Written,
        fragment: &PendingFragment,
        errors: &mut Vec<GraphQLError>,
    ) {
        match self.bytes.checked_sub(written.json.len()) {
            Some(bytes) => self.bytes = bytes,
            None => {
                let message = "The deferred fragments exceed the limit `response_bytes`.";
                let error = GraphQLError::new(ErrorCode::OperationTooComplex, message);
                errors.push(error.at(fragment.path.clone()));
                written.json = Bytes::from_static(b"null");
                written.pending.clear();
            }
        }
        self.fragments = self.fragments.saturating_sub(written.pending.len());
    }
}

/// Runs the job's plan and sends the parts.
async fn deliver(
    job: &Arc<Job>,
    incremental: &Arc<Incremental>,
    deadline: Instant,
    parts: &UnboundedSender<Part>,
) {
    let execution = job.execution(deadline);
    let gathered = Gathered::default();
    let mut running = pin!(execution.run_steps(&incremental.steps, &gathered));
    let mut progress = Progress::new(incremental);
    let mut room = Room {
        fragments: MAX_PENDING,
        bytes: job.inner.options.prepare.limits.response_bytes,
    };
    let mut pending: Option<Vec<PendingFragment>> = None;
    loop {
        let much = |open: usize| execution.budget.entities() + open > LARGE_ANSWER;
        let open = match pending.take() {
            Some(open) => open,
            None if progress.is_ready(Parts::INITIAL) => {
                // All fields of a mutation have run: they belong to this part.
                job.note_change();
                let errors = progress.initial_errors(incremental);
                let (writing, of) = (Arc::clone(job), Arc::clone(incremental));
                let written = gathered.read(much(0), move |data| {
                    initial(&writing, &of.projection, data, errors)
                });
                let Some((json, errors, open)) = written.await else {
                    return;
                };
                let response = GraphQLResponse {
                    data: Some(json),
                    errors,
                    extensions: job.extensions(&execution),
                    rate: job.rate,
                    ..GraphQLResponse::default()
                };
                // The receiver is gone if the client is.
                let _ = parts.send(Part::Initial {
                    response: Box::new(response),
                    has_next: !open.is_empty(),
                });
                room.fragments = room.fragments.saturating_sub(open.len());
                open
            }
            None => Vec::new(),
        };
        if progress.is_ready(Parts::INITIAL) {
            let (mut reports, steps) = (std::mem::take(&mut progress.reports), progress.ready());
            let (writing, of) = (Arc::clone(job), Arc::clone(incremental));
            let written = gathered.read(much(open.len()), move |data| {
                let projection = &of.projection;
                let ready = deferred(
                    &writing,
                    projection,
                    data,
                    open,
                    &steps,
                    &mut room,
                    &mut reports,
                );
                (ready, room, reports)
            });
            let Some(((payloads, open), left, reports)) = written.await else {
                return;
            };
            room = left;
            progress.reports = reports;
            let has_next = !open.is_empty();
            if !payloads.is_empty() {
                let _ = parts.send(Part::Deferred(DeferredPart { payloads, has_next }));
            }
            if !has_next {
                return;
            }
            pending = Some(open);
        }
        let Some((step, errors)) = running.next().await else {
            return;
        };
        progress.complete(step, errors, job);
    }
}

/// Writes the initial part, with its errors and its deferred fragments.
fn initial(
    job: &Job,
    projection: &Projection,
    data: &Value,
    mut errors: Vec<GraphQLError>,
) -> (Bytes, Vec<GraphQLError>, Vec<PendingFragment>) {
    let Written { json, pending } = project::write(
        projection,
        data,
        job.operation.supergraph(),
        &job.variant.plan.symbols,
        &job.variables,
        &mut errors,
    );
    (json, errors, pending)
}

/// Writes those of the open fragments that are ready, and the ones in them. Returns the others.
fn deferred(
    job: &Job,
    projection: &Projection,
    data: &Value,
    mut open: Vec<PendingFragment>,
    ready: &Ready,
    room: &mut Room,
    reports: &mut Reports,
) -> (Vec<DeferredPayload>, Vec<PendingFragment>) {
    let mut payloads = Vec::new();
    let mut waiting = Vec::new();
    while !open.is_empty() {
        let mut inner = Vec::new();
        for fragment in open {
            let part = Parts::of_fragment(fragment.number);
            if !ready.has(part) {
                waiting.push(fragment);
                continue;
            }
            let (relevant, mut errors) = reports.of(part, &fragment.path);
            let known = errors.len();
            let mut written = project::write_deferred(
                &fragment,
                data,
                job.operation.supergraph(),
                &job.variant.plan.symbols,
                &job.variables,
                room.fragments,
                &mut errors,
            );
            room.fit(&mut written, &fragment, &mut errors);
            let Written { json, pending } = written;
            let found = errors.split_off(known);
            let label = projection.label(fragment.number);
            payloads.push(DeferredPayload {
                data: json,
                label: label.map(str::to_owned),
                path: fragment.path,
                errors: reports.shown(&relevant, found),
            });
            inner.extend(pending);
        }
        open = inner;
    }
    (payloads, waiting)
}
