//! `identity`: who is who. `link` works on a file and needs no store; the others stand in `linking`.

use std::path::PathBuf;

use candor::base::error::{Error, Result};
use candor::identity::{Edge, Linked, Records, Request, Secret, link, read};
use candor::store::{OutFile, is_same_place};
use candor::view::push_exact_line;
use serde_json::json;

use crate::args::{Identity, Link};
use crate::output::counted;
use crate::{Answer, Context, linking};

/// The blocking keys of a file never leave memory, so that their secret needs none.
const SECRET: Secret = *b"keys of one file";

pub fn run(context: &Context, command: &Identity) -> Result<Answer> {
    match command {
        Identity::Link(args) => run_link(context, args),
        Identity::Run { new: true, .. } => linking::run_new(context),
        Identity::Run { dry_run, .. } => linking::run(context, *dry_run),
        Identity::Review(args) => linking::review(context, args),
        Identity::Explain(args) => linking::explain(context, args),
        Identity::Report(args) => linking::report(context, args),
    }
}

fn run_link(context: &Context, args: &Link) -> Result<Answer> {
    check_named_once([&args.pairs, &args.clusters])?;
    let pairs = args.pairs.as_deref().map(|path| context.claim(path)).transpose()?;
    let clusters = args.clusters.as_deref().map(|path| context.claim(path)).transpose()?;
    let request = Request {
        map: args.map.iter().map(|pair| column_and_field(pair)).collect::<Result<_>>()?,
        across: args.across.clone(),
        country: args.country.as_ref().map(|country| country.to_uppercase()),
    };
    let records = read(&args.file, &request)?;
    let linked = link(&records.table, &SECRET, args.seed);
    if let Some(out) = pairs {
        let lines = linked.pairs.iter().map(|pair| pair_line(&records, pair));
        write(out, "id_l,id_r,prob\r\n", lines)?;
    }
    let numbers = linked.clusters.numbers();
    if let Some(out) = clusters {
        let lines = (0..).zip(&numbers).map(|(record, number)| {
            let mut line = String::new();
            push_exact_line(&mut line, &[records.id(record), &number.to_string()]);
            line
        });
        write(out, "record_id,cluster\r\n", lines)?;
    }
    report(context, args, &records, &linked, &numbers);
    Ok(Answer::Yes)
}

fn pair_line(records: &Records, pair: &Edge) -> String {
    let mut line = String::new();
    let probability = format!("{:.6}", pair.probability());
    push_exact_line(&mut line, &[records.id(pair.a), records.id(pair.b), &probability]);
    line
}

/// Refuses two outputs of one place.
pub fn check_named_once(outputs: [&Option<PathBuf>; 2]) -> Result<()> {
    let [Some(one), Some(other)] = outputs else { return Ok(()) };
    if !is_same_place(one, other) {
        return Ok(());
    }
    Err(Error::usage("file-named-twice", "two of the files are one")
        .at(one.display())
        .next("name different files"))
}

fn column_and_field(pair: &str) -> Result<(String, String)> {
    let (column, field) = pair.split_once('=').ok_or_else(|| {
        Error::usage("map-unreadable", format!("{pair:?} doesn't say what the column stands for"))
            .next("write it like --map nachname=family")
    })?;
    Ok((column.trim().to_owned(), field.trim().to_owned()))
}

fn write(out: OutFile, head: &str, mut lines: impl Iterator<Item = String>) -> Result<()> {
    out.write_with(|out| {
        out.write_all(head.as_bytes())?;
        lines.try_for_each(|line| out.write_all(line.as_bytes()))
    })
}

fn report(context: &Context, args: &Link, records: &Records, linked: &Linked, numbers: &[u32]) {
    let persons = numbers.iter().max().map_or(0, |last| last + 1);
    let mut sizes = vec![0u32; persons as usize];
    numbers.iter().for_each(|number| sizes[*number as usize] += 1);
    let largest = sizes.iter().max().copied().unwrap_or(0);
    let several = sizes.iter().filter(|size| **size > 1).count();
    let at_least = |least: f64| linked.pairs.partition_point(|pair| pair.probability() >= least);
    let (sure, grey) = (at_least(0.9), at_least(0.3) - at_least(0.9));
    let out = &context.out;
    out.say(format!("{}: {}", args.file.display(), counted(numbers.len(), "record", "records")));
    let used: Vec<String> = records
        .used
        .iter()
        .map(
            |(column, field)| {
                if column == field { column.clone() } else { format!("{column} ({field})") }
            },
        )
        .collect();
    out.say(format!("  columns    {}", used.join(", ")));
    if !records.unused.is_empty() {
        out.say(format!(
            "  not used   {} (say what they are with --map)",
            records.unused.join(", ")
        ));
    }
    out.say(format!(
        "  compared   {} pairs; where more than {} records share a key, neighbours only",
        linked.compared, linked.block_limit
    ));
    out.say(format!(
        "  learned    about {:.0} pairs of one person, {:.0} of one household",
        linked.model.person_pairs, linked.model.household_pairs
    ));
    out.say(format!(
        "  persons    {persons}; {several} have several records, the largest {largest}"
    ));
    out.say(format!(
        "  pairs      {} from 0.01 on; {sure} from 0.9 on, {grey} worth a look between 0.3 and 0.9",
        linked.pairs.len()
    ));
    for path in args.pairs.iter().chain(&args.clusters) {
        out.say(format!("  wrote      {}", path.display()));
    }
    out.give(&json!({
        "file": args.file, "records": numbers.len(), "persons": persons,
        "persons_with_several_records": several, "largest": largest,
        "columns": records.used.iter().map(|(column, field)| json!({"column": column, "field": field})).collect::<Vec<_>>(),
        "columns_not_used": records.unused, "across": args.across, "seed": args.seed,
        "compared": linked.compared, "block_limit": linked.block_limit,
        "joins_refused": linked.clusters.refused,
        "pairs": {"kept": linked.pairs.len(), "from_0.9": sure, "from_0.3_to_0.9": grey},
        "pairs_file": args.pairs, "clusters_file": args.clusters, "model": linked.model,
    }));
}
