//! The pricing subgraph.
