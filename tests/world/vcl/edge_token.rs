//! The token by which the origin knows a cache.

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::machine::beside_others;

use super::world::{KEY, SOON, World};

#[test]
fn a_cache_gets_streams_with_an_edge_token_only_and_clients_never_see_it() {
    let _machine = beside_others();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("edge-token");
    fs::write(&file, "marked-old\nmarked-new\n").unwrap();
    let refused = |world: &World| {
        let metrics = world.origin.metrics();
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix("jackstaff_origin_streams_without_token_total "));
        count.unwrap().parse::<u64>().unwrap()
    };
    for token in ["marked-old", "marked-new"] {
        let Some(world) = World::with_edge_token(&file, Some(token)) else { return };
        let clients = world.clients(20);
        let change = world.change();
        clients.wait_until_signalled(change.revision, SOON);
        assert_eq!(refused(&world), 0, "{token}");
    }
    // A client's own header does not reach the origin.
    let headers = [("authorization", "Token marked-old")];
    for token in [None, Some("marked-wrong")] {
        let Some(world) = World::with_edge_token(&file, token) else { return };
        let begun = Instant::now();
        for _ in 0..20 {
            let mut answer = world.ask("GET", &format!("/sse/environments/{KEY}/stream"), &headers);
            assert_eq!(answer.status(), 503, "{token:?}");
            assert!(!format!("{:?}", answer.headers()).contains("marked"), "{:?}", answer.headers());
            assert_eq!(answer.body_mut().read_to_string().unwrap(), "data: unavailable\n\n", "{token:?}");
        }
        // A refusal is cached for a second.
        let most = (begun.elapsed() + Duration::from_secs(1)).as_secs();
        assert!(
            (1..=most).contains(&refused(&world)),
            "{token:?}: {} in {:?}",
            refused(&world),
            begun.elapsed()
        );
    }
}
