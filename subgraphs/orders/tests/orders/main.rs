//! The orders subgraph by query, over every database.

mod account;
mod ownership;
mod paging;
mod shop;
mod statements;
