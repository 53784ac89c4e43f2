//! When something is tried again, and how much may go to a destination now. Pure: moments and chance are
//! handed in.

use std::collections::VecDeque;

use crate::base::clock::Moment;
use crate::policy::types::Rate;

/// The first wait, and how much longer each next one is (milliseconds).
const FIRST_MS: i64 = 1_000;
const FACTOR: i64 = 5;
/// The longest wait (milliseconds).
const LONGEST_MS: i64 = 6 * 3_600_000;
/// The longest that a recipient can make candor wait by `Retry-After` (milliseconds).
const LONGEST_ASKED_MS: i64 = 24 * 3_600_000;

/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;
/// How long it stays open at first, and at most (milliseconds).
const OPEN_MS: i64 = 30_000;
const OPEN_LONGEST_MS: i64 = 3_600_000;

/// How long to wait after the `attempt`th try: between a half and the whole of 1 s, 5 s, 25 s … 6 h, so
/// that what failed together doesn't come back together; at least as long as the recipient asked for.
pub fn wait_ms(attempt: i64, chance: u64, asked_seconds: Option<u64>) -> i64 {
    let power = u32::try_from(attempt.max(1) - 1).unwrap_or(u32::MAX).min(12);
    let whole = FIRST_MS.saturating_mul(FACTOR.saturating_pow(power)).min(LONGEST_MS);
    let half = whole / 2;
    let spread = half.unsigned_abs() + 1;
    let own = half + i64::try_from(chance % spread).unwrap_or(0);
    let asked = asked_seconds.map_or(0, |s| i64::try_from(s).unwrap_or(i64::MAX / 1_000));
    own.max(asked.saturating_mul(1_000).min(LONGEST_ASKED_MS))
}

/// How much may go to one destination now: by its rate, and by how its last answers were.
#[derive(Debug, Default)]
pub struct Gauge {
    sent: VecDeque<Moment>,
    failures: u32,
    opened: u32,
    open_until: Moment,
}

impl Gauge {
    /// How many messages may go now, of at most so many.
    pub fn room(&mut self, rate: Option<Rate>, now: Moment, most: usize) -> usize {
        if now < self.open_until {
            return 0;
        }
        // Once the time is over, one message tries whether the recipient is back.
        let most = if self.failures >= FAILURES { most.min(1) } else { most };
        let Some(Rate { count, seconds }) = rate else { return most };
        let since = now.0 - 1_000 * i64::from(seconds);
        while self.sent.front().is_some_and(|at| at.0 <= since) {
            self.sent.pop_front();
        }
        most.min((count as usize).saturating_sub(self.sent.len()))
    }

    /// Until when nothing goes, where that is after a moment.
    pub fn paused_until(&self, now: Moment) -> Option<Moment> {
        (now < self.open_until).then_some(self.open_until)
    }

    /// Notes that a message goes.
    pub fn note_sent(&mut self, rate: Option<Rate>, now: Moment) {
        if rate.is_some() {
            self.sent.push_back(now);
        }
    }

    /// Notes that the recipient answered, whatever it said.
    pub fn note_answer(&mut self) {
        (self.failures, self.opened) = (0, 0);
    }

    /// Notes that the recipient couldn't be reached, or can't take anything now.
    pub fn note_failure(&mut self, now: Moment) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            let open = OPEN_MS.saturating_mul(1 << self.opened.min(16)).min(OPEN_LONGEST_MS);
            self.open_until = Moment(now.0 + open);
            self.opened += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_second_to_six_hours_and_never_meet() {
        let bounds = |attempt| (wait_ms(attempt, 0, None), wait_ms(attempt, u64::MAX - 1, None));
        for (attempt, whole) in [(1, 1), (2, 5), (3, 25), (4, 125), (7, 15_625), (8, 21_600)] {
            let whole = whole * 1_000;
            let (least, most) = bounds(attempt);
            assert_eq!(least, whole / 2, "{attempt}");
            assert!((whole / 2..=whole).contains(&most), "{attempt}: {most}");
            assert_eq!(
                wait_ms(attempt, u64::try_from(whole / 2).unwrap(), None),
                whole,
                "{attempt}"
            );
        }
        assert_eq!(bounds(99).0, LONGEST_MS / 2, "and no longer");
    }

    #[test]
    fn a_recipient_is_heeded_within_a_day() {
        assert_eq!(wait_ms(1, 0, Some(120)), 120_000);
        assert_eq!(wait_ms(8, 0, Some(1)), LONGEST_MS / 2, "never sooner than by itself");
        assert_eq!(wait_ms(1, 0, Some(u64::MAX)), LONGEST_ASKED_MS);
    }

    #[test]
    fn five_failures_open_the_circuit_and_one_tries() {
        let mut gauge = Gauge::default();
        let at = |seconds: i64| Moment(1_000 * seconds);
        for _ in 0..4 {
            gauge.note_failure(at(0));
            assert_eq!(gauge.room(None, at(0), 16), 16);
        }
        gauge.note_failure(at(0));
        assert_eq!(gauge.room(None, at(29), 16), 0);
        assert_eq!(gauge.room(None, at(30), 16), 1, "one tries");
        gauge.note_failure(at(30));
        assert_eq!(gauge.room(None, at(89), 16), 0, "twice as long");
        assert_eq!(gauge.room(None, at(90), 16), 1);
        gauge.note_answer();
        assert_eq!(gauge.room(None, at(90), 16), 16);
        gauge.note_failure(at(91));
        assert_eq!(gauge.room(None, at(91), 16), 16, "counted anew");
    }

    #[test]
    fn a_rate_holds_in_any_period() {
        let (mut gauge, rate) = (Gauge::default(), Some(Rate { count: 3, seconds: 2 }));
        for at in [0, 500, 1_900] {
            assert!(gauge.room(rate, Moment(at), 16) > 0, "{at}");
            gauge.note_sent(rate, Moment(at));
        }
        assert_eq!(gauge.room(rate, Moment(1_999), 16), 0);
        assert_eq!(gauge.room(rate, Moment(2_000), 16), 1);
        assert_eq!(gauge.room(rate, Moment(2_500), 16), 2);
        assert_eq!(gauge.room(rate, Moment(9_000), 2), 2);
    }
}
