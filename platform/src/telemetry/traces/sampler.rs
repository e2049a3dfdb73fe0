//! Decides when a span begins whether its trace is sampled.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::TracesConfig;

/// Samples a share of all traces. The others are recorded, too, if they are to be kept when something fails in them.
#[derive(Clone, Debug)]
pub(super) struct Sampler {
    ratio: f64,
    keeps_errors: bool,
    follows_parent: bool,
}

impl Sampler {
    /// `is_internal`: requests come from our own processes.
    pub(super) fn new(config: &TracesConfig, is_internal: bool) -> Self {
        Self {
            ratio: config.sample_ratio,
            keeps_errors: config.keep_errors,
            follows_parent: config.follow_parent.unwrap_or(is_internal),
        }
    }

    fn decide(
        &self,
        parent: Option<&Context>,
        kind: &SpanKind,
        links: &[Link],
    ) -> SamplingDecision {
        if let Some(parent) = parent.filter(|parent| parent.span().span_context().is_valid()) {
            let span = parent.span();
            let context = span.span_context();
            if !context.is_remote() {
                return match (context.is_sampled(), span.is_recording()) {
                    (true, _) => SamplingDecision::RecordAndSample,
                    (false, true) => SamplingDecision::RecordOnly,
                    (false, false) => SamplingDecision::Drop,
                };
            }
            if self.follows_parent {
                return self.decision(context.is_sampled());
            }
            // Not by the trace's id, which the sender could choose to be sampled.
            return self.decision(self.draw());
        }
        if !matches!(
            kind,
            SpanKind::Server | SpanKind::Consumer | SpanKind::Producer
        ) {
            return SamplingDecision::Drop;
        }
        if links.is_empty() {
            return self.decision(self.draw());
        }
        // What follows from a sampled trace is sampled, too.
        let mut causes = links.iter().map(|link| &link.span_context);
        self.decision(causes.any(|cause| cause.is_sampled()))
    }

    fn draw(&self) -> bool {
        rand::random::<f64>() < self.ratio
    }

    fn decision(&self, is_sampled: bool) -> SamplingDecision {
        match (is_sampled, self.keeps_errors) {
            (true, _) => SamplingDecision::RecordAndSample,
            (false, true) => SamplingDecision::RecordOnly,
            (false, false) => SamplingDecision::Drop,
        }
    }
}

impl ShouldSample for Sampler {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        _trace_id: TraceId,
        _name: &str,
        span_kind: &SpanKind,
        _attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let trace_state = parent_context.map_or_else(TraceState::default, |parent| {
            parent.span().span_context().trace_state().clone()
        });
        SamplingResult {
            decision: self.decide(parent_context, span_kind, links),
            attributes: Vec::new(),
            trace_state,
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};

    use super::*;

    fn sampler(ratio: f64, is_internal: bool) -> Sampler {
        let config = TracesConfig {
            sample_ratio: ratio,
            ..TracesConfig::default()
        };
        Sampler::new(&config, is_internal)
    }

    fn other(sampled: bool) -> SpanContext {
        SpanContext::new(
            TraceId::from(1_u128),
            SpanId::from(2_u64),
            TraceFlags::default().with_sampled(sampled),
            true,
            TraceState::default(),
        )
    }

    fn child_of(sampler: &Sampler, sampled: bool) -> SamplingDecision {
        let parent = Context::new().with_remote_span_context(other(sampled));
        sampler.decide(Some(&parent), &SpanKind::Server, &[])
    }

    #[test]
    fn a_client_does_not_decide_whether_it_is_sampled() {
        for sampled in [true, false] {
            let (none, all) = (sampler(0.0, false), sampler(1.0, false));
            assert_eq!(child_of(&none, sampled), SamplingDecision::RecordOnly);
            assert_eq!(child_of(&all, sampled), SamplingDecision::RecordAndSample);
        }
    }

    #[test]
    fn our_own_processes_decide_for_those_that_they_call() {
        let (none, all) = (sampler(0.0, true), sampler(1.0, true));
        assert_eq!(child_of(&none, true), SamplingDecision::RecordAndSample);
        assert_eq!(child_of(&all, false), SamplingDecision::RecordOnly);
    }

    #[test]
    fn a_share_of_the_traces_is_sampled() {
        let sampler = sampler(0.25, false);
        let decide = || sampler.decide(None, &SpanKind::Server, &[]);
        let sampled = (0..10_000).filter(|_| decide() == SamplingDecision::RecordAndSample);
        assert!((2_000..3_000).contains(&sampled.count()));
    }

    #[test]
    fn statements_and_calls_begin_no_trace() {
        let sampler = sampler(1.0, false);
        for kind in [SpanKind::Client, SpanKind::Internal] {
            let decision = sampler.decide(None, &kind, &[]);
            assert_eq!(decision, SamplingDecision::Drop);
        }
    }

    #[test]
    fn what_follows_from_a_trace_is_sampled_like_it() {
        let check = |ratio: f64, causes: &[bool], expect: SamplingDecision| {
            let causes = causes.iter().map(|sampled| other(*sampled));
            let links: Vec<_> = causes.map(Link::with_context).collect();
            let decision = sampler(ratio, false).decide(None, &SpanKind::Consumer, &links);
            assert_eq!(decision, expect, "{ratio} {links:?}");
        };
        check(0.0, &[true], SamplingDecision::RecordAndSample);
        check(0.0, &[false, true], SamplingDecision::RecordAndSample);
        check(1.0, &[false], SamplingDecision::RecordOnly);
    }

    #[test]
    fn without_keeping_errors_nothing_else_is_recorded() {
        let mut sampler = sampler(0.0, false);
        sampler.keeps_errors = false;
        let decision = sampler.decide(None, &SpanKind::Server, &[]);
        assert_eq!(decision, SamplingDecision::Drop);
    }
}
