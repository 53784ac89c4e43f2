//! How often one key or token may call: so many times in any period, and no more (429), so that one caller
//! leaves room for the others and nobody tries out names by the thousand.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::clock::Moment;
use crate::policy::types::Rate;

/// Who calls: a key or a token, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A write key.
    Key(i64),
    /// A token.
    Token(i64),
}

/// The rates, and when each caller's next call is due by them.
#[derive(Debug, Default)]
pub struct Rates {
    keys: Option<Rate>,
    tokens: Option<Rate>,
    /// In microseconds since 1970. Only keys and tokens that hold are here, so it is as small as they are few.
    due: Mutex<HashMap<Caller, i64>>,
}

const SECOND: i64 = 1_000_000;

impl Rates {
    /// Those of keys and of tokens; none is without a limit.
    pub fn new(keys: Option<Rate>, tokens: Option<Rate>) -> Rates {
        Rates { keys, tokens, due: Mutex::default() }
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// Whole seconds after which one will be let through.
    pub fn take(&self, caller: Caller, now: Moment) -> Result<(), u64> {
        let rate = match caller {
            Caller::Key(_) => self.keys,
            Caller::Token(_) => self.tokens,
        };
        let Some(Rate { count, seconds }) = rate else { return Ok(()) };
        let now = now.0 * 1_000;
        let period = i64::from(seconds) * SECOND;
        let each = (period / i64::from(count.max(1))).max(1);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.get(&caller).copied().unwrap_or(now).max(now);
        // All of a period's calls may come at once; each moves the next one's due time on.
        let early = next - now - (period - each);
        if early > 0 {
            return Err(u64::try_from((early + SECOND - 1) / SECOND).unwrap_or(1));
        }
        due.insert(caller, next + each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Who comes again when told to is let through; and no more than the rate ever is.
        #[test]
        fn the_wait_that_is_told_is_true(count in 1..20_u32, seconds in 1..90_u32, gaps in prop::collection::vec(0..4_000_i64, 1..200)) {
            let rates = Rates::new(None, Some(Rate { count, seconds }));
            let (mut now, mut let_through) = (1_000_000, Vec::new());
            for gap in gaps {
                now += gap;
                match rates.take(Caller::Token(1), Moment(now)) {
                    Ok(()) => let_through.push(now),
                    Err(wait) => {
                        prop_assert!(wait >= 1 && wait <= u64::from(seconds));
                        now += i64::try_from(wait).unwrap() * 1_000;
                        prop_assert_eq!(rates.take(Caller::Token(1), Moment(now)), Ok(()));
                        let_through.push(now);
                    }
                }
            }
            // In any period what stood ready at its beginning, and what became due in it.
            for (n, from) in let_through.iter().enumerate() {
                let to = from + i64::from(seconds) * 1_000;
                let within = let_through[n..].iter().take_while(|at| **at < to).count();
                prop_assert!(within <= 2 * count as usize, "{within} in a period of {count}");
            }
        }
    }

    #[test]
    fn callers_do_not_share_and_no_rate_is_no_limit() {
        let rates = Rates::new(None, Some(Rate { count: 1, seconds: 10 }));
        assert_eq!(rates.take(Caller::Token(1), Moment(0)), Ok(()));
        assert_eq!(rates.take(Caller::Token(1), Moment(1)), Err(10));
        assert_eq!(rates.take(Caller::Token(2), Moment(1)), Ok(()));
        for _ in 0..1_000 {
            assert_eq!(rates.take(Caller::Key(1), Moment(1)), Ok(()));
        }
    }
}
