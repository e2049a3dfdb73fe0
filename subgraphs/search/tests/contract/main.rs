//! What every engine must do, by cases that run against each of them: the embedded one, and with a node, the one over a
//! cluster.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod cases;
mod catalog;
mod embedded;
#[path = "../remote/node.rs"]
#[expect(
    dead_code,
    reason = "the tests of the cluster's own behaviour use the rest"
)]
mod node;
mod remote;
mod shop;
