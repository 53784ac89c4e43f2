//! Writes what the gate let in: values that say something new, and events.

use crate::base::error::Result;
use crate::base::secret::RecordKey;
use crate::collect::{MappedEvent, Record as Inbound};
use crate::policy::rulebook::PurposeMask;
use crate::profile::items::{AdmittedEvent, Items, Looking, Taken};
use crate::profile::recognise::SeenIdentifier;
use crate::profile::record::Record;
use crate::profile::sql;
use crate::send::outbox::queue_event;
use crate::store::Writer;

use super::admit::Admission;
use super::ask::Explanation;
use super::summary::Summary;

impl Admission<'_> {
    /// Writes the admitted values that say something new, and the blind names of identifiers; returns
    /// how many values those were.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn write_values(
        &mut self,
        writer: &mut Writer<'_>,
        items: &mut Items<'_>,
        record: &mut Record,
        inbound: &Inbound,
        values: &[(usize, PurposeMask)],
        identifiers: &[SeenIdentifier],
        protects: bool,
        summary: &mut Summary,
    ) -> Result<u64> {
        let observed = inbound.observed.unwrap_or(writer.now);
        let mut wrote = 0;
        let all = values.iter().fold(0, |mask, (_, purposes)| mask | purposes);
        if all != 0 && !record.current.contains_key(&self.key_field) {
            let field = (self.key_field, "record.key");
            items.add_value(writer, record, field, all, observed, &inbound.key)?;
            wrote += 1;
        }
        for (index, purposes) in values {
            let value = &inbound.values[*index];
            let (code, text) = self.place(&self.fields[value.field]);
            if let Some(current) = record.current.get(&code) {
                let same = current.text == value.text && purposes & !current.purposes == 0;
                // What the source said before it said what is held is old news.
                let older = inbound.observed.is_some_and(|at| at < current.observed_at);
                // Of several values of one field in a row the last one stands: told again, it changes nothing.
                let stands = |(other, _): &&(usize, PurposeMask)| {
                    let other = &inbound.values[*other];
                    self.place(&self.fields[other.field]).0 == code
                };
                let last = values.iter().rfind(stands).map(|(last, _)| &inbound.values[*last].text);
                if same || (last == Some(&current.text) && last != Some(&value.text)) {
                    continue;
                }
                if older && current.text != value.text {
                    summary.values_older += 1;
                    continue;
                }
            }
            let seq =
                items.add_value(writer, record, (code, text), *purposes, observed, &value.text)?;
            self.tally.value(*purposes);
            wrote += 1;
            if let Some(seen) =
                identifiers.iter().find(|seen| seen.field == code && seen.text == value.text)
            {
                sql::put_identifier(writer.conn, seen.blind, record.id, seen.field, seq)?;
            }
        }
        if protects {
            // Kept as keyed fingerprints only: enough to honour the "no" when the person turns up.
            for seen in identifiers {
                sql::put_identifier(writer.conn, seen.blind, record.id, seen.field, 0)?;
            }
        }
        Ok(wrote)
    }

    /// Keeps the blind names of a row's identifiers where something of it is held and no identifier finds the
    /// person: whoever asks by what they were recognised by is to be answered (Art 12(2), 15). Returns whether
    /// it kept any.
    pub(super) fn keep_to_find(
        &self,
        writer: &Writer<'_>,
        record: &Record,
        identifiers: &[SeenIdentifier],
    ) -> Result<bool> {
        let is_held = |seen: &SeenIdentifier| record.current.contains_key(&seen.field);
        if identifiers.is_empty()
            || identifiers.iter().any(is_held)
            || sql::is_found(writer.conn, record.subject)?
        {
            return Ok(false);
        }
        for seen in identifiers {
            sql::put_identifier(writer.conn, seen.blind, record.id, seen.field, sql::TO_FIND)?;
        }
        Ok(true)
    }

    /// Writes the admitted events that are new; returns how many those were.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn write_events(
        &mut self,
        writer: &mut Writer<'_>,
        items: &mut Items<'_>,
        record: i64,
        key: &RecordKey,
        inbound: &Inbound,
        events: &[(usize, PurposeMask)],
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<u64> {
        let mut took = 0;
        for (index, purposes) in events {
            let event: &MappedEvent = &inbound.events[*index];
            let plan = &self.events[event.map];
            let said_at = event.at.or(inbound.observed);
            let at = said_at.unwrap_or(writer.now);
            let id = event.id.as_deref().unwrap_or("");
            let mid = if id.is_empty() {
                let body = String::from_utf8_lossy(&event.body);
                let at = at.0.to_string();
                writer.secret.blind("event", &[&self.name, &plan.text, "", &at, &body])
            } else {
                writer.secret.blind("event", &[&self.name, &plan.text, id])
            };
            let admitted = AdmittedEvent {
                name: plan.name,
                name_text: &plan.text,
                id,
                purposes: *purposes,
                at,
                // Of senders the time is set right anew each time that they send.
                is_timed: said_at.is_some() && self.looking == Looking::Sparing,
                mid,
                amount: event.amount,
                properties: &event.body,
            };
            match items.add_event(writer, &mut self.memory, record, key, &admitted)? {
                Taken::New => {
                    summary.events_new += 1;
                    self.tally.event(*purposes);
                    took += 1;
                    for (destination, purpose) in &plan.sent_to {
                        if purposes & purpose != 0 {
                            queue_event(writer, *destination, record, items.last_event())?;
                        }
                    }
                }
                Taken::Known => summary.events_known += 1,
                Taken::Differs => {
                    summary.events_differ += 1;
                    if self.source.events[event.map].grouped {
                        self.differing.insert(id.to_owned());
                    }
                    explain(Explanation::of_known(inbound.line, &plan.text));
                }
            }
        }
        Ok(took)
    }
}
