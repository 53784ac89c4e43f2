//! What the person said and was told, what they asked for, and what the ledger holds of it.

use crate::consent::stands::Stands;
use crate::subject::told::Told;
use crate::view::{Block, NoteKind, Table};

use super::super::words;
use super::Page;

impl Page<'_> {
    pub(super) fn consents(&mut self) {
        if self.package.after_erasure.erased {
            self.say("What you said before you were erased was erased with it.");
        }
        let columns = ["For", "Channel", "Where you stand", "In force", "Since", "Notice"];
        let mut state = Table::new("Where you stand", columns);
        for c in &self.package.consent_state.purposes {
            let stands = match c.stands {
                Stands::Unknown => "nothing was said",
                Stands::Requested => "asked, not confirmed",
                Stands::Unconfirmed => "given, not confirmed",
                Stands::Given => c.state,
                other => other.words(),
            };
            state.push([
                c.title.clone(),
                words::spaced(&c.channel),
                stands.to_owned(),
                match c.reason {
                    None => "yes".to_owned(),
                    Some(code) => format!("no: {}", words::reason_of(code)),
                },
                c.since.as_deref().map(|at| self.time(at)).unwrap_or_default(),
                c.notice.clone().unwrap_or_default(),
            ]);
        }
        self.table(state);
        for mark in &self.package.consent_state.marks {
            let mark = words::mark(mark, |name| self.purpose(name), |name| self.source(name));
            self.document.push(Block::Note(NoteKind::Info, mark));
        }
        let columns = [
            "When",
            "What",
            "For",
            "Channel",
            "Notice",
            "How",
            "Written down by",
            "Proof",
            "Ledger entry",
        ];
        let mut told = Table::new("Everything that was said, in the order of time", columns);
        for t in &self.package.statements {
            told.push([
                match t.undated {
                    true => format!("not said when; we heard of it {}", self.time(&t.at)),
                    false => self.time(&t.at),
                },
                words::said(t, &self.source(&t.source)),
                if t.purpose.is_empty() { String::new() } else { self.purpose(&t.purpose) },
                words::spaced(&t.channel),
                t.notice.clone(),
                words::spaced(&t.method),
                self.who_wrote(t),
                t.evidence.clone(),
                t.entry.to_string(),
            ]);
        }
        self.table(told);
        self.notices();
    }

    fn who_wrote(&self, told: &Told) -> String {
        match (told.about, told.source.as_str()) {
            ("notice" | "hold", _) => "us".to_owned(),
            (_, "desk") => "one of us, as you told it".to_owned(),
            (_, source) => self.source(source),
        }
    }

    /// The text of each notice that was shown.
    fn notices(&mut self) {
        if self.package.notices_shown.is_empty() {
            return;
        }
        self.heading("What you were shown");
        for shown in &self.package.notices_shown {
            let when: Vec<String> = shown.at.iter().map(|at| self.time(at)).collect();
            let when = when.join("; ");
            match &shown.language {
                Some(language) => self.say(&format!("{} in “{language}”, {when}:", shown.notice)),
                None if shown.texts.is_empty() => {
                    self.say(&format!("{}, {when}: its text is not with us.", shown.notice));
                }
                None => self.say(&format!(
                    "{}, {when}: in which of these languages isn't known.",
                    shown.notice
                )),
            }
            for text in &shown.texts {
                if shown.language.is_none() {
                    self.say(&format!("In “{}”:", text.language));
                }
                self.document.push(Block::Preformatted(text.text.clone()));
            }
        }
    }

    pub(super) fn requests(&mut self) {
        let columns = ["Number", "You asked", "State", "Came", "Due by", "Answered"];
        let mut table = Table::new("Your requests", columns);
        for r in &self.package.requests {
            let closed = r.closed_at.as_deref().map(|at| self.time(at)).unwrap_or_default();
            table.push([
                &r.id.to_string(),
                words::request(r.kind),
                r.state,
                &self.time(&r.opened_at),
                &words::day(&r.due_on),
                &closed,
            ]);
        }
        if let Some(request) = &self.package.request {
            table.push([
                &request.id.to_string(),
                words::request("access"),
                "answered by this page",
                &self.time(&request.received_at),
                &words::day(&request.due_on),
                "",
            ]);
        }
        self.table(table);
    }

    pub(super) fn ledger(&mut self) {
        let columns = ["Entry", "When", "What", "By"];
        let mut table = Table::new("Entries of our ledger that concern you", columns);
        for e in &self.package.journal {
            let said = self.package.statements.iter().find(|told| told.entry == e.entry);
            let what = match said {
                Some(told) => {
                    let words = words::said(told, &self.source(&told.source));
                    match told.purpose.as_str() {
                        "" => words,
                        purpose => format!("{words}: {}", self.purpose(purpose)),
                    }
                }
                None => words::entry(&e.kind).unwrap_or(e.concerns).to_owned(),
            };
            table.push([e.entry.to_string(), self.time(&e.at), what, e.actor.clone()]);
        }
        self.table(table);
        self.say(&format!(
            "The ledger is {} and had {} entries. checkpoint.txt is its signed state; SHA256SUMS lists \
             the files of this answer, and SHA256SUMS.proof.json shows that the ledger commits to them; \
             access.json holds each entry as it was hashed, and all that it says of you.",
            self.package.origin, self.package.ledger_size
        ));
    }
}
