//! Walks through the text of a document, object by object, beside the table of members.

use std::collections::BTreeSet;
use std::fmt;

use engine::members::{self, ObjectMembers, Shape};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::spelling::meant;
use super::{MisspeltMember, UnknownMembers};

/// Characters of an unknown name that are shown.
const SHOWN: usize = 60;

pub(super) fn walk(document: &str) -> UnknownMembers {
    let mut found = UnknownMembers::default();
    let mut place = String::new();
    let whole = Walk { shape: Shape::Object(&members::DOCUMENT), place: &mut place, found: &mut found };
    // It fails if the text is no JSON. Reading the document says so better.
    let _ = whole.deserialize(&mut serde_json::Deserializer::from_str(document));
    found
}

/// A walk through one value.
struct Walk<'a> {
    shape: Shape,
    /// Where the value is. It is changed on the way, and is the same at the end.
    place: &'a mut String,
    found: &'a mut UnknownMembers,
}

impl Walk<'_> {
    fn report(
        &mut self,
        object: &'static ObjectMembers,
        present: &BTreeSet<&'static str>,
        unknown: &[String],
    ) {
        for name in unknown {
            let mut place = self.place.clone();
            push_member(&mut place, name);
            match meant(name, object, present) {
                Some(meant) => self.found.misspelt.push(MisspeltMember { place, meant }),
                None => self.found.unknown.push(place),
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape {
            Shape::Value => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
            Shape::Object(_) | Shape::List(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let Shape::Object(object) = self.shape else { return IgnoredAny.visit_map(map).map(drop) };
        let mut present = BTreeSet::new();
        let mut unknown = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let Some(member) = object.member(&name) else {
                map.next_value::<IgnoredAny>()?;
                if !object.left_out.contains(&name.as_str()) {
                    unknown.push(name);
                }
                continue;
            };
            present.insert(member.name);
            let length = self.place.len();
            push_member(self.place, &name);
            map.next_value_seed(Walk { shape: member.shape, place: self.place, found: self.found })?;
            self.place.truncate(length);
        }
        self.report(object, &present, &unknown);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Shape::List(object) = self.shape else { return IgnoredAny.visit_seq(list).map(drop) };
        let length = self.place.len();
        for index in 0.. {
            self.place.push_str(&format!("[{index}]"));
            let item = Walk { shape: Shape::Object(object), place: self.place, found: self.found };
            if list.next_element_seed(item)?.is_none() {
                break;
            }
            self.place.truncate(length);
        }
        self.place.truncate(length);
        Ok(())
    }

    // A value of another type than the table has is a fault of the document, or `null`.

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Adds a member to a place: `.name`, or `["a name"]` if it has other characters than those of usual names.
fn push_member(place: &mut String, name: &str) {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "_-$".contains(c);
    if !name.is_empty() && name.len() <= SHOWN && name.chars().all(is_usual) {
        if !place.is_empty() {
            place.push('.');
        }
        place.push_str(name);
        return;
    }
    let shown: String = name.chars().take(SHOWN).collect();
    let cut = if shown.len() < name.len() { "…" } else { "" };
    place.push_str(&format!("[{shown:?}{cut}]"));
}
