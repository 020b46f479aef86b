//! Damaged encodings: the bytes are refused or evaluated, and nothing panics.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::{Compiled, Context, Document, Environment, Identity, Options, Value};

/// A document with every operator, and a context whose flags depend on flags.
fn environments() -> [(&'static str, Environment); 2] {
    let document = include_str!("../../../tests/fixtures/sdk.json");
    let document = Document::parse(document).unwrap();
    let (document, _) = document.compile(Options::default(), |_| engine::DefaultJson::default()).unwrap();
    let case = include_str!("../../../tests/conformance/dependencies/nested_rule__override.json");
    let case: serde_json::Value = serde_json::from_str(case).unwrap();
    let context = Context::parse(&case["context"].to_string()).unwrap();
    let (context, _) = context.compile(Options::default()).unwrap();
    [("sdk.json", document), ("nested_rule__override.json", context)]
}

#[test]
fn flipped_bytes() {
    each_encoding(|bytes, chance| {
        for _ in 0..=chance.below(4) {
            let at = chance.place(bytes.len());
            bytes[at] ^= 1 << chance.below(8);
        }
    });
}

#[test]
fn overwritten_words() {
    const WORDS: [u32; 6] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, u32::MAX];
    each_encoding(|bytes, chance| {
        let at = chance.place(bytes.len() - 3);
        bytes[at..at + 4].copy_from_slice(&WORDS[chance.below(WORDS.len())].to_le_bytes());
    });
}

#[test]
fn truncated_at_either_end() {
    each_encoding(|bytes, chance| {
        let length = chance.below(bytes.len());
        if chance.below(2) == 0 { bytes.truncate(length) } else { drop(bytes.drain(..length)) }
    });
}

#[test]
fn moved_parts() {
    each_encoding(|bytes, chance| {
        let (from, to) = (chance.place(bytes.len()), chance.place(bytes.len()));
        let length = chance.below(64).min(bytes.len() - from.max(to));
        bytes.copy_within(from..from + length, to);
    });
}

/// Damages the encoding of each environment in a thousand ways, the same ones each time.
#[track_caller]
fn each_encoding(damage: impl Fn(&mut Vec<u8>, &mut Chance)) {
    for (name, environment) in environments() {
        let sound = environment.encode().unwrap();
        let mut chance = Chance(1);
        for round in 0..1_000 {
            let mut bytes = sound.clone();
            damage(&mut bytes, &mut chance);
            let outcome = catch_unwind(AssertUnwindSafe(|| evaluate(bytes)));
            assert!(outcome.is_ok(), "{name}, round {round}");
        }
    }
}

/// Evaluates the bytes if they can be decoded, with an identity and without one.
fn evaluate(bytes: Vec<u8>) {
    let Ok(compiled) = Compiled::decode(bytes) else { return };
    let traits = [
        ("plan", Value::from("gold")),
        ("age", Value::from_json("41").unwrap()),
        ("email", Value::from("user@example.com")),
        ("version", Value::from("1.2.3")),
    ];
    let identity = Identity {
        identifier: "vip-1".into(),
        key: None,
        traits: traits.map(|(name, value)| (name.into(), value)).into(),
        traits_answer_paths: true,
        ignore_own_overrides: false,
    };
    for identity in [Some(&identity), None] {
        serde_json::to_string(&compiled.evaluate(identity)).unwrap();
    }
}

/// Pseudo-random numbers, the same in every run (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    /// A position in so many bytes; every other time in the last part, which holds the references to all others.
    fn place(&mut self, length: usize) -> usize {
        let part = if self.below(2) == 0 { length } else { length / 8 };
        length - 1 - self.below(part)
    }
}
