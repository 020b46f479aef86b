use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::cases;

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_damaged_bundle_is_refused(
        damages in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.2, any::<Index>()),
    ) {
        let sound = invariants::sound_bundle();
        let mut bytes = sound.to_vec();
        for (place, byte) in damages {
            bytes[place.index(sound.len())] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(sound.len()));
        }
        invariants::bundle(&bytes);
    }

    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        invariants::bundle(&bytes);
        invariants::request(&bytes);
    }

    #[test]
    fn any_request(
        method in select(vec!["GET", "POST", "HEAD", "OPTIONS", "PUT", "x"]),
        path in select(vec!["flags/", "identities/", "identities", "environment-document/", "traits/"]),
        query in "(\\?(identifier|feature|transient|page_id|x)=[a-z%0-9+.&]{0,9}){0,1}(&identifier=[ -~]{0,3}){0,1}",
        key in select(vec!["client", "ser.shop", "ser.", "", "other", "client, client"]),
        header in "(accept-encoding|if-none-match|if-modified-since|jackstaff-pages|origin|content-type|content-encoding): [ -~é]{0,20}",
        body in prop_oneof![any::<String>(), identity()],
    ) {
        let head = format!("{method} /api/v1/{path}{query}\nx-environment-key: {key}\n{header}");
        invariants::request(format!("{head}\n\n{body}").as_bytes());
    }
}

/// The body of a request about an identity.
fn identity() -> impl Strategy<Value = String> {
    let key = select(vec!["\"plan\"", "\"age\"", "\"email\"", "\"\"", "null", "7"]);
    let value = select(vec![
        "\"gold\"",
        "41",
        "null",
        "1e400",
        "-0.0",
        "[]",
        "{}",
        "{\"value\": 18}",
        "{\"value\": \"x\", \"transient\": true}",
        "123456789012345678901234567890",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "true",
    ]);
    let one =
        (key, value).prop_map(|(key, value)| format!("{{\"trait_key\": {key}, \"trait_value\": {value}}}"));
    let identifier = select(vec!["\"ann\"", "\"\"", "null", "7", "\"é\"", "[]"]);
    (identifier, prop::collection::vec(one, 0..4), any::<bool>()).prop_map(
        |(identifier, traits, transient)| {
            let traits = traits.join(", ");
            format!("{{\"identifier\": {identifier}, \"traits\": [{traits}], \"transient\": {transient}}}")
        },
    )
}
