//! `[controller]` and `[category.NAME]`: who answers, and for what classes of data.

use super::Draft;
use crate::policy::country::is_country;
use crate::policy::keys::{CATEGORY, CONTROLLER};
use crate::policy::mistake::Report;
use crate::policy::reader::Table;
use crate::policy::types::{Category, Controller};
use crate::policy::value::Said;

pub(super) fn read(draft: &mut Draft, top: &Table) {
    let report = &mut draft.report;
    if top.value("controller").is_none() {
        report.mistake(
            (1, "controller"),
            "controller-missing",
            "the file doesn't say who answers for the data",
            "people are told who the controller is (Art 13(1)(a)), and its country and time zone \
             decide deadlines",
            "[controller]\nname = \"Tern & Pine\"\ncountry = \"IE\"\ntimezone = \"Europe/Dublin\"\n\
             contact = \"privacy@example.com\"",
        );
        return;
    }
    let Some(table) = top.table(report, "controller", &CONTROLLER) else { return };
    let name = table.needed(
        report,
        "name",
        "people are told who the controller is (Art 13(1)(a), Art 30(1)(a))",
        "\"Tern & Pine\"",
    );
    let country = table.needed(
        report,
        "country",
        "its public holidays move deadlines (Reg. 1182/71 Art 3(4)), and it decides what is a \
         transfer abroad (Art 44)",
        "\"IE\"",
    );
    let timezone = table.needed(
        report,
        "timezone",
        "the day on which a request arrives, from which its month counts, is a day of this place \
         (Art 12(3))",
        "\"Europe/Dublin\"",
    );
    let contact = table.needed(
        report,
        "contact",
        "people must know where to send a request (Art 12(2), Art 13(1)(a))",
        "\"privacy@example.com\"",
    );
    check_country(report, &table, "country", country.as_ref());
    check_timezone(report, &table, "timezone", timezone.as_ref());
    let mut optional = |key| table.text(report, key).map(|said| said.value);
    draft.policy.controller = Controller {
        address: optional("address"),
        dpo: optional("dpo"),
        authority: optional("authority"),
        security: optional("security"),
        name: name.map(|said| said.value).unwrap_or_default(),
        country: country.map(|said| said.value).unwrap_or_default(),
        timezone: timezone.map(|said| said.value).unwrap_or_default(),
        contact: contact.map(|said| said.value).unwrap_or_default(),
    };
}

pub(super) fn read_categories(draft: &mut Draft, top: &Table) {
    let report = &mut draft.report;
    for (name, table) in top.named(report, "category", &CATEGORY) {
        let title = table.text(report, "title").map_or_else(|| name.clone(), |said| said.value);
        let special = table.flag(report, "special").unwrap_or_default();
        draft.policy.categories.insert(name, Category { title, special });
    }
}

/// Notes a text that is no country.
pub(super) fn check_country(
    report: &mut Report,
    table: &Table,
    key: &str,
    said: Option<&Said<String>>,
) {
    let Some(Said { value, line }) = said else { return };
    if is_country(value) {
        return;
    }
    let capitals = value.trim().to_uppercase();
    let fix = match capitals.as_str() {
        "UK" => format!("{key} = \"GB\""),
        known if is_country(known) => format!("{key} = {known:?}"),
        _ => format!("write the two capitals of the country, such as {key} = \"IE\""),
    };
    report.mistake(
        (*line, &table.at(key)),
        "unknown-country",
        format!("{value:?} is no country code"),
        "countries are written in the two capitals of ISO 3166-1",
        fix,
    );
}

/// Notes a text that is no time zone.
pub(super) fn check_timezone(
    report: &mut Report,
    table: &Table,
    key: &str,
    said: Option<&Said<String>>,
) {
    let Some(Said { value, line }) = said else { return };
    if value.parse::<chrono_tz::Tz>().is_ok() {
        return;
    }
    // The list of all zones is too long to show, so an example stands in for it.
    let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let fix = match crate::policy::nearest::nearest(value, zones) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("write its IANA name, such as {key} = \"Europe/Dublin\""),
    };
    report.mistake(
        (*line, &table.at(key)),
        "unknown-timezone",
        format!("{value:?} is no time zone"),
        "times without a zone, and the days of deadlines, are read in it",
        fix,
    );
}
