//! `erase`: plans, erases, proves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::base::path::with_ending;
use candor::profile::{lookup, read};
use candor::send::outbox::{Worker, recalls_waiting};
use candor::store::{self, Access, Store};
use candor::subject::certificate::{
    Certificate, CertificateForm, HOLDS, certificate_of, issue_certificate,
};
use candor::subject::erase::{CategoryDecision, RecipientToTell, erase, plan};

use serde_json::{Value, json};

use crate::args::Erase;
use crate::outbox;
use crate::output::counted;
use crate::{Answer, Context};

pub fn run(context: &Context, args: &Erase) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    let subject = context.find_one(&store, &rules.policy, &args.who)?;
    let sharing = read::sharing(store.conn(), store.secret(), store.words(), subject)?;
    let joins = lookup::joins_by_judgement(store.conn(), subject)?;
    if args.dry_run {
        let plan = plan(&store, &rules, subject, Moment::now())?;
        context.out.say("would erase (nothing was changed):");
        say(context, &plan.categories);
        context.out.say(format!("  {} consent statements and other sealed texts", plan.payloads));
        plan.recipients.iter().for_each(|recipient| say_recipient(context, recipient));
        say_sharing(context, &sharing);
        if joins > 0 {
            context.out.say(format!(
                "  {} by hand or by likeness would be erased as one person: `candor profile show {}` lists them, and \
                 `candor profile split` parts first who is somebody else",
                counted(joins as u64, "profile joined", "profiles joined"),
                args.who
            ));
        }
        context.out.give(&with_sharing(&plan, &sharing, joins));
        return Ok(Answer::Yes);
    }
    // Before anything is done: a certificate that can't be written is no reason to lose it.
    if let Some(path) = &args.certificate {
        store::check_free(path, Some(store.path()))?;
    }
    let certificate = outbox::when_sent(context, &mut store, subject, |store| {
        erase(store, &rules, subject, Moment::now())
    })?;
    context.out.say(format!("erased, as ledger entry {}", certificate.entry));
    say(context, &certificate.categories);
    context.out.say(format!("  {}", certificate.scan.sentence()));
    context.out.say(format!(
        "  {} keyed fingerprints keep the person out",
        certificate.fingerprints.len()
    ));
    if let Some(id) = &certificate.kept_as {
        context.out.say(format!(
            "  what the law keeps is found as {id}: `candor access {id} --out DIR` answers for it"
        ));
    }
    certificate.recipients.iter().for_each(|recipient| say_recipient(context, recipient));
    let path = args.certificate.clone().unwrap_or_else(|| free_path(&store, &certificate));
    write_certificate(context, &mut store, &certificate, &path)?;
    if certificate.recipients.iter().any(|recipient| recipient.told_by_message) {
        tell_recipients(context)?;
    }
    say_sharing(context, &sharing);
    if joins > 0 {
        let joined = counted(joins as u64, "profile joined", "profiles joined");
        context.out.say(format!("  {joined} with it by hand or by likeness went with it"));
    }
    context.out.give(&with_sharing(&certificate, &sharing, joins));
    Ok(Answer::Yes)
}

fn say_recipient(context: &Context, to_tell: &RecipientToTell) {
    let by = if to_tell.told_by_message { ", by a message" } else { "" };
    context.out.say(format!("  to be told (Art 19): {}{by}", to_tell.recipient));
}

/// How long recipients are tried before the rest is left to `serve`.
const TOLD_FOR: Duration = Duration::from_secs(6);

/// Tells recipients to delete, since nothing else may be running that does. What they don't take now waits.
fn tell_recipients(context: &Context) -> Result<()> {
    let until = Instant::now() + TOLD_FOR;
    let mut worker = Worker::for_recalls(context.open(Access::Write)?, Arc::new(Moment::now))
        .as_long_as(move || Instant::now() < until);
    while Instant::now() < until {
        if worker.turn().is_err() || recalls_waiting(worker.store())? == 0 {
            break;
        }
        std::thread::sleep(worker.rest());
    }
    match recalls_waiting(worker.store())? {
        0 => context.out.say("  recipients were told by messages, and took them"),
        waiting => context.out.say(format!(
            "  {} to recipients wait: `candor serve` and `candor outbox run` send them",
            counted(waiting, "message", "messages")
        )),
    }
    Ok(())
}

/// `request certificate`: the certificate of an erasure, again.
pub fn again(context: &Context, request: i64, out: Option<&Path>) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let certificate = certificate_of(&mut store, request, Moment::now())?;
    let path = out.map_or_else(|| default_path(&store, &certificate), Path::to_owned);
    store::check_free(&path, Some(store.path()))?;
    write_certificate(context, &mut store, &certificate, &path)?;
    context.out.give(&certificate);
    Ok(Answer::Yes)
}

/// Beside the store, named after the request.
fn default_path(store: &Store, certificate: &Certificate) -> PathBuf {
    with_ending(store.path(), &format!(".certificate-{}.json", certificate.request))
}

/// Like [`default_path`], and where that is taken, named after the ledger's entry: requests' numbers are
/// given again after a restore from a backup, and an erasure that is done must end with its certificate.
fn free_path(store: &Store, certificate: &Certificate) -> PathBuf {
    let path = default_path(store, certificate);
    match path.exists() {
        false => path,
        true => with_ending(
            store.path(),
            &format!(".certificate-{}-entry-{}.json", certificate.request, certificate.entry),
        ),
    }
}

fn write_certificate(
    context: &Context,
    store: &mut Store,
    certificate: &Certificate,
    path: &Path,
) -> Result<()> {
    let form = match path.extension().is_some_and(|ending| ending == "html") {
        true => CertificateForm::Page,
        false => CertificateForm::Json,
    };
    let issued = issue_certificate(store, certificate, form, Moment::now())?;
    let written = context.claim(path).and_then(|out| out.write(issued.as_bytes()));
    written.map_err(|error| {
        let number = certificate.request;
        error.next(format!("the erasure is done; `candor request certificate {number}` writes it"))
    })?;
    context.out.say(format!("  certificate: {}", path.display()));
    context.out.say(format!("               it holds {HOLDS}"));
    Ok(())
}

/// Whom the same identifiers still lead to: other people, who were not asked to be erased.
fn say_sharing(context: &Context, sharing: &BTreeMap<String, Vec<String>>) {
    for (kind, ids) in sharing {
        context.out.say(format!("  others stay under the same {kind}: {}", ids.join(", ")));
    }
}

fn with_sharing(
    answer: &impl serde::Serialize,
    sharing: &BTreeMap<String, Vec<String>>,
    joins: usize,
) -> Value {
    let mut document = serde_json::to_value(answer).expect("answers are JSON");
    document["joined_by_hand_or_likeness"] = joins.into();
    document["others_under_the_same_identifiers"] = json!(sharing);
    document
}

fn say(context: &Context, categories: &[CategoryDecision]) {
    for c in categories {
        let mut line = format!("  {:<12} {} erased", c.category, c.erased);
        if c.kept > 0 {
            line.push_str(&format!(
                ", {} kept: {}, {}, until {}",
                c.kept,
                c.ground.as_deref().unwrap_or_default(),
                c.because.as_deref().unwrap_or_default(),
                c.until_words()
            ));
        }
        context.out.say(line);
    }
}
