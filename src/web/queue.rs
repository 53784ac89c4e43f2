//! What waits for the writer: bounded, so that too much is refused at once and never held in memory.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::pace::Pace;

/// Something that waits, by how many items it has.
pub trait Weighed {
    /// How many items it has.
    fn items(&self) -> usize;
}

struct State<T> {
    waiting: VecDeque<T>,
    items: usize,
    is_closed: bool,
    pace: Pace,
}

/// The queue.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    grown: Condvar,
    items_max: usize,
}

/// Why something wasn't taken into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is full; so many seconds from now there is room.
    Full {
        /// Whole seconds.
        retry_after: u64,
    },
    /// The server is ending.
    Closed,
}

impl<T: Weighed> Queue<T> {
    /// An empty queue that holds so many items, of which so many at most are taken for one commit.
    pub fn new(items_max: usize, a_commit: usize) -> Queue<T> {
        let (waiting, pace) = (VecDeque::new(), Pace::of(a_commit));
        let state = State { waiting, items: 0, is_closed: false, pace };
        Queue { state: Mutex::new(state), grown: Condvar::new(), items_max }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to the end. What finds the queue empty is always taken, however large it is.
    ///
    /// # Errors
    /// Where there is no room, or the queue was closed.
    pub fn push(&self, job: T) -> Result<(), Refused> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Refused::Closed);
        }
        if !state.waiting.is_empty() && state.items + job.items() > self.items_max {
            return Err(Refused::Full { retry_after: state.pace.seconds_for(state.items) });
        }
        state.items += job.items();
        state.waiting.push_back(job);
        drop(state);
        self.grown.notify_one();
        Ok(())
    }

    /// Takes what waits from the front, up to so many items and one job at least. Waits for it as long
    /// as is said, and gives nothing then; `None` once the queue is closed and empty.
    pub fn pop(&self, items_max: usize, patience: Duration) -> Option<Vec<T>> {
        let mut state = self.state();
        if state.waiting.is_empty() && !state.is_closed {
            let waited = self.grown.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.waiting.is_empty() && state.is_closed {
            return None;
        }
        let mut taken = Vec::new();
        let mut items = 0;
        while let Some(job) = state.waiting.front() {
            if !taken.is_empty() && items + job.items() > items_max {
                break;
            }
            items += job.items();
            taken.extend(state.waiting.pop_front());
        }
        state.items -= items;
        Some(taken)
    }

    /// Learns how long so many items took.
    pub fn learn(&self, items: usize, took_ms: i64) {
        self.state().pace.learn(items, took_ms);
    }

    /// How many items wait.
    pub fn waiting(&self) -> usize {
        self.state().items
    }

    /// Seconds until what waits is through.
    pub fn retry_after(&self) -> u64 {
        let state = self.state();
        state.pace.seconds_for(state.items)
    }

    /// Takes nothing more in; what waits is still given out.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.grown.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Job(usize);

    impl Weighed for Job {
        fn items(&self) -> usize {
            self.0
        }
    }

    const NO_TIME: Duration = Duration::ZERO;

    #[test]
    fn a_full_queue_says_when_there_is_room() {
        let queue = Queue::new(100, 10);
        for _ in 0..60 {
            queue.learn(10, 990);
        }
        queue.push(Job(60)).unwrap();
        queue.push(Job(40)).unwrap();
        assert_eq!(queue.push(Job(1)), Err(Refused::Full { retry_after: 10 }));
        assert_eq!(queue.pop(1_000, NO_TIME).unwrap().len(), 2);
        queue.push(Job(5_000)).unwrap();
        assert_eq!(queue.pop(1, NO_TIME).unwrap().len(), 1);
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Queue::new(100, 10);
        queue.push(Job(1)).unwrap();
        queue.close();
        assert_eq!(queue.push(Job(1)), Err(Refused::Closed));
        assert_eq!(queue.pop(10, NO_TIME).unwrap().len(), 1);
        assert!(queue.pop(10, NO_TIME).is_none());
    }

    #[test]
    fn what_waits_is_taken_together_up_to_the_limit() {
        let queue = Queue::new(100, 10);
        for _ in 0..10 {
            queue.push(Job(3)).unwrap();
        }
        assert_eq!(queue.pop(10, NO_TIME).unwrap().len(), 3);
        assert_eq!(queue.pop(1, NO_TIME).unwrap().len(), 1);
        assert_eq!(queue.pop(100, NO_TIME).unwrap().len(), 6);
        assert!(queue.pop(100, NO_TIME).unwrap().is_empty());
    }
}
