//! The values of a policy in words, as `show` and `diff` tell them to people.

use std::collections::BTreeMap;

use super::types::{Basis, Encoding, Format, IdentifierForm, Take, Target, ValueType, Winner};
use super::webhook::Digits;

/// A lawful basis with its letter of Art 6(1).
pub(super) fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent => "consent (Art 6(1)(a))",
        Basis::Contract => "contract (Art 6(1)(b))",
        Basis::LegalObligation => "legal obligation (Art 6(1)(c))",
        Basis::VitalInterests => "vital interests (Art 6(1)(d))",
        Basis::PublicTask => "public task (Art 6(1)(e))",
        Basis::LegitimateInterests => "legitimate interests (Art 6(1)(f))",
    }
}

/// Where a value comes from, such as `field newsletter_optin (no → refused, yes → given)`.
pub(super) fn take(take: &Take) -> String {
    match take {
        Take::Fixed(text) => format!("always {text:?}"),
        Take::Field { from, values } if values.is_empty() => format!("field {}", item(from)),
        Take::Field { from, values } => format!("field {} ({})", item(from), value_map(values)),
    }
}

/// A value map, such as `no → refused, yes → given`.
pub(super) fn value_map(values: &BTreeMap<String, String>) -> String {
    let arrows = values.iter().map(|(is, means)| format!("{} → {}", item(is), item(means)));
    arrows.collect::<Vec<_>>().join(", ")
}

/// A list, such as `email, post`.
pub(super) fn list(texts: &[String]) -> String {
    texts.iter().map(|text| item(text)).collect::<Vec<_>>().join(", ")
}

/// A text as part of a list: in quotes where it would be unclear where it ends.
fn item(text: &str) -> String {
    let unclear = text.is_empty() || text.contains([',', '"', '→', '(', ')']);
    if unclear || text.trim() != text { format!("{text:?}") } else { text.to_owned() }
}

/// A target as the file writes it.
pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Identifier(kind) => format!("identifier.{kind}"),
        Target::Attribute(name) => format!("attribute.{name}"),
        Target::Ignore => "ignore".to_owned(),
    }
}

/// A value type as the file writes it.
pub(super) fn value_type(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Text => "text",
        ValueType::Date => "date",
        ValueType::Time => "time",
        ValueType::Integer => "integer",
        ValueType::Decimal => "decimal",
        ValueType::Boolean => "boolean",
    }
}

/// A rule of profiles as the file writes it.
pub(super) fn winner(winner: Winner) -> &'static str {
    match winner {
        Winner::Newest => "newest",
        Winner::SourcePriority => "source_priority",
    }
}

/// A normal form as the file writes it.
pub(super) fn form(form: IdentifierForm) -> &'static str {
    match form {
        IdentifierForm::Email => "email",
        IdentifierForm::Phone => "phone",
        IdentifierForm::Text => "text",
    }
}

/// A file format as the file writes it.
pub(super) fn format(format: Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Ndjson => "ndjson",
        Format::Xlsx => "xlsx",
        Format::Tracking => "tracking",
        Format::Webhook => "webhook",
    }
}

/// How a signature is written, as the file says it.
pub(super) fn digits(digits: Digits) -> &'static str {
    match digits {
        Digits::Hex => "hex",
        Digits::Base64 => "base64",
    }
}

/// A character set as the file writes it.
pub(super) fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Detect => "detect",
        Encoding::Utf8 => "utf-8",
        Encoding::Windows1252 => "windows-1252",
    }
}
