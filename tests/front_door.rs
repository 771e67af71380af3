//! The front door as its clients meet it: raw bytes on a real socket, in and out.

mod abuse;
mod kit;
mod requests;
mod stopping;
mod streams;
mod transport;
