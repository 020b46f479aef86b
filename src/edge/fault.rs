//! Faults on demand: what neither Viceroy's KV store nor its cache does by itself, and the platform's may.

use std::thread::sleep;

use api::Fault;

/// Where the local KV store keeps what a key held before it was written last.
pub(crate) fn previous(key: &str) -> String {
    format!("previous/{key}")
}

/// Strikes a read of the KV store: gives the key to read in place of the one that was asked for.
///
/// # Errors
/// If the read is to fail.
pub(crate) fn strike_read(key: &str, fault: &Fault) -> Result<String, String> {
    if !strikes(fault) {
        return Ok(key.to_owned());
    }
    sleep(fault.kv_delay);
    if fault.kv_error {
        return Err("fault on demand".to_owned());
    }
    Ok(if fault.kv_older { previous(key) } else { key.to_owned() })
}

/// Strikes who is about to insert: after the last look at what is there, before the insertion.
pub(crate) fn strike_insertion(fault: &Fault) {
    if strikes(fault) {
        sleep(fault.hold);
    }
}

fn strikes(fault: &Fault) -> bool {
    let mut byte = [0];
    // Without chance every one is struck.
    let _ = getrandom::fill(&mut byte);
    u32::from(byte[0]) * 100 < u32::from(fault.percent) * 256
}
