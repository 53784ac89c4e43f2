//! `erase`: plans, erases, proves.

use std::collections::BTreeMap;

use candor::base::clock::Moment;
use candor::base::error::{Result, io};
use candor::profile::read;
use candor::store::{self, Access};
use candor::subject::erase::{CategoryDecision, CertificateForm, erase, issue_certificate, plan};

use serde_json::{Value, json};

use crate::args::Erase;
use crate::{Answer, Context};

pub fn run(context: &Context, args: &Erase) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    let subject = read::find_one(store.conn(), store.secret(), &rules.policy, &args.who)?;
    let sharing = read::sharing(store.conn(), store.secret(), store.words(), subject)?;
    if args.dry_run {
        let plan = plan(&store, &rules, subject, Moment::now())?;
        context.out.say("would erase (nothing was changed):");
        say(context, &plan.categories);
        context.out.say(format!("  {} consent statements and other sealed texts", plan.payloads));
        for recipient in &plan.recipients {
            context.out.say(format!("  to be told (Art 19): {}", recipient.recipient));
        }
        say_sharing(context, &sharing);
        context.out.give(&with_sharing(&plan, &sharing));
        return Ok(Answer::Yes);
    }
    // The certificate's file is made first: an erasure without its proof would be a pity.
    let file = args
        .certificate
        .as_deref()
        .map(|path| std::fs::File::create(path).map_err(io(path)).map(|file| (path, file)))
        .transpose()?;
    let certificate = erase(&mut store, &rules, subject, Moment::now())?;
    context.out.say(format!("erased, as ledger entry {}", certificate.entry));
    say(context, &certificate.categories);
    let scan = &certificate.scan;
    context.out.say(format!(
        "  looked at {} bytes of {} for {} erased values and rows: {} found",
        scan.bytes,
        scan.files.join(", "),
        scan.looked_for,
        scan.found
    ));
    context.out.say(format!(
        "  {} keyed fingerprints keep the person out",
        certificate.fingerprints.len()
    ));
    for recipient in &certificate.recipients {
        context.out.say(format!("  to be told (Art 19): {}", recipient.recipient));
    }
    if let Some((path, mut file)) = file {
        use std::io::Write;
        let form = match path.extension().is_some_and(|ending| ending == "html") {
            true => CertificateForm::Page,
            false => CertificateForm::Json,
        };
        let issued = issue_certificate(&mut store, &certificate, form, Moment::now())?;
        file.write_all(issued.as_bytes()).and_then(|()| file.sync_all()).map_err(io(path))?;
        context.out.say(format!("  certificate: {} (holds no personal data)", path.display()));
    }
    say_sharing(context, &sharing);
    context.out.give(&with_sharing(&certificate, &sharing));
    Ok(Answer::Yes)
}

/// Whom the same identifiers still lead to: other people, who were not asked to be erased.
fn say_sharing(context: &Context, sharing: &BTreeMap<String, Vec<String>>) {
    for (kind, ids) in sharing {
        context.out.say(format!("  others stay under the same {kind}: {}", ids.join(", ")));
    }
}

fn with_sharing(answer: &impl serde::Serialize, sharing: &BTreeMap<String, Vec<String>>) -> Value {
    let mut document = serde_json::to_value(answer).expect("answers are JSON");
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
                c.until.as_deref().unwrap_or_default()
            ));
        }
        context.out.say(line);
    }
}
