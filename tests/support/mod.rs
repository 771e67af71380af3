//! What all tests lean on: the facts that answers are held against, a client that does so by
//! itself, and servers to talk to.

#![allow(dead_code, reason = "each capability uses what it needs")]

pub mod api;
pub mod shapes;
