//! Runs the cases against the cluster of `tests/search-nodes/run.sh`. Those that read share one index.

use std::sync::Arc;

use search::engine::SearchEngine;
use tokio::sync::OnceCell;

use crate::cases;
use crate::node::Node;
use crate::shop::Shop;

/// What the names of the shared index begin with.
static SHARED: OnceCell<String> = OnceCell::const_new();

async fn filled() -> Shop {
    let build = async || {
        let node = Node::new();
        Shop::filled(Arc::new(node.engine())).await;
        node.prefix
    };
    let prefix = SHARED.get_or_init(build).await;
    // A client belongs to the test that makes it.
    Shop::opened(Arc::new(Node::with_prefix(prefix.clone()).engine()))
}

macro_rules! test_reading {
    ($($module:ident { $($case:ident)* })*) => {
        $(mod $module { $(
            #[tokio::test]
            #[ignore = "needs a node: tests/search-nodes/run.sh"]
            async fn $case() {
                super::cases::$module::$case(&super::filled().await).await;
            }
        )* })*
    };
}

macro_rules! test_writing {
    ($($module:ident { $($case:ident)* })*) => {
        $(mod $module { $(
            #[tokio::test]
            #[ignore = "needs a node: tests/search-nodes/run.sh"]
            async fn $case() {
                let node = super::Node::new();
                let engine: super::Arc<dyn super::SearchEngine> = super::Arc::new(node.engine());
                super::cases::$module::$case(engine).await;
                node.drop().await;
            }
        )* })*
    };
}

crate::cases::reading_cases!(test_reading);
crate::cases::writing_cases!(test_writing);
