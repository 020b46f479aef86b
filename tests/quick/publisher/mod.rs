//! The publisher against a stand-in of Fastly's REST API that fails in every way that is known. Pauses take no time
//! here: the clock is simulated.

mod asking;
mod dear;
mod doubt;
mod history;
mod looking;
mod pauses;
mod read_back;
mod removal;
mod server_keys;
mod soak;
mod watching;
mod world;
mod writes;
