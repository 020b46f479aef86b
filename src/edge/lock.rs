//! One after the other, within a POP: the obligation for an object that nobody ever inserts.

use std::time::Duration;

use fastly::cache::core::Transaction;

use crate::pop::cache_key;

/// How long to wait for somebody else's turn to end, a matter of milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// The right to change a POP object. Given back on drop, or by the platform when a sandbox dies.
pub(crate) struct Lock(Option<Transaction>);

impl Lock {
    /// Without it, who has waited too long goes on: what it puts back, if anything, the next look at the KV store mends.
    pub(crate) fn take(name: &str) -> Lock {
        let key = cache_key(&format!("lock/{name}"));
        let transaction = Transaction::lookup(key).timeout(PATIENCE).execute();
        Lock(transaction.inspect_err(|error| eprintln!("jackstaff: no lock for {name}: {error}")).ok())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(transaction) = &self.0 {
            // What cannot be given back ends with the sandbox.
            let _ = transaction.cancel_insert_or_update();
        }
    }
}
