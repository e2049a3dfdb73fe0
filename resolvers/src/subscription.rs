//! Subscriptions that hold no execution while idle. A subscriber only holds the source of its events. async-graphql
//! would hold a whole execution for each; here it executes once to open the source, and once for every event.

use std::any::Any;
use std::sync::Arc;

use async_graphql::{Context, Request, Response};
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use parking_lot::Mutex;
use platform::caller::Caller;

use crate::error::{ApiError, ApiResult};

/// The return type of a subscription's resolver.
pub type Events<T> = BoxStream<'static, ApiResult<T>>;

/// Creates a subscription's request anew for each event.
pub(crate) type MakeRequest = dyn Fn() -> (Request, Caller) + Send + Sync;

/// Executes a request in a phase, with a row budget; `None` if it has no response.
pub(crate) type Execute =
    dyn Fn((Request, Caller), Phase, usize) -> BoxFuture<'static, Option<Response>> + Send + Sync;

/// An event as yielded by the source of [`events`].
type Item = Box<dyn Any + Send>;

/// Where the resolver leaves the source it has opened.
type SourceSlot = Arc<Mutex<Option<BoxStream<'static, Item>>>>;

/// The phase in which a subscription's request is executed; stored in the request's data.
pub(crate) enum Phase {
    /// Open the source and leave it in this slot.
    Subscribe(SourceSlot),
    /// Resolve the selection for this event.
    Resolve(Mutex<Option<Item>>),
}

/// Every subscription resolver ends with this call. `open` checks the caller and the arguments and returns the source;
/// it does not run when an event is resolved.
///
/// # Errors
/// Those of `open`.
pub async fn events<T, S>(
    context: &Context<'_>,
    open: impl Future<Output = ApiResult<S>> + Send,
) -> ApiResult<Events<T>>
where
    T: Send + 'static,
    S: Stream<Item = ApiResult<T>> + Send + 'static,
{
    let phase = context
        .data::<Phase>()
        .map_err(|_| ApiError::internal("a subscription was not executed as one"))?;
    match phase {
        Phase::Subscribe(slot) => {
            let source = open.await?.map(|event| Box::new(event) as Item).boxed();
            let before = slot.lock().replace(source);
            if before.is_some() {
                return Err(ApiError::bad_user_input(
                    "A subscription must have one root field",
                ));
            }
            Ok(stream::empty().boxed())
        }
        Phase::Resolve(item) => {
            let event = item.lock().take().and_then(|item| item.downcast().ok());
            let event: Box<ApiResult<T>> =
                event.ok_or_else(|| ApiError::internal("an event of another subscription"))?;
            Ok(stream::once(ready(*event)).boxed())
        }
    }
}

/// The responses of a subscription. Between them, only the source and a way to create the request are held.
pub(crate) fn responses(
    execute: Arc<Execute>,
    rows: usize,
    make_request: Arc<MakeRequest>,
) -> BoxStream<'static, Response> {
    let slot = SourceSlot::default();
    let opening = execute(make_request(), Phase::Subscribe(slot.clone()), rows);
    let opened = opening.map(move |refused| {
        if let Some(response) = refused {
            return stream::once(ready(response)).boxed();
        }
        let source = slot.lock().take();
        stream::iter(source)
            .flatten()
            .then(move |event| {
                execute(
                    make_request(),
                    Phase::Resolve(Mutex::new(Some(event))),
                    rows,
                )
            })
            .filter_map(ready)
            .boxed()
    });
    opened.flatten_stream().boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_graphql::{EmptyMutation, Object, Schema, Subscription};
    use serde_json::{Value, json};

    use super::*;
    use crate::access::caller;
    use crate::subgraph::Subgraph;

    struct Query;

    #[Object]
    impl Query {
        async fn nothing(&self) -> bool {
            false
        }
    }

    struct Count(i32);

    #[Object]
    impl Count {
        async fn number(&self) -> i32 {
            self.0
        }

        async fn caller(&self, context: &Context<'_>) -> ApiResult<Option<String>> {
            Ok(caller(context)?.subject.clone())
        }
    }

    /// Counts how often its source is opened.
    struct Subscription(Arc<AtomicUsize>);

    #[Subscription]
    impl Subscription {
        async fn count(&self, context: &Context<'_>, to: i32) -> Result<Events<Count>, ApiError> {
            events(context, async {
                self.0.fetch_add(1, Ordering::Relaxed);
                if to < 0 {
                    return Err(ApiError::forbidden("Count upwards"));
                }
                let counts = stream::iter(1..=to).map(|number| match number {
                    3 => Err(ApiError::not_found("There is no three")),
                    number => Ok(Count(number)),
                });
                Ok(counts)
            })
            .await
        }
    }

    /// What a request has loaded, alive as long as the request's execution.
    type Loaded = Arc<Mutex<Vec<Weak<()>>>>;

    #[derive(Default)]
    struct Counts {
        opened: Arc<AtomicUsize>,
        loaded: Loaded,
    }

    impl Counts {
        fn responses_to(&self, document: &'static str) -> BoxStream<'static, Response> {
            let subscription = Subscription(self.opened.clone());
            let schema = Schema::build(Query, EmptyMutation, subscription).finish();
            let loaded = self.loaded.clone();
            let subgraph = Subgraph::new("counts", schema, move |_| {
                let loader = Arc::new(());
                loaded.lock().push(Arc::downgrade(&loader));
                loader
            });
            subgraph.execute_stream(move || (Request::new(document), Caller::customer("usr_1")))
        }
    }

    fn json(response: &Response) -> Value {
        serde_json::to_value(response).unwrap()
    }

    #[tokio::test]
    async fn each_event_is_answered_for_the_caller_and_an_error_is_an_event() {
        let counts = Counts::default();
        let answers = counts.responses_to("subscription { count(to: 4) { number caller } }");
        let answers: Vec<Value> = answers.map(|answer| json(&answer)).collect().await;
        let [first, second, third, fourth] = &answers[..] else {
            panic!("{answers:?}");
        };
        let data = |number| json!({ "count": { "number": number, "caller": "usr_1" } });
        assert_eq!(first["data"], data(1));
        assert_eq!(second["data"], data(2));
        assert_eq!(third["errors"][0]["extensions"]["code"], "NOT_FOUND");
        assert_eq!(third["errors"][0]["path"], json!(["count"]));
        assert_eq!(fourth["data"], data(4));
        assert_eq!(counts.opened.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn nothing_of_an_execution_is_kept_between_events() {
        let counts = Counts::default();
        let mut answers = counts.responses_to("subscription { count(to: 2) { number } }");
        answers.next().await.unwrap();
        let kept = counts
            .loaded
            .lock()
            .iter()
            .filter(|loader| loader.strong_count() > 0)
            .count();
        assert_eq!((counts.loaded.lock().len(), kept), (2, 0));
    }

    #[tokio::test]
    async fn a_refusal_is_the_only_answer() {
        for (document, code) in [
            ("subscription { count(to: -1) { number } }", "FORBIDDEN"),
            (
                "subscription { count(to: \"x\") { number } }",
                "BAD_USER_INPUT",
            ),
            (
                "subscription { count(to: 1) { number } b: count(to: 1) { number } }",
                "BAD_USER_INPUT",
            ),
        ] {
            let answers = Counts::default().responses_to(document);
            let answers: Vec<Value> = answers.map(|answer| json(&answer)).collect().await;
            assert_eq!(answers.len(), 1, "{answers:?}");
            let said = &answers[0]["errors"][0]["extensions"]["code"];
            assert_eq!(said.as_str().unwrap_or("no code"), code);
        }
    }
}
