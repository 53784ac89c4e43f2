//! The ledger's growing end: appends entries to the store, each chained to the one before.

use rusqlite::Connection;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::ledger::commit;
use crate::ledger::hash::{Hash, leaf_hash};
use crate::ledger::leaf::{Leaf, first_previous};
use crate::ledger::scan;
use crate::ledger::tiles::TileReader;
use crate::ledger::tree::Frontier;

use super::sql;

/// The error of something about a person who was erased, or whose records moved, since it was looked up.
pub fn person_gone() -> Error {
    Error::no(
        "person-gone",
        "the person was erased or joined with another while this was under way",
    )
    .next("run the same command again: it tells who is held now")
}

/// An entry to be appended.
pub struct Draft<'a> {
    /// Its kind, such as `consent.given`.
    pub kind: &'a str,
    /// Who acts.
    pub actor: &'a str,
    /// When.
    pub at: Moment,
    /// What it says; never anything personal.
    pub body: Option<Value>,
    /// Whom it is about: the record, its key and the payload that the entry commits to.
    pub about: Option<(i64, &'a RecordKey, &'a [u8])>,
}

/// The end of the ledger: enough to append to it and to sign it.
#[derive(Clone, Debug)]
pub struct Log {
    origin: String,
    frontier: Frontier,
    head: Hash,
    last_at: Moment,
}

impl Log {
    /// An empty ledger.
    pub fn new(origin: &str) -> Log {
        Log {
            origin: origin.to_owned(),
            frontier: Frontier::new(),
            head: first_previous(origin),
            last_at: Moment(0),
        }
    }

    /// Reads the end of a store's ledger: the stored roots of full tiles and the leaves after them.
    pub fn load(conn: &Connection) -> Result<Log> {
        let origin = origin(conn)?;
        let size = u64::try_from(sql::entry_count(conn)?).unwrap_or(0);
        let mut log = Log::new(&origin);
        if size == 0 {
            return Ok(log);
        }
        log.frontier = frontier_at(conn, size)?;
        let last = sql::leaf(conn, signed(size) - 1)?.ok_or_else(missing_entry)?;
        log.last_at = scan::fields(&last)?.at;
        log.head = leaf_hash(&last);
        Ok(log)
    }

    /// The ledger's name, the first line of its checkpoints.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The hash of the last leaf: the chain's head.
    pub fn head(&self) -> Hash {
        self.head
    }

    /// The moment of the last entry.
    pub fn last_at(&self) -> Moment {
        self.last_at
    }

    /// Appends an entry; returns its number.
    pub fn append(&mut self, conn: &Connection, draft: Draft<'_>) -> Result<i64> {
        let number = self.frontier.size();
        let n = signed(number);
        let at = draft.at.max(self.last_at);
        let (mut tag, mut commitment) = (None, None);
        if let Some((record, key, payload)) = draft.about {
            // Whoever looked before the write may hold a key that was destroyed since: nothing may be said of
            // that person any more, and nothing could be opened that was.
            if !sql::is_key_of(conn, record, &key.0)? {
                return Err(person_gone());
            }
            tag = Some(commit::tag(&key.0, number));
            commitment = Some(commit::commitment(&commit::salt(&key.0, number), payload));
            let mut sealed = payload.to_vec();
            apply_seal(key, Sealed::Payload, n, &mut sealed);
            sql::insert_payload(conn, n, record, &sealed)?;
        }
        let leaf = Leaf {
            number,
            at,
            kind: draft.kind.to_owned(),
            actor: draft.actor.to_owned(),
            previous: self.head,
            tag,
            commitment,
            body: draft.body,
        }
        .to_bytes()?;
        sql::insert_entry(conn, n, &leaf)?;
        let hash = leaf_hash(&leaf);
        let mut completed = Vec::new();
        self.frontier
            .append_noting(hash, |level, index, root| completed.push((level, index, root)));
        for (level, index, root) in completed {
            sql::insert_node(conn, i64::from(level), signed(index), &root.0)?;
        }
        self.head = hash;
        self.last_at = at;
        Ok(n)
    }
}

/// The ledger's name.
pub fn origin(conn: &Connection) -> Result<String> {
    let bytes = sql::meta(conn, "origin")?.ok_or_else(|| {
        Error::damaged("store-damaged", "the store doesn't say which ledger it holds")
            .next("restore a backup with `candor restore`")
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The frontier of the first `size` entries.
pub fn frontier_at(conn: &Connection, size: u64) -> Result<Frontier> {
    let reader = tile_reader(conn);
    Frontier::read(size, |level, index| reader.hash(level, index))
}

/// Any node of the tree, from the stored roots of full tiles and the leaves.
#[allow(clippy::type_complexity)] // two closures over the connection: a name would say no more
pub fn tile_reader(
    conn: &Connection,
) -> TileReader<
    impl Fn(u64, u64) -> Result<Vec<Hash>> + '_,
    impl Fn(u8, u64, u64) -> Result<Vec<Hash>> + '_,
> {
    TileReader::new(
        move |first, count| {
            let mut hashes = Vec::new();
            sql::leaves(conn, signed(first), signed(first + count), |_, leaf| {
                hashes.push(leaf_hash(leaf));
                Ok(())
            })?;
            Ok(hashes)
        },
        move |level, first, count| {
            (first..first + count)
                .map(|i| {
                    let bytes = sql::node(conn, i64::from(level), signed(i))?;
                    bytes.and_then(|b| Hash::from_slice(&b)).ok_or_else(missing_entry)
                })
                .collect()
        },
    )
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("a ledger holds fewer than 2^63 entries")
}

pub fn missing_entry() -> Error {
    Error::damaged("ledger-incomplete", "a ledger entry or node is missing")
        .next("run `candor audit verify` to see which")
}
