//! Varnish, an origin, and a proxy between them.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tests::proxy::{Proxy, proxy};
use tests::stream::{Change, Clients, History, Listening, announce, clients};
use tests::{Origin, Varnish, origin_with, tools, varnish, varnish_with_token};
use ureq::http::{Request, Response};

pub(crate) const KEY: &str = "demo";

/// How long an immediate event may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// How long a part lasts in most tests, and for how long it can be joined.
pub(crate) const PART: Duration = Duration::from_secs(5);
pub(crate) const JOIN: Duration = Duration::from_secs(1);

pub(crate) struct World {
    pub(crate) varnish: Varnish,
    pub(crate) proxy: Proxy,
    pub(crate) origin: Origin,
    revision: AtomicU64,
}

impl World {
    /// With parts of [`PART`], if the programs are there.
    pub(crate) fn new() -> Option<World> {
        World::with(PART, 100)
    }

    pub(crate) fn with(part: Duration, clients: usize) -> Option<World> {
        let tools = tools()?;
        let origin = origin_with(&tools, &["--stream-seconds", &part.as_secs().to_string()]);
        let proxy = proxy(&origin.url());
        let varnish = varnish(&proxy.url(), clients)?;
        Some(World { varnish, proxy, origin, revision: AtomicU64::new(1_772_450_553) })
    }

    /// With an origin that knows the edge tokens of this file, and a Varnish that has this one.
    pub(crate) fn with_edge_token(file: &Path, edge_token: Option<&str>) -> Option<World> {
        let tools = tools()?;
        let (part, file) = (PART.as_secs().to_string(), file.display().to_string());
        let origin = origin_with(&tools, &["--stream-seconds", &part, "--edge-token-file", &file]);
        let proxy = proxy(&origin.url());
        let varnish = varnish_with_token(&proxy.url(), 100, edge_token)?;
        Some(World { varnish, proxy, origin, revision: AtomicU64::new(1_772_450_553) })
    }

    /// Clients that connect at once and always, and that listen by now.
    pub(crate) fn clients(&self, count: usize) -> Clients {
        self.listening(&Listening::to(self.varnish.url(), KEY, count))
    }

    pub(crate) fn listening(&self, listening: &Listening) -> Clients {
        let clients = clients(listening);
        clients.wait_until_connected(listening.over + SOON);
        clients
    }

    /// Announces the next revision.
    pub(crate) fn change(&self) -> Change {
        let revision = self.revision.fetch_add(1, Ordering::Relaxed);
        let begun = Instant::now();
        let announced = announce(&self.origin.url(), None, KEY, revision);
        Change { revision, begun, stored: begun, announced: Some(announced) }
    }

    /// Connections that were made to the origin for streams.
    pub(crate) fn streams(&self) -> u64 {
        self.proxy.counts().streams.total
    }

    /// The answer to a request. Its body is not read yet.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<ureq::Body> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(SOON))
            .build()
            .new_agent();
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.varnish.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        agent.run(request.body(()).unwrap()).unwrap()
    }
}

/// Whether all clients, each time that they connected, did so within the time in which a part can be joined. On a busy
/// machine some may come later; then it is right that there is more than one part at a time.
pub(crate) fn came_together(histories: &[History], join: Duration) -> bool {
    let most = histories.iter().map(|history| history.connections.len()).max().unwrap_or_default();
    (0..most).all(|nth| {
        let opened = histories.iter().filter_map(|history| history.connections.get(nth)?.opened);
        let spread = opened.clone().max().zip(opened.min()).map_or(join, |(last, first)| last - first);
        // Some caches count in whole seconds.
        spread < join / 2
    })
}
