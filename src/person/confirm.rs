//! A consent is confirmed by the link that was mailed for it: looking changes nothing, so that programs that
//! look through mails confirm nothing; saying yes does, once.

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::AsOf;
use crate::consent::history::{History, Shown, shown_with};
use crate::consent::permit::Asked;
use crate::consent::sql as consent_sql;
use crate::consent::statement::Statement;
use crate::policy::rulebook::{PurposeRule, Rulebook};
use crate::send::opt_in::{is_token, print_of, sql as opt_in_sql};
use crate::send::sql as send_sql;
use crate::store::{Store, latest, notice_texts};

use super::say::{Yes, best_of, yes};

/// What a link asks to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The controller.
    pub controller: String,
    /// The purpose in plain words.
    pub title: String,
    /// The channel; empty for a purpose without any.
    pub channel: String,
    /// The notice that was shown in the form: its language and its text.
    pub notice: Option<(String, String)>,
}

/// A link that works: what it is about, with all that a confirmation needs.
struct Works {
    said: Statement,
    shown: Shown,
    mailed_at: Moment,
    rule: PurposeRule,
}

/// Finds what a token confirms. A link that ended, was used, or is of somebody who took back what they asked for,
/// or was erased, is as good as one that never was.
fn works(store: &Store, rules: &Rulebook, token: &str, now: Moment) -> Result<Option<Works>> {
    let conn = store.conn();
    if !is_token(token) {
        return Ok(None);
    }
    let print = print_of(store.secret(), token);
    let found = opt_in_sql::by_print(conn, &print)?.filter(|found| now < found.until);
    let Some(found) = found else { return Ok(None) };
    let Some(said) = consent_sql::statement(conn, found.statement)? else { return Ok(None) };
    let Some(subject) = send_sql::subject_of(conn, found.record)? else { return Ok(None) };
    let Some(rule) = rules.rule(said.purpose) else { return Ok(None) };
    let standing = History::load(conn, subject)?.standing_of(said.home, AsOf::at(now));
    if Asked::look(rule, said.channel, &standing, now).is_err() {
        return Ok(None);
    }
    let shown = shown_with(conn, found.statement)?;
    Ok(Some(Works { said, shown, mailed_at: found.mailed_at, rule: rule.clone() }))
}

/// What a link asks; `None` where it says nothing, or nothing more. Changes nothing. Where it isn't known in which
/// language the notice was shown, it is in the best of these.
///
/// # Errors
/// Those of reading.
pub fn look(
    store: &Store,
    token: &str,
    languages: &[&str],
    now: Moment,
) -> Result<Option<Question>> {
    let rules = latest(store.conn(), store.words())?;
    let Some(Works { said, shown, rule, .. }) = works(store, &rules, token, now)? else {
        return Ok(None);
    };
    let texts = match &shown.notice {
        Some((name, version)) => notice_texts(store.conn(), name, *version)?,
        None => Vec::new(),
    };
    let at = best_of(&texts, shown.language.as_deref(), languages);
    Ok(Some(Question {
        controller: rules.policy.controller.name.clone(),
        title: rule.purpose.title.clone(),
        channel: match said.channel {
            0 => String::new(),
            code => rules.channel_name(code).to_owned(),
        },
        notice: at.and_then(|at| texts.into_iter().nth(at)),
    }))
}

/// Confirms what a link asks: from now on the consent is given, under the notice that the form showed. The link
/// works no more after that. Returns whether it worked.
///
/// # Errors
/// Those of [`Store::write`].
pub fn confirm(store: &mut Store, token: &str, now: Moment) -> Result<bool> {
    let decide = |store: &Store, now: Moment| {
        let rules = latest(store.conn(), store.words())?;
        let works = works(store, &rules, token, now)?;
        Ok((rules, works))
    };
    store.decide_and_write(now, decide, |writer, (rules, works)| {
        let Some(Works { said, shown, mailed_at, rule }) = works else { return Ok(false) };
        let Some(notice) = shown.notice else { return Ok(false) };
        opt_in_sql::end(writer.conn, &said)?;
        let given = Yes {
            rule: &rule,
            channel: said.channel,
            notice,
            language: shown.language,
            explicit: said.explicit,
            confirmed: true,
            was_mailed: true,
            method: "double opt-in",
            evidence: format!("asked in entry {}, link mailed {mailed_at}", said.n),
        };
        yes(writer, &rules, said.record, &given)?;
        Ok(true)
    })
}
