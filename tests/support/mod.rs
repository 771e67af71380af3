//! What all tests lean on: the facts that answers are held against, a client that does so by
//! itself, and servers to talk to.

#![allow(dead_code, unused_imports, reason = "each capability uses what it needs")]

pub mod api;
pub mod client;
pub mod idp;
pub mod postgres;
pub mod process;
pub mod server;
pub mod shapes;
pub mod streams;
pub mod templates;

pub use client::Client;
pub use server::{Options, PASSWORD, Server, eventually};
