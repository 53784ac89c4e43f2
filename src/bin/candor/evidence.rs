//! `audit prove|check|bundle`: proofs for outsiders, and how an outsider checks one.

use std::path::Path;

use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::evidence::check::{self, Checked};
use candor::evidence::{self, Disclose, End, Opening, Selection, Whose};
use candor::ledger::checkpoint::Trust;
use candor::ledger::commit::ItemKind;
use candor::ledger::vkey::VerifierKey;
use candor::profile::lookup;
use candor::store::{self, Access, OutFile, Store};
use serde_json::json;

use crate::args::{Bundle, Check, Prove};
use crate::identity::check_named_once;
use crate::output::counted;
use crate::time::moment;
use crate::{Answer, Context};

pub fn prove(context: &Context, args: &Prove) -> Result<Answer> {
    check_named_once([&args.out, &args.leaf])?;
    let out = args.out.as_deref().map(|path| context.claim(path)).transpose()?;
    if let Some(from) = &args.from {
        return prove_growth(context, args, from, out);
    }
    let leaf = args.leaf.as_deref().map(|path| context.claim(path)).transpose()?;
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let item = [(ItemKind::Value, args.value), (ItemKind::Event, args.event)];
    let item = item.into_iter().find_map(|(kind, n)| n.map(|n| (kind, number(n))));
    let entry = number(args.entry.unwrap_or_default());
    let whose = match item {
        Some((kind, n)) => Some(Whose::Item(kind, n)),
        None => args.open.then_some(Whose::Payload(entry)),
    };
    let store = open(context, whose)?;
    let proof = match item {
        Some((kind, n)) => evidence::item(store.conn(), kind, n)?,
        None if args.open => evidence::entry(store.conn(), entry, Opening::Opened)?,
        None => evidence::entry(store.conn(), entry, Opening::Sealed)?,
    };
    if let Some(leaf) = leaf {
        leaf.write(proof.entries[0].leaf.as_bytes())?;
    }
    let text = if context.out.is_json() { proof.to_file() } else { proof.to_proof_text()? };
    hand_out(context, args.out.as_deref().zip(out), &text)
}

/// Opens the store. A look at what belongs to a person is written into the ledger.
fn open(context: &Context, whose: Option<Whose>) -> Result<Store> {
    let Some(whose) = whose else { return context.open(Access::Read) };
    let mut store = context.open(Access::Write)?;
    if let Some(subject) = evidence::subject_of(store.conn(), whose)? {
        if store.signer().is_some() {
            lookup::record_read(&mut store, subject, "audit.prove", Moment::now())?;
        } else {
            context.out.note("the key isn't here, so the ledger can't note that this was asked");
        }
        context.out.note("this proof shows personal data: give it to nobody but whom it is for");
    }
    Ok(store)
}

fn prove_growth(
    context: &Context,
    args: &Prove,
    from: &str,
    out: Option<OutFile>,
) -> Result<Answer> {
    let store = context.open(Access::Read)?;
    let from = end(from)?;
    let to = match &args.to {
        Some(to) => end(to)?,
        None => End::Size(evidence::latest_size(store.conn())?),
    };
    let (old, growth) = evidence::growth(store.conn(), &from, &to)?;
    let text =
        if context.out.is_json() { growth.to_file() } else { growth.to_witness_text(old)? };
    hand_out(context, args.out.as_deref().zip(out), &text)
}

/// A checkpoint by its size, or by a file that carries it.
fn end(text: &str) -> Result<End> {
    if let Ok(size) = text.parse() {
        return Ok(End::Size(size));
    }
    let note = check::checkpoint_in(Path::new(text))?;
    Ok(End::Note(String::from_utf8_lossy(&note).into_owned()))
}

fn hand_out(context: &Context, out: Option<(&Path, OutFile)>, text: &str) -> Result<Answer> {
    match out {
        Some((path, out)) => {
            out.write(text.as_bytes())?;
            context.out.note(format!("written to {}", path.display()));
        }
        None => context.out.raw(text),
    }
    Ok(Answer::Yes)
}

pub fn check(context: &Context, args: &Check) -> Result<Answer> {
    let keys = |texts: &[String]| -> Result<Vec<VerifierKey>> {
        texts.iter().map(|text| text.parse()).collect()
    };
    let log_keys = keys(&args.key)?;
    let origin = args.origin.clone().unwrap_or_else(|| log_keys[0].name().to_owned());
    let trust = Trust { origin, log_keys, witness_keys: keys(&args.witness)? };
    let kept = args.checkpoint.as_deref().map(check::checkpoint_in).transpose()?;
    let checked = check::check(&args.artefact, &trust, kept.as_deref())?;
    say(context, &args.artefact, &checked);
    context.out.give(&checked);
    Ok(if checked.holds { Answer::Yes } else { Answer::No })
}

fn say(context: &Context, path: &Path, checked: &Checked) {
    let out = &context.out;
    out.say(format!("{}: {}", path.display(), checked.artefact));
    if let Some((code, what, place)) = &checked.broken {
        let place = if place.is_empty() { String::new() } else { format!(" ({place})") };
        out.say(format!("DOES NOT HOLD  {code}: {what}{place}"));
    }
    for line in &checked.proven {
        out.say(format!("proven         {line}"));
    }
    for line in &checked.not_proven {
        out.say(format!("not proven     {line}"));
    }
    if checked.holds {
        out.say(format!("it holds, by the key of {}", checked.origin));
    }
}

pub fn bundle(context: &Context, args: &Bundle) -> Result<Answer> {
    context.check_apart(&args.folder)?;
    let signs = store::key_path(context.path()?).exists();
    let mut store = context.open(if signs { Access::Write } else { Access::Read })?;
    let disclose = match &args.subject {
        Some(who) => {
            let rules = store::latest(store.conn(), store.words())?;
            Disclose::Subject(context.find_one(&store, &rules.policy, who)?)
        }
        None if args.pseudonymous => Disclose::Pseudonymous,
        None => Disclose::Everything,
    };
    let from = bound(&store, args.from.as_deref())?.unwrap_or(0);
    let to = bound(&store, args.to.as_deref())?.unwrap_or(u64::MAX);
    let selection = Selection { from, to, disclose };
    evidence::check_bundle(store.conn(), selection, &args.folder)?;
    if store.signer().is_some() {
        enter(&mut store, disclose)?;
    } else {
        context.out.note("the key isn't here, so the ledger can't note that this was asked");
    }
    let bundled = evidence::bundle(store.conn(), selection, &args.folder)?;
    let out = &context.out;
    out.say(format!(
        "{}: {} under its checkpoint",
        bundled.folder,
        counted(bundled.size, "entry", "entries")
    ));
    out.say(format!(
        "  entries      {} whole, {} by their hashes only",
        bundled.entries, bundled.entries_left_out
    ));
    out.say(format!(
        "  payloads     {} disclosed, {} left out, {} gone (erased, or else the verifier says MISSING)",
        bundled.payloads, bundled.payloads_left_out, bundled.payloads_gone
    ));
    out.say(format!(
        "  checkpoints  {} earlier ones, {} time-stamps",
        bundled.checkpoints, bundled.timestamps
    ));
    out.say(format!("  verifier     verify_bundle.py, SHA-256 {}", bundled.verifier_sha256));
    out.say("  HOWTO.txt says how to check it without candor");
    if disclose != Disclose::Pseudonymous && bundled.payloads > 0 {
        out.note("it holds personal data: give it to nobody but whom it is for");
    }
    out.give(&bundled);
    Ok(Answer::Yes)
}

/// Writes into the ledger that somebody looked, before the look: so the bundle shows it.
fn enter(store: &mut Store, disclose: Disclose) -> Result<()> {
    let now = Moment::now();
    match disclose {
        Disclose::Subject(subject) => _ = lookup::record_read(store, subject, "audit.bundle", now)?,
        Disclose::Everything | Disclose::Pseudonymous => {
            let what = if disclose == Disclose::Everything { "everything" } else { "pseudonymous" };
            store
                .write(now, |writer| writer.append("access.bundle", json!({"disclosed": what})))?;
        }
    }
    Ok(())
}

/// An entry's number, or the first entry at or after a moment.
fn bound(store: &Store, text: Option<&str>) -> Result<Option<u64>> {
    let Some(text) = text else { return Ok(None) };
    if let Ok(number) = text.parse() {
        return Ok(Some(number));
    }
    let at = moment(store, text).map_err(|error: Error| {
        error.next("name an entry by its number, or a moment such as 2026-03-05")
    })?;
    Ok(Some(u64::try_from(store::first_entry_from(store.conn(), at)?).unwrap_or(0)))
}
