//! The returns subgraph.
