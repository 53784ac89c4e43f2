//! Every key that a policy file may hold, table by table.
//!
//! One list, so that the reader, its "did you mean" and the reference can't drift apart: reading a
//! key that isn't listed fails in tests, and POLICY.md is held against these lists.

/// The keys of one table.
#[derive(Debug)]
pub(super) struct Keys {
    /// The table as the reference heads it.
    pub(super) table: &'static str,
    /// Its keys; none when the author chooses them.
    pub(super) keys: &'static [&'static str],
}

pub(super) const TOP: Keys = Keys {
    table: "the file",
    keys: &[
        "controller",
        "category",
        "notice",
        "purpose",
        "identifier",
        "profile",
        "source",
        "destination",
        "pages",
    ],
};

pub(super) const CONTROLLER: Keys = Keys {
    table: "[controller]",
    keys: &["name", "country", "timezone", "contact", "address", "dpo", "authority", "security"],
};

pub(super) const CATEGORY: Keys = Keys { table: "[category.NAME]", keys: &["title", "special"] };

pub(super) const NOTICE: Keys = Keys { table: "[notice.NAME]", keys: &["version"] };

pub(super) const NOTICE_VERSION: Keys =
    Keys { table: "[[notice.NAME.version]]", keys: &["version", "language", "text", "material"] };

pub(super) const PURPOSE: Keys = Keys {
    table: "[purpose.NAME]",
    keys: &[
        "title",
        "basis",
        "categories",
        "retention",
        "channels",
        "notice",
        "explicit",
        "double_opt_in",
        "consent_expires",
        "assessment",
        "law",
        "special_condition",
        "marketing",
        "profiling",
        "linking",
        "keeps_on_erasure",
        "subjects",
    ],
};

pub(super) const IDENTIFIER: Keys = Keys {
    table: "[identifier.KIND]",
    keys: &["links", "form", "max_records", "max_values", "ignore", "unless_differ"],
};

pub(super) const PROFILE: Keys =
    Keys { table: "[profile]", keys: &["winner", "priority", "attributes"] };

pub(super) const SOURCE: Keys = Keys {
    table: "[source.NAME]",
    keys: &[
        "title",
        "key",
        "purposes",
        "format",
        "delimiter",
        "encoding",
        "sheet",
        "observed",
        "dates",
        "timezone",
        "phone_country",
        "own",
        "indirect",
        "webhook",
        "items",
        "only",
        "fields",
        "fixed",
        "consent",
        "event",
    ],
};

pub(super) const WEBHOOK: Keys = Keys {
    table: "[source.NAME.webhook]",
    keys: &["scheme", "secret", "tolerance", "header", "timestamp", "encoding", "prefix"],
};

pub(super) const FIELD: Keys = Keys {
    table: "[source.NAME.fields]",
    keys: &["as", "category", "type", "dates", "values", "verified"],
};

pub(super) const FIXED: Keys = Keys {
    table: "[[source.NAME.fixed]]",
    keys: &["as", "value", "category", "type", "dates", "verified"],
};

pub(super) const CONSENT: Keys = Keys {
    table: "[[source.NAME.consent]]",
    keys: &[
        "purpose",
        "channel",
        "state",
        "at",
        "notice",
        "notice_version",
        "language",
        "method",
        "confirmed_at",
        "explicit",
    ],
};

pub(super) const EVENT: Keys = Keys {
    table: "[[source.NAME.event]]",
    keys: &[
        "name",
        "category",
        "when",
        "id",
        "at",
        "grouped",
        "amount",
        "currency",
        "properties",
        "lines",
    ],
};

pub(super) const TAKE: Keys = Keys { table: "Where a value comes from", keys: &["from", "values"] };

pub(super) const AMOUNT: Keys = Keys { table: "An amount", keys: &["from", "values", "unit"] };

pub(super) const DESTINATION: Keys = Keys {
    table: "[destination.NAME]",
    keys: &[
        "recipient",
        "purpose",
        "channel",
        "fields",
        "country",
        "safeguards",
        "contract",
        "at_most",
        "kind",
        "format",
        "read_by",
        "url",
        "secret",
        "http",
        "recall",
        "smtp",
        "postgres",
        "rate",
        "attempts",
        "events",
        "properties",
    ],
};

pub(super) const CALL: Keys =
    Keys { table: "[destination.NAME.http]", keys: &["method", "url", "headers", "body"] };

pub(super) const SMTP: Keys = Keys {
    table: "[destination.NAME.smtp]",
    keys: &["host", "port", "tls", "from", "reply_to", "secret", "language", "text"],
};

pub(super) const MAIL_TEXT: Keys =
    Keys { table: "[[destination.NAME.smtp.text]]", keys: &["language", "subject", "text"] };

pub(super) const POSTGRES: Keys = Keys {
    table: "[destination.NAME.postgres]",
    keys: &["host", "port", "database", "user", "secret", "tls", "ca", "table", "columns"],
};

pub(super) const PAGES: Keys =
    Keys { table: "[pages]", keys: &["url", "source", "confirm", "confirm_within", "link_lasts"] };

/// A table whose keys the author chooses: fields, properties, names.
pub(super) const CHOSEN: Keys = Keys { table: "", keys: &[] };

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of the reference that stands under a table's heading.
    fn section<'t>(reference: &'t str, table: &str) -> &'t str {
        let heading = format!("## `{table}`\n");
        let plain = format!("## {table}\n");
        let start = reference
            .find(&heading)
            .map(|at| at + heading.len())
            .or_else(|| reference.find(&plain).map(|at| at + plain.len()))
            .unwrap_or_else(|| panic!("POLICY.md has no section on {table}"));
        let rest = &reference[start..];
        &rest[..rest.find("\n## ").unwrap_or(rest.len())]
    }

    #[test]
    fn the_reference_names_every_key_in_its_section() {
        let reference = include_str!("POLICY.md");
        let tables = [
            &TOP,
            &CONTROLLER,
            &CATEGORY,
            &NOTICE,
            &NOTICE_VERSION,
            &PURPOSE,
            &IDENTIFIER,
            &PROFILE,
            &SOURCE,
            &WEBHOOK,
            &FIELD,
            &FIXED,
            &CONSENT,
            &EVENT,
            &TAKE,
            &AMOUNT,
            &DESTINATION,
            &CALL,
            &SMTP,
            &MAIL_TEXT,
            &POSTGRES,
            &PAGES,
        ];
        for Keys { table, keys } in tables {
            let section = section(reference, table);
            for key in *keys {
                assert!(
                    section.contains(&format!("| `{key}` |")),
                    "POLICY.md doesn't explain {key} under {table}"
                );
            }
            let explained = section.lines().filter(|line| line.starts_with("| `")).count();
            assert_eq!(explained, keys.len(), "POLICY.md explains a key that {table} doesn't have");
        }
    }

    #[test]
    fn the_reference_names_every_code() {
        let reference = include_str!("POLICY.md");
        for code in super::super::mistake::CODES {
            assert!(reference.contains(&format!("`{code}`")), "POLICY.md doesn't name {code}");
        }
    }

    #[test]
    fn the_smallest_policy_of_the_reference_is_good() {
        let reference = include_str!("POLICY.md");
        let block = reference.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let checked = super::super::check(block.expect("the reference shows a policy"));
        assert_eq!(checked.map(|checked| checked.warnings), Ok(Vec::new()));
    }
}
