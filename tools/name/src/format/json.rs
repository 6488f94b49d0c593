//! Flow records that are objects of JSON: found in them are the wanted members, and where others
//! can be put. They are parsed by `serde_json`, and never written again.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Domain, Edit, Reading};
use crate::flow::{Fields, Side, Slot};
use crate::time::{self, Clock};

/// How deep a wanted member may lie: each dot of a path may be one of a name, or stand for an
/// object.
pub(crate) const DEPTH: usize = 8;

/// The members that are wanted, of one object and of those in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    members: Vec<Member>,
    /// Bit N is set if a name of N bytes is wanted; the last bit stands for all longer ones.
    lengths: u64,
}

#[derive(Clone, Debug, Default)]
struct Member {
    name: Box<str>,
    slots: Vec<Slot>,
    within: Option<Members>,
}

impl Members {
    /// Those with these paths. `a.b` is the member `b` of the object `a`, and also the member
    /// `a.b`.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = (&'a str, Slot)>) -> Self {
        let mut members = Self::default();
        for (path, slot) in paths {
            members.add(path, slot);
        }
        members
    }

    fn add(&mut self, path: &str, slot: Slot) {
        self.member(path).slots.push(slot);
        for (at, _) in path.match_indices('.') {
            let (Some(name), Some(rest)) = (path.get(..at), path.get(at + 1..)) else {
                continue;
            };
            let within = self.member(name).within.get_or_insert_default();
            within.add(rest, slot);
        }
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.lengths |= length_bit(name);
        let found = self.members.iter().position(|member| &*member.name == name);
        let at = found.unwrap_or_else(|| {
            self.members.push(Member {
                name: name.into(),
                ..Member::default()
            });
            self.members.len() - 1
        });
        &mut self.members[at]
    }

    fn find(&self, name: &str) -> Option<&Member> {
        if self.lengths & length_bit(name) == 0 {
            return None;
        }
        self.members.iter().find(|member| &*member.name == name)
    }

    /// Reads a record, which may have white space around it.
    pub(crate) fn read(&self, record: &[u8], clock: &Clock, wants_domains: bool) -> Reading {
        let Some((flow, end, domains)) = self.flow(record, clock) else {
            return Reading::Unknown;
        };
        let before = record.get(..end).unwrap_or_default().trim_ascii_end();
        let gap = record.get(before.len()..end).unwrap_or_default();
        let edit = Edit::Members {
            at: before.len(),
            is_pretty: gap.contains(&b'\n'),
            domains: wants_domains.then_some(domains),
        };
        Reading::Flow(flow, edit)
    }

    /// The flow, where its object ends, and where domains belong; none if it was named before.
    fn flow(&self, record: &[u8], clock: &Clock) -> Option<(crate::Flow, usize, [Domain; 2])> {
        let end = record.trim_ascii_end().len().checked_sub(1)?;
        let mut found = Found {
            base: record.as_ptr().addr(),
            ..Found::new(clock)
        };
        let mut deserializer = serde_json::Deserializer::from_slice(record);
        let object = Object {
            members: self,
            found: &mut found,
            place: None,
        };
        object.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        if !found.is_object || found.is_named {
            return None;
        }
        Some((found.fields.flow()?, end, found.domains))
    }
}

fn length_bit(name: &str) -> u64 {
    1 << name.len().min(63)
}

/// What was found so far.
struct Found<'c> {
    fields: Fields,
    clock: &'c Clock,
    /// Where the record begins in memory.
    base: usize,
    is_object: bool,
    is_named: bool,
    /// Of the source and of the destination.
    domains: [Domain; 2],
}

impl<'c> Found<'c> {
    fn new(clock: &'c Clock) -> Self {
        Self {
            fields: Fields::default(),
            clock,
            base: 0,
            is_object: false,
            is_named: false,
            domains: [Domain::Dotted; 2],
        }
    }

    /// Notes that a member is there, of the object whose end is at `place`.
    fn note(&mut self, slot: Slot, place: Option<usize>) {
        let side = match slot {
            Slot::Source | Slot::SourceName => Side::Source,
            Slot::Destination | Slot::DestinationName => Side::Destination,
            Slot::Named => {
                self.is_named = true;
                return;
            }
            _ => return,
        };
        let domain = &mut self.domains[side as usize];
        match (slot, place) {
            (Slot::SourceName | Slot::DestinationName, _) => *domain = Domain::Present,
            (_, Some(place)) if *domain == Domain::Dotted => *domain = Domain::Within(place),
            _ => {}
        }
    }
}

/// An object whose members are looked through; anything else is passed over.
struct Object<'m, 'f, 'c> {
    members: &'m Members,
    found: &'f mut Found<'c>,
    /// Where its last member ends in the record, if it is an object within another.
    place: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.found.is_object = true;
        while let Some(member) = map.next_key_seed(Key(self.members))? {
            let Some(member) = member else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            for slot in &member.slots {
                self.found.note(*slot, self.place);
            }
            match (&member.within, member.slots.first()) {
                (Some(within), _) => {
                    let raw = map.next_value::<&'de RawValue>()?;
                    inner(within, raw, self.found).map_err(A::Error::custom)?;
                }
                (None, Some(slot)) => {
                    let found = &mut *self.found;
                    map.next_value_seed(Value { slot: *slot, found })?;
                }
                (None, None) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Looks through an object within the record, whose place in it is known by its address.
fn inner(members: &Members, raw: &RawValue, found: &mut Found<'_>) -> serde_json::Result<()> {
    let text = raw.get();
    if !text.starts_with('{') {
        return Ok(());
    }
    let start = text.as_ptr().addr().wrapping_sub(found.base);
    let content = text.strip_suffix('}').unwrap_or(text).trim_ascii_end();
    let object = Object {
        members,
        place: Some(start + content.len()),
        found,
    };
    serde_json::Deserializer::from_str(text).deserialize_any(object)
}

/// The name of a member: which of those that are wanted it is.
struct Key<'m>(&'m Members);

impl<'de, 'm> DeserializeSeed<'de> for Key<'m> {
    type Value = Option<&'m Member>;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'m> Visitor<'_> for Key<'m> {
    type Value = Option<&'m Member>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.find(name))
    }
}

/// The value of a wanted member; one of a type that it can't have is passed over.
struct Value<'f, 'c> {
    slot: Slot,
    found: &'f mut Found<'c>,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.found.fields.text(self.slot, text, self.found.clock);
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match self.slot {
            Slot::Start | Slot::Time => self.found.fields.time(self.slot, time::of_integer(number)),
            _ => self
                .found
                .fields
                .port(self.slot, u16::try_from(number).ok()),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.found.fields.time(self.slot, time::of_number(number));
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| ())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        IgnoredAny.visit_map(map).map(|_| ())
    }
}
