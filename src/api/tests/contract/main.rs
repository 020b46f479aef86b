//! The HTTP contract, situation by situation, through the crate's public face alone: a request goes to
//! [`api::respond`] over a store in memory, and whole answers are compared.

#![cfg(test)]

mod ask;
mod compare;
mod documents;
mod edge;
mod memory;
#[path = "../../../../tests/support/not_run.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate, which needs more of it")]
mod not_run;
#[path = "../../../../tests/support/ofrep_schema.rs"]
#[allow(unreachable_pub, reason = "written for another crate, too")]
mod ofrep_schema;
mod schema;

mod agreement;
mod analytics;
mod bodies;
mod bounds;
mod conditional;
mod cors;
mod differences;
mod evaluation;
mod events;
mod explain;
mod feature;
mod flags;
mod gzip;
mod identifiers;
mod keys;
mod labels;
mod ofrep;
mod pages;
mod paths;
mod reasons;
mod routes;
mod secrecy;
mod stored;
mod stored_routes;
mod streams;
mod switches;
mod traits;
mod transient;
mod variants;
