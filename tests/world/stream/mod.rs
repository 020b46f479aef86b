//! Change signals through the running edge: many clients, several edges, and an origin to which everything happens.

mod away;
mod delay;
mod edges;
mod faults;
mod leaders;
mod many_clients;
mod world;
