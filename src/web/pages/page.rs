//! One page for a person, as HTML: it stands alone, and its browser may do nothing but show it and send its form
//! back.

use base64ct::{Base64, Encoding};
use minijinja::{AutoEscape, Environment, Value, context};
use sha2::{Digest, Sha256};

use super::super::reply::Reply;
use super::words::{ALL, Words};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = concat!(include_str!("../../view/page.css"), include_str!("page.css"));

/// A sentence above the page: what came of what was sent.
pub(super) struct Note {
    /// `good` or `warning`.
    pub(super) class: &'static str,
    pub(super) text: &'static str,
}

/// What stands on a page of any kind.
pub(super) struct Frame<'a> {
    pub(super) words: &'static Words,
    pub(super) title: &'static str,
    /// Who answers for the data; nothing where a link says nothing.
    pub(super) controller: &'a str,
    pub(super) contact: &'a str,
    pub(super) notes: Vec<Note>,
}

/// Writes a page: what its kind has stands in `own`.
pub(super) fn page(status: u16, frame: &Frame<'_>, own: Value) -> Reply {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("page", PAGE).expect("the built-in template is valid");
    let page = environment.get_template("page").expect("it was just added");
    let notes = frame.notes.iter().map(|note| context! { class => note.class, text => note.text });
    let languages = ALL.iter().map(|words| context! { tag => words.tag, name => words.name });
    let shared = context! {
        words => words_of(frame.words),
        title => frame.title,
        controller => frame.controller,
        contact => frame.contact,
        notes => notes.collect::<Vec<Value>>(),
        languages => languages.collect::<Vec<Value>>(),
        style => Value::from_safe_string(STYLE.to_owned()),
    };
    let text = page.render(context! { ..own, ..shared }).expect("the template fits its values");
    Reply::page(status, text, policy(), frame.words.tag)
}

/// The policy that a browser holds a page to: its own style, named by its hash, and its own form.
fn policy() -> String {
    let style = Base64::encode_string(&Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

macro_rules! words {
    ($words:expr, $($name:ident)*) => { context! { $($name => $words.$name),* } };
}

fn words_of(words: &'static Words) -> Value {
    words!(words, tag colon comma skip languages gone contact confirm_lead confirm_yes confirm_no unsubscribe_lead
        unsubscribe_yes by lead restricted consents consents_lead stands_now since seen offered not_offered
        yes no uses uses_lead use_yes use_no channels channel_yes channel_no every every_any every_days save
        no_to_all no_to_all_lead no_to_all_but rights rights_lead asked until complain reload)
}
