//! Sends what waits in the outbox while data is taken in: a thread with a store of its own, which writes as
//! another process would, and which no caller waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::clock::Moment;
use crate::send::outbox::{Paused, Worker};
use crate::store::Store;

/// How long it rests after it couldn't work: another process writes for long, or the secrets can't be read.
const AFTER_TROUBLE: Duration = Duration::from_secs(2);

/// The thread.
pub(super) struct Sender {
    is_ending: Arc<AtomicBool>,
    paused: Paused,
    thread: JoinHandle<()>,
}

impl Sender {
    /// Starts it.
    pub(super) fn start(store: Store, clock: fn() -> Moment) -> Sender {
        let is_ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_ending);
        let ending = Arc::clone(&told);
        let mut worker =
            Worker::new(store, Arc::new(clock)).as_long_as(move || !ending.load(Ordering::Relaxed));
        let paused = worker.paused();
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                // What couldn't be done is due again: nothing is lost by going on.
                let rest = match worker.turn() {
                    Ok(_) => worker.rest(),
                    Err(_) => AFTER_TROUBLE,
                };
                std::thread::park_timeout(rest);
            }
        });
        Sender { is_ending, paused, thread }
    }

    /// Which recipients it leaves alone after failures.
    pub(super) fn paused(&self) -> Paused {
        Arc::clone(&self.paused)
    }

    /// Ends it: what is being sent is sent to its end, and noted.
    pub(super) fn end(self) {
        self.is_ending.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let _ = self.thread.join();
    }
}
