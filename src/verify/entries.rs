//! Chain, tree and checkpoints of a store, against its own signatures, the memory beside its key,
//! and whatever checkpoints were kept elsewhere.

use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::ledger::finding::{Finding, culprits};
use crate::ledger::key_chain::{KeyChain, Reason};
use crate::ledger::note::UnknownKeys;
use crate::ledger::scan::fields;
use crate::ledger::section::Section;
use crate::ledger::tiles::TILE_WIDTH;
use crate::ledger::verify::{Claim as Stated, Holder, Verified, Verifier};
use crate::ledger::vkey::VerifierKey;
use crate::store::{SignedState, meta, reader, state_path};

use super::anchors::{Anchored, Witnessed};
use super::claim::{Claim, Standing, legible};
use super::facts::body;
use super::{anchors, deep, keys, sql};

/// From this many entries on, two threads share the work.
const TWO_THREADS_FROM: i64 = 50_000;

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The ledger.
    Ledger,
    /// Everything that the ledger commits to as well.
    Deep,
}

/// A checkpoint that was kept elsewhere.
pub struct Held {
    /// What it is called, for the answer.
    pub name: String,
    /// The signed note.
    pub note: Vec<u8>,
}

/// What to verify, and against what.
pub struct Options {
    /// How much is checked.
    pub depth: Depth,
    /// The public key, from elsewhere; the store's own word for it when absent.
    pub key: Option<VerifierKey>,
    /// Checkpoints that were kept elsewhere.
    pub held: Vec<Held>,
    /// Witnesses' keys, from elsewhere; the store's own word for them when there are none.
    pub witnesses: Vec<VerifierKey>,
}

/// What verification came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The form of this document.
    pub schema: &'static str,
    /// Whether nothing is broken.
    pub holds: bool,
    /// The ledger's name.
    pub origin: String,
    /// The public key that was trusted.
    pub vkey: String,
    /// The number of entries.
    pub entries: u64,
    /// The root of their tree, in base64; absent when entries are missing.
    pub root: Option<String>,
    /// The chain's head, in base64.
    pub head: Option<String>,
    /// When the last entry was written, by the machine's own clock.
    pub last_entry_at: Option<String>,
    /// How many signed checkpoints the store holds.
    pub checkpoints: u64,
    /// The newest of them, as it was signed.
    #[serde(skip)]
    pub newest_checkpoint: Option<String>,
    /// The size of the largest one that holds.
    pub signed_to: u64,
    /// When the last entry that it covers was written.
    pub last_checkpoint_at: Option<String>,
    /// The size of the largest checkpoint from elsewhere that holds.
    pub held_to: u64,
    /// Entries after that one: whoever has file and key could still rewrite these.
    pub entries_since_held: u64,
    /// What witnesses signed last.
    pub witnesses: Vec<Witnessed>,
    /// The size of the largest checkpoint that a witness signed.
    pub witnessed_to: u64,
    /// Entries after that one, which no witness has vouched for.
    pub unwitnessed: u64,
    /// When the first of these was written.
    pub unwitnessed_since: Option<String>,
    /// The claims.
    pub claims: Vec<Claim>,
    /// What nothing here proves.
    pub not_proven: Vec<String>,
}

/// Verifies a store.
///
/// # Errors
/// When the file can't be read as a store at all; what is broken inside stands in the report.
pub fn verify(path: &Path, options: &Options) -> Result<Report> {
    let mut report = look(path, options)?;
    for _ in 0..ROTATIONS_MAX {
        // A rotation signs what lies beside the key anew, which a look at the state before it finds forged.
        let signed_since = meta(&reader(path)?, "vkey")?.unwrap_or_default();
        if report.holds || signed_since == report.vkey.as_bytes() {
            break;
        }
        report = look(path, options)?;
    }
    Ok(report)
}

/// How often a key may be rotated while a store is looked at, until what is found counts.
const ROTATIONS_MAX: usize = 3;

fn look(path: &Path, options: &Options) -> Result<Report> {
    // Before the store itself: what another process signs in between isn't in this look at it.
    let remembered = memory(path)?;
    let (conn, second, size) = snapshots(path)?;
    let text = |name| -> Result<String> {
        let bytes = meta(&conn, name)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (origin, stored_key) = (text("origin")?, text("vkey")?);
    let mut claims = Vec::new();
    let stored = match &options.key {
        // An unreadable one is found below: the reader brought a better one.
        Some(key) => stored_key.parse().unwrap_or_else(|_| key.clone()),
        None => stored_key.parse().map_err(|_: Error| {
            Error::damaged("store-damaged", "the store doesn't hold a readable public key")
                .next("name the key that was handed out with --key")
        })?,
    };
    let (chain, mut key_chain) = keys::chain(&conn, options.key.as_ref(), &stored)?;
    let mut key = key_claim(&conn, options, &chain, &origin, &stored_key)?;
    let trust = chain.trust();

    let mut checkpoints = Claim::new(
        "checkpoints",
        "every stored checkpoint is signed by the key and commits to the entries before it",
    );
    let mut stated = Vec::new();
    let read = sql::checkpoints(&conn, |size, note| {
        checkpoints.checked += 1;
        match chain.own_checkpoint(u64::try_from(size).unwrap_or(u64::MAX), note) {
            Ok(signed) => stated.push(signed.claim(Holder::Own)),
            Err(finding) => checkpoints.find(finding.code(), None, finding.to_string()),
        }
    });
    claims.extend(legible("checkpoints", read.map(|()| Vec::new()))?);
    let signed = |key| stated.iter().any(|own: &Stated| chain.signers_at(own.size).contains(key));
    key.expect(options.key.as_ref().is_none_or(signed), "key-silent", None, || {
        "the key that was handed in signed nothing that is here".into()
    });
    claims.push(key);
    if let Some(claim) = &mut key_chain {
        keys::signed_for(&chain, &stated, claim);
    }
    claims.extend(key_chain);
    let own: Vec<Stated> = stated.clone();
    let mut held_claims = Vec::new();
    for held in &options.held {
        let name = printable(&held.name);
        let mut claim = Claim::new(
            "held-checkpoint",
            &format!("the ledger continues the checkpoint in {name}"),
        );
        claim.checked = 1;
        let signed = trust.read(&held.note, UnknownKeys::Ignore);
        match &signed {
            Ok(signed) => stated.push(signed.claim(Holder::Outside)),
            Err(error) => claim.find(error.code, None, error.what.clone()),
        }
        held_claims.push((claim, signed.ok()));
    }

    let verified = run(&conn, second, &trust.origin, stated, size)?;
    let chained = chain_claims(&conn, &verified, &mut checkpoints);
    claims.extend(legible("chain", chained)?);
    claims.push(checkpoints.clone());
    claims.push(coverage_claim(&verified));
    claims.extend(memory_claims(remembered.as_deref(), &verified, &own));
    for (mut claim, signed) in held_claims {
        if let Some(signed) = signed {
            let size = signed.checkpoint.size;
            for finding in &verified.findings {
                let broken = match *finding {
                    Finding::Fork { size: at } => at == size,
                    Finding::Rollback { held, .. } => held == size,
                    _ => false,
                };
                if broken {
                    claim.find(finding.code(), None, finding.to_string());
                }
            }
        }
        claims.push(claim);
    }
    let at_of = |size: u64| -> Result<Option<String>> {
        let Some(n) = size.checked_sub(1).and_then(|n| i64::try_from(n).ok()) else {
            return Ok(None);
        };
        let leaf = sql::leaf(&conn, n)?.unwrap_or_default();
        Ok(fields(&leaf).ok().map(|view| view.at.to_string()))
    };
    let last_checkpoint_at = at_of(verified.signed_to)?;
    let mut anchored = Anchored::default();
    let anchors = anchors::check(&conn, &options.witnesses, verified.told);
    anchored.claims = legible(
        "anchors",
        anchors.map(|mut found| {
            let claims = std::mem::take(&mut found.claims);
            anchored = found;
            claims
        }),
    )?;
    let witnessed_to = if anchored.counts() { anchored.witnessed_to.min(verified.size) } else { 0 };
    claims.append(&mut anchored.claims);
    let all_there = anchors::all_there(&conn, verified.told);
    claims.extend(legible("anchors", all_there.map(|claim| vec![claim]))?);
    let unwitnessed = verified.size - witnessed_to;
    let unwitnessed_since = if unwitnessed > 0 { at_of(witnessed_to + 1)? } else { None };
    if options.depth == Depth::Deep {
        claims.extend(deep::check(path, &conn, size, &chain.vouching())?);
    }
    Ok(Report {
        schema: "candor.verification/1",
        holds: claims.iter().all(|claim| claim.standing != Standing::Broken),
        origin,
        vkey: chain.current().to_string(),
        entries: verified.size,
        root: verified.root.map(|root| root.to_string()),
        head: verified.head.map(|head| head.to_string()),
        last_entry_at: verified.last_at.map(|at| at.to_string()),
        checkpoints: checkpoints.checked,
        newest_checkpoint: text_of(sql::last_checkpoint(&conn)?),
        signed_to: verified.signed_to,
        last_checkpoint_at,
        held_to: verified.held_to,
        entries_since_held: verified.unwitnessed(),
        witnesses: anchored.witnesses,
        witnessed_to,
        unwitnessed,
        unwitnessed_since,
        not_proven: not_proven(options, &verified, &chain, witnessed_to),
        claims,
    })
}

/// Two connections that see the same state of the file.
fn snapshots(path: &Path) -> Result<(Connection, Connection, i64)> {
    for _ in 0..20 {
        let (a, b) = (reader(path)?, reader(path)?);
        let (size, again) = (sql::snapshot(&a)?, sql::snapshot(&b)?);
        if size == again {
            return Ok((a, b, size));
        }
    }
    Err(Error::new(
        crate::base::error::Kind::Busy,
        "store-busy",
        "another process writes faster than two looks at the store can be taken",
    )
    .next("run the command again when the other process has finished"))
}

/// A further connection that sees the state of `size` entries.
pub(super) fn further(path: &Path, size: i64) -> Result<Option<Connection>> {
    let conn = reader(path)?;
    if sql::snapshot(&conn)? == size {
        return Ok(Some(conn));
    }
    sql::end_snapshot(&conn)?;
    Ok(None)
}

/// The whole ledger, in two sections on two threads where it is long.
fn run(
    conn: &Connection,
    second: Connection,
    origin: &str,
    stated: Vec<Stated>,
    size: i64,
) -> Result<Verified> {
    let mut verifier = Verifier::new(origin, stated);
    let width = i64::try_from(TILE_WIDTH).expect("a tile is small");
    let middle = if size >= TWO_THREADS_FROM { size / 2 / width } else { 0 };
    if middle == 0 {
        let mut whole = verifier.section(0);
        feed(conn, 0, i64::MAX, &mut whole)?;
        verifier.join(whole);
    } else {
        let end = middle * width;
        let mut below = verifier.section(0);
        let mut above = verifier.section(u64::try_from(middle).expect("counted up"));
        let (low, high) = std::thread::scope(|scope| {
            // A connection may go to another thread, not be shared by two. Each thread owns what it
            // writes to, so that they don't wait for each other's caches.
            let high =
                scope.spawn(move || feed(&second, end, i64::MAX, &mut above).map(|()| above));
            let low = feed(conn, 0, end, &mut below).map(|()| below);
            (low, high.join().expect("the thread doesn't panic"))
        });
        verifier.join(low?);
        verifier.join(high?);
    }
    Ok(verifier.finish())
}

/// Gives the entries of a range to a section, each with the number that it is kept under.
fn feed(conn: &Connection, first: i64, end: i64, section: &mut Section) -> Result<()> {
    sql::entries(conn, first, end, |n, leaf| {
        section.push_at(u64::try_from(n).unwrap_or(u64::MAX), leaf);
    })
}

fn key_claim(
    conn: &Connection,
    options: &Options,
    chain: &KeyChain,
    origin: &str,
    stored_key: &str,
) -> Result<Claim> {
    let mut claim = match &options.key {
        Some(_) => Claim::new(
            "key",
            "the key that was handed out is this ledger's, and signed what is here",
        ),
        None => Claim::unproven(
            "key",
            "whose key it is: the store's own word was taken; name the one handed out with --key",
        ),
    };
    claim.checked = 1;
    let first = sql::leaf(conn, 0)?.unwrap_or_default();
    let declared = fields(&first).map(|view| body(&view)).unwrap_or_default();
    let declared = declared["vkey"].as_str().unwrap_or_default();
    let first_key = &chain.tenures()[0].key;
    claim.expect(declared == first_key.to_string(), "key-differs", Some(0), || {
        "the ledger's first entry names another key".into()
    });
    claim.expect(stored_key == chain.current().to_string(), "key-differs", None, || {
        "the store names another key".into()
    });
    claim.expect(origin == first_key.name(), "origin-differs", None, || {
        "the store calls its ledger by another name than the key".into()
    });
    Ok(claim)
}

fn chain_claims(
    conn: &Connection,
    verified: &Verified,
    checkpoints: &mut Claim,
) -> Result<Vec<Claim>> {
    let mut chain =
        Claim::new("chain", "each entry was written after the one before it, and none is missing");
    chain.checked = verified.size;
    for finding in &verified.findings {
        let entry = match *finding {
            Finding::Canonical { n }
            | Finding::Number { n, .. }
            | Finding::Chain { n }
            | Finding::Clock { n } => Some(n),
            Finding::Place { place, .. } => Some(place),
            Finding::Missing { from, .. } => Some(from),
            Finding::Root { size } => {
                checkpoints.find(finding.code(), None, format!("{finding} (size {size})"));
                continue;
            }
            Finding::Rollback { held, .. } => {
                checkpoints.find(finding.code(), None, format!("{finding} (size {held})"));
                continue;
            }
            _ => continue,
        };
        chain.find(finding.code(), entry.and_then(|n| i64::try_from(n).ok()), finding.to_string());
    }
    chain.faults_untold += verified.findings_unkept;
    chain.expect(sql::entries_below_zero(conn)? == 0, "entry-misplaced", None, || {
        "entries stand below number 0".into()
    });
    let changed = culprits(&verified.findings, verified.size);
    if let (true, Some(n)) = (!chain.faults.is_empty(), changed.first()) {
        let list: Vec<String> = changed.iter().take(10).map(u64::to_string).collect();
        let first = i64::try_from(*n).ok();
        let what = format!("changed or removed, as far as the links tell: {}", list.join(", "));
        chain.find("culprit", first, what);
    }
    let mut tree = Claim::new("tree", "the stored nodes of the tree are what the entries hash to");
    sql::nodes(conn, |level, index, hash| {
        tree.checked += 1;
        let (Ok(level), Ok(index)) = (u8::try_from(level), u64::try_from(index)) else {
            tree.find("node-wrong", None, "a node stands at no place of a tree");
            return;
        };
        if let Err(finding) = verified.check_node(level, index, hash) {
            tree.find(finding.code(), None, finding.to_string());
        }
    })?;
    let expected: u64 = [8, 16, 24].iter().map(|level| verified.size >> level).sum();
    tree.expect(verified.root.is_none() || tree.checked == expected, "node-missing", None, || {
        format!("the tree has {expected} nodes")
    });
    Ok(vec![chain, tree])
}

fn coverage_claim(verified: &Verified) -> Claim {
    let mut claim = Claim::new("coverage", "the last checkpoint covers the last entry");
    claim.checked = 1;
    for finding in &verified.findings {
        if let Finding::UnsignedTail { from, .. } = *finding {
            claim.find(finding.code(), i64::try_from(from).ok(), finding.to_string());
        }
    }
    claim
}

/// The file beside the key; none where it is missing.
fn memory(path: &Path) -> Result<Option<Vec<u8>>> {
    let file = state_path(path);
    match std::fs::read(&file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(crate::base::error::io(&file)(error)),
    }
}

/// What the key remembers of its last signature.
fn memory_claims(remembered: Option<&[u8]>, verified: &Verified, own: &[Stated]) -> Vec<Claim> {
    let Some(bytes) = remembered else {
        return vec![Claim::unproven(
            "key-memory",
            "that the file wasn't rolled back: what the key remembers isn't beside the store",
        )];
    };
    let mut claim =
        Claim::new("key-memory", "the store continues what its key remembers to have signed");
    claim.checked = 1;
    let Ok(state) = serde_json::from_slice::<SignedState>(bytes) else {
        claim.find("key-state-damaged", None, "the key's memory can't be read");
        return vec![claim];
    };
    claim.expect(state.size > 0, "key-state-damaged", None, || {
        "the key's memory says that nothing was ever signed".into()
    });
    let met = own.iter().any(|c| c.size == state.size && c.root.to_string() == state.root);
    if state.size > verified.size {
        let finding = Finding::Rollback { held: state.size, have: verified.size };
        claim.find(finding.code(), None, finding.to_string());
    } else if state.size > 0 && !met {
        let what = format!("the key signed other {} entries than these", state.size);
        claim.find("fork", None, what);
    }
    let mut claims = vec![claim];
    if state.since > 0 {
        claims.push(Claim::unproven(
            "key-memory",
            &format!(
                "that the file wasn't rolled back before entry {}: what the key had remembered was lost \
                 then",
                state.since
            ),
        ));
    }
    claims
}

/// What stays open; `witnessed` entries were signed by a witness whom the reader named.
fn not_proven(
    options: &Options,
    verified: &Verified,
    chain: &KeyChain,
    witnessed: u64,
) -> Vec<String> {
    let mut all = vec![
        "omission: an event that was never logged leaves no trace here".to_owned(),
        "the clock: times are the machine's own word, between entries that a witness dated"
            .to_owned(),
    ];
    if options.key.is_none() {
        all.push(
            "the key: it was read from the store itself; name the one handed out with --key".into(),
        );
    }
    for tenure in chain.tenures().iter().filter(|tenure| tenure.reason == Reason::Lost) {
        all.push(format!(
            "the key since entry {}: the one before was said to be lost, so it signed nothing of it",
            tenure.entry
        ));
    }
    let held = if options.witnesses.is_empty() { 0 } else { witnessed };
    all.push(match verified.held_to.max(held) {
        0 => format!(
            "whoever has the file and the key can rewrite all {} entries: no checkpoint that was kept \
             elsewhere was handed in",
            verified.size
        ),
        held => format!(
            "whoever has the file and the key can rewrite the {} entries after the last checkpoint \
             that was kept elsewhere, or that a witness signed whom you named (size {held})",
            verified.size.saturating_sub(held)
        ),
    });
    if options.depth == Depth::Ledger {
        all.push("payloads, values, events and projections: they are checked with --deep".into());
    } else {
        all.push(
            "public ids of subjects outside merges, the counts of what senders brought on a day, links by \
             identifiers, weights and index of linking, links to confirm by, numbers of notices, what waits in \
             the outbox but to take something back, the key of a record that holds nothing but events, the source of one without values, and the home of one without statements too: no entry \
             commits to them"
                .into(),
        );
    }
    all
}

/// A file's name without anything that could steer a terminal.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The newest signed note of a store, exactly as it was signed.
///
/// # Errors
/// When the file can't be read as a store.
pub fn latest_checkpoint(path: &Path) -> Result<Option<String>> {
    Ok(text_of(sql::last_checkpoint(&reader(path)?)?))
}

fn text_of(note: Option<Vec<u8>>) -> Option<String> {
    note.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
