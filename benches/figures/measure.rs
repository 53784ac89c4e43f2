//! Clocks of this process, and what is made of their readings.

use std::time::{Duration, Instant};

/// CPU time (user and system) that this thread has used. The kernel counts it in nanoseconds and
/// brings the count up to date every few milliseconds, so only sums over many short spans are
/// right. Other programs on the machine don't change it much.
pub fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")
        .expect("Linux tells a thread's CPU time in /proc/thread-self/schedstat");
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first number is the time on a CPU"))
}

/// CPU time of the children that ended, in steps of 10 ms.
pub fn cpu_of_children() -> Duration {
    ticks(16) + ticks(17)
}

/// CPU time of all threads of this process, in steps of 10 ms.
pub fn cpu_of_process() -> Duration {
    ticks(14) + ticks(15)
}

/// A time of `/proc/self/stat`, by its number in proc(5).
fn ticks(field: usize) -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux has /proc/self/stat");
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let word = after_name.split_whitespace().nth(field - 3);
    Duration::from_millis(word.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) * 10)
}

/// The most memory that this process ever held, in bytes.
pub fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// CPU and wall time of some work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// On a CPU.
    pub cpu: Duration,
    /// By the clock.
    pub wall: Duration,
}

impl Spent {
    /// Runs `work` and adds what it took.
    pub fn add<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (cpu_before, started) = (cpu(), Instant::now());
        let value = work();
        self.wall += started.elapsed();
        self.cpu += cpu().saturating_sub(cpu_before);
        value
    }

    /// Runs `work` and tells what it took.
    pub fn of<T>(work: impl FnOnce() -> T) -> (T, Spent) {
        let mut spent = Spent::default();
        let value = spent.add(work);
        (value, spent)
    }

    /// How many of `count` in a second of CPU time.
    pub fn rate(self, count: u64) -> f64 {
        count as f64 / self.cpu.as_secs_f64()
    }
}

/// The value below which `part` (0 to 1) of the values lie.
pub fn percentile(values: &mut [Duration], part: f64) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}

/// The middle one of a few numbers.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
