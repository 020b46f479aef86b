//! Server-side keys: compared, written and purged on their own, and never shown.

use api::ServerKeyHash;
use publisher::PublishOptions;
use serde_json::{Value, json};
use tests::fastly::{Event, Fault, Kind};

use super::world::{ITEM, NOW, World, document, keys};

const MARCH: &str = "2026-03-01T00:00:00Z";

fn name(key: &str) -> String {
    ServerKeyHash::of(key).unwrap().store_key()
}

fn record(world: &World, key: &str) -> Value {
    world.api.stored(&name(key)).map_or(Value::Null, |stored| serde_json::from_slice(&stored.value).unwrap())
}

/// Publishes `one`, the same each time, with these keys.
fn publish(world: &World, manifest: &Value) -> String {
    world.publish_with(&document("one", MARCH), &keys(manifest), &PublishOptions::default())
}

/// Which records were written and purged since, without the environment's own item.
fn done(world: &World) -> Vec<String> {
    let own = |line: &String| {
        (line.starts_with("stored ") || line.starts_with("softly purged ")) && line.contains("server-key/")
    };
    world.api.story().into_iter().filter(own).collect()
}

#[test]
fn only_changed_records_are_written() {
    let world = World::new();
    assert_eq!(publish(&world, &json!(["ser.x", "ser.y"])), format!("written {NOW}; 2 keys"));
    assert_eq!(record(&world, "ser.x"), json!({ "environment": "a", "active": true, "expires_at": null }));
    done(&world);

    assert_eq!(publish(&world, &json!(["ser.x", "ser.y"])), format!("unchanged {NOW}"));
    assert_eq!(done(&world), Vec::<String>::new());

    let expires = json!(["ser.x", { "key": "ser.y", "expires_at": "2027-01-01T00:00:00+01:00" }]);
    assert_eq!(publish(&world, &expires), format!("unchanged {NOW}; 1 keys"));
    let y = name("ser.y");
    assert_eq!(done(&world), [format!("stored {y}"), format!("softly purged {y}")]);
    let expected = json!({ "environment": "a", "active": true, "expires_at": "2026-12-31T23:00:00Z" });
    assert_eq!(record(&world, "ser.y"), expected);

    let same_time = json!(["ser.x", { "key": "ser.y", "expires_at": "2026-12-31T23:00:00Z" }]);
    assert_eq!(publish(&world, &same_time), format!("unchanged {NOW}"));
    assert_eq!(done(&world), Vec::<String>::new());
}

#[test]
fn a_revoked_key_comes_first_and_is_purged_each_time() {
    let world = World::new();
    publish(&world, &json!(["ser.x", "ser.y"]));
    done(&world);
    let revoked = json!(["ser.new", { "key": "ser.y", "active": false }, "ser.x"]);
    let (y, new) = (name("ser.y"), name("ser.new"));
    assert_eq!(publish(&world, &revoked), format!("unchanged {NOW}; 2 keys"));
    let expected =
        [&y, &new].map(|name| [format!("stored {name}"), format!("softly purged {name}")]).concat();
    assert_eq!(done(&world), expected);
    assert_eq!(record(&world, "ser.y")["active"], false);
    assert_eq!(publish(&world, &revoked), format!("unchanged {NOW}"));
    assert_eq!(done(&world), [format!("softly purged {y}")], "in case the first purge failed");
}

#[test]
fn a_key_that_is_no_longer_listed_stays() {
    let world = World::new();
    publish(&world, &json!(["ser.x", "ser.y"]));
    done(&world);
    publish(&world, &json!(["ser.x"]));
    assert_eq!(done(&world), Vec::<String>::new());
    assert_eq!(record(&world, "ser.y")["active"], true);
}

#[test]
fn a_key_opens_another_environment_by_force_alone() {
    let world = World::new();
    let of_another = |active: bool| {
        let record = json!({ "environment": "b", "active": active, "expires_at": null });
        world.api.write(&name("ser.x"), record.to_string().as_bytes(), None);
    };
    let default = PublishOptions::default();
    let said = "server-side key 2 of the manifest opens environment `b`, which is stored, so it is not made to open `a`; \
                `--force` makes it so";
    for (manifest, stored_active) in [
        (json!(["ser.y", "ser.x"]), true),
        (json!(["ser.y", "ser.x"]), false),
        (json!(["ser.y", { "key": "ser.x", "active": false }]), true),
    ] {
        of_another(stored_active);
        for options in [PublishOptions { dry_run: true, ..default }, default] {
            let outcome = world.publish_with(&document("one", MARCH), &keys(&manifest), &options);
            assert!(outcome.ends_with(said), "{outcome}");
            let expected = json!({ "environment": "b", "active": stored_active, "expires_at": null });
            assert_eq!(record(&world, "ser.x"), expected);
        }
        assert_eq!(record(&world, "ser.y")["environment"], "a", "the others are written");
    }
    let forced = PublishOptions { force: true, ..default };
    let outcome = world.publish_with(&document("one", MARCH), &keys(&json!(["ser.y", "ser.x"])), &forced);
    assert!(outcome.ends_with("; 1 keys"), "{outcome}");
    assert_eq!(record(&world, "ser.x")["environment"], "a");
}

#[test]
fn a_key_is_revoked_even_if_the_document_is_refused() {
    let world = World::new();
    publish(&world, &json!(["ser.x"]));
    let older = document("older", "2026-02-01T00:00:00Z");
    let revoked = keys(&json!([{ "key": "ser.x", "active": false }]));
    let outcome = world.publish_with(&older, &revoked, &PublishOptions::default());
    assert!(outcome.starts_with("updated_at: 2026-02-01") && outcome.ends_with("; 1 keys"), "{outcome}");
    assert_eq!(record(&world, "ser.x")["active"], false);
}

#[test]
fn keys_that_cannot_be_written_do_not_hold_up_the_environment() {
    let world = World::new();
    world.api.fail(Kind::Read, &name("ser.x"), [Fault::Answer(503); 6]);
    let outcome = publish(&world, &json!(["ser.x", "ser.y", "ser.z"]));
    let expected = format!("written {NOW}; reading {} from the KV store: answered 503", name("ser.x"));
    assert!(outcome.starts_with(&expected) && outcome.ends_with("; 2 keys not tried"), "{outcome}");
    assert!(world.api.story().contains(&format!("announced a {NOW}")));
}

#[test]
fn a_purge_that_fails_is_reported() {
    let world = World::new();
    world.api.fail(Kind::Purge, &name("ser.x"), [Fault::Answer(403)]);
    let outcome = publish(&world, &json!(["ser.x", "ser.y"]));
    let expected = format!("written {NOW}; 2 keys; purging {}: answered 403", name("ser.x"));
    assert!(outcome.starts_with(&expected), "{outcome}");
}

#[test]
fn records_are_as_persistent_as_bundles() {
    for fault in
        [Fault::Overtaken, Fault::DoneButCut, Fault::DoneButAnswer(500), Fault::Answer(429), Fault::Cut]
    {
        let world = World::new();
        publish(&world, &json!(["ser.x"]));
        done(&world);
        world.api.fail(Kind::Write, &name("ser.x"), [fault]);
        let outcome = publish(&world, &json!([{ "key": "ser.x", "active": false }]));
        assert_eq!(outcome, format!("unchanged {NOW}; 1 keys"), "{fault:?}");
        assert_eq!(record(&world, "ser.x")["active"], false, "{fault:?}");
        assert_eq!(done(&world).last(), Some(&format!("softly purged {}", name("ser.x"))), "{fault:?}");
    }
}

#[test]
fn a_damaged_record_is_written_again() {
    let world = World::new();
    world.api.write(&name("ser.x"), b"?", None);
    assert_eq!(publish(&world, &json!(["ser.x"])), format!("written {NOW}; 1 keys"));
    assert_eq!(record(&world, "ser.x")["active"], true);
}

#[test]
fn keys_appear_neither_in_messages_nor_in_the_store() {
    const KEY: &str = "ser.very-secret";
    let world = World::new();
    let sources = keys(&json!([KEY]));
    assert!(!format!("{sources:?}").contains("very-secret"));
    world.api.fail(Kind::Write, &name(KEY), [Fault::Answer(400)]);
    let outcome = publish(&world, &json!([KEY]));
    assert!(outcome.contains("answered 400") && !outcome.contains("very-secret"), "{outcome}");
    publish(&world, &json!([KEY]));
    for event in world.api.events() {
        if let Event::Stored(stored) = &event {
            let value = String::from_utf8_lossy(&stored.value);
            assert!(!value.contains("very-secret"), "in the value of {}", stored.key);
        }
        assert!(!format!("{event:?}").contains("very-secret"));
    }
    assert!(world.api.stored(ITEM).is_some());
}
