//! `[[source.NAME.event]]`: what a row, or several rows together, tell that a person did.

use std::collections::BTreeMap;

use super::{Draft, dates, field, take};
use crate::policy::currency::is_currency;
use crate::policy::keys::{AMOUNT, CHOSEN, EVENT};
use crate::policy::mistake::Report;
use crate::policy::reader::Table;
use crate::policy::types::{AmountUnit, EventMap, Take};
use crate::policy::value::{Said, text_value};

const UNITS: [(&str, AmountUnit); 2] =
    [("smallest", AmountUnit::Smallest), ("major", AmountUnit::Major)];

/// An event map with the place to which a warning on it points.
pub(super) struct EventRead {
    pub(super) map: EventMap,
    pub(super) path: String,
    pub(super) line: u32,
}

/// Reads the events of a source; its date formats read its fixed times.
pub(super) fn read(draft: &mut Draft, source: &Table, formats: &[String]) -> Vec<EventRead> {
    let tables = source.tables(&mut draft.report, "event", &EVENT);
    tables.iter().filter_map(|table| event(draft, table, formats)).collect()
}

fn event(draft: &mut Draft, table: &Table, formats: &[String]) -> Option<EventRead> {
    let name = name(&mut draft.report, table);
    let category = field::category(draft, table);
    let report = &mut draft.report;
    let id = take::read(report, table, "id");
    let at = take::read(report, table, "at");
    dates::check_fixed_time(report, table, "at", at.as_ref(), formats);
    let grouped = table.flag(report, "grouped").unwrap_or_default();
    if grouped && table.value("id").is_none() {
        report.mistake(
            (table.line_of("grouped"), &table.at("grouped")),
            "event-without-id",
            "rows are grouped into one event without an id that they share",
            "rows with the same id are one event, so without an id nothing holds them together",
            "id = { from = \"order_no\" }",
        );
    }
    let when = when(report, table);
    if grouped && !when.is_empty() {
        report.mistake(
            (table.line_of("when"), &table.at("when")),
            "grouped-conditionally",
            "rows are grouped into one event, and only some of them carry it",
            "the rows of one event are taken all together or not at all",
            "leave out when, or grouped = true",
        );
    }
    let lines = take::read_all(report, table, "lines");
    if !lines.is_empty() && !grouped {
        report.mistake(
            (table.line_of("lines"), &table.at("lines")),
            "lines-ungrouped",
            "lines are collected from rows that aren't grouped",
            "lines are what the rows of one event have each of their own",
            "grouped = true, with an id; or move them to properties",
        );
    }
    let (amount, amount_unit) = amount(report, table);
    let currency = currency(report, table);
    if amount_unit == AmountUnit::Major && table.value("currency").is_none() {
        note_unit_alone(report, table);
    }
    let properties = take::read_all(report, table, "properties");
    Some(EventRead {
        map: EventMap {
            name: name?,
            category: category?,
            when,
            id: id.map(|taken| taken.take),
            at: at.map(|taken| taken.take),
            grouped,
            amount,
            amount_unit,
            currency,
            properties,
            lines,
        },
        path: table.path.clone(),
        line: table.line,
    })
}

/// The condition on which a row carries the event: fields, each with the text that it must say.
fn when(report: &mut Report, table: &Table) -> BTreeMap<String, String> {
    let Some(named) = table.table(report, "when", &CHOSEN) else { return BTreeMap::new() };
    let texts = named.entries().iter().filter_map(|entry| {
        let text = text_value(report, &named.at(entry.key), entry.value)?;
        Some((entry.key.to_owned(), text.value))
    });
    texts.collect()
}

/// The amount, and the unit in which the source writes it.
fn amount(report: &mut Report, table: &Table) -> (Option<Take>, AmountUnit) {
    if table.value("amount").is_none_or(|value| value.value.as_table().is_none()) {
        return (take::read(report, table, "amount").map(|taken| taken.take), AmountUnit::Smallest);
    }
    let Some(named) = table.table(report, "amount", &AMOUNT) else {
        return (None, AmountUnit::Smallest);
    };
    let why = "12.50 EUR is kept as 1250 cents, so it must be known which of the two is written";
    let unit = named.choice(report, "unit", "unknown-choice", why, &UNITS);
    let taken = take::read_table(report, &named);
    (taken.map(|taken| taken.take), unit.unwrap_or_default())
}

fn note_unit_alone(report: &mut Report, table: &Table) {
    report.mistake(
        (table.line_of("amount"), &table.at("amount")),
        "unit-without-currency",
        "an amount is written in the major unit of a currency that isn't named",
        "how many decimals a currency has is a matter of the currency: yen have none, dinars three",
        "currency = \"EUR\"; where there are several, an event for each, with when = { currency = \"EUR\" }",
    );
}

fn currency(report: &mut Report, table: &Table) -> Option<String> {
    let Said { value, line } = table.text(report, "currency")?;
    if !is_currency(&value) {
        report.mistake(
            (line, &table.at("currency")),
            "unknown-currency",
            format!("{value:?} is no currency of ISO 4217"),
            "a person reads an amount in the unit in which they paid",
            "a code in capitals, such as currency = \"EUR\"",
        );
    }
    if table.value("amount").is_none() {
        report.mistake(
            (line, &table.at("currency")),
            "currency-unused",
            "a currency is named, and no amount",
            "it is the currency of the event's amount",
            "amount = { from = \"cents\" }, or leave the currency out",
        );
    }
    Some(value)
}

/// Notes events of one name whose amounts are of different currencies: they are summed.
pub(super) fn note_mixed_currencies(report: &mut Report, events: &[EventRead]) {
    let paid = |read: &&EventRead| read.map.amount.is_some();
    for (n, read) in events.iter().enumerate().filter(|(_, read)| paid(read)) {
        let mut before = events[..n].iter().filter(paid);
        let same_name = before.find(|earlier| earlier.map.name == read.map.name);
        if same_name.is_some_and(|earlier| earlier.map.currency != read.map.currency) {
            report.mistake(
                (read.line, &read.path),
                "currency-differs",
                format!("two events named {:?} count in different currencies", read.map.name),
                "the amounts of a source's events of one name are summed",
                "one currency for both, or a name of its own for each",
            );
        }
    }
}

/// Notes events of many rows of a source whose rows come one by one.
pub(super) fn note_grouped_webhook(report: &mut Report, events: &[EventRead]) {
    for read in events.iter().filter(|read| read.map.grouped) {
        report.mistake(
            (read.line, &read.path),
            "grouped-and-webhook",
            "rows are grouped into one event, and webhooks bring each row by itself",
            "the rows of one event are taken all together or not at all",
            "leave out grouped; a list within the row can be one of its properties",
        );
    }
}

fn name(report: &mut Report, table: &Table) -> Option<String> {
    let why = "events are named by the policy, so that data can't invent names";
    let Said { value, line } = table.needed(report, "name", why, "\"order\"")?;
    let sound = value.starts_with(|c: char| c.is_ascii_lowercase())
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !sound {
        report.mistake(
            (line, &table.at("name")),
            "bad-event-name",
            format!("{value:?} is no event name"),
            "event names are snake_case: a lower-case letter, then letters, digits and _",
            format!("name = {:?}", snake_case(&value)),
        );
    }
    Some(value)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for c in name.trim().chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            snake.push('_');
        }
        let kept = if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        if kept != '_' || !snake.ends_with('_') {
            snake.push(kept);
        }
        before = c;
    }
    let snake = snake.trim_matches('_');
    match snake.chars().next() {
        None => "event".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("event_{snake}"),
        Some(_) => snake.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn offers_a_name_that_is_allowed() {
        for (given, offered) in [
            ("Order Placed", "order_placed"),
            ("orderPlaced", "order_placed"),
            ("order-placed", "order_placed"),
            ("2nd order", "event_2nd_order"),
            ("é", "event"),
        ] {
            assert_eq!(snake_case(given), offered);
        }
    }
}
