//! The answer in plain words, as a document in the order of Art 15(1), for the person to read.
//!
//! It is a letter: it says "you", names things by their titles, and its moments are those of the
//! controller's time zone. What it leaves out (hashes, row numbers, sealed payloads) stands in
//! access.json, and it says so.

mod copy;
mod said;

use chrono_tz::Tz;

use crate::policy::types::Basis;
use crate::view::{Block, Document, NoteKind, Table};

use super::{AccessPackage, Obtained, PurposeNote, words};

/// Writes a package as a document.
#[must_use]
pub fn page(package: &AccessPackage) -> Document {
    Page::of(package).write()
}

struct Page<'a> {
    package: &'a AccessPackage,
    zone: Tz,
    document: Document,
}

impl<'a> Page<'a> {
    fn of(package: &'a AccessPackage) -> Page<'a> {
        let zone = package.controller.zone();
        let subtitle = format!(
            "Answer of {} under Art 15 GDPR, as of {}",
            package.controller.name,
            words::time(&package.as_of, zone)
        );
        Page { package, zone, document: Document::new("What we hold about you", subtitle) }
    }

    fn write(mut self) -> Document {
        let package = self.package;
        self.say(&format!(
            "Yes, we process personal data about you. This page says why, shows a copy of all of it, \
             and says what you can do. The same content is in access.json beside it, for programs, with \
             more detail. All times are those of {}.",
            self.zone.name()
        ));
        let head = self.head();
        self.document.push(Block::Facts(head));
        if package.after_erasure.erased {
            let words = package.after_erasure.sentence.clone();
            self.document.push(Block::Note(NoteKind::Warning, words));
        }
        self.section("Why we process it (Art 15(1)(a))");
        self.purposes();
        self.section("What kinds of data (Art 15(1)(b))");
        self.categories();
        self.section("Who received it (Art 15(1)(c))");
        self.recipients();
        self.section("How long we keep it (Art 15(1)(d))");
        self.retention();
        self.section("Your rights (Art 15(1)(e) and (f))");
        self.rights();
        self.section("Where it comes from (Art 15(1)(g))");
        self.sources();
        self.section("Profiling and automated decisions (Art 15(1)(h))");
        self.say(&package.profiling.sentence);
        self.section("Transfers outside the EEA (Art 15(2))");
        self.transfers();
        self.section("A copy of your data (Art 15(3))");
        self.copy();
        self.section("Your consents and objections");
        self.consents();
        self.section("Your requests");
        self.requests();
        self.section("What our ledger says");
        self.ledger();
        self.section("What stays after an erasure");
        self.say(&package.after_erasure.sentence);
        if let Some(since) = &package.after_erasure.kept_out_since {
            let since = self.time(since);
            self.say(&format!("Such fingerprints of you have been kept since {since}."));
        }
        self.completeness();
        self.document
    }

    fn head(&self) -> Vec<(String, String)> {
        let controller = &self.package.controller;
        let mut facts = vec![("Controller".to_owned(), controller.name.clone())];
        let mut fact = |label: &str, value: Option<&String>| {
            facts.extend(value.map(|value| (label.to_owned(), value.clone())));
        };
        fact("Address", controller.address.as_ref());
        fact("Country", Some(&controller.country));
        fact("Contact", Some(&controller.contact));
        fact("Data protection officer", controller.dpo.as_ref());
        fact("Supervisory authority", controller.authority.as_ref());
        fact("Your number with us", Some(&self.package.subject));
        if let Some(request) = &self.package.request {
            let received = self.time(&request.received_at);
            fact("Request", Some(&format!("{}, received {received}", request.id)));
            let due = words::day(&request.due_on);
            fact("Due by", Some(&format!("{due}. {}", request.due_because)));
        }
        facts
    }

    fn purposes(&mut self) {
        let columns =
            ["Purpose", "Lawful basis", "Rests on", "May be used for it now", "Values", "Events"];
        let mut table = Table::new(
            "Purposes for which we hold or sent something of you, or of which you spoke",
            columns,
        );
        for purpose in &self.package.purposes {
            let holds = match purpose.reason {
                None => "yes".to_owned(),
                Some((_, words)) => format!("no: {words}"),
            };
            table.push([
                purpose.title.clone(),
                purpose.basis.map(basis).unwrap_or_default().to_owned(),
                purpose.rests_on.clone().unwrap_or_default(),
                holds,
                purpose.values.to_string(),
                purpose.events.to_string(),
            ]);
        }
        self.table(table);
    }

    fn categories(&mut self) {
        let columns = ["Kind", "Specially protected (Art 9)", "Values", "Events"];
        let mut table = Table::new("Kinds of data", columns);
        for category in &self.package.categories {
            let none = category.title.is_empty();
            let title = if none { "no longer declared" } else { &category.title };
            table.push([
                title,
                if category.special { "yes" } else { "no" },
                &category.values.to_string(),
                &category.events.to_string(),
            ]);
        }
        self.table(table);
    }

    fn recipients(&mut self) {
        let columns = ["Recipient", "Country", "For", "What", "Times", "When"];
        let mut table = Table::new("Those who were sent data of you", columns);
        for recipient in &self.package.recipients {
            let mut sent: Vec<_> = recipient.disclosures.iter().collect();
            sent.dedup_by_key(|sent| sent.entry);
            let when: Vec<String> = sent.into_iter().map(|sent| self.time(&sent.at)).collect();
            let fields: Vec<String> = recipient.fields.iter().map(|f| words::spaced(f)).collect();
            table.push([
                recipient.recipient.clone(),
                recipient.country.clone().unwrap_or_default(),
                recipient.title.clone(),
                fields.join(", "),
                recipient.times.to_string(),
                when.join("; "),
            ]);
        }
        self.table(table);
        let erased = self.package.after_erasure.erased;
        if erased {
            self.say(
                "What was sent to whom before you were erased was erased with it, and can't be told any \
                 more.",
            );
        }
        let caption = match erased {
            true => "Other recipients that we name",
            false => "Recipients that we name and that received nothing of you",
        };
        let mut named = Table::new(caption, ["Recipient", "Would be for"]);
        for recipient in &self.package.recipients_without_data {
            named.push([&recipient.recipient, &recipient.title]);
        }
        self.table(named);
    }

    fn retention(&mut self) {
        let columns = ["Purpose", "We keep it for", "The oldest until", "The newest until"];
        let mut table = Table::new("Retention by purpose", columns);
        for purpose in &self.package.purposes {
            let until = |day: &Option<String>| day.as_deref().map(words::day).unwrap_or_default();
            table.push([
                purpose.title.clone(),
                purpose.retention.clone(),
                until(&purpose.oldest_until),
                until(&purpose.newest_until),
            ]);
        }
        self.table(table);
        if self.package.after_erasure.erased {
            return;
        }
        self.say(
            "What you said about consent and other uses of your data, what was sent to whom, and how \
             we answered you has no end date: we keep it to be able to prove it (Art 5(2), 7(1)), until \
             you are erased. What stays then is told at the end of this page.",
        );
    }

    fn rights(&mut self) {
        let controller = &self.package.controller;
        let authority = controller.authority.as_deref();
        let authority = authority.unwrap_or("the data protection authority of your country");
        self.say(&format!(
            "To use any of them, write to {}. You can complain to {authority} at any time.",
            controller.contact
        ));
        for purpose in &self.package.purposes {
            if is_idle(purpose) {
                self.say(&format!(
                    "For “{}” we hold nothing of you but what was said about it, and may use nothing, so \
                     there is nothing to correct, erase or take along.",
                    purpose.title
                ));
                continue;
            }
            let caption = format!("Rights over the data for “{}”", purpose.title);
            let mut table = Table::new(caption, ["Right", "Applies", "What it means"]);
            for right in &purpose.rights {
                let applies = match right.applies {
                    "conditional" => "it depends",
                    other => other,
                };
                let name = format!("{} ({})", right.name, right.article);
                table.push([&name, applies, &right.sentence]);
            }
            self.table(table);
        }
    }

    fn sources(&mut self) {
        let columns = ["Source", "Its number for you", "Obtained"];
        let mut table = Table::new("The systems that told us about you", columns);
        for record in &self.package.sources {
            let obtained = match record.obtained {
                Obtained::FromThePerson => "from you",
                Obtained::Indirectly => "from somebody else",
            };
            table.push([&record.title, &record.key, obtained]);
        }
        self.table(table);
    }

    fn transfers(&mut self) {
        if self.package.transfers.is_empty() {
            self.say("No recipient that we name is outside the European Economic Area.");
            return;
        }
        let columns = ["Recipient", "Country", "Safeguards", "Times sent"];
        let mut table = Table::new("Recipients abroad", columns);
        for transfer in &self.package.transfers {
            let times = transfer.times.to_string();
            table.push([&transfer.recipient, &transfer.country, &transfer.safeguards, &times]);
        }
        self.table(table);
    }

    fn completeness(&mut self) {
        let Some(completeness) = &self.package.completeness else { return };
        self.section("That nothing is missing");
        let words = completeness.statement.replace("this person", "you");
        self.document.push(Block::Note(NoteKind::Good, words));
        let mut table = Table::new("Rows about you", ["What", "Held", "In this answer"]);
        for t in &completeness.tables {
            table.push([words::table(t.table), &t.held.to_string(), &t.given.to_string()]);
        }
        self.table(table);
    }

    fn section(&mut self, heading: &str) {
        self.document.push(Block::Heading(2, heading.to_owned()));
    }

    fn heading(&mut self, heading: &str) {
        self.document.push(Block::Heading(3, heading.to_owned()));
    }

    fn say(&mut self, text: &str) {
        self.document.push(Block::Paragraph(text.to_owned()));
    }

    fn table(&mut self, table: Table) {
        self.document.push(Block::Table(table));
    }

    fn time(&self, moment: &str) -> String {
        words::time(moment, self.zone)
    }

    /// A purpose's title.
    fn purpose(&self, name: &str) -> String {
        let known = self.package.purposes.iter().find(|purpose| purpose.name == name);
        let stated = || {
            let all = &self.package.consent_state.purposes;
            all.iter().find(|purpose| purpose.purpose == name).map(|purpose| &purpose.title)
        };
        let title = known.map(|purpose| &purpose.title).or_else(stated);
        title.map_or_else(|| words::spaced(name), Clone::clone)
    }

    fn purpose_list(&self, names: &[String]) -> String {
        let titles: Vec<String> = names.iter().map(|name| self.purpose(name)).collect();
        titles.join("; ")
    }

    /// A source's title.
    fn source(&self, name: &str) -> String {
        let known = self.package.sources.iter().find(|source| source.source == name);
        known.map_or_else(|| words::spaced(name), |source| source.title.clone())
    }
}

/// Whether a purpose holds nothing and may hold nothing.
fn is_idle(purpose: &PurposeNote) -> bool {
    !purpose.holds && purpose.values + purpose.events == 0
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent => "your consent (Art 6(1)(a))",
        Basis::Contract => "a contract with you (Art 6(1)(b))",
        Basis::LegalObligation => "a duty by law (Art 6(1)(c))",
        Basis::VitalInterests => "protection of life (Art 6(1)(d))",
        Basis::PublicTask => "a public task (Art 6(1)(e))",
        Basis::LegitimateInterests => "our legitimate interests (Art 6(1)(f))",
    }
}
