//! Messages of the queue that were sent at least once: each goes on under the disclosure whose entry names it, and
//! none goes on after its end.
//!
//! So nobody's data goes out again on a record of long ago by a row that names it, or by one that is put back.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::base::error::Result;

use super::claim::Claim;
use super::facts::{Disclosing, Facts};
use super::sql;

pub(super) fn check(conn: &Connection, facts: &Facts) -> Result<Vec<Claim>> {
    let mut claim = Claim::new(
        "messages",
        "every message that was tried is the one that its disclosure's entry names, and each ended once",
    );
    let mut ended = facts.ended.clone();
    ended.sort_unstable();
    claim.checked = ended.len() as u64;
    for two in ended.windows(2).filter(|two| two[0].0 == two[1].0) {
        let ((message, before), (_, n)) = (two[0], two[1]);
        claim.find(
            "message-ended-twice",
            Some(n),
            format!("message {message} had ended by entry {before}"),
        );
    }
    let runs: BTreeMap<i64, (i64, &Disclosing)> =
        facts.disclosings.iter().map(|(n, said)| (said.first, (*n, said))).collect();
    let mut untold = 0;
    for [message, disclosure] in sql::tried_messages(conn)? {
        claim.checked += 1;
        let at = ended.partition_point(|(ended, _)| *ended < message);
        if let Some((_, n)) = ended.get(at).filter(|(ended, _)| *ended == message) {
            claim.find(
                "message-ended",
                Some(*n),
                format!("message {message} ended, and waits again"),
            );
        }
        let run = runs.range(..=disclosure).next_back().map(|(_, run)| *run);
        let run = run.filter(|(_, said)| disclosure < said.first + said.count);
        // An older candor's entries don't say it; whoever sends such a message discloses it anew.
        if run.is_some_and(|(_, said)| said.messages.is_empty()) {
            untold += 1;
            continue;
        }
        let named = run.and_then(|(_, said)| {
            said.messages.get(usize::try_from(disclosure - said.first).ok()?)
        });
        claim.expect(named == Some(&message), "message-undisclosed", run.map(|(n, _)| n), || {
            format!("message {message} names a disclosure that it didn't make")
        });
    }
    let mut claims = vec![claim];
    if untold > 0 {
        let what = format!(
            "which disclosures {untold} waiting messages carry out: the entries of those that they name don't say it"
        );
        claims.push(Claim::unproven("messages-carry", &what));
    }
    Ok(claims)
}
