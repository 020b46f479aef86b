use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::{Json, NUMBERS};

/// A value and what is left of it when a few of its parts, at any depth, were replaced, removed or repeated.
pub(crate) fn damaged(sound: BoxedStrategy<Json>) -> BoxedStrategy<Json> {
    (sound, prop::collection::vec((any::<Index>(), damage()), 1..6))
        .prop_map(|(Json(mut value), damages)| {
            for (place, damage) in damages {
                let place = place.index(size(&value));
                visit(&mut value, &mut { place }, &damage);
            }
            Json(value)
        })
        .boxed()
}

#[derive(Clone, Debug)]
enum Damage {
    /// By something of another shape.
    Replace(Value),
    /// The first member, or the first element.
    Remove,
    /// The last member, or the last element, so many times.
    Repeat(usize),
    /// Into so many lists.
    Wrap(usize),
}

fn damage() -> BoxedStrategy<Damage> {
    prop_oneof![
        6 => anything().prop_map(Damage::Replace),
        2 => Just(Damage::Remove),
        1 => select(vec![1, 2, 40]).prop_map(Damage::Repeat),
        1 => select(vec![1, 40, 200]).prop_map(Damage::Wrap),
    ]
    .boxed()
}

fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(NUMBERS.map(|(name, _)| Value::from(name)).to_vec()),
        select(vec!["ser.x", "$.flags.a.value", "\u{0}", "\u{feff}", "{}", "[1", "NaN"])
            .prop_map(Value::from),
        Just(json!({})),
        Just(json!([])),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{0,8}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

/// The parts of a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

/// Damages the part at a place, counted from the outside.
fn visit(value: &mut Value, place: &mut usize, damage: &Damage) -> bool {
    if *place == 0 {
        apply(value, damage);
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(list) => list.iter_mut().any(|part| visit(part, place, damage)),
        Value::Object(members) => members.values_mut().any(|part| visit(part, place, damage)),
        _ => false,
    }
}

fn apply(value: &mut Value, damage: &Damage) {
    match (damage, &mut *value) {
        (Damage::Replace(other), _) => *value = other.clone(),
        (Damage::Wrap(times), _) => {
            for _ in 0..*times {
                *value = Value::Array(vec![value.take()]);
            }
        }
        (Damage::Remove, Value::Array(list)) if !list.is_empty() => drop(list.remove(0)),
        (Damage::Remove, Value::Object(members)) => {
            if let Some(first) = members.keys().next().cloned() {
                members.remove(&first);
            }
        }
        (Damage::Repeat(times), Value::Array(list)) => {
            let last = list.last().cloned();
            list.extend(std::iter::repeat_n(last, *times).flatten());
        }
        (Damage::Repeat(times), Value::Object(members)) => {
            let last = members.iter().next_back().map(|(name, value)| (name.clone(), value.clone()));
            for (copy, (name, value)) in std::iter::repeat_n(last, *times).flatten().enumerate() {
                members.insert(format!("{name}{copy}"), value);
            }
        }
        (Damage::Remove | Damage::Repeat(_), _) => {}
    }
}
