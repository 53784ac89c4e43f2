//! When a row was observed, where its source says so.

use super::dates::{DateReader, When};
use super::record::{FieldRefusal, RefusalReason};
use super::row::{Plan, Row};
use super::take::Taker;
use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::policy::types::Take;

/// Reads the field of a row's time.
pub(super) struct ObservedReader {
    taker: Taker,
    dates: DateReader,
}

/// What a row says of its time.
#[derive(Default)]
pub(super) struct Observed {
    /// When it was observed, where that can be taken.
    pub at: Option<Moment>,
    /// The same, also where it lies in the future: a consent counts from its own time, and a yes that
    /// is dated ahead must not come into force today.
    pub said: Option<When>,
    /// Why its time can't be taken.
    pub refused: Option<FieldRefusal>,
}

impl ObservedReader {
    /// Resolves a take.
    pub fn new(take: &Take, plan: &mut Plan, dates: DateReader) -> Result<ObservedReader> {
        Ok(ObservedReader { taker: Taker::new(take, plan)?, dates })
    }

    /// The time of a row; what is later than `latest` hasn't come yet.
    pub fn read(&mut self, row: &Row, latest: Moment) -> Observed {
        let mut refused = Vec::new();
        let Some((text, kind)) = self.taker.text(row, &mut refused) else {
            return Observed { refused: refused.pop(), ..Observed::default() };
        };
        let at = self.dates.moment(text, kind);
        let refused = match at {
            None => Some(self.taker.refusal(RefusalReason::InvalidTime)),
            Some(at) if at > latest => Some(self.taker.refusal(RefusalReason::InFuture)),
            Some(_) => None,
        };
        let said = at.and_then(|_| self.dates.when(text, kind));
        Observed { at: at.filter(|_| refused.is_none()), said, refused }
    }
}
