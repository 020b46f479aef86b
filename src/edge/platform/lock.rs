//! Locks within a POP: the obligation for an object that is never inserted.

use std::time::Duration;

use api::pop::ports::Locks;
use fastly::cache::core::Transaction;

use super::Host;
use super::cache::cache_key;

/// A lock that this request has. Released on drop, or by the platform when the sandbox ends.
pub(crate) struct Lock(Transaction);

impl Locks for Host {
    type Lock = Lock;

    fn lock(&self, name: &str, wait: Duration) -> Option<Lock> {
        let transaction = Transaction::lookup(cache_key(&format!("lock/{name}"))).timeout(wait).execute();
        transaction.map(Lock).inspect_err(|error| eprintln!("jackstaff: no lock for {name}: {error}")).ok()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A lock that cannot be released here ends with the sandbox.
        let _ = self.0.cancel_insert_or_update();
    }
}
