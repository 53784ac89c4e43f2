//! Joins subjects and takes joins back.
//!
//! A merge moves the records of one subject to another and remembers which; a split moves exactly
//! those back. Values, events, rollups, consents and keys stay on their records and are not touched,
//! so nothing that a source said can be lost and nothing has to be computed again. The payload of
//! each entry names the records that moved, so that verification can move them again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::base::error::{Error, Result};
use crate::base::secret::Randomness;
use crate::consent::fold::Home;
use crate::consent::{kept, sql as consent_sql};
use crate::ledger::scan;
use crate::policy::types::IdentifierKind;
use crate::store::{Writer, leaf};

use super::recognise::{SeenIdentifier, nameless};
use super::sql;

/// Who or what decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// Exact identifiers, by the policy's rules.
    Identifiers,
    /// A person, on the command line.
    Person,
    /// Linking, by what was learned of how records agree.
    Linkage(Likeness),
}

impl Decider {
    fn word(self) -> &'static str {
        match self {
            Decider::Identifiers => "identifiers",
            Decider::Person => "person",
            Decider::Linkage(_) => "linkage",
        }
    }
}

/// The pair of records that two profiles were found to be one person by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// A record of each of the two.
    pub pair: (i64, i64),
    /// log2 of the odds that they are one person's, in thousandths.
    pub weight: i64,
    /// The version of the model that says so.
    pub model: i64,
}

impl Likeness {
    /// The probability in rough words: exact ones could tell what two records share.
    pub fn band(self) -> &'static str {
        match self.weight {
            i64::MIN..1_000 => "below 0.67",
            1_000..3_170 => "0.67 or more",
            3_170..6_629 => "0.9 or more",
            6_629..9_965 => "0.99 or more",
            _ => "0.999 or more",
        }
    }
}

/// A new subject with a random public id.
pub fn new_subject(conn: &rusqlite::Connection, randomness: &mut dyn Randomness) -> Result<i64> {
    sql::insert_subject(conn, random_public_id(randomness))
}

/// A public id that nobody had.
pub fn random_public_id(randomness: &mut dyn Randomness) -> i64 {
    let mut bytes = [0; 8];
    randomness.fill(&mut bytes);
    (i64::from_be_bytes(bytes) & 0x3fff_ffff_ffff_ffff) | 0x4000_0000_0000_0000
}

/// What the law keeps of an erased person is nobody's profile: it is neither joined nor parted, so that it can't
/// become somebody's again, and no living person can be hidden behind it. Nor is one that is no more: somebody
/// may have erased or joined it since it was looked for.
fn is_living(writer: &Writer<'_>, subject: i64) -> Result<()> {
    match sql::subject_state(writer.conn, subject)? {
        Some(sql::SUBJECT_LIVE) => Ok(()),
        Some(sql::SUBJECT_KEPT) => Err(Error::no(
            "subject-erased",
            "the person was erased, and the law keeps the rest as it is",
        )
        .next("`candor access` shows what is kept, and until when")),
        _ => Err(gone()),
    }
}

/// The error about a profile that somebody else erased, joined or parted meanwhile.
fn gone() -> Error {
    Error::no("subject-gone", "the profile was erased, joined or parted meanwhile")
        .next("look for the person again")
}

/// Moves all records of `from` to `into`.
///
/// # Errors
/// `subject-erased` and `subject-gone`.
pub fn join(writer: &mut Writer<'_>, from: i64, into: i64, decider: Decider) -> Result<()> {
    is_living(writer, from)?;
    is_living(writer, into)?;
    let records = sql::records_of(writer.conn, from)?;
    let Some(first) = records.first().copied() else { return Ok(()) };
    let anchor = sql::records_of(writer.conn, into)?.first().copied().ok_or_else(gone)?;
    let mut payload = json!({
        "from": public_text(sql::public_id(writer.conn, from)?),
        "into": public_text(sql::public_id(writer.conn, into)?),
        "by": decider.word(),
        "records": records,
    });
    let mut body = json!({"records": records.len(), "by": decider.word()});
    if let Decider::Linkage(likeness) = decider {
        payload["model"] = likeness.model.into();
        payload["probability"] = likeness.band().into();
        body["model"] = likeness.model.into();
        body["probability"] = likeness.band().into();
    }
    let reunited = match decider {
        Decider::Person => apart(writer, &records, into)?,
        _ => Vec::new(),
    };
    if !reunited.is_empty() {
        body["reunited"] = reunited.len().into();
    }
    let entry = about(writer, "profile.merge", first, &payload, body)?;
    // Somebody decided anew.
    for link in reunited {
        sql::retire_link(writer.conn, link, entry)?;
    }
    sql::insert_merge(writer.conn, from, into, writer.now.0, entry, &records)?;
    for record in &records {
        sql::move_record(writer.conn, *record, into)?;
    }
    sql::set_subject_state(writer.conn, from, sql::SUBJECT_MERGED)?;
    if !matches!(decider, Decider::Linkage(_)) {
        stand_anew(writer, into)?;
    }
    match decider {
        Decider::Identifiers => {}
        Decider::Person => {
            sql::insert_link(writer.conn, first, anchor, sql::LINK_PERSON, 0, entry)?;
        }
        Decider::Linkage(Likeness { pair, weight, model }) => {
            sql::insert_found_link(writer.conn, pair, sql::LINK_LIKELY, weight, model, entry)?;
        }
    }
    Ok(())
}

/// What may be done with a record depends on what the others of its subject said: it may have changed.
fn stand_anew(writer: &Writer<'_>, subject: i64) -> Result<()> {
    for record in sql::records_of(writer.conn, subject)? {
        sql::note_newcomer(writer.conn, record)?;
    }
    Ok(())
}

/// What says that records are not one person's with those of a subject.
fn apart(writer: &Writer<'_>, records: &[i64], subject: i64) -> Result<Vec<i64>> {
    let all: BTreeSet<i64> = sql::records_of(writer.conn, subject)?.into_iter().collect();
    let mut links = Vec::new();
    for record in records {
        for link in sql::links_of(writer.conn, *record)? {
            let other = if link.a == *record { link.b } else { link.a };
            if link.kind == sql::LINK_CANNOT && all.contains(&other) {
                links.push(link.id);
            }
        }
    }
    Ok(links)
}

/// The records that a merge holds where they are: those that it moved, but for who was parted since, and those that
/// were recognised by them since and born into their home.
pub fn held_by(conn: &rusqlite::Connection, merge: &sql::MergeRow) -> Result<Vec<i64>> {
    let homes = consent_sql::homes(conn, merge.into_subject)?.into_iter();
    let came_by = |home: &Home| home.moves.iter().any(|moved| moved.entry == merge.entry);
    let homes: BTreeSet<i64> = homes.filter(came_by).map(|home| home.id).collect();
    let records = consent_sql::keyed_records(conn, merge.into_subject)?.into_iter();
    Ok(records.filter(|record| homes.contains(&record.home)).map(|record| record.id).collect())
}

/// Takes a merge back: the records that it holds return to the subject that they came from. The two
/// sides are kept apart from then on, and each keeps what was refused while they were one. Returns the
/// subject that is restored.
///
/// # Errors
/// `subject-erased` and `subject-gone`; `merge-overtaken` when it holds no records any more, and `record-alone` when
/// all others were parted from them.
pub fn split(writer: &mut Writer<'_>, merge: &sql::MergeRow) -> Result<i64> {
    is_living(writer, merge.into_subject)?;
    // Somebody may have taken it back since it was looked for.
    if !sql::merges_into(writer.conn, merge.into_subject)?.iter().any(|row| row.id == merge.id) {
        return Err(gone());
    }
    let records = held_by(writer.conn, merge)?;
    let Some(first) = records.first().copied() else {
        return Err(Error::no("merge-overtaken", "its records were parted one by one since")
            .next("`candor profile show` lists the records and the merges of a profile"));
    };
    let staying = others(writer, merge.into_subject, &records)?;
    kept::on_parting(writer, merge.into_subject, &records)?;
    let payload = json!({
        "from": public_text(sql::public_id(writer.conn, merge.into_subject)?),
        "restored": public_text(sql::public_id(writer.conn, merge.from_subject)?),
        "by": "person",
        "records": records,
    });
    let body = json!({"merge_entry": merge.entry, "records": records.len()});
    let entry = about(writer, "profile.split", first, &payload, body)?;
    sql::undo_merge(writer.conn, merge.id, entry)?;
    for record in &records {
        sql::move_record(writer.conn, *record, merge.from_subject)?;
    }
    sql::set_subject_state(writer.conn, merge.from_subject, sql::SUBJECT_LIVE)?;
    keep_apart(writer, &records, &staying, entry)?;
    stand_anew(writer, merge.from_subject)?;
    stand_anew(writer, merge.into_subject)?;
    Ok(merge.from_subject)
}

/// The records of a subject beside some that are to part from it.
fn others(writer: &Writer<'_>, subject: i64, parting: &[i64]) -> Result<Vec<i64>> {
    let mut staying = sql::records_of(writer.conn, subject)?;
    staying.retain(|id| !parting.contains(id));
    match staying.is_empty() {
        false => Ok(staying),
        true => Err(Error::no("record-alone", "the profile has no other record to part it from")
            .next("`candor profile show` lists the records of a profile")),
    }
}

/// Retires the links across two sets of records and forbids new ones.
fn keep_apart(writer: &Writer<'_>, moved: &[i64], staying: &[i64], entry: i64) -> Result<()> {
    let staying: BTreeSet<i64> = staying.iter().copied().collect();
    for record in moved {
        for link in sql::links_of(writer.conn, *record)? {
            let other = if link.a == *record { link.b } else { link.a };
            if staying.contains(&other) && link.kind != sql::LINK_CANNOT {
                sql::retire_link(writer.conn, link.id, entry)?;
            }
        }
        for other in &staying {
            sql::insert_link(writer.conn, *record, *other, sql::LINK_CANNOT, 0, entry)?;
        }
    }
    Ok(())
}

/// Parts one record from its subject, as a subject of its own. Returns the new subject.
pub fn part_record(writer: &mut Writer<'_>, record: i64) -> Result<i64> {
    part_records(writer, &[record])
}

/// Parts records of one subject from its others, as a subject of their own, which is their home from now on: what
/// one side says after it isn't the other's, whoever joins them again. Returns the new subject.
///
/// # Errors
/// `subject-erased` and `subject-gone`, and `record-alone` when nothing would stay.
pub fn part_records(writer: &mut Writer<'_>, records: &[i64]) -> Result<i64> {
    let first = *records.first().expect("somebody names records to part");
    if !sql::has_record(writer.conn, first)? {
        return Err(gone());
    }
    let old = sql::record(writer.conn, first)?.subject;
    is_living(writer, old)?;
    let staying = others(writer, old, records)?;
    kept::on_parting(writer, old, records)?;
    let subject = new_subject(writer.conn, writer.randomness)?;
    let payload = json!({
        "from": public_text(sql::public_id(writer.conn, old)?),
        "restored": public_text(sql::public_id(writer.conn, subject)?),
        "by": "person",
        "records": records,
        "home": subject,
    });
    let entry = about(writer, "profile.split", first, &payload, json!({"records": records.len()}))?;
    for record in records {
        sql::move_record(writer.conn, *record, subject)?;
        sql::insert_parting(writer.conn, *record, entry, subject)?;
    }
    keep_apart(writer, records, &staying, entry)?;
    stand_anew(writer, old)?;
    stand_anew(writer, subject)?;
    Ok(subject)
}

/// Who fell apart when the links of a value were retired.
#[derive(Debug, Default)]
pub struct Parted {
    /// The records of those who may have.
    pub records: Vec<i64>,
    /// How many subjects there are now that weren't before.
    pub subjects: u64,
}

impl Parted {
    /// Puts those of another value to them.
    pub fn add(&mut self, more: Parted) {
        self.records.extend(more.records);
        self.subjects += more.subjects;
    }
}

/// Retires the links that a value made which has turned out to be shared, and lets the subjects that
/// only it held together fall apart again.
pub fn retire_shared(writer: &mut Writer<'_>, seen: &SeenIdentifier) -> Result<Parted> {
    retire(writer, seen, &|_| true)
}

/// The same for a value that several people hold who differ: of the links of those who don't say who they are.
pub fn retire_divided(
    writer: &mut Writer<'_>,
    kind: &IdentifierKind,
    seen: &SeenIdentifier,
) -> Result<Parted> {
    let nameless = nameless(writer.conn, writer.words, kind, seen.blind)?;
    if nameless.is_empty() {
        return Ok(Parted::default());
    }
    retire(writer, seen, &|link| nameless.contains(&link.a) || nameless.contains(&link.b))
}

fn retire(
    writer: &mut Writer<'_>,
    seen: &SeenIdentifier,
    goes: &dyn Fn(&sql::LinkRow) -> bool,
) -> Result<Parted> {
    let holders: BTreeSet<i64> =
        sql::holders(writer.conn, seen.blind)?.into_iter().map(|(record, ..)| record).collect();
    let mut touched = BTreeSet::new();
    let entry = i64::try_from(writer.log.size()).unwrap_or(i64::MAX);
    for record in &holders {
        for link in sql::links_of(writer.conn, *record)? {
            let exact = link.kind == sql::LINK_EXACT && link.identifier == seen.field;
            if exact && holders.contains(&link.a) && holders.contains(&link.b) && goes(&link) {
                sql::retire_link(writer.conn, link.id, entry)?;
                touched.insert(sql::record(writer.conn, *record)?.subject);
            }
        }
    }
    let mut parted = Parted::default();
    for subject in touched {
        parted.records.extend(sql::records_of(writer.conn, subject)?);
        parted.subjects += regroup(writer, subject)?;
    }
    Ok(parted)
}

/// Parts a subject into the groups that its standing links still hold together; returns how many of them are
/// subjects of their own now.
fn regroup(writer: &mut Writer<'_>, subject: i64) -> Result<u64> {
    let records = sql::records_of(writer.conn, subject)?;
    let mut group: BTreeMap<i64, i64> = records.iter().map(|id| (*id, *id)).collect();
    loop {
        let mut changed = false;
        for record in &records {
            for link in sql::links_of(writer.conn, *record)? {
                if matches!(link.kind, sql::LINK_CANNOT | sql::LINK_RELATED) {
                    continue;
                }
                let (Some(a), Some(b)) = (group.get(&link.a), group.get(&link.b)) else { continue };
                let least = *a.min(b);
                changed |= a != b;
                group.insert(link.a, least);
                group.insert(link.b, least);
            }
        }
        if !changed {
            break;
        }
    }
    let mut parts: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (record, least) in group {
        parts.entry(least).or_default().push(record);
    }
    let parted = parts.len().saturating_sub(1) as u64;
    // The oldest record's part keeps the subject.
    for (first, part) in parts.into_iter().skip(1) {
        kept::on_parting(writer, subject, &part)?;
        let new = new_subject(writer.conn, writer.randomness)?;
        let payload = json!({
            "from": public_text(sql::public_id(writer.conn, subject)?),
            "restored": public_text(sql::public_id(writer.conn, new)?),
            "by": "shared identifier",
            "records": part,
            "home": new,
        });
        let body = json!({"records": part.len()});
        let entry = about(writer, "profile.split", first, &payload, body)?;
        for record in part {
            sql::move_record(writer.conn, record, new)?;
            sql::insert_parting(writer.conn, record, entry, new)?;
        }
        stand_anew(writer, new)?;
    }
    stand_anew(writer, subject)?;
    Ok(parted)
}

/// The entries that joined a subject with another or parted it from one. An entry's payload is sealed
/// for one of the two; the other is told that it happened.
pub fn joined_or_parted(conn: &rusqlite::Connection, subject: i64) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    for entry in sql::joining_entries(conn, subject)? {
        let leaf = leaf(conn, entry)?.unwrap_or_default();
        let kind = scan::fields(&leaf).map(|fields| fields.kind);
        if kind.is_ok_and(|kind| matches!(kind, "profile.merge" | "profile.split")) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// Appends an entry about a record's person.
fn about(
    writer: &mut Writer<'_>,
    kind: &str,
    record: i64,
    payload: &Value,
    body: Value,
) -> Result<i64> {
    let key = sql::record_key(writer.conn, record)?;
    writer.append_about(kind, record, &key, payload, Some(body))
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A subject's public id as people write it: `s-` and thirteen letters and digits (Crockford's base
/// 32, so that it can be read out on the telephone).
pub fn public_text(public_id: i64) -> String {
    let mut text = String::from("s-");
    for shift in (0..13).rev() {
        let digit = usize::try_from((public_id >> (shift * 5)) & 31).expect("five bits");
        text.push(char::from(ALPHABET[digit]));
    }
    text
}

/// Reads a public id; forgiving in case and in the letters that look like digits.
pub fn public_id_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix("s-").or_else(|| text.strip_prefix("S-"))?;
    if digits.len() != 13 {
        return None;
    }
    digits.bytes().try_fold(0i64, |id, byte| {
        let byte = match byte.to_ascii_lowercase() {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        };
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        Some((id << 5) | i64::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ids_read_back_also_when_misheard() {
        let id = 0x4123_4567_89ab_cdef;
        let text = public_text(id);
        assert_eq!(public_id_of(&text), Some(id));
        assert_eq!(public_id_of(&text.to_uppercase().replace('0', "O")), Some(id));
        assert_eq!(public_id_of("s-short"), None);
    }
}
