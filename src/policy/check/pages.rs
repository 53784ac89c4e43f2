//! `[pages]`: the pages that `candor serve` has for people, and the mails that lead to them.

use super::Draft;
use crate::policy::keys::PAGES;
use crate::policy::mail::{CONFIRM_WITHIN, LINK_LASTS, Pages};
use crate::policy::mistake::Report;
use crate::policy::nearest::suggest;
use crate::policy::period::period;
use crate::policy::reader::Table;
use crate::policy::types::{Basis, IdentifierForm, Period};
use crate::policy::value::Said;

/// What the destinations ask of the pages, before these are read: whether there are any, and the name of the
/// destination that mails links to confirm by.
pub(super) fn announced(draft: &mut Draft, top: &Table) -> Option<Option<String>> {
    // Its mistakes are noted when it is read.
    let before = (draft.report.mistakes.len(), draft.report.warnings.len());
    let table = top.table(&mut draft.report, "pages", &PAGES);
    let confirm =
        table.as_ref().map(|table| table.text(&mut draft.report, "confirm").map(|said| said.value));
    draft.report.mistakes.truncate(before.0);
    draft.report.warnings.truncate(before.1);
    confirm
}

pub(super) fn read(draft: &mut Draft, top: &Table) {
    let Some(table) = top.table(&mut draft.report, "pages", &PAGES) else { return };
    let report = &mut draft.report;
    let url = table.needed(
        report,
        "url",
        "links in mails lead there",
        "\"https://privacy.ternandpine.example\"",
    );
    if let Some(url) = &url {
        check_url(report, (url.line, &table.at("url")), &url.value);
    }
    let source = table.needed(
        report,
        "source",
        "what people say on their pages comes in as the act of themselves, for the purposes of a source",
        "\"page\"",
    );
    let confirm = table.text(report, "confirm");
    let within = period_of(report, &table, "confirm_within").unwrap_or(CONFIRM_WITHIN);
    let lasts = period_of(report, &table, "link_lasts").unwrap_or(LINK_LASTS);
    if let Some(source) = &source {
        check_source(draft, (source.line, &table.at("source")), &source.value);
    }
    if let Some(confirm) = &confirm {
        check_confirm(draft, (confirm.line, &table.at("confirm")), &confirm.value);
    }
    if let (Some(source), Some(confirm)) = (&source, &confirm) {
        check_served(draft, (source.line, &table.at("source")), (&source.value, &confirm.value));
    }
    let (Some(url), Some(source)) = (url, source) else { return };
    draft.policy.pages = Some(Pages {
        url: url.value.trim_end_matches('/').to_owned(),
        source: source.value,
        confirm: confirm.map(|said| said.value),
        confirm_within: within,
        link_lasts: lasts,
    });
}

fn period_of(report: &mut Report, table: &Table, key: &str) -> Option<Period> {
    let Said { value, line } = table.text(report, key)?;
    period(&value)
        .map_err(|fault| {
            report.mistake(
                (line, &table.at(key)),
                "bad-period",
                format!("{value:?} is no period: {fault}"),
                "a link lasts for a while, and not for ever",
                format!("{key} = \"P7D\""),
            );
        })
        .ok()
}

/// Pages are reached by https, or by http on this machine; whatever stands in the address is in each mail.
fn check_url(report: &mut Report, at: (u32, &str), url: &str) {
    let is_plain = |rest: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]/".contains(&b);
        !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(plain)
    };
    let is_here = |rest: &str| {
        let host = rest.split('/').next().unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        matches!(name, "localhost" | "127.0.0.1" | "[::1]")
    };
    let is_safe = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => is_plain(rest),
        (_, Some(rest)) => is_plain(rest) && is_here(rest),
        _ => false,
    };
    if is_safe && url.len() <= 200 {
        return;
    }
    report.mistake(
        at,
        "bad-pages-address",
        "the address isn't https, with a host and at most a path",
        "by what is sent to these pages people say what may be done with their data (Art 5(1)(f), 32)",
        "url = \"https://privacy.ternandpine.example\"; http:// reaches this machine alone (127.0.0.1)",
    );
}

fn check_source(draft: &mut Draft, at: (u32, &str), name: &str) {
    let sources = &draft.policy.sources;
    let own = |name: &&String| sources[*name].own && sources[*name].webhook.is_none();
    if sources.get(name).is_some_and(|source| source.own) {
        return;
    }
    let known: Vec<&str> = sources.keys().filter(own).map(String::as_str).collect();
    let fix = suggest(
        name,
        known,
        format!(
            "declare it: [source.{name}] with own = true, its purposes, and the address among its fields"
        ),
    );
    draft.report.mistake(
        at,
        "pages-source-not-own",
        format!("{name:?} is no source through which people speak for themselves"),
        "a yes that is given on a page of one's own is the person's own act (Art 4(11))",
        fix,
    );
}

/// A yes that is said on a page and waits to be confirmed is mailed to the address that the page's source brings
/// in: it has to be held for asking, or no mail goes. A warning: policies that were applied so still stand.
fn check_served(draft: &mut Draft, at: (u32, &str), (source, confirm): (&str, &str)) {
    let policy = &draft.policy;
    let (Some(source), Some(confirm)) =
        (policy.sources.get(source), policy.destinations.get(confirm))
    else {
        return;
    };
    let asked = |name: &String| policy.purposes.get(name).is_some_and(|p| p.double_opt_in);
    if source.purposes.contains(&confirm.purpose) || !source.purposes.iter().any(asked) {
        return;
    }
    let (what, fix) = (
        format!(
            "a yes on these pages is confirmed by mail, and no address may be held for that ({})",
            confirm.purpose
        ),
        format!("add {:?} to the purposes of that source", confirm.purpose),
    );
    draft.report.warning(
        at,
        "confirm-unfit",
        what,
        "without the mail the yes never counts, and nobody learns why (Art 7(1))",
        fix,
    );
}

/// What mails links to confirm by writes to people who haven't consented yet: so it rests on another basis,
/// and brings no advertising.
fn check_confirm(draft: &mut Draft, at: (u32, &str), name: &str) {
    let why = "the mail that asks for a confirmation is the only one that goes out before there is a consent \
               (Art 6(1), ePrivacy Directive Art 13)";
    let Some(destination) = draft.policy.destinations.get(name) else {
        let known = draft.policy.destinations.keys().map(String::as_str);
        let fix =
            suggest(name, known, format!("declare [destination.{name}] with kind = \"smtp\""));
        let what = format!("no destination is named {name:?}");
        draft.report.mistake(at, "confirm-unfit", what, why, fix);
        return;
    };
    let purpose = draft.policy.purposes.get(&destination.purpose);
    let first = destination.fields.first().and_then(|kind| draft.policy.identifiers.get(kind));
    let fault = if destination.smtp().is_none() {
        "it sends no mails: kind = \"smtp\""
    } else if purpose.is_none_or(|p| p.basis == Basis::Consent || p.marketing) {
        "its purpose rests on consent, or is marketing: give it one of its own, on contract or legitimate interests"
    } else if first.is_none_or(|kind| kind.form != IdentifierForm::Email) {
        "its first field is no address of e-mail: fields = [\"email\"]"
    } else if !destination.events.is_empty() {
        "it gets events: leave them out"
    } else {
        return;
    };
    draft.report.mistake(
        at,
        "confirm-unfit",
        format!("{name:?} can't mail what consents are confirmed by"),
        why,
        fault,
    );
}
