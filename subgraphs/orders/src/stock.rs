//! The GraphQL type `Stock`: how many units of a product there are, and its ledger; for support.

use async_graphql::{Context, Object};
use entities::orders::{stock_level, stock_movement as movement};
use resolvers::connection::{Page, PageRequest};
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::State;
use crate::order_item::Product;
use crate::stock_movement::{StockMovement, StockMovementConnection};

/// Only created for callers with the scope `support`.
#[derive(Clone, Debug)]
pub(crate) struct Stock(pub stock_level::Model);

impl Stock {
    /// The stock of each of these products, in their order; those without a ledger are left out.
    pub(crate) async fn of_products(
        context: &Context<'_>,
        products: &[Uuid],
    ) -> ApiResult<Vec<Self>> {
        let state = context.data_unchecked::<State>();
        let mut levels = stock_level::of_products(state.database.read(), products).await?;
        let levels = products.iter().filter_map(|product| levels.remove(product));
        Ok(levels.map(Self).collect())
    }
}

/// The stock of a product, for support.
#[Object]
impl Stock {
    /// The product.
    async fn product(&self) -> Product {
        Product {
            id: IdKind::Product.id(self.0.product_id),
        }
    }

    /// How many units can be sold.
    async fn available_quantity(&self) -> i32 {
        self.0.available
    }

    /// How many returned units cannot be sold.
    async fn damaged_quantity(&self) -> i32 {
        self.0.damaged
    }

    /// When the stock changed last.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// The ledger, newest first: the sum of its movements is the stock.
    async fn movements(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20, desc = "How many movements to read, from 0 to 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Read the movements that follow this cursor.")] after: Option<String>,
    ) -> ApiResult<StockMovementConnection> {
        let request = PageRequest::<i64>::new(first, after.as_deref(), None, None)?;
        let state = context.data_unchecked::<State>();
        let (product, limit) = (self.0.product_id, request.limit + 1);
        let rows =
            movement::of_product(state.database.read(), product, request.beyond, limit).await?;
        let rows = rows.into_iter().map(StockMovement).collect();
        let page = Page::new(&request, rows, |row: &StockMovement| row.0.sequence)?;
        let total = u64::try_from(self.0.sequence).map_err(ApiError::internal)?;
        Ok(StockMovementConnection::new(page, total))
    }
}
