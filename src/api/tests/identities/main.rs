//! Stored traits, on a KV store in memory with a true comparison of generations, whose replicas lag, and whose writes are
//! refused, fail, or are done while their answer is lost.

#![cfg(test)]

mod drivers;
mod histories;
mod requests;
mod sandbox;
mod state;
mod writers;
