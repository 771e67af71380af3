//! The template language: configuration files in, values out.
//!
//! [`config`] sorts the blocks of a template; [`eval`] works out an expression in a [`eval::Scope`];
//! [`functions`] are what expressions may call; [`value`] is what comes out; [`types`] are the type
//! constraints of variables; [`graph`] says in which order blocks depend on each other. Nothing here
//! knows what a resource does or what state is: plans and parameter forms both build on it.

pub mod config;
pub mod eval;
pub mod functions;
pub mod graph;
mod json;
pub mod number;
mod operators;
pub mod place;
mod text;
pub mod types;
pub mod value;
