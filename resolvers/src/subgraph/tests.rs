//! The limits on one request.

use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Subscription};
use chrono::TimeDelta;
use futures::stream;

use super::*;
use crate::budget::ROWS_PER_SLICE;
use crate::cache_policy::{limit_age, make_private};
use crate::error::ApiResult;
use crate::subscription::{Events, events};

struct Query;

struct Node;

/// Counts resolved rows.
#[derive(Clone, Default)]
struct Resolved(Arc<AtomicUsize>);

#[Object]
impl Query {
    async fn node(&self) -> Node {
        Node
    }

    /// Public, unless the argument says otherwise.
    #[graphql(cache_control(max_age = 60))]
    async fn public(&self, context: &Context<'_>, unless: bool) -> bool {
        if unless {
            make_private(context);
        }
        true
    }

    /// Public for a minute, or for less.
    #[graphql(cache_control(max_age = 60))]
    async fn changing(&self, context: &Context<'_>, milliseconds: i32) -> bool {
        limit_age(context, TimeDelta::milliseconds(milliseconds.into()));
        true
    }

    async fn endless(&self) -> bool {
        std::future::pending().await
    }

    /// Like a large request: it never waits, except to yield.
    async fn rows(&self, context: &Context<'_>) -> ApiResult<bool> {
        let no_data = |_| ApiError::internal("no data");
        let batches = context.data::<Batches>().map_err(no_data)?;
        let Resolved(rows) = context.data::<Resolved>().map_err(no_data)?;
        while batches.spend(1).await.is_ok() {
            rows.fetch_add(1, Ordering::Relaxed);
        }
        Ok(true)
    }
}

#[Object]
impl Node {
    async fn node(&self) -> Node {
        Node
    }

    async fn id(&self) -> i32 {
        1
    }
}

fn subgraph(limits: Limits) -> Subgraph {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .limit_recursive_depth(RECURSION)
        .finish();
    Subgraph::new("nodes", schema, |_| ()).limited(limits)
}

#[tokio::test]
async fn a_value_may_make_a_public_response_private() {
    let subgraph = subgraph(Limits::default());
    let policy = async |text: &str| {
        let response = subgraph.execute(text.into(), Caller::default()).await;
        response.cache_control.value()
    };
    let public = policy("{ public(unless: false) }").await;
    assert_eq!(public.as_deref(), Some("max-age=60"));
    let private = policy("{ a: public(unless: false) b: public(unless: true) }").await;
    assert_eq!(private.as_deref(), Some("max-age=60, private"));
}

#[tokio::test]
async fn a_response_is_stored_until_one_of_its_values_changes() {
    let subgraph = subgraph(Limits::default());
    for (text, expected) in [
        ("{ changing(milliseconds: 3600000) }", "max-age=60"),
        (
            "{ a: changing(milliseconds: 9900) b: changing(milliseconds: 20000) }",
            "max-age=9",
        ),
        ("{ changing(milliseconds: 900) }", "no-cache"),
        ("{ changing(milliseconds: -1) }", "no-cache"),
    ] {
        let response = subgraph.execute(text.into(), Caller::default()).await;
        let policy = response.cache_control.value();
        assert_eq!(policy.as_deref(), Some(expected), "{text}");
    }
}

async fn code(subgraph: &Subgraph, text: &str) -> Option<Value> {
    let response = subgraph
        .execute(Request::new(text), Caller::default())
        .await;
    let error = response.errors.into_iter().next()?;
    error
        .extensions
        .and_then(|extensions| extensions.get("code").cloned())
}

#[tokio::test]
async fn a_document_that_is_too_deep_is_refused_with_a_code() {
    let subgraph = subgraph(Limits::default());
    let too_complex = Some(Value::from(ErrorCode::OperationTooComplex.as_str()));
    let nested = |levels: usize, open: &str, close: &str| {
        format!("{{ {} id {} }}", open.repeat(levels), close.repeat(levels))
    };
    assert_eq!(code(&subgraph, &nested(39, "node {", "}")).await, None);
    for text in [
        nested(40, "node {", "}"),
        // Within the depth limit, but fragments at each level exceed the recursion limit.
        nested(39, "node { ... { ... {", "}}}"),
        "{ ...F } fragment F on Query { node { ...G } } fragment G on Node { node { ...G } }"
            .to_owned(),
    ] {
        assert_eq!(code(&subgraph, &text).await, too_complex, "{text}");
    }
    // Inspecting it is fast, although it expands to 2^40 fields.
    let doubling: String = (0..40)
        .map(|n| format!("fragment F{n} on Node {{ ...F{0} ...F{0} }} ", n + 1))
        .collect();
    let mut request = Request::new(format!(
        "{{ node {{ ...F0 }} }} {doubling} fragment F40 on Node {{ id }}"
    ));
    assert_eq!(Document::of(&mut request).depth, 2);
}

struct Live;

#[Subscription]
impl Live {
    async fn rows(&self, context: &Context<'_>) -> Result<Events<Rows>, ApiError> {
        events(context, async { Ok(stream::iter([Ok(Rows), Ok(Rows)])) }).await
    }
}

struct Rows;

#[Object]
impl Rows {
    async fn spend(&self, context: &Context<'_>, rows: usize) -> ApiResult<usize> {
        let batches = context
            .data::<Batches>()
            .map_err(|_| ApiError::internal("no batches"))?;
        batches.spend(rows).await?;
        Ok(rows)
    }
}

#[tokio::test]
async fn each_event_of_a_subscription_has_the_configured_rows() {
    let schema = Schema::build(Query, EmptyMutation, Live).finish();
    let limits = Limits {
        rows: 5,
        ..Limits::default()
    };
    let subgraph = Subgraph::new("rows", schema, Batches::clone).limited(limits);
    for (rows, is_refused) in [(5, false), (6, true)] {
        let text = format!("subscription {{ rows {{ spend(rows: {rows}) }} }}");
        let ask = move || (Request::new(text.as_str()), Caller::default());
        let events: Vec<Response> = subgraph.execute_stream(ask).collect().await;
        assert_eq!(events.len(), 2);
        assert!(
            events.iter().all(|event| event.is_err() == is_refused),
            "{events:?}"
        );
    }
}

#[tokio::test]
async fn a_query_ends_at_its_deadline() {
    let subgraph = subgraph(Limits {
        deadline: Duration::from_millis(20),
        ..Limits::default()
    });
    let late = Value::from(ErrorCode::DeadlineExceeded.as_str());
    assert_eq!(code(&subgraph, "{ endless }").await, Some(late));
    assert_eq!(subgraph.active(), 0);
    let request = subgraph.execute(Request::new("{ endless }"), Caller::default());
    let mut request = Box::pin(request);
    assert!(futures::poll!(&mut request).is_pending());
    assert_eq!(subgraph.active(), 1);
    drop(request);
    assert_eq!(subgraph.active(), 0);
}

#[tokio::test]
async fn a_query_that_is_given_up_resolves_nothing_more() {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
    let subgraph = Subgraph::new("rows", schema, Batches::clone).limited(Limits {
        rows: usize::MAX,
        deadline: Duration::from_millis(20),
        ..Limits::default()
    });
    let resolved = Resolved::default();
    let rows = || resolved.0.load(Ordering::Relaxed);
    let ask = || {
        subgraph.execute(
            Request::new("{ rows }").data(resolved.clone()),
            Caller::default(),
        )
    };
    let mut request = Box::pin(ask());
    for slice in 1..=3 {
        assert!(futures::poll!(&mut request).is_pending());
        assert_eq!(
            rows(),
            slice * ROWS_PER_SLICE,
            "it can be given up between two slices"
        );
    }
    drop(request);
    // Nobody else would continue it, now or after a deadline.
    for give_up_later in [false, true] {
        if give_up_later {
            let late = ask().await.errors.swap_remove(0);
            assert_eq!(late.message, "This part of the answer took too long");
        }
        let given_up = rows();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(rows(), given_up);
    }
}
