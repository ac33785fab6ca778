//! Tests of the server over real sockets, databases and processes: a file a subject. A new
//! test goes to the file of what it tests, or becomes a file and a line below.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod auto;
mod bounds;
mod cli;
mod clients;
mod common;
mod crowds;
mod description;
mod durability;
mod errors;
mod examples;
mod hostile;
mod jobs;
mod killed;
mod mutated;
mod neighbours;
mod operation;
mod programs;
mod quotas;
mod read;
mod registry;
mod samples;
mod scratch;
mod secrets;
mod several;
mod shared;
mod sheet;
mod strangers;
mod swap;
mod taught;
mod teaching;
mod traces;
mod visitors;
mod whole;
