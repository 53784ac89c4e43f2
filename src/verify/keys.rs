//! The keys of a store, from its first entry on: who had to sign what, and whom the reader trusts.
//!
//! What the file says about its keys is worth nothing by itself: whoever can write it can name another
//! key. What counts is the checkpoint that the old key and the new one both signed, behind the entry that
//! names the new one; so it has to be here.

use rusqlite::Connection;

use crate::base::error::Result;
use crate::ledger::key_chain::{KeyChain, Reason};
use crate::ledger::scan::fields;
use crate::ledger::verify::Claim as Stated;
use crate::ledger::vkey::VerifierKey;
use crate::store::signing_keys;

use super::claim::Claim;
use super::facts::body;
use super::sql;

/// Follows the keys from the first one through the entries that hand over. `trusted` is the key that
/// the reader brought; one that isn't among the store's keys stands alone, and nothing will hold.
pub(super) fn chain(
    conn: &Connection,
    trusted: Option<&VerifierKey>,
    stored: &VerifierKey,
) -> Result<(KeyChain, Option<Claim>)> {
    let rows = signing_keys(conn).unwrap_or_default();
    let first: Option<VerifierKey> = rows.first().and_then(|(_, vkey)| vkey.parse().ok());
    let mut chain = KeyChain::new(first.clone().unwrap_or_else(|| stored.clone()));
    let mut claim = Claim::new(
        "keys",
        "each key after the first is the one that an entry brought in, and the one \
                    before it signed for it unless it was lost",
    );
    let first_stands = rows.first().is_some_and(|(entry, _)| *entry == 0) && first.is_some();
    claim.expect(first_stands, "key-chain", None, || {
        "the first key is not the one that came with the first entry".into()
    });
    for (entry, vkey) in rows.iter().skip(1) {
        claim.checked += 1;
        let leaf = sql::leaf(conn, *entry)?.unwrap_or_default();
        let said = fields(&leaf).ok().filter(|view| view.kind == "key.rotate");
        let said = said.map(|view| body(&view)).unwrap_or_default();
        let reason = said["why"].as_str().and_then(Reason::from_word);
        let same = said["vkey"].as_str() == Some(vkey)
            && said["was"].as_str() == Some(&chain.current().to_string());
        let handed = match (reason, vkey.parse(), u64::try_from(*entry)) {
            (Some(reason), Ok(key), Ok(n)) if same => chain.hand_over(n, key, reason).is_ok(),
            _ => false,
        };
        claim.expect(handed, "key-chain", Some(*entry), || {
            "the ledger doesn't say that this key follows the one before".into()
        });
    }
    if let Some(trusted) = trusted {
        if !chain.holds(trusted) {
            return Ok((KeyChain::new(trusted.clone()), None));
        }
        if let Some(cut) = chain.cut_after(trusted) {
            let entry = i64::try_from(cut.entry).ok();
            let (code, what) = match cut.reason {
                Reason::Stolen => (
                    "key-stolen",
                    "the key that was handed in was declared stolen: it vouches for no key after it",
                ),
                _ => (
                    "key-lost",
                    "the key that was handed in was lost: it didn't sign the key after it",
                ),
            };
            claim.find(code, entry, format!("{what}; ask the controller for the present key"));
        }
    }
    let told = claim.checked > 0 || !claim.faults.is_empty();
    Ok((chain, told.then_some(claim)))
}

/// Finds each key that the one before it didn't sign for. `own` are the store's checkpoints, each signed
/// by those whose time it was.
pub(super) fn signed_for(chain: &KeyChain, own: &[Stated], claim: &mut Claim) {
    for (size, tenure) in chain.hand_overs() {
        let signed = own.iter().any(|stated| stated.size == size);
        claim.expect(signed, "handover-missing", i64::try_from(tenure.entry).ok(), || {
            format!("no checkpoint of {size} entries is here that both this key and the one before it signed")
        });
    }
}
