//! Who may do what, held against a second evaluator that is slow and plain.
//!
//! [`naive`] decides on text, straight from the rules and from the tables of
//! `fixtures/reference/rbac.json`; the product decides on bits, from its own tables. [`cast`] names
//! the subjects and things that both are asked about.

mod cast;
mod decisions;
mod laws;
mod naive;
mod random;
mod tables;
