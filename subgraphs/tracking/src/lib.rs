//! The tracking subgraph.
