//! Mistakes of a policy, each with its line, its reason and a fix to paste.
//!
//! They are values and not an error: a check goes on after the first, and hands out all of them.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// One mistake of a policy, or one warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The line of the file, counted from 1.
    pub line: u32,
    /// A stable, kebab-case name for programs, such as `consent-without-notice`; one of [`CODES`].
    pub code: &'static str,
    /// Where in the policy, such as `purpose.newsletter.notice`.
    pub path: String,
    /// What is wrong, in a sentence without a final stop.
    pub what: String,
    /// Why it matters, with the article of law where there is one.
    pub why: String,
    /// What to write instead; lines to paste where that is possible.
    pub fix: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, ", self.line)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} [{}]", self.what, self.code)?;
        write!(f, "\n  why: {}", self.why)?;
        write!(f, "\n  fix: {}", self.fix.replace('\n', "\n       "))
    }
}

/// Every code that a mistake or a warning can bear.
pub const CODES: &[&str] = &[
    // The file.
    "syntax",
    "unknown-key",
    "wrong-type",
    "wrong-number",
    "empty-text",
    "key-missing",
    "bad-name",
    "listed-twice",
    "unknown-choice",
    // The controller.
    "controller-missing",
    "unknown-country",
    "unknown-timezone",
    // Notices.
    "notice-empty",
    "notice-repeated",
    "notice-order",
    "bad-language",
    "unknown-notice",
    "unknown-notice-version",
    "notice-version-missing",
    "notice-version-twice",
    // Purposes.
    "too-many-purposes",
    "unknown-basis",
    "consent-without-notice",
    "consent-only",
    "assessment-missing",
    "law-missing",
    "categories-missing",
    "unknown-category",
    "special-without-condition",
    "bad-special-condition",
    "special-needs-consent",
    "retention-missing",
    "bad-period",
    "bad-erasure-ground",
    "erasure-ground-on-consent",
    "linking-by-profiling",
    // Identifiers and profiles.
    "unknown-attribute",
    "unknown-source",
    "priority-missing",
    // Sources.
    "purposes-missing",
    "unknown-purpose",
    "own-and-indirect",
    "own-and-tracking",
    "webhook-missing",
    "webhook-unused",
    "bad-secret-name",
    "bad-header-name",
    "bad-tolerance",
    "consent-untimed",
    "grouped-and-webhook",
    "bad-delimiter",
    "bad-date-format",
    "dates-unused",
    "bad-time",
    "unquoted-path",
    "bad-target",
    "unknown-identifier",
    "category-missing",
    "values-repeated",
    "not-consent",
    "unknown-state",
    "unknown-channel",
    "channel-missing",
    "bad-event-name",
    "event-without-id",
    "grouped-conditionally",
    "lines-ungrouped",
    "unknown-currency",
    "currency-unused",
    "currency-differs",
    "unit-without-currency",
    // Destinations.
    "fields-missing",
    "unknown-field",
    "field-not-covered",
    "transfer-without-safeguards",
    "bad-limit",
    "key-of-another-kind",
    "bad-address",
    "bad-header",
    "bad-template",
    "field-not-listed",
    "bad-secret",
    "unknown-event",
    "unknown-property",
    "bad-host",
    "bad-mailbox",
    "mail-without-address",
    "mail-without-text",
    "confirm-link-missing",
    "bad-certificate",
    "bad-table",
    "column-twice",
    // Pages.
    "bad-pages-address",
    "pages-source-not-own",
    "confirm-unfit",
    // Warnings.
    "category-not-covered",
    "recipient-country-unstated",
    "reasons-lost",
    "recipient-lost",
    // Between two policies.
    "basis-swapped",
    "purpose-removed",
    "notice-changed",
    "notice-removed",
    "currency-changed",
    "special-removed",
    "condition-swapped",
    "consent-widened",
];

/// Gathers the mistakes and warnings of one file, and knows its lines.
pub(super) struct Report {
    line_starts: Vec<usize>,
    /// What makes the policy unusable.
    pub(super) mistakes: Vec<Mistake>,
    /// What works and is likely not meant.
    pub(super) warnings: Vec<Mistake>,
}

impl Report {
    /// An empty report on a text.
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Report { line_starts, mistakes: Vec::new(), warnings: Vec::new() }
    }

    /// The line, from 1, on which a span begins.
    pub(super) fn line(&self, span: &Range<usize>) -> u32 {
        let line = self.line_starts.partition_point(|start| *start <= span.start);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// Notes a mistake.
    pub(super) fn mistake(
        &mut self,
        (line, path): (u32, &str),
        code: &'static str,
        what: impl Into<String>,
        why: &str,
        fix: impl Into<String>,
    ) {
        self.mistakes.push(noted((line, path), code, what.into(), why, fix.into()));
    }

    /// Notes a warning.
    pub(super) fn warning(
        &mut self,
        (line, path): (u32, &str),
        code: &'static str,
        what: impl Into<String>,
        why: &str,
        fix: impl Into<String>,
    ) {
        self.warnings.push(noted((line, path), code, what.into(), why, fix.into()));
    }
}

/// A mistake whose code is one of [`CODES`].
pub(super) fn noted(
    (line, path): (u32, &str),
    code: &'static str,
    what: String,
    why: &str,
    fix: String,
) -> Mistake {
    debug_assert!(CODES.contains(&code), "{code} must stand in CODES");
    Mistake { line, code, path: path.to_owned(), what, why: why.to_owned(), fix }
}
