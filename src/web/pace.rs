//! How fast the writer takes items in, and so how long a full queue needs to make room.
//!
//! Most of the time of a commit is its flush, whether it holds one item or thousands. So the time of a commit and
//! that of an item are learned apart: by commits of few items and by those of many.

/// The time of a commit before anything was measured: a disk that flushes twenty times a second.
const FIRST_COMMIT_MS: f64 = 50.0;

/// The time of an item before anything was measured.
const FIRST_ITEM_MS: f64 = 0.2;

/// From so many items on a commit tells how long one takes.
const MANY: usize = 100;

/// The weight of the newest measurement.
const NEWEST: f64 = 0.3;

/// The longest time that a sender is told to wait, in seconds.
const WAIT_SECONDS_MAX: u64 = 120;

/// Measures the pace.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    commit_ms: f64,
    item_ms: f64,
    /// Items in one commit, at most.
    a_commit: usize,
}

impl Pace {
    /// A pace of commits that hold so many items.
    pub fn of(a_commit: usize) -> Pace {
        Pace { commit_ms: FIRST_COMMIT_MS, item_ms: FIRST_ITEM_MS, a_commit }
    }

    /// Learns that a commit of so many items took so many milliseconds.
    pub fn learn(&mut self, items: usize, took_ms: i64) {
        let took = took_ms.max(1) as f64;
        match items {
            0 => {}
            1..MANY => {
                let own = (took - items as f64 * self.item_ms).max(1.0);
                self.commit_ms += NEWEST * (own - self.commit_ms);
            }
            _ => {
                let each = (took - self.commit_ms).max(0.0) / items as f64;
                self.item_ms += NEWEST * (each - self.item_ms);
            }
        }
    }

    /// Whole seconds until so many items are through; one at least.
    pub fn seconds_for(&self, items: usize) -> u64 {
        let commits = items.div_ceil(self.a_commit.max(1)) as f64;
        let ms = commits * self.commit_ms + items as f64 * self.item_ms;
        ((ms / 1_000.0).ceil() as u64).clamp(1, WAIT_SECONDS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_what_was_measured() {
        let mut pace = Pace::of(5_000);
        assert_eq!(pace.seconds_for(20_000), 5, "before anything is known");
        for _ in 0..50 {
            pace.learn(1_000, 1_050);
        }
        assert_eq!(pace.seconds_for(10_000), 11);
        for _ in 0..50 {
            pace.learn(1_000, 100);
        }
        assert_eq!(pace.seconds_for(1_000), 1);
        assert_eq!(pace.seconds_for(0), 1);
    }

    /// Who sends one by one pays a flush for each: that says nothing of thousands together.
    #[test]
    fn commits_of_one_item_teach_what_a_commit_costs_and_not_an_item() {
        let mut pace = Pace::of(5_000);
        for _ in 0..50 {
            pace.learn(1, 10);
        }
        assert!(pace.seconds_for(20_000) <= 5, "{}", pace.seconds_for(20_000));
        for _ in 0..50 {
            pace.learn(1, 60_000);
        }
        assert_eq!(pace.seconds_for(20_000), WAIT_SECONDS_MAX);
    }
}
