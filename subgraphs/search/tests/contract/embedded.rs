//! Runs the cases against the embedded engine, each with an index of its own.

use search::engine::embedded::Embedded;

use crate::cases;
use crate::shop::Shop;

macro_rules! test_reading {
    ($($module:ident { $($case:ident)* })*) => {
        $(mod $module { $(
            #[tokio::test]
            async fn $case() {
                let directory = tempfile::tempdir().unwrap();
                let engine = std::sync::Arc::new(super::Embedded::new(directory.path()));
                super::cases::$module::$case(&super::Shop::filled(engine).await).await;
            }
        )* })*
    };
}

macro_rules! test_writing {
    ($($module:ident { $($case:ident)* })*) => {
        $(mod $module { $(
            #[tokio::test]
            async fn $case() {
                let directory = tempfile::tempdir().unwrap();
                super::cases::$module::$case(std::sync::Arc::new(super::Embedded::new(directory.path()))).await;
            }
        )* })*
    };
}

crate::cases::reading_cases!(test_reading);
crate::cases::writing_cases!(test_writing);
