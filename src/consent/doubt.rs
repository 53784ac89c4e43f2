//! What a row says of a consent in words that the policy doesn't know: it may be a "no", so it takes effect as
//! one, and whatever yes is in force isn't any more.
//!
//! It is recorded as a consent that is invalidated, with the version of the policy that couldn't read it, and
//! without the word, which may be anything. Nobody has said no, though: what another version of the policy
//! reads of that row's very moment takes its place, whatever that is, and nothing is forgotten meanwhile.

use crate::base::clock::Moment;
use crate::collect::Timed;
use crate::policy::types::ConsentState;

use super::history::NewStatement;
use super::statement::{Axis, Statement};

/// How it was said, in the words of the record.
pub const METHOD: &str = "a word that the policy does not know";

/// The version of the policy that couldn't read what a statement records; `None` where it isn't a doubt.
pub fn unread_under(said: &Statement) -> Option<u32> {
    let is_doubt = said.axis == Axis::Consent && said.state == ConsentState::Invalidated;
    (is_doubt && said.every_days != 0).then_some(said.every_days)
}

/// Whether a statement is a doubt in whose place there is by now what its row was read to say.
pub fn is_answered(doubt: &Statement, said: &[Statement], known: Moment) -> bool {
    let answers = |s: &Statement| {
        let is_of_the_row = (s.source, s.record) == (doubt.source, doubt.record);
        let same = is_of_the_row && s.matter() == doubt.matter() && s.valid_at == doubt.valid_at;
        same && s.n > doubt.n && s.recorded_at <= known && unread_under(s).is_none()
    };
    unread_under(doubt).is_some() && said.iter().any(answers)
}

/// The last doubt about what a record's row says of a moment; `said` is what the record said so far.
pub fn about(said: &[Statement], new: &NewStatement) -> Option<Statement> {
    let doubts = said.iter().filter(|s| {
        let of = (s.axis, s.purpose, s.channel, s.source, s.valid_at);
        of == (new.axis, new.purpose, new.channel, new.source, new.valid_at)
            && unread_under(s).is_some()
    });
    doubts.max_by_key(|s| s.n).copied()
}

/// Of a doubt what the record hasn't said already. Where the row is older than a yes of the same record, the
/// row has changed since: the doubt is as young as that yes.
pub fn unsaid(said: &[Statement], mut new: NewStatement, timed: Timed) -> Option<NewStatement> {
    let matter = (new.axis, new.purpose, new.channel, new.source);
    let same_matter = |s: &&Statement| (s.axis, s.purpose, s.channel, s.source) == matter;
    let last = said.iter().filter(same_matter).max_by_key(|s| (s.valid_at, s.n)).copied();
    if let (Timed::ByItsRow | Timed::Restated, Some(last)) = (timed, last)
        && last.valid_at > new.valid_at
    {
        (new.valid_at, new.undated) = (last.valid_at, true);
    }
    let same_moment = said.iter().filter(same_matter).filter(|s| s.valid_at == new.valid_at);
    let before = same_moment.max_by_key(|s| s.n);
    before.is_none_or(|before| unread_under(before).is_none()).then_some(new)
}
