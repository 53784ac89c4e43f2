//! What each page shows, and does when its form is sent back.

use minijinja::{Value, context};

use crate::base::clock::{DAY_MS, Moment};
use crate::base::error::Result;
use crate::base::secret::StoreSecret;
use crate::consent::stands::Stands;
use crate::person::preferences::{Consent, Notice, Preferences};
use crate::person::{ask, choose, confirm, preferences, unsubscribe};
use crate::policy::types::Controller;
use crate::store::{Store, hex, latest};

use super::super::reply::Reply;
use super::super::route::Page;
use super::clerk::Errand;
use super::page::{Frame, Note, page};
use super::words::{Words, accepted, choose as choose_words};

/// Wishes about how often that a person can choose, in days.
const WISHES: [u32; 3] = [7, 30, 90];

/// Answers what a page is asked for.
pub(super) fn answer(store: &mut Store, errand: &Errand, now: Moment) -> Result<Reply> {
    let words = choose_words(errand.chosen.as_deref(), &errand.accepts);
    match errand.page {
        Page::Confirm => confirm_page(store, errand, words, now),
        Page::Unsubscribe => unsubscribe_page(store, errand, words, now),
        Page::Preferences => preferences_page(store, errand, words, now),
    }
}

fn controller_of(store: &Store) -> Result<Controller> {
    Ok(latest(store.conn(), store.words())?.policy.controller)
}

/// The page of a link that says nothing: it is the same for one that ended, was used, was never made, or is of
/// somebody erased.
fn gone(store: &Store, words: &'static Words) -> Result<Reply> {
    let controller = controller_of(store)?;
    let frame = Frame {
        words,
        title: words.gone_title,
        controller: &controller.name,
        contact: &controller.contact,
        notes: Vec::new(),
    };
    Ok(page(404, &frame, context! { kind => "gone" }))
}

fn done(
    store: &Store,
    words: &'static Words,
    (title, text): (&'static str, &'static str),
) -> Result<Reply> {
    let controller = controller_of(store)?;
    let frame = Frame {
        words,
        title,
        controller: &controller.name,
        contact: &controller.contact,
        notes: vec![Note { class: "good", text }],
    };
    Ok(page(200, &frame, context! { kind => "done" }))
}

fn confirm_page(
    store: &mut Store,
    errand: &Errand,
    words: &'static Words,
    now: Moment,
) -> Result<Reply> {
    if let Some(form) = &errand.form {
        // Only what the button sends: an empty form that a program sends says no yes.
        let says_yes = form.iter().any(|(name, value)| name == "confirm" && value == "yes");
        if says_yes && confirm::confirm(store, &errand.token, now)? {
            return done(store, words, (words.confirm_title, words.confirmed));
        }
    }
    let languages: Vec<&str> =
        std::iter::once(words.tag).chain(accepted(&errand.accepts)).collect();
    let Some(asked) = confirm::look(store, &errand.token, &languages, now)? else {
        return gone(store, words);
    };
    let contact = controller_of(store)?.contact;
    let frame = Frame {
        words,
        title: words.confirm_title,
        controller: &asked.controller,
        contact: &contact,
        notes: Vec::new(),
    };
    let (language, notice) = asked.notice.unwrap_or_default();
    let own = context! {
        kind => "confirm",
        asked => context! { title => asked.title, channel => asked.channel, language, notice },
    };
    Ok(page(200, &frame, own))
}

fn unsubscribe_page(
    store: &mut Store,
    errand: &Errand,
    words: &'static Words,
    now: Moment,
) -> Result<Reply> {
    // Any POST is the click: mail readers send it in several forms.
    if errand.form.is_some() {
        return match unsubscribe::unsubscribe(store, &errand.token, now)? {
            true => done(store, words, (words.unsubscribe_title, words.unsubscribed)),
            false => gone(store, words),
        };
    }
    let Some(ends) = unsubscribe::look(store, &errand.token, now)? else {
        return gone(store, words);
    };
    let contact = controller_of(store)?.contact;
    let frame = Frame {
        words,
        title: words.unsubscribe_title,
        controller: &ends.controller,
        contact: &contact,
        notes: Vec::new(),
    };
    let ends = context! { title => ends.title, channel => ends.channel };
    Ok(page(200, &frame, context! { kind => "unsubscribe", ends }))
}

/// What a form of the preferences must bring: that it was on a page of this link, today or yesterday. The link's
/// token is in the address, and whoever makes somebody else's browser send a form there would need both.
fn form_token(secret: &StoreSecret, token: &str, day: i64) -> String {
    hex(&secret.outside_name("preferences form", &[token, &day.to_string()]))
}

fn preferences_page(
    store: &mut Store,
    errand: &Errand,
    words: &'static Words,
    now: Moment,
) -> Result<Reply> {
    let token = errand.token.as_str();
    let languages: Vec<&str> =
        std::iter::once(words.tag).chain(accepted(&errand.accepts)).collect();
    let day = now.0.div_euclid(DAY_MS);
    let mut notes = Vec::new();
    if let Some(form) = &errand.form {
        let sent = form.iter().find(|(name, _)| name == "form").map_or("", |(_, text)| text);
        let known = [day, day - 1].map(|day| form_token(store.secret(), token, day));
        match known.iter().any(|known| known == sent) {
            true => notes = act(store, token, form, &languages, words, now)?,
            false => notes.push(Note { class: "warning", text: words.reload }),
        }
    }
    let Some(shown) = preferences::look(store, token, &languages, now)? else {
        return gone(store, words);
    };
    let frame = Frame {
        words,
        title: words.preferences_title,
        controller: &shown.controller.name,
        contact: &shown.controller.contact,
        notes,
    };
    let form = form_token(store.secret(), token, day);
    Ok(page(200, &frame, preferences_of(&shown, words, &form)))
}

/// Does what a form says; gives what is to be said of that.
fn act(
    store: &mut Store,
    token: &str,
    form: &[(String, String)],
    languages: &[&str],
    words: &'static Words,
    now: Moment,
) -> Result<Vec<Note>> {
    let good = |text| Note { class: "good", text };
    if let Some((_, kind)) = form.iter().find(|(name, _)| name == "ask") {
        let asked = ask::ask(store, token, kind, now)?;
        return Ok(asked.map(|_| good(words.saved)).into_iter().collect());
    }
    let Some(chosen) = choose::choose(store, token, form, languages, now)? else {
        return Ok(Vec::new());
    };
    let mut notes = Vec::new();
    if chosen.is_outdated {
        notes.push(Note { class: "warning", text: words.outdated });
    }
    if chosen.waits {
        notes.push(good(words.waits));
    }
    if chosen.is_unasked {
        notes.push(Note { class: "warning", text: words.unasked });
    }
    match chosen.said {
        0 if !chosen.is_outdated => notes.push(good(words.unchanged)),
        0 => {}
        _ => notes.push(good(words.saved)),
    }
    Ok(notes)
}

fn preferences_of(shown: &Preferences, words: &'static Words, form: &str) -> Value {
    let zone = shown.controller.zone();
    let day = |moment: Moment| moment.utc().with_timezone(&zone).date_naive().to_string();
    let notice = |notice: &Notice| {
        context! {
            name => &notice.name, version => notice.version, language => &notice.language,
            text => &notice.text, sha256 => notice.sha256(),
        }
    };
    let consent = |(index, one): (usize, &Consent)| {
        let is_no = matches!(one.stands, Stands::Refused | Stands::Withdrawn);
        context! {
            id => format!("consent-{index}"), name => &one.name, title => &one.title,
            channel => one.channel_name.replace('_', " "), field => one.field(),
            stands => words.stands(one.stands), since => one.since.map(day),
            seen => one.seen.as_ref().map(notice), offered => one.offered.as_ref().map(notice),
            is_given => one.stands == Stands::Given, is_no,
        }
    };
    let uses = shown.uses.iter().map(
        |one| context! { title => &one.title, field => one.field(), is_objected => one.is_objected },
    );
    let channels = shown.channels.iter().map(|one| {
        context! {
            name => one.name.replace('_', " "), field => one.field(),
            is_permitted => one.is_permitted == Some(true), is_denied => one.is_permitted == Some(false),
        }
    });
    let what = |kind: &str| match kind {
        "access" => words.access,
        "portability" => words.portability,
        _ => words.erasure,
    };
    let requests = shown.requests.iter().map(
        |one| context! { what => what(one.kind), asked => day(one.asked_at), due => &one.due_on },
    );
    let waits = |kind: &&str| shown.requests.iter().any(|request| request.kind == *kind);
    let asks = ["access", "portability", "erasure"].into_iter().filter(|kind| !waits(kind));
    let asks = asks.map(|kind| context! { kind, what => what(kind) });
    let mut wishes = WISHES.to_vec();
    wishes.extend(shown.every_days);
    wishes.sort_unstable();
    wishes.dedup();
    context! {
        kind => "preferences",
        form,
        is_restricted => shown.is_restricted,
        consents => shown.consents.iter().enumerate().map(consent).collect::<Vec<Value>>(),
        uses => uses.collect::<Vec<Value>>(),
        asks_to_confirm => shown.uses.iter().any(|one| one.is_asked_for),
        channels => channels.collect::<Vec<Value>>(),
        every => shown.every_days,
        wishes,
        requests => requests.collect::<Vec<Value>>(),
        asks => asks.collect::<Vec<Value>>(),
        authority => &shown.controller.authority,
    }
}
