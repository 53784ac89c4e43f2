//! The documented views `v_*` that `candor sql` offers, and who may see which of their columns.
//!
//! One table of views makes both the SQL and the pages of `VIEWS.md`. Each view is a window over an
//! inner view with a random name: only that inner view may read tables, and nobody can name it, so
//! a query can't pass something of its own off as a view.

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sees all views.
    Operator,
    /// Sees pseudonymous columns only.
    Auditor,
}

/// A column of a view.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Where it comes from.
    pub(super) source: &'static str,
    /// Whether it opens what is sealed: then only an operator sees it.
    pub opens: bool,
}

/// A view.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub what: &'static str,
    /// The tables that it reads.
    pub(super) from: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
}

macro_rules! view {
    ($name:literal, $what:literal, $from:literal, $($column:ident = $source:literal $($opens:ident)?),* $(,)?) => {
        View { name: $name, what: $what, from: $from, columns: &[
            $(Column { name: stringify!($column), source: $source, opens: view!(@ $($opens)?) },)*
        ] }
    };
    (@ opens) => { true };
    (@) => { false };
}

/// Every view.
pub const VIEWS: &[View] = &[
    view!(
        "v_subject",
        "subjects",
        "(SELECT DISTINCT subject FROM record) r JOIN subject s ON s.id = r.subject",
        subject = "s.id",
        state = "s.state"
    ),
    view!(
        "v_record",
        "records of sources",
        "record r LEFT JOIN word w ON w.kind = 'source' AND w.code = r.source",
        record = "r.id",
        subject = "r.subject",
        home = "r.home",
        source = "w.text"
    ),
    view!("v_value", "identifiers and attributes",
        "value v LEFT JOIN record_key k ON k.record = v.record LEFT JOIN word w ON w.kind = 'field' AND w.code = v.field
         LEFT JOIN purpose_set p ON p.id = v.purposes",
        value = "v.seq", record = "v.record", field = "w.text", purposes = "p.mask",
        observed_at = "CASE WHEN v.state = 4 THEN NULL ELSE v.observed_at END", state = "v.state",
        text = "CASE WHEN v.state = 4 THEN NULL ELSE candor_value(k.k, v.seq, v.body) END" opens),
    view!("v_event", "events",
        "event v LEFT JOIN record_key k ON k.record = v.record LEFT JOIN word w ON w.kind = 'event' AND w.code = v.name
         LEFT JOIN purpose_set p ON p.id = v.purposes",
        event = "v.seq", record = "v.record", name = "w.text", purposes = "p.mask",
        at = "CASE WHEN v.purposes = 2 THEN NULL ELSE v.at END",
        state = "CASE WHEN v.purposes = 2 THEN 4 ELSE 2 END",
        body = "CASE WHEN v.purposes = 2 THEN NULL ELSE candor_event(k.k, v.seq, v.body) END" opens),
    view!(
        "v_rollup",
        "counts and sums of events by record and name",
        "rollup r LEFT JOIN word w ON w.kind = 'event' AND w.code = r.name",
        record = "r.record",
        name = "w.text",
        count = "r.count",
        sum = "r.sum",
        first_at = "CASE WHEN r.count > 0 THEN r.first_at END",
        last_at = "CASE WHEN r.count > 0 THEN r.last_at END"
    ),
    view!(
        "v_consent",
        "statements about consent, channels, objections, restrictions, notices, frequency and holds",
        "statement s LEFT JOIN word w ON w.kind = 'purpose' AND w.code = s.purpose
         LEFT JOIN word c ON c.code = s.channel
           AND c.kind = CASE s.axis WHEN 7 THEN 'category' ELSE 'channel' END
         LEFT JOIN word o ON o.kind = 'source' AND o.code = s.source",
        entry = "s.n",
        record = "s.record",
        axis = "s.axis",
        purpose = "w.text",
        channel = "c.text",
        state = "s.state",
        explicit = "s.explicit",
        confirmed = "s.confirmed",
        own = "s.own",
        source = "o.text",
        notice_version = "s.notice_version",
        every_days = "s.every_days",
        valid_at = "s.valid_at",
        recorded_at = "s.recorded_at"
    ),
    view!("v_entry", "ledger entries", "entry e", entry = "e.n", leaf = "CAST(e.leaf AS TEXT)"),
    view!(
        "v_checkpoint",
        "signed checkpoints",
        "checkpoint c",
        size = "c.size",
        note = "CAST(c.note AS TEXT)"
    ),
    view!(
        "v_policy",
        "applied policies",
        "policy p",
        version = "p.version",
        entry = "p.entry",
        applied_at = "p.applied_at",
        sha256 = "lower(hex(p.sha256))",
        text = "p.text"
    ),
    view!(
        "v_notice",
        "notices that people were shown",
        "notice n",
        name = "n.name",
        version = "n.version",
        language = "n.language",
        material = "n.material",
        sha256 = "lower(hex(n.sha256))",
        text = "n.text",
        policy = "n.policy"
    ),
    view!(
        "v_disclosure",
        "what was sent to whom",
        "disclosure d LEFT JOIN word w ON w.kind = 'destination' AND w.code = d.destination
         LEFT JOIN word p ON p.kind = 'purpose' AND p.code = d.purpose
         LEFT JOIN disclosed_along a ON a.disclosure = d.id",
        disclosure = "d.id",
        entry = "d.entry",
        record = "d.record",
        destination = "w.text",
        purpose = "p.text",
        at = "d.at",
        along = "a.disclosure IS NOT NULL"
    ),
    view!(
        "v_purpose",
        "the purposes that policies have declared",
        "word w JOIN (SELECT 'purpose' AS kind) k ON k.kind = w.kind",
        code = "w.code",
        purpose = "w.text",
        bit = "1 << (w.code - 1)"
    ),
    view!(
        "v_request",
        "requests of people",
        "request q",
        request = "q.id",
        record = "q.record",
        kind = "q.kind",
        state = "q.state",
        opened_at = "q.opened_at",
        due_on = "q.due_on",
        closed_at = "q.closed_at",
        opened_entry = "q.opened_entry",
        closed_entry = "q.closed_entry"
    ),
    view!(
        "v_batch",
        "admitted batches",
        "batch b LEFT JOIN word w ON w.kind = 'source' AND w.code = b.source",
        entry = "b.n",
        recorded_at = "b.recorded_at",
        policy = "b.policy",
        source = "w.text",
        first_value = "b.first_value",
        value_count = "b.value_count",
        first_event = "b.first_event",
        event_count = "b.event_count"
    ),
    view!(
        "v_import",
        "imports",
        "import i LEFT JOIN word w ON w.kind = 'source' AND w.code = i.source",
        import = "i.id",
        source = "w.text",
        policy = "i.policy",
        state = "i.state",
        started_at = "i.started_at",
        finished_at = "i.finished_at",
        totals = "i.totals"
    ),
    view!(
        "v_suppression_count",
        "how many fingerprints keep people out",
        "suppression s",
        entry = "s.entry",
        count = "COUNT(*)"
    ),
];

/// The statements that make the views of a role; inner views begin with `prefix`.
pub(super) fn script(role: Role, prefix: &str) -> String {
    let mut script = String::new();
    for view in VIEWS {
        let shown = view.columns.iter().filter(|c| role == Role::Operator || !c.opens);
        let columns: Vec<String> =
            shown.map(|c| format!("{} AS \"{}\"", c.source, c.name)).collect();
        let inner = format!("{prefix}{}", view.name);
        let group = if view.name == "v_suppression_count" { " GROUP BY s.entry" } else { "" };
        script.push_str(&super::sql::view(&inner, &columns.join(", "), view.from, group));
        script.push_str(&super::sql::view(view.name, "*", &inner, ""));
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_and_column_is_documented() {
        let text = include_str!("VIEWS.md");
        for view in VIEWS {
            let section = text.split("\n## ").find(|s| s.starts_with(view.name)).unwrap();
            for column in view.columns {
                let line = format!("\n| `{}` |", column.name);
                assert!(
                    section.contains(&line),
                    "{}.{} is not in VIEWS.md",
                    view.name,
                    column.name
                );
            }
        }
    }
}
