//! The whole path of a change from Flagsmith to apps: a stand-in for Flagsmith, `jackstaff serve`, three edges, and
//! clients that listen and read.

mod broken;
mod calls;
mod cost;
mod end_to_end;
mod freshness;
mod publishers;
mod quirks;
mod random_faults;
mod reads;
