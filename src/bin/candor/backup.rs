//! `backup` and `restore`.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::Access;
use candor::subject::backup::{self, Certificates};

use crate::args::{Backup, Restore};
use crate::{Answer, Context};

pub fn backup(context: &Context, args: &Backup) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let report = backup::backup(&mut store, &args.file, Moment::now())?;
    context.out.say(format!("{}: {} ledger entries", args.file.display(), report.entries));
    context.out.say(
        "the key isn't in it: keep a copy of the key, and of the journal beside it, elsewhere",
    );
    context.out.give(&report);
    Ok(Answer::Yes)
}

pub fn restore(context: &Context, args: &Restore) -> Result<Answer> {
    let path = context.path()?;
    let vouched = match args.all_certificates {
        true => Certificates::Complete(&args.certificates),
        false => Certificates::Some(&args.certificates),
    };
    let now = Moment::now();
    let report = context.secrets.with(|unlocking| {
        backup::restore_with(path, &args.backup, vouched, &context.actor, now, unlocking)
    })?;
    context.out.say(format!(
        "{} is back with {} ledger entries; the key had signed {}",
        path.display(),
        report.entries_in_backup,
        report.entries_signed_before
    ));
    context.out.say(format!(
        "{} later erasures were repeated ({} records); what else came after the backup is lost, withdrawals and \
         objections too: take them in again before anything is sent",
        report.erasures_repeated, report.records_erased
    ));
    context.out.say(format!("the ledger says so in entry {}", report.entry));
    context.out.give(&report);
    Ok(Answer::Yes)
}
