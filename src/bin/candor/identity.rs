//! `identity`: who is who. `link` works on a file and needs no store; the others stand in `linking`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use candor::base::error::{Error, Result, io};
use candor::base::path::with_ending;
use candor::identity::{Edge, Linked, Records, Request, Secret, link, read};
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
    check_outputs(args)?;
    let request = Request {
        map: args.map.iter().map(|pair| column_and_field(pair)).collect::<Result<_>>()?,
        across: args.across.clone(),
        country: args.country.as_ref().map(|country| country.to_uppercase()),
    };
    let records = read(&args.file, &request)?;
    let linked = link(&records.table, &SECRET, args.seed);
    if let Some(path) = &args.pairs {
        let lines = linked.pairs.iter().map(|pair| pair_line(&records, pair));
        write(path, "id_l,id_r,prob\r\n", lines)?;
    }
    let numbers = linked.clusters.numbers();
    if let Some(path) = &args.clusters {
        let lines = (0..).zip(&numbers).map(|(record, number)| {
            let mut line = String::new();
            push_exact_line(&mut line, &[records.id(record), &number.to_string()]);
            line
        });
        write(path, "record_id,cluster\r\n", lines)?;
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

/// Nothing is read for hours only to be written over what was read.
fn check_outputs(args: &Link) -> Result<()> {
    let outputs: Vec<&PathBuf> = args.pairs.iter().chain(&args.clusters).collect();
    let [first, second] = outputs[..] else {
        return outputs.first().map_or(Ok(()), |only| check_apart(only, &args.file));
    };
    check_apart(first, second)?;
    check_apart(first, &args.file)?;
    check_apart(second, &args.file)
}

fn check_apart(one: &Path, other: &Path) -> Result<()> {
    if one != other {
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

/// Writes a file whole or not at all; what is no file, such as a pipe, is written to as it stands.
fn write(path: &Path, head: &str, lines: impl Iterator<Item = String>) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        let open = std::fs::OpenOptions::new().write(true).open(path);
        return open.and_then(|out| write_lines(out, head, lines)).map(drop).map_err(io(path));
    }
    let fresh = with_ending(path, ".new");
    create_private(&fresh)
        .and_then(|out| write_lines(out, head, lines))
        .and_then(|out| out.sync_all())
        .and_then(|()| std::fs::rename(&fresh, path))
        .map_err(|error| {
            let _ = std::fs::remove_file(&fresh);
            io(path)(error)
        })
}

fn write_lines(
    out: std::fs::File,
    head: &str,
    lines: impl Iterator<Item = String>,
) -> std::io::Result<std::fs::File> {
    let mut out = BufWriter::new(out);
    out.write_all(head.as_bytes())?;
    for line in lines {
        out.write_all(line.as_bytes())?;
    }
    out.into_inner().map_err(std::io::IntoInnerError::into_error)
}

/// Who is whom is personal: only its owner may read it.
pub fn create_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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
        "  compared   {} pairs; keys that more than {} records share were left out",
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
