//! DataLoaders over the finders of `entities::returns` and over the orders subgraph, created for each request.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::Context;
use async_graphql::dataloader::Loader;
use entities::returns::{
    customer_return, return_decision, return_event, return_item, return_review,
};
use platform::caller::Caller;
use platform::database::Database;
use resolvers::batch::{Batched, Batches};
use resolvers::id::IdKind;
use resolvers::{ApiResult, access, finder_loader, live};
use sea_orm::DbErr;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::State;
use crate::events;
use crate::order_facts::{Orders, PurchaseOfItem};
use crate::rules::eligibility::Ineligible;
use crate::self_service;

finder_loader! {
    /// Returns by id.
    ReturnById: Uuid => customer_return::Model, customer_return::by_ids
}

finder_loader! {
    /// Returns by order, of any customer: for support.
    AllReturnsOfOrder: Uuid => Vec<customer_return::Model>, customer_return::of_any_orders
}

finder_loader! {
    /// Items by return.
    ItemsOfReturn: Uuid => Vec<return_item::Model>, return_item::of_returns
}

finder_loader! {
    /// Timelines by return.
    EventsOfReturn: Uuid => Vec<return_event::Model>, return_event::of_returns
}

finder_loader! {
    /// Reviews by return.
    ReviewOfReturn: Uuid => return_review::Model, return_review::of_returns
}

finder_loader! {
    /// Decisions by return.
    DecisionsOfReturn: Uuid => Vec<return_decision::Model>, return_decision::of_returns
}

finder_loader! {
    /// Units returned so far, by order item.
    ReturnedOfItem: Uuid => return_item::Returned, return_item::returned
}

/// The number of each return's last change.
pub(crate) struct Sequences(Database);

impl Loader<Uuid> for Sequences {
    type Value = i64;
    type Error = Arc<DbErr>;

    async fn load(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, i64>, Self::Error> {
        let numbers = live::last_sequences(&self.0, events::TOPIC, IdKind::Return, ids).await;
        numbers.map_err(Arc::new)
    }
}

/// One customer's returns of an order. The customer is part of the key, so that nobody can read another's returns by
/// naming their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OrderOf {
    pub customer: Uuid,
    pub order: Uuid,
}

/// Returns by customer and order.
pub(crate) struct ReturnsOfOrder(Database);

impl Loader<OrderOf> for ReturnsOfOrder {
    type Value = Vec<customer_return::Model>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[OrderOf]) -> Result<HashMap<OrderOf, Self::Value>, Self::Error> {
        let mut found = HashMap::with_capacity(keys.len());
        // A request has one caller, so this is one statement.
        for chunk in keys.chunk_by(|a, b| a.customer == b.customer) {
            let customer = chunk[0].customer;
            let orders: Vec<_> = chunk.iter().map(|key| key.order).collect();
            let rows = customer_return::of_orders(self.0.read(), customer, &orders).await?;
            found.extend(
                rows.into_iter()
                    .map(|(order, rows)| (OrderOf { customer, order }, rows)),
            );
        }
        Ok(found)
    }
}

pub(crate) struct Loaders {
    pub returns: Batched<ReturnById>,
    pub returns_of_order: Batched<ReturnsOfOrder>,
    pub all_returns_of_order: Batched<AllReturnsOfOrder>,
    pub items_of_return: Batched<ItemsOfReturn>,
    pub events_of_return: Batched<EventsOfReturn>,
    pub review_of_return: Batched<ReviewOfReturn>,
    pub decisions_of_return: Batched<DecisionsOfReturn>,
    pub returned_of_item: Batched<ReturnedOfItem>,
    pub sequences: Batched<Sequences>,
    purchase_of_item: Batched<PurchaseOfItem>,
    caller: Arc<OnceLock<Caller>>,
    self_service: OnceCell<bool>,
}

impl Loaders {
    pub(crate) fn new(state: &State, batches: &Batches) -> Self {
        let database = || state.database.clone();
        let caller = Arc::new(OnceLock::new());
        let orders = Orders {
            client: state.orders.clone(),
            caller: caller.clone(),
        };
        Self {
            returns: batches.loader(ReturnById(database())),
            returns_of_order: batches.loader(ReturnsOfOrder(database())),
            all_returns_of_order: batches.loader(AllReturnsOfOrder(database())),
            items_of_return: batches.loader(ItemsOfReturn(database())),
            events_of_return: batches.loader(EventsOfReturn(database())),
            review_of_return: batches.loader(ReviewOfReturn(database())),
            decisions_of_return: batches.loader(DecisionsOfReturn(database())),
            returned_of_item: batches.loader(ReturnedOfItem(database())),
            sequences: batches.loader(Sequences(database())),
            purchase_of_item: batches.loader(PurchaseOfItem(orders)),
            caller,
            self_service: OnceCell::new(),
        }
    }

    /// Clears loaded values before a change, so that the same request sees the change.
    pub(crate) fn forget(&self) {
        self.returns.clear();
        self.returns_of_order.clear();
        self.all_returns_of_order.clear();
        self.items_of_return.clear();
        self.events_of_return.clear();
        self.review_of_return.clear();
        self.decisions_of_return.clear();
        self.returned_of_item.clear();
        self.sequences.clear();
    }

    /// The rule that prevents any new return by this request's customer, if self-service is off. Rules of flags are evaluated
    /// once for a page, not for each of its items.
    pub(crate) async fn self_service(&self, state: &State, customer: Uuid) -> Option<Ineligible> {
        let is_on = self
            .self_service
            .get_or_init(|| self_service::is_on(state, customer))
            .await;
        (!is_on).then_some(Ineligible::SelfServiceOff)
    }

    /// Purchases by order item, from the orders subgraph on behalf of this request's caller.
    pub(crate) fn purchases(&self, context: &Context<'_>) -> ApiResult<&Batched<PurchaseOfItem>> {
        let caller = access::caller(context)?;
        self.caller.get_or_init(|| caller.clone());
        Ok(&self.purchase_of_item)
    }
}
