//! How fast the writer takes items in, and so how long a full queue needs to make room.

/// The rate before anything was measured, in items a second: a disk that flushes twenty times a second,
/// ten items each.
const FIRST_GUESS: f64 = 200.0;

/// The weight of the newest measurement.
const NEWEST: f64 = 0.3;

/// The longest time that a sender is told to wait, in seconds.
const WAIT_SECONDS_MAX: u64 = 120;

/// Measures the pace.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    items_a_second: f64,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { items_a_second: FIRST_GUESS }
    }
}

impl Pace {
    /// Learns that so many items took so many milliseconds.
    pub fn learn(&mut self, items: usize, took_ms: i64) {
        if items == 0 {
            return;
        }
        let seconds = (took_ms.max(1) as f64) / 1000.0;
        let measured = items as f64 / seconds;
        self.items_a_second += NEWEST * (measured - self.items_a_second);
    }

    /// Whole seconds until so many items are through; one at least.
    pub fn seconds_for(&self, items: usize) -> u64 {
        let seconds = (items as f64 / self.items_a_second.max(0.1)).ceil();
        (seconds as u64).clamp(1, WAIT_SECONDS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_what_was_measured() {
        let mut pace = Pace::default();
        for _ in 0..50 {
            pace.learn(100, 1_000);
        }
        assert_eq!(pace.seconds_for(1_000), 10);
        for _ in 0..50 {
            pace.learn(1_000, 100);
        }
        assert_eq!(pace.seconds_for(1_000), 1);
        assert_eq!(pace.seconds_for(0), 1);
        for _ in 0..50 {
            pace.learn(1, 60_000);
        }
        assert_eq!(pace.seconds_for(1_000), WAIT_SECONDS_MAX);
    }
}
