//! The protocol of a POP, on a platform in memory: situations, thousands of random histories, and requests that run
//! beside one another under controlled schedules.

#![cfg(test)]

mod edge_token;
mod histories;
mod kept;
mod model;
mod named;
mod relay;
mod schedules;
mod situations;
