//! An environment that was removed by hand, while a watch goes on.

use publisher::{Client, Connection, publish_answer, unpublish};

use super::{Asking, answered, document};
use crate::publisher::world::{outcome, target};

#[test]
fn a_removed_environment_stays_removed_until_it_is_published_by_hand() {
    let mut asking = Asking::new(1);
    asking.another(std::time::Duration::ZERO, 0);
    asking.pass_seconds(10);
    let key = api::EnvironmentKey::parse("e0").unwrap();
    unpublish(&Client::new(target(&asking.world.api), &asking.world.clock), &key, false);
    let writes = asking.world.api.writes();
    asking.pass_seconds(60);
    asking.edit(0, 1);
    asking.signal(0);
    asking.pass_seconds(60);
    assert_eq!(asking.world.api.writes(), writes, "{:?}", asking.publishers[0].said);
    let progress = &asking.publishers[0].progress(&asking.world)[0];
    let why = progress.why.as_deref().unwrap_or_default();
    assert!(why.contains("was removed, by revision") && why.contains("jackstaff publish"), "{progress:?}");
    // It stays removed after a restart.
    asking.publishers.clear();
    asking.another(std::time::Duration::ZERO, 0);
    asking.pass_seconds(60);
    assert_eq!(asking.world.api.writes(), writes);

    let ask = |_: Connection| Ok::<_, String>(answered(&document(0, 1)));
    let client = Client::new(target(&asking.world.api), &asking.world.clock);
    let report = publish_answer(&client, &key, ask, &[], &publisher::PublishOptions::default()).unwrap();
    assert!(outcome(&report).starts_with("written"), "{}", outcome(&report));
    asking.pass_seconds(60);
    asking.edit(0, 2);
    asking.pass_seconds(10);
    assert_eq!(asking.last(0), 2);
    assert_eq!(asking.publishers[0].progress(&asking.world)[0].behind, None);
}
