//! Which of its server-side keys an environment's source is asked with.

use api::Secret;
use jiff::Timestamp;

use super::ServerKeySource;

/// The server-side keys of an environment. Which of them is used is decided each time, since keys expire, and are deleted
/// at the source.
#[derive(Debug, Clone)]
pub struct KeyChoice {
    keys: Vec<ServerKeySource>,
    /// Whether the source refused the key.
    refused: Vec<bool>,
}

/// A key to ask with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenKey {
    /// Its place in the manifest, among the keys of its environment, from 1.
    pub number: usize,
    pub secret: Secret,
}

impl KeyChoice {
    pub fn new(keys: &[ServerKeySource]) -> KeyChoice {
        KeyChoice { keys: keys.to_vec(), refused: vec![false; keys.len()] }
    }

    pub(crate) fn keys(&self) -> &[ServerKeySource] {
        &self.keys
    }

    /// Whether any key opens the environment now, refused or not.
    pub(crate) fn any_opens(&self, now: Timestamp) -> bool {
        self.keys.iter().any(|key| key.opens(now))
    }

    /// The first key that opens the environment now and was not refused. When each of them was refused, they are tried again
    /// from the first.
    pub fn choose(&mut self, now: Timestamp) -> Option<ChosenKey> {
        self.next(now).or_else(|| {
            self.refused.fill(false);
            self.next(now)
        })
    }

    /// Takes in that the source refused the key of this number. Gives the one to try instead, if there is one.
    pub fn refuse(&mut self, number: usize, now: Timestamp) -> Option<ChosenKey> {
        if let Some(refused) = number.checked_sub(1).and_then(|at| self.refused.get_mut(at)) {
            *refused = true;
        }
        self.next(now)
    }

    fn next(&self, now: Timestamp) -> Option<ChosenKey> {
        let mut keys = self.keys.iter().zip(&self.refused).zip(1..);
        keys.find_map(|((key, refused), number)| {
            (key.opens(now) && !refused).then(|| ChosenKey { number, secret: key.key.clone() })
        })
    }

    /// Why no key opens the environment now.
    pub fn why_none(&self, now: Timestamp) -> String {
        let whys = self.keys.iter().zip(1..).filter_map(|(key, number)| {
            let expired = key.expires_at.filter(|at| *at <= now);
            match (key.active, expired) {
                (false, _) => Some(format!("key {number} is not active")),
                (true, Some(at)) => Some(format!("key {number} expired at {at}")),
                (true, None) => None,
            }
        });
        let whys: Vec<String> = whys.collect();
        let whys = if whys.is_empty() { "it has none".to_owned() } else { whys.join(", ") };
        format!("no server-side key of the manifest opens it: {whys}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server_keys::parse_server_keys;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn choice(keys: &str) -> KeyChoice {
        KeyChoice::new(&parse_server_keys(&format!(r#"{{"e": {keys}}}"#)).unwrap()["e"])
    }

    fn number(choice: &mut KeyChoice, now: Timestamp) -> Option<usize> {
        choice.choose(now).map(|chosen| chosen.number)
    }

    #[test]
    fn the_first_key_that_opens_it_is_chosen_each_time() {
        let mut choice = choice(
            r#"[
                {"key": "ser.a", "active": false},
                {"key": "ser.b", "expires_at": "2026-03-02T11:22:33Z"},
                {"key": "ser.c", "expires_at": "2026-03-02T11:22:34Z"},
                "ser.d"
            ]"#,
        );
        for (now, expected) in [
            ("2026-03-02T11:22:32Z", (2, "ser.b")),
            ("2026-03-02T11:22:33Z", (3, "ser.c")),
            ("2026-03-02T11:22:34Z", (4, "ser.d")),
        ] {
            let chosen = choice.choose(at(now)).unwrap();
            assert_eq!((chosen.number, chosen.secret.reveal()), expected, "{now}");
        }
        assert!(!format!("{choice:?} {:?}", choice.clone().choose(Timestamp::UNIX_EPOCH)).contains("ser."));
    }

    #[test]
    fn a_key_that_was_refused_is_not_chosen_while_there_is_another() {
        let now = at("2026-03-02T11:22:33Z");
        let mut choice = choice(r#"["ser.a", {"key": "ser.b", "active": false}, "ser.c"]"#);
        assert_eq!(number(&mut choice, now), Some(1));
        let refuse = |choice: &mut KeyChoice, number| choice.refuse(number, now).map(|next| next.number);
        assert_eq!(refuse(&mut choice, 1), Some(3));
        assert_eq!([number(&mut choice, now), number(&mut choice, now)], [Some(3), Some(3)]);
        assert_eq!(refuse(&mut choice, 3), None);
        assert_eq!(number(&mut choice, now), Some(1), "and again from the first");
        assert_eq!(refuse(&mut choice, 7), Some(1), "a number of another manifest");
    }

    /// The key that was refused may have been mended by then.
    #[test]
    fn a_key_that_was_refused_is_tried_again_when_the_other_has_expired() {
        let mut choice = choice(r#"["ser.a", {"key": "ser.b", "expires_at": "2026-03-02T11:22:33Z"}]"#);
        assert_eq!(choice.refuse(1, at("2026-03-02T11:22:32Z")).map(|next| next.number), Some(2));
        assert_eq!(number(&mut choice, at("2026-03-02T11:22:33Z")), Some(1));
    }

    #[test]
    fn why_no_key_opens_it() {
        let now = at("2026-03-02T11:22:33Z");
        for (keys, expected) in [
            ("[]", "it has none"),
            (
                r#"[{"key": "ser.a", "active": false}, {"key": "ser.b", "expires_at": "2026-03-02T12:22:33+01:00"}]"#,
                "key 1 is not active, key 2 expired at 2026-03-02T11:22:33Z",
            ),
        ] {
            let mut choice = choice(keys);
            assert_eq!(choice.choose(now), None);
            let why = format!("no server-side key of the manifest opens it: {expected}");
            assert_eq!(choice.why_none(now), why);
        }
    }
}
