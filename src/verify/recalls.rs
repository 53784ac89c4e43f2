//! What takes something back: each recall that an entry queued waits as it was queued, until an entry says
//! that it was taken, or dropped, or ended with its person.
//!
//! So nobody who was to be told to stop or to delete can be left out by taking a row away (Art 19).

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::base::error::Result;
use crate::base::secret::StoreSecret;
use crate::send::outbox::sql::{OutboxRow, State, body, recalls};
use crate::send::recall::commitment;
use crate::store::{WordKind, Words, hex};

use super::claim::Claim;
use super::facts::{Facts, Recalled};

pub(super) fn check(
    conn: &Connection,
    secret: &StoreSecret,
    words: &Words,
    facts: &Facts,
) -> Result<Claim> {
    let mut claim = Claim::new(
        "recalls",
        "whoever is to be told to stop or to delete was told, or waits to be, as entries say",
    );
    let mut missing: BTreeMap<i64, &Recalled> =
        facts.recalls.iter().filter(|(_, said)| said.stays()).map(|(n, said)| (*n, said)).collect();
    for row in recalls(conn)? {
        claim.checked += 1;
        missing.remove(&row.id);
        let Some(said) = facts.recalls.get(&row.id) else {
            claim.find("recall-without-entry", None, "a recall waits that no entry queued");
            continue;
        };
        let same = said.stays()
            && said.destination == words.text(WordKind::Destination, row.destination)
            && said.act == row.act.word()
            && said.disclosure == row.disclosure
            && said.done == (row.state == State::Told)
            && (said.done || said.commitment == committed(conn, secret, &row)?);
        claim.expect(same, "recall-differs", Some(said.entry), || {
            "a recall isn't the one that its entry queued".into()
        });
    }
    for said in missing.values() {
        claim.find("recall-missing", Some(said.entry), "a recall is gone untold");
    }
    Ok(claim)
}

impl Recalled {
    /// Whether its row is there: until it is done, and a stop that was told until its person is erased.
    fn stays(&self) -> bool {
        !self.gone && (!self.done || self.act == "profile.stop")
    }
}

fn committed(conn: &Connection, secret: &StoreSecret, row: &OutboxRow) -> Result<String> {
    let (nonce, sealed) = body(conn, row.id)?.unwrap_or_default();
    Ok(hex(&commitment(&secret.recall_key(&nonce), row, &sealed)))
}
