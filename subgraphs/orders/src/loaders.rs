//! DataLoaders over the finders of `entities::orders`, created for each request.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use entities::orders::{
    customer, order, order_decision, order_event, order_item, order_parcel, order_payment,
    order_refund, order_review, payment_method,
};
use futures::future::try_join_all;
use platform::database::Database;
use resolvers::batch::{Batched, Batches};
use resolvers::connection::{Direction, PageRequest};
use resolvers::finder_loader;
use resolvers::id::IdKind;
use resolvers::live;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::events;
use crate::rules::status::OrderStatus;

finder_loader! {
    /// Customers by id.
    Customers: Uuid => Arc<customer::Model>, customer::by_ids
}

finder_loader! {
    /// Orders by id, of any customer: the caller must check ownership.
    Orders: Uuid => Arc<order::Model>, order::by_ids
}

finder_loader! {
    /// Items by id, of any customer: the caller must check ownership.
    OrderItems: Uuid => Arc<order_item::Model>, order_item::by_ids
}

finder_loader! {
    /// Items by order.
    ItemsOfOrder: Uuid => Vec<Arc<order_item::Model>>, order_item::of_orders
}

finder_loader! {
    /// Timelines by order.
    EventsOfOrder: Uuid => Vec<Arc<order_event::Model>>, order_event::of_orders
}

finder_loader! {
    /// Payment methods by id.
    PaymentMethods: Uuid => Arc<payment_method::Model>, payment_method::by_ids
}

finder_loader! {
    /// Payments by order.
    PaymentOfOrder: Uuid => order_payment::Model, order_payment::of_orders
}

finder_loader! {
    /// Reviews by order.
    ReviewOfOrder: Uuid => order_review::Model, order_review::of_orders
}

finder_loader! {
    /// What support did, by order.
    DecisionsOfOrder: Uuid => Vec<order_decision::Model>, order_decision::of_orders
}

finder_loader! {
    /// Refunds by support, by order.
    RefundsOfOrder: Uuid => Vec<order_refund::Model>, order_refund::of_orders
}

finder_loader! {
    /// How many parcels an order has; none if it has no parcel.
    ParcelCounts: Uuid => usize, order_parcel::count_of_orders
}

/// The number of each order's last change.
pub(crate) struct Sequences(Database);

impl Loader<Uuid> for Sequences {
    type Value = i64;
    type Error = Arc<DbErr>;

    async fn load(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, i64>, Self::Error> {
        let numbers = live::last_sequences(&self.0, events::TOPIC, IdKind::Order, ids).await;
        numbers.map_err(Arc::new)
    }
}

/// A customer's orders with certain statuses, or all of them if no status is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OrderList {
    customer: Uuid,
    statuses: Vec<OrderStatus>,
}

impl OrderList {
    /// Normalizes the statuses, so that equal lists have equal keys.
    pub(crate) fn new(customer: Uuid, mut statuses: Vec<OrderStatus>) -> Self {
        statuses.sort_unstable();
        statuses.dedup();
        Self { customer, statuses }
    }
}

/// A page of a list. A page requested several times in a request is read once; each distinct page takes one statement,
/// and the request's document bounds how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OrderPage {
    pub list: OrderList,
    pub request: PageRequest<order::Key>,
}

/// The rows of a page plus the next one, which shows that there are more.
pub(crate) struct OrderPages(Database);

impl Loader<OrderPage> for OrderPages {
    type Value = Vec<Arc<order::Model>>;
    type Error = Arc<DbErr>;

    async fn load(
        &self,
        keys: &[OrderPage],
    ) -> Result<HashMap<OrderPage, Self::Value>, Arc<DbErr>> {
        let pages = keys.iter().map(|page| async move {
            let query = order::PageQuery {
                newest_first: page.request.direction == Direction::Forward,
                after: page.request.beyond,
                limit: page.request.limit + 1,
            };
            order::of_customer(
                self.0.read(),
                page.list.customer,
                &page.list.statuses,
                &query,
            )
            .await
            .map(|rows| (page.clone(), rows))
        });
        Ok(try_join_all(pages).await?.into_iter().collect())
    }
}

/// The length of each list.
pub(crate) struct OrderCounts(Database);

impl Loader<OrderList> for OrderCounts {
    type Value = u64;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[OrderList]) -> Result<HashMap<OrderList, u64>, Arc<DbErr>> {
        let counts = keys.iter().map(|list| async move {
            order::count(self.0.read(), list.customer, &list.statuses)
                .await
                .map(|count| (list.clone(), count))
        });
        Ok(try_join_all(counts).await?.into_iter().collect())
    }
}

pub(crate) struct Loaders {
    pub customers: Batched<Customers>,
    pub orders: Batched<Orders>,
    pub order_items: Batched<OrderItems>,
    pub items_of_order: Batched<ItemsOfOrder>,
    pub events_of_order: Batched<EventsOfOrder>,
    pub payment_methods: Batched<PaymentMethods>,
    pub payment_of_order: Batched<PaymentOfOrder>,
    pub review_of_order: Batched<ReviewOfOrder>,
    pub decisions_of_order: Batched<DecisionsOfOrder>,
    pub refunds_of_order: Batched<RefundsOfOrder>,
    pub parcel_counts: Batched<ParcelCounts>,
    pub sequences: Batched<Sequences>,
    pub order_pages: Batched<OrderPages>,
    pub order_counts: Batched<OrderCounts>,
}

impl Loaders {
    pub(crate) fn new(state: &State, batches: &Batches) -> Self {
        let database = || state.database.clone();
        Self {
            customers: batches.loader(Customers(database())),
            orders: batches.loader(Orders(database())),
            order_items: batches.loader(OrderItems(database())),
            items_of_order: batches.loader(ItemsOfOrder(database())),
            events_of_order: batches.loader(EventsOfOrder(database())),
            payment_methods: batches.loader(PaymentMethods(database())),
            payment_of_order: batches.loader(PaymentOfOrder(database())),
            review_of_order: batches.loader(ReviewOfOrder(database())),
            decisions_of_order: batches.loader(DecisionsOfOrder(database())),
            refunds_of_order: batches.loader(RefundsOfOrder(database())),
            parcel_counts: batches.loader(ParcelCounts(database())),
            sequences: batches.loader(Sequences(database())),
            order_pages: batches.loader(OrderPages(database())),
            order_counts: batches.loader(OrderCounts(database())),
        }
    }

    /// Clears what a mutation may have changed.
    pub(crate) fn forget(&self) {
        self.orders.clear();
        self.order_items.clear();
        self.items_of_order.clear();
        self.events_of_order.clear();
        self.payment_methods.clear();
        self.payment_of_order.clear();
        self.review_of_order.clear();
        self.decisions_of_order.clear();
        self.refunds_of_order.clear();
        self.parcel_counts.clear();
        self.sequences.clear();
        self.order_pages.clear();
        self.order_counts.clear();
    }
}
