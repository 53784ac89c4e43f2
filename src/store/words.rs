//! Interned words: the policy's names as small integers, the same for the life of the store.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::policy::rulebook::PurposeMask;

use super::sql;

/// What a word names. Only words of an applied policy are ever interned, so none is personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WordKind {
    /// A purpose; its code is also its bit in a mask.
    Purpose,
    /// A channel.
    Channel,
    /// A source.
    Source,
    /// `identifier.KIND`, `attribute.NAME` or `record.key`.
    Field,
    /// An event's name.
    Event,
    /// A destination.
    Destination,
    /// A category of data.
    Category,
}

impl WordKind {
    /// Its name in the table of words.
    pub fn name(self) -> &'static str {
        match self {
            WordKind::Purpose => "purpose",
            WordKind::Channel => "channel",
            WordKind::Source => "source",
            WordKind::Field => "field",
            WordKind::Event => "event",
            WordKind::Destination => "destination",
            WordKind::Category => "category",
        }
    }
}

/// All words and purpose sets of a store, in memory.
#[derive(Clone, Debug, Default)]
pub struct Words {
    codes: HashMap<(String, String), i64>,
    texts: HashMap<(String, i64), String>,
    since: HashMap<(String, i64), Moment>,
    sets: HashMap<PurposeMask, i64>,
    masks: HashMap<i64, PurposeMask>,
}

impl Words {
    /// Reads the words of a store.
    pub fn load(conn: &Connection) -> Result<Words> {
        let mut words = Words::default();
        for (kind, code, text, since) in sql::words(conn)? {
            words.since.insert((kind.clone(), code), Moment(since));
            words.texts.insert((kind.clone(), code), text.clone());
            words.codes.insert((kind, text), code);
        }
        for (id, mask) in sql::purpose_sets(conn)? {
            words.sets.insert(mask, id);
            words.masks.insert(id, mask);
        }
        Ok(words)
    }

    /// The code of a word, if it was ever interned.
    pub fn code(&self, kind: WordKind, text: &str) -> Option<i64> {
        self.codes.get(&(kind.name().to_owned(), text.to_owned())).copied()
    }

    /// The word of a code; `?` for a code that was never given.
    pub fn text(&self, kind: WordKind, code: i64) -> &str {
        self.texts.get(&(kind.name().to_owned(), code)).map_or("?", String::as_str)
    }

    /// All words of a kind with their codes.
    pub fn of_kind(&self, kind: WordKind) -> Vec<(&str, i64)> {
        let mut all: Vec<(&str, i64)> = self
            .codes
            .iter()
            .filter(|((k, _), _)| k == kind.name())
            .map(|((_, text), code)| (text.as_str(), *code))
            .collect();
        all.sort_by_key(|(_, code)| *code);
        all
    }

    /// When a policy first declared a word.
    pub fn since(&self, kind: WordKind, code: i64) -> Moment {
        self.since.get(&(kind.name().to_owned(), code)).copied().unwrap_or(Moment::FOREVER)
    }

    /// The code of a word, interned now if it is new. Inside a write only.
    pub fn intern(
        &mut self,
        conn: &Connection,
        kind: WordKind,
        text: &str,
        now: Moment,
    ) -> Result<i64> {
        if let Some(code) = self.code(kind, text) {
            return Ok(code);
        }
        let code = self.of_kind(kind).last().map_or(1, |(_, code)| code + 1);
        sql::insert_word(conn, kind.name(), code, text, now.0)?;
        self.since.insert((kind.name().to_owned(), code), now);
        self.texts.insert((kind.name().to_owned(), code), text.to_owned());
        self.codes.insert((kind.name().to_owned(), text.to_owned()), code);
        Ok(code)
    }

    /// The number of a purpose set, interned now if it is new. Inside a write only.
    pub fn set_of(&mut self, conn: &Connection, mask: PurposeMask) -> Result<i64> {
        if let Some(id) = self.sets.get(&mask) {
            return Ok(*id);
        }
        let id = sql::insert_purpose_set(conn, mask)?;
        self.sets.insert(mask, id);
        self.masks.insert(id, mask);
        Ok(id)
    }

    /// The mask of a purpose set's number; empty for one that was never given.
    pub fn mask_of(&self, set: i64) -> PurposeMask {
        self.masks.get(&set).copied().unwrap_or(0)
    }
}
