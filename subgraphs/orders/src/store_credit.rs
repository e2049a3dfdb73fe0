//! The GraphQL type `StoreCredit`: what a customer can pay orders with, and how it came about.

use async_graphql::{Context, Enum, ID, Object};
use entities::orders::{store_credit_balance, store_credit_entry as entity};
use resolvers::connection::{Page, PageRequest};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, connection};
use uuid::Uuid;

use crate::State;

/// Why store credit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::CreditKind")]
pub(crate) enum StoreCreditKind {
    /// It was given for a return instead of money.
    Issued,
    /// An order was paid with it.
    Spent,
    /// The order was cancelled.
    GivenBack,
}

/// Only created for the customer it belongs to.
pub(crate) struct StoreCredit {
    pub customer: Uuid,
}

/// A customer's store credit. Orders use it with `useStoreCredit`.
#[Object]
impl StoreCredit {
    /// How much there is, in each currency that the customer has credit in.
    async fn balances(&self, context: &Context<'_>) -> ApiResult<Vec<Money>> {
        let db = context.data_unchecked::<State>().database.read();
        let rows = store_credit_balance::of_customer(db, self.customer).await?;
        let positive = rows.into_iter().filter(|row| row.balance > 0);
        positive
            .map(|row| money(row.balance, &row.currency_code))
            .collect()
    }

    /// How it came about, newest first.
    async fn entries(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20, desc = "How many entries to read, from 0 to 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Read the entries that follow this cursor.")] after: Option<String>,
    ) -> ApiResult<StoreCreditEntryConnection> {
        let request = PageRequest::<Uuid>::new(first, after.as_deref(), None, None)?;
        let db = context.data_unchecked::<State>().database.read();
        let (before, limit) = (request.beyond, request.limit + 1);
        let rows = entity::of_customer(db, self.customer, before, limit).await?;
        let rows = rows.into_iter().map(StoreCreditEntry).collect();
        let page = Page::new(&request, rows, |row: &StoreCreditEntry| row.0.id)?;
        let count = context.look_ahead().field("totalCount").exists();
        let total = match count {
            true => entity::count(db, self.customer).await?,
            false => 0,
        };
        Ok(StoreCreditEntryConnection::new(page, total))
    }
}

/// Only created for the customer it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct StoreCreditEntry(entity::Model);

/// A change of a customer's store credit.
#[Object]
impl StoreCreditEntry {
    /// What happened.
    async fn kind(&self) -> StoreCreditKind {
        self.0.kind.into()
    }

    /// How much was added; negative if it was spent.
    async fn amount(&self) -> ApiResult<Money> {
        money(self.0.amount, &self.0.currency_code)
    }

    /// The order that it paid for, `ord_…`; null for credit that was issued.
    async fn order_id(&self) -> Option<ID> {
        self.0.order_id.map(|id| IdKind::Order.id(id))
    }

    /// The return that it was issued for, `ret_…`; null otherwise.
    async fn return_id(&self) -> Option<ID> {
        self.0.return_id.map(|id| IdKind::Return.id(id))
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }
}

fn money(minor: i64, code: &str) -> ApiResult<Money> {
    let currency = CurrencyCode::from_code(code)
        .ok_or_else(|| ApiError::internal(format!("store credit is in {code}")))?;
    Ok(Money::new(minor, currency))
}

connection!(
    StoreCreditEntryConnection,
    StoreCreditEntryEdge,
    StoreCreditEntry
);
