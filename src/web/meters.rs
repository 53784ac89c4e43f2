//! What the server counts of itself, as Prometheus reads it. Numbers alone, and the policy's names of destinations: no
//! source, no key, nobody.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::base::clock::Moment;
use crate::send::outbox::Figures;

use super::log::Line;

/// What was answered since the server began.
#[derive(Debug, Default)]
pub struct Meters(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    answers: BTreeMap<(&'static str, u16), u64>,
    /// Milliseconds, by route.
    took: BTreeMap<&'static str, i64>,
    items: usize,
    kept: usize,
}

/// How it stands now.
pub struct Gauges {
    /// Items that wait to be written.
    pub items_waiting: usize,
    /// Questions that wait to be answered.
    pub questions_waiting: usize,
    /// Those who listen for changes.
    pub listeners: usize,
    /// Entries of the ledger, as they were seen last.
    pub entries: i64,
    /// Whether the store could be written when it was last asked.
    pub is_ready: bool,
    /// What waits for each destination.
    pub outbox: Vec<Figures>,
    /// Destinations that are left alone after failures.
    pub paused: Vec<String>,
    /// Until when the certificate is good; `None` without TLS.
    pub certificate_until: Option<Moment>,
}

/// The route of paths that there aren't.
const NO_ROUTE: &str = "none";

impl Meters {
    /// Counts an answer.
    pub fn count(&self, line: &Line) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let route = line.route.unwrap_or(NO_ROUTE);
        *counted.answers.entry((route, line.status)).or_default() += 1;
        *counted.took.entry(route).or_default() += line.took_ms;
        counted.items += line.items;
        counted.kept += line.kept;
    }

    /// Everything that there is to say, in Prometheus' text format.
    pub fn text(&self, now: &Gauges) -> String {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let one = |value: &dyn std::fmt::Display| [(String::new(), value.to_string())];
        let answers = counted.answers.iter().map(|((route, status), count)| {
            (format!("{{route=\"{route}\",status=\"{status}\"}}"), count.to_string())
        });
        let answers: Vec<_> = answers.collect();
        family("candor_answers_total", "counter", "Answers, by route and status.", &answers);
        let took = counted.took.iter().map(|(route, took_ms)| {
            (
                format!("{{route=\"{route}\"}}"),
                format!("{}.{:03}", took_ms / 1_000, took_ms % 1_000),
            )
        });
        let took: Vec<_> = took.collect();
        let help = "Time until they were answered, by route.";
        family("candor_answer_seconds_total", "counter", help, &took);
        let help = "Items that were sent in.";
        family("candor_items_total", "counter", help, &one(&counted.items));
        let help = "Items of which something was kept.";
        family("candor_items_kept_total", "counter", help, &one(&counted.kept));
        let help = "Items that wait to be written.";
        family("candor_items_waiting", "gauge", help, &one(&now.items_waiting));
        let help = "Questions that wait to be answered.";
        family("candor_questions_waiting", "gauge", help, &one(&now.questions_waiting));
        let help = "Those who listen for changes.";
        family("candor_listeners", "gauge", help, &one(&now.listeners));
        let help = "Entries of the ledger.";
        family("candor_ledger_entries", "gauge", help, &one(&now.entries));
        let help = "Whether the store could be written when it was last asked.";
        family("candor_ready", "gauge", help, &one(&u8::from(now.is_ready)));
        let of = |count: fn(&Figures) -> i64| -> Vec<(String, String)> {
            let sample = |row: &Figures| {
                (format!("{{destination=\"{}\"}}", row.destination), count(row).to_string())
            };
            now.outbox.iter().map(sample).collect()
        };
        let help = "Messages that wait to be sent, by destination.";
        family("candor_outbox_waiting", "gauge", help, &of(|row| row.waiting));
        let help = "Messages among them that failed and are tried again, by destination.";
        family("candor_outbox_failing", "gauge", help, &of(|row| row.failing));
        let help = "Messages that were given up, or are to be told by hand, by destination.";
        family("candor_outbox_dead", "gauge", help, &of(|row| row.dead));
        let paused: Vec<_> = now
            .paused
            .iter()
            .map(|name| (format!("{{destination=\"{name}\"}}"), "1".to_owned()))
            .collect();
        let help = "1 for a destination that is left alone after five failures in a row.";
        family("candor_outbox_paused", "gauge", help, &paused);
        if let Some(until) = now.certificate_until {
            let help = "Until when the certificate is good, in seconds since 1970.";
            family("candor_certificate_end_seconds", "gauge", help, &one(&(until.0 / 1_000)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_says_what_it_is_and_counts_add_up() {
        let meters = Meters::default();
        let line =
            |route, status| Line { route, status, took_ms: 1_250, items: 2, ..Line::default() };
        for _ in 0..2 {
            meters.count(&line(Some("batch"), 200));
        }
        meters.count(&line(None, 404));
        let now = Gauges {
            items_waiting: 3,
            questions_waiting: 0,
            listeners: 1,
            entries: 7,
            is_ready: true,
            outbox: vec![Figures {
                destination: "mailer".to_owned(),
                waiting: 5,
                failing: 2,
                dead: 1,
            }],
            paused: vec!["mailer".to_owned()],
            certificate_until: Some(Moment(1_800_000_000_500)),
        };
        let text = meters.text(&now);
        for expected in [
            "candor_answers_total{route=\"batch\",status=\"200\"} 2",
            "candor_answers_total{route=\"none\",status=\"404\"} 1",
            "candor_answer_seconds_total{route=\"batch\"} 2.500",
            "candor_items_total 6",
            "candor_ledger_entries 7",
            "candor_ready 1",
            "candor_outbox_waiting{destination=\"mailer\"} 5",
            "candor_outbox_failing{destination=\"mailer\"} 2",
            "candor_outbox_dead{destination=\"mailer\"} 1",
            "candor_outbox_paused{destination=\"mailer\"} 1",
            "candor_certificate_end_seconds 1800000000",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected}: {text}");
        }
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        assert_eq!(names.len(), 14);
        assert!(text.ends_with('\n'));
    }
}
