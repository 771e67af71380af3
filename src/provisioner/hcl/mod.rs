//! The template language: configuration files in, values out.
//!
//! [`body`] is a file as written; [`config`] sorts the blocks of a template; [`eval`] works out an expression in a [`eval::Scope`];
//! [`functions`] are what expressions may call; [`value`] is what comes out; [`types`] are the type
//! constraints of variables; [`graph`] says in which order blocks depend on each other. Nothing here
//! knows what a resource does or what state is: plans and parameter forms both build on it.

pub mod body;
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

/// Stack that reading and evaluating any template fits into: the parser bounds how deep a template
/// nests, and the deepest takes less than 1 MiB, unoptimized.
const STACK_BYTES: usize = 4 << 20;

/// Does `work` where there is stack enough for any template, for callers on threads with small stacks.
/// It costs a thread; a panic in it goes on here.
pub fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("template".to_owned()).stack_size(STACK_BYTES);
        let done = thread.spawn_scoped(scope, work)?.join();
        Ok(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
