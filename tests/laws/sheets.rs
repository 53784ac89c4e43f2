//! Laws 1 and 9: what a spreadsheet damaged is no value and no silence, whatever the file's format, and what
//! stands for "nothing" names nobody.

use std::path::Path;

use candor::pipeline::import::{Carry, Request, import};

use crate::common::{Heard, World, hour, numbers};

/// Everything that an import of a fixture says and keeps.
fn taken(kind: &str) -> (World, [Heard; 2]) {
    let mut world = World::new();
    let heard = ["shop", "till"].map(|source| {
        let mut heard = Heard::default();
        let name = format!("fixtures/collect/errors-{source}.{kind}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let request = Request { path: &path, source, carry: Carry::Again };
        import(&mut world.store, &request, &|| hour(1), &mut heard).unwrap();
        heard
    });
    (world, heard)
}

/// A cell in which a formula failed is no empty cell: an amount is missing, a consent unread.
#[test]
fn an_error_in_a_workbook_is_read_as_in_a_text_file() {
    let (csv, from_csv) = taken("csv");
    let (xlsx, from_xlsx) = taken("xlsx");
    assert_eq!(xlsx.held(), csv.held());
    for (csv, xlsx) in from_csv.iter().zip(&from_xlsx) {
        assert_eq!(xlsx.reasons, csv.reasons);
        assert_eq!(xlsx.rejects, csv.rejects);
    }
    // By hand: the one basket whose amount and time can be read; nobody named #REF!; and the consent that
    // can't be read isn't taken for none.
    let sums = numbers(xlsx.store.conn(), "SELECT sum FROM rollup WHERE count > 0");
    assert_eq!(sums, [100]);
    let told: Vec<_> = from_xlsx[1].reasons.iter().map(|((what, _), n)| (&**what, *n)).collect();
    assert_eq!(told, [("at", 1), ("cents", 2)]);
    assert!(xlsx.held().iter().all(|(_, _, text)| !text.starts_with('#')));
    let of = |what: &str, reason: &'static str| {
        from_xlsx[0].reasons.get(&(what.to_owned(), reason)).copied().unwrap_or(0)
    };
    assert_eq!(of("card", "placeholder"), 2);
    assert_eq!(of("card", "shortened_number"), 2);
    assert_eq!(of("optin", "unknown_value"), 1, "and is told of");
    xlsx.is_sound();
}

/// Two strangers who have nothing for a number are two people.
#[test]
fn nothing_joins_nobody() {
    for nothing in [
        "#N/A",
        "NaN",
        "\\N",
        "(null)",
        "<null>",
        "?",
        "n.a.",
        "[object Object]",
        "#REF!",
        "2.06893E+11",
        "2,06893E+11",
        "(not set)",
        "unbekannt",
        "--",
        "TRUE",
    ] {
        let mut world = World::new();
        let cell =
            if nothing.contains(',') { format!("\"{nothing}\"") } else { nothing.to_owned() };
        let rows = format!(
            "customer_id,at,name,email,card\n\
             c1,2026-01-04,Ann,ann@x.example,{cell}\nc2,2026-01-04,Bob,bob@x.example,{cell}\n"
        );
        let mut heard = Heard::default();
        world.import_heard("shop", &rows, hour(1), &mut heard);
        let [ann, bob] =
            ["ann", "bob"].map(|name| world.subject(&format!("email:{name}@x.example")));
        assert!(ann.is_some() && bob.is_some() && ann != bob, "{nothing} joins two people");
        assert!(
            heard.reasons.keys().any(|(what, _)| what == "card"),
            "{nothing}: refused with a reason"
        );
        // Nor as a source's own key.
        let rows = format!(
            "customer_id,at,name,email,card\n{cell},2026-01-04,Cleo,cleo@x.example,\n\
             {cell},2026-01-04,Dan,dan@x.example,\n"
        );
        world.import("shop", &rows, hour(2));
        let [cleo, dan] =
            ["cleo", "dan"].map(|name| world.subject(&format!("email:{name}@x.example")));
        assert!(cleo.is_some() && dan.is_some() && cleo != dan, "{nothing} as a key");
    }
}
