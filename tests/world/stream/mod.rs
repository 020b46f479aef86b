//! Change signals through the running edge: many clients, several edges, and an origin that fails on purpose.

mod away;
mod delay;
mod edges;
mod faults;
mod leaders;
mod many_clients;
mod ofrep;
mod world;
