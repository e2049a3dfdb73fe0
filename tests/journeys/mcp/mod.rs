//! Agents that use registered operations as tools, over the Model Context Protocol.

mod access;
mod agent;
mod calls;
mod listing;
mod official;
mod protocol;
