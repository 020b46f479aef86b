//! How many streams an origin has, by its own account.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::proxy::Count;

/// Between two looks; a stream that is open for a shorter time is in the total only.
const INTERVAL: Duration = Duration::from_millis(100);

/// An origin's metrics, looked at again and again until this is dropped.
pub struct OriginStreams {
    seen: Arc<Mutex<Option<Count>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Looks at the metrics of an origin, `http://host:port`, from now on.
pub fn watch_streams(origin: &str) -> OriginStreams {
    let url = format!("{}/metrics", origin.trim_end_matches('/'));
    let seen: Arc<Mutex<Option<Count>>> = Arc::default();
    let end = Arc::new(AtomicBool::new(false));
    let watched = (Arc::clone(&seen), Arc::clone(&end));
    let thread = thread::spawn(move || {
        let (seen, end) = watched;
        let mut most = 0;
        let mut before = None;
        while !end.load(Ordering::Relaxed) {
            if let Some(Count { open, total, .. }) = look(&url) {
                most = most.max(open);
                let before = *before.get_or_insert(total - open.min(total));
                let count = Count { open, most, total: total.saturating_sub(before) };
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(count);
            }
            thread::sleep(INTERVAL);
        }
    });
    OriginStreams { seen, end, thread: Some(thread) }
}

impl OriginStreams {
    /// What was seen so far, of the total those that were there at first and those that came since; none if there was
    /// nobody who could say.
    pub fn seen(&self) -> Option<Count> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(url: &str) -> Option<Count> {
    let text = ureq::get(url).call().ok()?.body_mut().read_to_string().ok()?;
    let value = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse::<u64>().ok())
    };
    let open = value("jackstaff_origin_open_streams")?;
    Some(Count { open, most: open, total: value("jackstaff_origin_streams_total")? })
}

impl Drop for OriginStreams {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
