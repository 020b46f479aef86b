//! The way of a change from Flagsmith to apps, all of it: a stand-in for Flagsmith, `jackstaff serve`, three edges, and
//! those who listen and read.

mod broken;
mod calls;
mod chaos;
mod cost;
mod lies;
mod publishers;
mod reads;
mod rehearsal;
