//! The program as it is typed: pipes that close, disks that are full, JSON for programs, and what is
//! said when a file, a policy or a command line isn't what it should be.

use std::io::pipe;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use candor::base::clock::Moment;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with the example brand's policy and exports, in which commands are typed.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        let brand = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/brand");
        std::fs::copy(brand.join("policy.toml"), desk.file("policy.toml")).unwrap();
        for export in std::fs::read_dir(brand.join("exports")).unwrap() {
            let export = export.unwrap();
            std::fs::copy(export.path(), desk.file(export.file_name().to_str().unwrap())).unwrap();
        }
        desk
    }

    /// With a store, and the customer list and the web accounts in it.
    fn with_people() -> Desk {
        let desk = Desk::new();
        desk.done("init t.db --policy policy.toml");
        desk.done("import crm_customers.csv --source crm");
        desk.done("import web_accounts.ndjson --source web");
        desk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_candor"));
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        command.env("CANDOR_STORE", "t.db").env_remove("CANDOR_ACTOR").stdin(Stdio::null());
        command
    }

    fn typed(&self, line: &str) -> Said {
        Said::of(self.command(line).output().unwrap())
    }

    /// What a command says that must succeed.
    fn done(&self, line: &str) -> String {
        let said = self.typed(line);
        assert_eq!(said.exit, Some(0), "{line}: {}{}", said.out, said.err);
        said.out
    }

    /// A command whose standard output nobody reads.
    fn unread(&self, line: &str) -> Said {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        Said::of(self.command(line).stdout(writer).output().unwrap())
    }

    /// A command whose standard output goes to a full disk.
    #[cfg(target_os = "linux")]
    fn on_a_full_disk(&self, line: &str) -> Said {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        Said::of(self.command(line).stdout(full).output().unwrap())
    }
}

struct Said {
    exit: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Said {
        Said {
            exit: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one document on standard output.
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }

    /// The code of the error that people are told.
    fn error_code(&self) -> &str {
        let told = self.err.strip_prefix("error ").unwrap_or(&self.err);
        told.split(':').next().unwrap_or_default()
    }

    fn error(&self) -> Value {
        self.json()["error"].clone()
    }
}

#[test]
fn a_reader_who_goes_away_ends_no_work() {
    let desk = Desk::new();
    assert_eq!(desk.unread("init t.db --policy policy.toml").exit, Some(0));
    assert!(desk.done("policy show").contains("version 1 of 1"));
    let files = "import crm_customers.csv broken.csv --source crm";
    assert_eq!(desk.unread(files).exit, Some(0));
    let again = desk.done(files);
    assert_eq!(again.matches("took this very file in").count(), 2, "{again}");
    let erased = desk.unread("erase email:mira.okafor@example.net --certificate c.json");
    assert_eq!((erased.exit, erased.err.as_str()), (Some(0), ""));
    let key = desk.done("key show");
    desk.done(&format!("audit check c.json --key {}", key.trim()));
    assert_eq!(desk.unread("profile show email:nobody@example.com").exit, Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_is_lost_is_said() {
    let desk = Desk::with_people();
    for json in ["", "--json "] {
        let who = ["mira.okafor@example.net", "jonas.weber@example.org"][json.len().min(1)];
        let lost = desk.on_a_full_disk(&format!("{json}erase email:{who}"));
        assert_eq!(lost.exit, Some(3));
        assert!(lost.err.contains("answer-lost") && lost.err.contains("try: "), "{}", lost.err);
        let gone = desk.typed(&format!("profile show email:{who}"));
        assert!(gone.exit == Some(1) && gone.err.contains("subject-not-found"), "it was done");
    }
    let wrong = desk.on_a_full_disk("profile show email:nobody@example.com");
    assert_eq!(wrong.exit, Some(1), "the error is the answer, and is on standard error");
}

#[test]
fn programs_get_one_document_whatever_happens() {
    let desk = Desk::with_people();
    let cases = [
        ("profile show email:nobody@example.com", 1, "subject-not-found"),
        ("profile show email:nobody@example.com --who", 2, "usage-wrong"),
        ("import", 2, "usage-wrong"),
        ("", 2, "usage-wrong"),
        ("import nowhere.csv --source crm", 3, "file-not-found"),
        ("consent state email:edda.lind@example.com --at yesterday", 2, "time-unreadable"),
        ("policy apply policy.toml", 2, "policy-unchanged"),
    ];
    for (line, exit, code) in cases {
        let said = desk.typed(&format!("--json {line}"));
        let error = said.error();
        assert_eq!((said.exit, error["code"].as_str()), (Some(exit), Some(code)), "{line}");
        assert_eq!(error["exit"], exit);
        assert_ne!(error["next"], "", "{line}");
        assert!(!said.out.contains("nobody@"), "{}", said.out);
        assert!(said.err.contains(code), "people are told as well: {}", said.err);
        assert_eq!(desk.typed(line).exit, Some(exit), "as without --json");
    }
    let help = desk.typed("--json --help");
    assert!(help.exit == Some(0) && help.out.contains("Usage:") && help.err.is_empty());
}

#[test]
fn a_policy_is_checked_against_the_store_and_by_itself_at_once() {
    let desk = Desk::with_people();
    let text = desk.read("policy.toml");
    let orders = "basis = \"contract\"\ncategories = [\"contact\", \"order\"]";
    assert!(text.contains(orders) && text.contains("[controller]\n"));
    let swapped = text.replace(orders, &orders.replace("contract", "vital_interests"));
    let spoilt = swapped.replace("[controller]\n", "[controller]\ncolour = \"red\"\n");
    desk.write("new.toml", &spoilt);
    let line_of = |start: &str| spoilt.lines().position(|l| l.starts_with(start)).unwrap() + 1;
    let expected =
        [("unknown-key", line_of("colour")), ("basis-swapped", line_of("basis = \"vital"))];
    let told = |list: &Value| -> Vec<(String, u64)> {
        let list = list.as_array().unwrap_or_else(|| panic!("{list}"));
        for mistake in list {
            assert!(mistake["why"] != "" && mistake["fix"] != "");
        }
        let told = |m: &Value| (m["code"].as_str().unwrap().into(), m["line"].as_u64().unwrap());
        list.iter().map(told).collect()
    };
    let expected = expected.map(|(code, line)| (code.to_owned(), line as u64));
    let checked = desk.typed("--json policy check new.toml");
    assert_eq!(checked.exit, Some(1));
    assert_eq!(told(&checked.json()["mistakes"]), expected);
    let applied = desk.typed("--json policy apply new.toml");
    assert_eq!(applied.exit, Some(1));
    assert_eq!(told(&applied.error()["details"]), expected);
    assert_eq!(applied.error()["what"], "2 mistakes");
    let words = desk.typed("policy apply new.toml").err;
    assert!(words.contains("[basis-swapped]") && words.contains("[unknown-key]"), "{words}");
    let alone = desk.typed("--store nowhere.db policy check new.toml");
    assert!(alone.out.contains("1 mistake\n") && !alone.out.contains("basis-swapped"));
}

/// What a policy takes from what is held is said in numbers before it does.
#[test]
fn a_policy_says_what_it_lets_go() {
    let desk = Desk::with_people();
    let text = desk.read("policy.toml");
    let narrow = text.replacen(
        "basis = \"contract\"\ncategories = [\"contact\", \"order\"]",
        "basis = \"contract\"\ncategories = [\"order\"]",
        1,
    );
    assert_ne!(text, narrow);
    let linked = "assessment = \"LIA-2015-03\"\ncategories = [\"contact\"]";
    assert!(narrow.contains(linked), "the addresses have another reason than the orders");
    let narrow = narrow.replacen(linked, &linked.replace("contact", "birth"), 1);
    desk.write("new.toml", &narrow);
    let lost = |said: &Said| -> u64 {
        let json = said.json();
        let warnings = json["warnings"].as_array().unwrap().iter();
        let lost = warnings.filter(|warning| warning["code"] == "reasons-lost");
        let lost = lost.filter(|warning| warning["path"] == "purpose.orders").map(|warning| {
            let line = narrow.lines().nth(warning["line"].as_u64().unwrap() as usize - 1);
            assert_eq!(line, Some("[purpose.orders]"));
            let what = warning["what"].as_str().unwrap();
            let due = what.split("; for ").nth(1).map(|rest| rest.split(' ').next().unwrap());
            due.map_or(0, |due| due.parse().unwrap())
        });
        lost.sum()
    };
    let due = lost(&desk.typed("--json policy check new.toml"));
    assert!(due > 0);
    assert_eq!(lost(&desk.typed("--json policy diff new.toml")), due);
    assert_eq!(lost(&desk.typed("--json policy apply new.toml")), due);
    let run = desk.typed("--json retain run").json();
    assert_eq!(run["values"].as_u64().unwrap() + run["events"].as_u64().unwrap(), due);
    let words = desk.done("audit report retention");
    assert!(words.contains("Nothing is held past its time."), "{words}");
}

/// A destination that would leave the policy while it holds data is warned of; who withdraws then is told by hand, by
/// name, until a policy has the destination again.
#[test]
fn a_recipient_that_leaves_the_policy_is_not_forgotten() {
    let desk = Desk::with_people();
    let contract = "contract = \"DPA-2016-01\"\n";
    let calls = "kind = \"http\"\n[destination.mailer.http]\nurl = \"http://127.0.0.1:9/people\"\n\
                 body = '{\"email\": \"{{ data.email }}\"}'\n[destination.mailer.recall]\n\
                 url = \"http://127.0.0.1:9/people/{{ data.id }}\"\n";
    let with = desk.read("policy.toml").replace(contract, &format!("{contract}{calls}"));
    desk.write("with.toml", &with);
    let place = |name: &str| with.find(&format!("[destination.{name}]")).unwrap();
    desk.write(
        "without.toml",
        &format!("{}{}", &with[..place("mailer")], &with[place("printer")..]),
    );
    desk.done("policy apply with.toml");
    desk.done("audience push mailer");
    // Nobody listens there, so whether it was heard isn't known: it counts as disclosed.
    desk.done("outbox run --once");
    let list = desk.done("outbox list");
    assert!(list.contains("mailer: 2 messages keep failing"), "{list}");
    assert!(desk.done("doctor").contains("mailer: 2 messages keep failing"));
    for verb in ["check", "diff", "apply"] {
        let said = desk.typed(&format!("--json policy {verb} without.toml")).json();
        let warnings = said["warnings"].as_array().unwrap();
        let lost: Vec<_> = warnings.iter().filter(|w| w["code"] == "recipient-lost").collect();
        let what = lost[0]["what"].as_str().unwrap();
        assert!(what.contains("Letterbox Ltd") && what.contains("2 people"), "{verb}: {what}");
    }
    let withdrawn = "consent record email:edda.lind@example.com --purpose newsletter --channel email \
                     --state withdrawn";
    for said in [desk.done(withdrawn), desk.done("outbox list")] {
        assert!(
            said.contains("tell Letterbox Ltd, Dublin (sends the newsletter) by hand"),
            "{said}"
        );
    }
    let doctor = desk.typed("doctor");
    assert!(doctor.out.contains("isn't told of 1 withdrawal"), "{}", doctor.out);
    assert_eq!(doctor.exit, Some(1));
    desk.done("policy apply with.toml");
    assert!(!desk.done("outbox list").contains("by hand"));
}

/// What is kept of an erased person is found by the name that the person goes by.
#[test]
fn an_erased_name_tells_what_is_kept_of_it() {
    let desk = Desk::with_people();
    desk.done("import till_lines.csv --source till");
    let mira = "email:mira.okafor@example.net";
    let erased = desk.typed(&format!("--json erase {mira}")).json();
    let id = erased["kept_as"].as_str().unwrap();
    desk.done("erase email:jonas.weber@example.org");
    for line in ["access WHO --out answer", "profile find WHO", "erase WHO"] {
        let said = desk.typed(&line.replace("WHO", mira));
        assert_eq!((said.exit, said.error_code()), (Some(1), "subject-not-found"), "{}", said.err);
        assert!(said.err.contains(&format!("candor access {id} --out DIR")), "{}", said.err);
        let said = desk.typed(&line.replace("WHO", "email:jonas.weber@example.org"));
        assert!(said.err.contains("it tells nothing else"), "{}", said.err);
        let said = desk.typed(&line.replace("WHO", "email:nobody@example.org"));
        assert!(!said.err.contains("fingerprint"), "{}", said.err);
    }
    desk.done(&format!("access {id} --out answer"));
}

/// A "no" said by an address that several people share is recorded for all of them; a "yes" is one
/// person's.
#[test]
fn a_no_by_a_shared_address_is_everybodys() {
    let desk = Desk::with_people();
    let who = "email:ann.byrne@example.com";
    let people = desk.typed(&format!("--json profile find {who}")).json();
    let people: Vec<&str> =
        people.as_array().unwrap().iter().map(|p| p["subject"].as_str().unwrap()).collect();
    assert!(people.len() > 1, "{people:?}");
    let say = |state: &str, more: &str| {
        desk.typed(&format!(
            "consent record {who} --purpose newsletter --channel email --state {state} {more}"
        ))
    };
    let yes = say("given", "--notice newsletter-form@2");
    assert_eq!(yes.error_code(), "subject-ambiguous");
    assert_eq!(desk.typed(&format!("consent restrict {who}")).error_code(), "subject-ambiguous");
    let no = say("withdrawn", "");
    assert_eq!(no.exit, Some(0), "{}", no.err);
    assert!(no.out.contains(&format!("{} people are held", people.len())), "{}", no.out);
    for id in &people {
        let state = desk.done(&format!("consent state {id}"));
        assert!(state.contains("withdrawn"), "{state}");
    }
    // A profile shows the purposes that hold a value now, and says of the others that they don't.
    let shown = desk.done(&format!("profile show {}", people[0]));
    assert!(!shown.contains("for newsletter, orders)"), "{shown}");
    assert!(shown.contains("for one_profile, orders; not for newsletter any more"), "{shown}");
}

/// A variable that is set to nothing names nothing, and hinders no command.
#[test]
fn an_empty_variable_names_no_store() {
    let desk = Desk::with_people();
    let empty = |line: &str| {
        let mut command = desk.command(line);
        command.env("CANDOR_STORE", "").env("CANDOR_PASSPHRASE_FILE", "");
        Said::of(command.output().unwrap())
    };
    let named = empty("--store t.db policy show");
    assert_eq!(named.exit, Some(0), "{}", named.err);
    assert_eq!(empty("policy show").error_code(), "store-unnamed");
    assert_eq!(empty("--version").exit, Some(0));
}

/// Rows of several formats don't stand in one file of rejects.
#[test]
fn rejects_are_of_one_format() {
    let desk = Desk::new();
    desk.done("init t.db --policy policy.toml");
    desk.write("more.ndjson", "{\"crm_id\": 1\n");
    let said =
        desk.typed("import crm_customers.csv more.ndjson --source crm --rejects rejects.txt");
    assert_eq!((said.exit, said.error_code()), (Some(2), "rejects-mixed"), "{}", said.err);
    assert!(!desk.file("rejects.txt").exists());
    desk.done("import crm_customers.csv broken.csv --source crm --rejects rejects.txt");
}

#[test]
fn nothing_new_is_said_only_where_it_is_so() {
    let desk = Desk::with_people();
    // By the consents of the web accounts more may be kept the second time, and nothing the third.
    let again = "import crm_customers.csv --source crm --again";
    assert!(!desk.done(again).contains("known already"));
    let again = desk.done(again);
    assert!(again.contains("may be kept of it is known already, and the rest"), "{again}");
    desk.done("erase email:jonas.weber@example.org");
    let all = desk.read("web_accounts.ndjson");
    desk.write("jonas.ndjson", all.lines().find(|line| line.contains("Jonas")).unwrap());
    let out = desk.done("import jonas.ndjson --source web");
    assert!(out.contains("nothing of it is kept") && out.contains("1 row\n"), "{out}");

    let csv = desk.read("crm_customers.csv");
    desk.write("crm.ndjson", &csv);
    for _ in 0..2 {
        let unread = desk.typed("import crm.ndjson crm_customers.csv --source crm");
        assert_eq!(unread.exit, Some(3), "{}", unread.out);
        assert!(unread.err.contains("rows-unreadable") && unread.err.contains("try: "));
        assert!(!unread.out.contains("known already\n"), "{}", unread.out);
        assert!(unread.out.contains("took this very file in"), "the other file is read");
    }
    let error = desk.typed("--json import crm.ndjson --source crm").error();
    assert_eq!(error["details"][0]["summary"]["rows"], csv.lines().count());
    // Under the right name the same bytes are taken in.
    desk.write("late.ndjson", "crm_id,first_name\nk7,Ida\n");
    assert_eq!(desk.typed("import late.ndjson --source crm").exit, Some(3));
    std::fs::rename(desk.file("late.ndjson"), desk.file("late.csv")).unwrap();
    assert!(desk.done("import late.csv --source crm").contains("1 new"));
}

#[test]
fn a_spreadsheets_first_line_is_no_header() {
    let desk = Desk::with_people();
    desk.write(
        "excel.csv",
        "sep=;\r\ncrm_id;first_name;last_name;city\r\nk1;Ida;Lee;a, b\r\nk2;x\r\n",
    );
    let said = desk.typed("import excel.csv --source crm --rejects r.csv");
    assert!(said.exit == Some(0) && said.out.contains("1 new"), "{}{}", said.out, said.err);
    assert!(said.err.contains("excel.csv:4: 2 fields"), "{}", said.err);
    assert_eq!(desk.read("r.csv"), "crm_id;first_name;last_name;city\nk2;x\n");
    let under = desk.done("import excel.csv --source crm --again");
    assert!(under.contains("1 unchanged"), "{under}");
}

#[test]
fn rejects_are_private_and_stand_there_once() {
    let desk = Desk::with_people();
    let line = "import broken.csv --source crm --rejects rejects.csv";
    desk.done(line);
    let once = std::fs::read(desk.file("rejects.csv")).unwrap();
    assert!(once.iter().filter(|byte| **byte == b'\n').count() > 2);
    desk.done(line);
    desk.done(&format!("{line} --again"));
    assert_eq!(std::fs::read(desk.file("rejects.csv")).unwrap(), once);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(desk.file("rejects.csv")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// Whatever writes a file refuses the store's own files, also those that aren't there at the moment, and
/// any other that is there, by whatever name it is reached.
#[test]
fn no_file_that_leaves_takes_the_place_of_another() {
    let desk = Desk::with_people();
    desk.write("other", "somebody's work");
    let mut places = vec!["t.db", "t.db.key", "t.db-journal", "other"];
    if cfg!(unix) {
        std::os::unix::fs::symlink("t.db.key", desk.file("link")).unwrap();
        places.push("link");
    }
    let kept = ["t.db.key", "t.db.key.erasures", "other", "crm_customers.csv"];
    let bytes = || kept.map(|name| desk.read(name));
    let before = bytes();
    let commands = [
        "audit report basis --out",
        "audit report basis --format csv --out",
        "audit checkpoint --out",
        "audit prove --entry 0 --out",
        "audit prove --entry 0 --leaf",
        "audit prove --from 1 --out",
        "audit bundle",
        "audit timestamp --out",
        "witness init --name w.example --key w.key --state",
        "audit verify --watch",
        "identity explain 1 2 --svg",
        "identity explain 1 2 --html",
        "identity link crm_customers.csv --map crm_id=record_id --pairs",
        "identity link crm_customers.csv --map crm_id=record_id --clusters",
        "identity report --out",
        "access email:mira.okafor@example.net --out",
        "audience push mailer --out",
        "backup",
        "erase email:mira.okafor@example.net --certificate",
    ];
    for place in &places {
        for command in commands {
            let said = desk.typed(&format!("{command} {place}"));
            // Of a place that is the store's own each says so; some find another file unreadable.
            let refused = if *place == "other" { [2, 3] } else { [2, 2] };
            assert!(refused.map(Some).contains(&said.exit), "{command} {place}: {}", said.err);
            assert!(bytes() == before, "{command} {place}");
        }
        let rejects = format!("import broken.csv --source crm --rejects {place}");
        if *place != "other" {
            assert_eq!(desk.typed(&rejects).error_code(), "file-of-store", "{place}");
        }
    }
    let own = desk.typed("import crm_customers.csv --source crm --rejects ./crm_customers.csv");
    assert_eq!((own.exit, own.error_code()), (Some(2), "file-named-twice"));
    assert!(bytes() == before && !desk.file("t.db-journal").exists());
    desk.done("audit verify --deep");

    desk.done("audit report basis --format csv --out basis.csv");
    let twice = desk.typed("audit report basis --format csv --out basis.csv");
    assert_eq!((twice.exit, twice.error_code()), (Some(2), "file-exists"));
    let left = std::fs::read_dir(desk.folder.path()).unwrap();
    let unfinished =
        left.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new"));
    assert_eq!(unfinished.count(), 0);
}

#[test]
fn a_consent_for_which_nothing_is_held_says_so() {
    let desk = Desk::with_people();
    let record = "consent record email:li.chen@example.com --purpose newsletter --state given \
                  --notice newsletter-form@3";
    let said = desk.done(record);
    assert!(said.contains("nothing is held for newsletter") && said.contains("--again"), "{said}");
    desk.done("import crm_customers.csv --source crm --again");
    let json = desk.typed(&format!("--json {record}")).json();
    assert_eq!(json["nothing_held_for_purpose"], false);
    desk.done("audience push mailer --out m.csv");
    assert!(desk.read("m.csv").contains("li.chen@example.com"));
}

#[test]
fn a_consent_that_opens_nothing_promises_nothing() {
    let desk = Desk::new();
    let text = desk.read("policy.toml");
    let open = "profiling = true\n";
    assert!(text.contains(open));
    desk.write("policy.toml", &text.replace(open, "profiling = true\nexplicit = true\n"));
    desk.done("init t.db --policy policy.toml");
    desk.done("import web_accounts.ndjson --source web");
    let record = "consent record email:edda.lind@example.com --purpose personalisation \
                  --state given --notice account-form@1";
    let said = desk.done(record);
    assert!(!said.contains("--again"), "{said}");
    assert!(said.contains("nothing may come in for personalisation yet"), "{said}");
    let json = desk.typed(&format!("--json {record}")).json();
    assert_eq!(json["still_closed"], "consent_not_explicit");
    let said = desk.done(&format!("{record} --explicit"));
    assert!(said.contains("--again, with the last exports of crm, till, web, webshop"), "{said}");
    let json = desk.typed(&format!("--json {record} --explicit")).json();
    assert_eq!(json["still_closed"], Value::Null);
}

const ORDERS: &str = "order_no,at,email,product_id,category,type,qty,cents\n";

/// Orders of Li Chen's, each line as (order, day, cents).
fn orders(lines: &[(u32, &str, &str)]) -> String {
    let line = |(order, day, cents): &(u32, &str, &str)| {
        format!("{order},{day}T10:00:00Z,li.chen@example.com,1,DELI,HAM,1,{cents}\n")
    };
    lines.iter().map(line).collect::<String>()
}

#[test]
fn a_basket_comes_in_whole_or_not_at_all() {
    let desk = Desk::with_people();
    let lines = [
        (95001, "2017-05-01", "700"),
        (95002, "2017-05-02", "50"),
        (95001, "2017-05-01", "12 EUR"),
        (95001, "2017-05-01", "30"),
    ];
    desk.write("lines.csv", &(ORDERS.to_owned() + &orders(&lines)));
    let said = desk.typed("--json import lines.csv --source webshop --rejects r.csv");
    let summary = &said.json()["summary"];
    assert_eq!(summary["events_new"], 1);
    assert_eq!(
        summary["unreadable"],
        serde_json::json!({"group-broken": 2, "unreadable-integer": 1})
    );
    assert!(said.err.contains("lines.csv:4: cents: this is no whole number"), "{}", said.err);
    let because = "another row of the same event can't be taken: line 4";
    assert!(said.err.contains(&format!("lines.csv:2: {because}")), "{}", said.err);
    let rejects = desk.read("r.csv");
    assert_eq!(rejects, ORDERS.to_owned() + &orders(&[lines[0], lines[2], lines[3]]));
    // The whole file, mended, and the mended rejects bring in the same.
    for (name, text) in [("mended.csv", &rejects), ("whole.csv", &desk.read("lines.csv"))] {
        desk.write(name, &text.replace(" EUR", ""));
    }
    let summary = desk.typed("--json import mended.csv --source webshop").json()["summary"].clone();
    assert_eq!((&summary["events_new"], &summary["events_differ"]), (&1.into(), &0.into()));
    let whole = desk.done("import whole.csv --source webshop");
    assert!(whole.contains("nothing new: everything in it is known already"), "{whole}");
    let shown = desk.done("profile show email:li.chen@example.com --json");
    assert!(shown.contains("792"), "700 + 12 + 30 + 50: {shown}");
}

#[test]
fn an_event_that_says_something_else_is_told_and_stays() {
    let desk = Desk::with_people();
    let first =
        [(95001, "2017-05-01", "700"), (95002, "2017-05-02", "50"), (95003, "2017-05-03", "1")];
    desk.write("first.csv", &(ORDERS.to_owned() + &orders(&first)));
    desk.done("import first.csv --source webshop");
    // One with another amount, one moved behind all others, and one as it was.
    let then =
        [(95001, "2017-05-01", "800"), (95002, "2017-06-02", "50"), (95003, "2017-05-03", "1")];
    desk.write("then.csv", &(ORDERS.to_owned() + &orders(&then)));
    let said = desk.typed("import then.csv --source webshop --dry-run");
    assert!(!said.out.contains("everything in it is known already"), "{}", said.out);
    let words = "2 events are known already, and say something else: kept as first said";
    assert!(said.out.contains(words), "{}", said.out);
    assert!(said.out.contains("(1 event was held already)"), "{}", said.out);
    let said = desk.typed("--json import then.csv --source webshop --explain");
    let summary = &said.json()["summary"];
    assert_eq!(summary["events_differ"], 2);
    assert_eq!((&summary["events_known"], &summary["events_new"]), (&1.into(), &0.into()));
    let by_purpose = summary["purposes"].as_object().unwrap().values();
    let kept: Vec<&Value> = by_purpose.map(|count| &count["events"]).collect();
    assert!(kept.iter().all(|events| **events == 0), "what wasn't kept isn't counted: {summary}");
    let told: Vec<Value> =
        said.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let lines: Vec<&Value> = told.iter().map(|told| &told["line"]).collect();
    assert_eq!(lines, [2, 3]);
    assert!(told.iter().all(|told| told["what"] == "order" && told["reason"] == "event_differs"));
    assert!(!said.err.contains("9500") && !said.err.contains("chen"), "{}", said.err);
    let again = desk.done("import then.csv --source webshop");
    assert!(again.contains("took this very file in"), "{again}");
}

#[test]
fn old_news_is_not_known_already() {
    let desk = Desk::with_people();
    let header = "crm_id,first_name,created_at\n";
    desk.write("new.csv", &format!("{header}k9,Ida,2017-05-01T10:00:00Z\n"));
    desk.write("old.csv", &format!("{header}k9,Ada,2016-05-01T10:00:00Z\n"));
    desk.done("import new.csv --source crm");
    let said = desk.done("import old.csv --source crm --dry-run");
    assert!(!said.contains("everything in it is known already"), "{said}");
    assert!(said.contains("1 value was said before what is held"), "{said}");
    let summary = desk.typed("--json import old.csv --source crm").json()["summary"].clone();
    assert_eq!((&summary["values_older"], &summary["values_new"]), (&1.into(), &0.into()));
}

#[test]
fn a_file_without_a_header_names_nobody() {
    let desk = Desk::with_people();
    let csv = desk.read("crm_customers.csv");
    for skipped in 1..4 {
        let rest: Vec<&str> = csv.lines().skip(skipped).collect();
        desk.write("headless.csv", &rest.join("\n"));
        let said = desk.typed("import headless.csv --source crm");
        assert_eq!(said.exit, Some(3));
        assert!(said.err.contains("the first line must be the header"), "{}", said.err);
        for cell in rest[0].split(',').filter(|cell| cell.len() > 2) {
            assert!(!said.err.contains(cell), "{cell} stands in {}", said.err);
        }
    }
    desk.write("other.csv", "first_name,secret_diagnosis\nAnn,x\n");
    let said = desk.typed("--json import other.csv --source crm").error();
    let what = said["what"].as_str().unwrap();
    assert!(what.contains("found 1 of the 15 columns") && what.contains("(first_name)"), "{what}");
    assert!(what.contains("missing: crm_id") && !what.contains("diagnosis"), "{what}");
}

#[test]
fn nothing_comes_in_from_the_future() {
    let desk = Desk::with_people();
    let hours_on =
        |hours: i64| Moment(Moment::now().0 / 1000 * 1000 + hours * 3_600_000).to_string();
    let (ahead, far) = (hours_on(20), hours_on(30));
    let line = |order, at: &dyn std::fmt::Display| {
        format!("{order},{at},ann.byrne@example.com,1,DELI,HAM,1,5\n")
    };
    desk.write("lines.csv", &(ORDERS.to_owned() + &line(95001, &ahead) + &line(95002, &far)));
    let said = desk.typed("--json import lines.csv --source webshop");
    let summary = &said.json()["summary"];
    assert_eq!(summary["events_new"], 1, "the clocks of others may be a day ahead");
    assert_eq!(summary["unreadable"], serde_json::json!({"time-in-future": 1}));
    assert!(said.err.contains("lines.csv:3: at: this lies in the future"), "{}", said.err);
    let ticket = |id, at: &dyn std::fmt::Display| {
        format!(
            "{{\"ticket\":\"{id}\",\"opened_at\":\"{at}\",\"from\":{{\"email\":\"a@b.example\"}}}}\n"
        )
    };
    desk.write("t.ndjson", &(ticket("t1", &far) + &ticket("t2", &"2017-05-01T10:00:00Z")));
    let summary = desk.typed("--json import t.ndjson --source support").json()["summary"].clone();
    assert_eq!(summary["events_new"], 1);
    assert_eq!(summary["stripped"]["opened_at"]["time_in_future"], 1);
}

#[test]
fn a_file_for_a_spreadsheet_runs_nothing() {
    let desk = Desk::with_people();
    let evil = desk.read("crm_customers.csv").replace("k1008,Sam,", "k1008,=HYPERLINK(1),");
    desk.write("evil.csv", &evil.replace("newsletter-form@9", "newsletter-form@2"));
    desk.done("import evil.csv --source crm");
    let said = desk.done("audience push mailer --out program.csv");
    assert!(said.contains("would run 1 value as a formula"), "{said}");
    assert!(desk.read("program.csv").contains(",=HYPERLINK(1)\r\n"));
    let text = desk.read("policy.toml");
    desk.write(
        "new.toml",
        &text.replace("[destination.mailer]", "[destination.mailer]\nread_by = \"spreadsheet\""),
    );
    desk.done("policy apply new.toml");
    let said = desk.done("audience push mailer --out spreadsheet.csv");
    assert!(!said.contains("formula"), "{said}");
    assert!(desk.read("spreadsheet.csv").contains(",'=HYPERLINK(1)\r\n"));
}

/// The page gives its days in the controller's time zone, so a day that is typed is one of those.
/// What a source sent steers no terminal; programs get it as it is.
#[test]
fn no_name_steers_the_terminal() {
    let desk = Desk::with_people();
    let evil = desk.read("crm_customers.csv").replace("k1008,Sam,", "k1008,S\u{1b}[31mam\u{9b}2J,");
    desk.write("evil.csv", &evil);
    desk.done("import evil.csv --source crm");
    let who = evil.lines().find(|line| line.starts_with("k1008")).unwrap();
    let who = who.split(',').find(|cell| cell.contains('@')).unwrap();
    for command in ["profile show", "profile find"] {
        let said = desk.done(&format!("{command} email:{who}"));
        assert!(said.contains("S␛[31mam�2J"), "{said}");
        assert!(said.chars().all(|c| !c.is_control() || c == '\n'), "{said:?}");
    }
    let json = desk.typed(&format!("--json profile show email:{who}")).json().to_string();
    assert!(json.contains("S\\u001b[31mam\u{9b}2J"), "{json}");
}

/// Where SQLite can't put its side files, nothing can be changed, and that is what is said.
#[test]
fn a_place_that_cannot_be_written_is_called_so() {
    let desk = Desk::with_people();
    // What stands in the way of a side file does so for everybody, root too.
    std::fs::create_dir(desk.file("t.db-wal")).unwrap();
    for command in [
        "access email:mira.okafor@example.net --out a",
        "erase email:mira.okafor@example.net",
        "import crm_customers.csv --source crm --dry-run",
        "consent receipt email:mira.okafor@example.net --purpose newsletter",
        "backup b.db",
    ] {
        let said = desk.typed(command);
        assert_eq!((said.exit, said.error_code()), (Some(3), "store-read-only"), "{command}");
        assert!(said.err.contains("can't be written where it lies"), "{}", said.err);
        assert!(!said.err.contains("check that the file exists"), "{}", said.err);
    }
}

#[test]
fn a_day_that_is_typed_is_one_of_the_controllers() {
    let desk = Desk::with_people();
    // 23:00 in UTC is midnight in Dublin in July: the first moment of 14 July there.
    let at = |time: &str| {
        let line = format!("--json consent state email:edda.lind@example.com --at {time}");
        desk.typed(&line).json()["at"].clone()
    };
    assert_eq!(at("2017-07-14"), "2017-07-13T23:00:00Z");
    assert_eq!(at("2017-12-14"), "2017-12-14T00:00:00Z");
    assert_eq!(at("2017-07-14T00:00:00Z"), "2017-07-14T00:00:00Z", "a moment stays as it is");
    let report = desk.typed("--json audit report consent --as-of 2030-07-14").json();
    assert_eq!(report["as_of"], "2030-07-13T23:00:00Z");
    desk.done("consent channel email:edda.lind@example.com --channel post --deny --at 2017-07-14");
    let told = desk.done("consent history email:edda.lind@example.com");
    assert!(told.contains("2017-07-13T23:00:00Z  denied"), "{told}");
    let history = "consent history email:edda.lind@example.com --known-at";
    assert!(desk.done(&format!("{history} 2017-07-14")).contains("nothing was ever recorded"));
    assert!(desk.typed("consent state --help").out.contains("in the controller's time zone"));
    let error = desk.typed("--json consent history email:edda.lind@example.com --known-at then");
    assert!(error.error()["next"].as_str().unwrap().contains("Europe/Dublin"));
}

#[test]
fn a_hold_is_set_told_and_lifted() {
    let desk = Desk::with_people();
    let who = "email:edda.lind@example.com";
    assert_eq!(desk.typed(&format!("hold {who}")).exit, Some(2), "it needs a claim");
    let set = format!("hold {who} --because claim-17 --category contact --until 2030-01-31");
    assert!(desk.done(&set).contains("contact: kept until 2030-01-31, as ledger entry"));
    let state = desk.done(&format!("consent state {who}"));
    assert!(
        state.contains("legal hold: contact is kept until 2030-01-31 (Art 17(3)(e))"),
        "{state}"
    );
    let why = desk.done(&format!("profile why {who} first_name"));
    assert!(why.contains("hold       for a legal claim (Art 17(3)(e)), until 2030-01-31"), "{why}");
    let json = desk.typed(&format!("--json consent state {who}")).json();
    assert_eq!(json["holds"][0]["category"], "contact");
    let history = desk.typed(&format!("--json consent history {who}")).json();
    let told = history.as_array().unwrap().last().unwrap();
    assert_eq!((&told["about"], &told["because"]), (&"hold".into(), &"claim-17".into()));
    let erased = desk.done(&format!("erase {who}"));
    assert!(erased.contains("Art 17(3)(e), a legal hold, until 2030-01-31"), "{erased}");
    let id = erased.split_whitespace().find(|word| word.starts_with("s-")).unwrap();
    let id = id.trim_end_matches(':').to_owned();
    let held = desk.done("hold --list");
    assert_eq!(
        held,
        format!("{id}  contact, until 2030-01-31 (ledger entry {})\n", {
            let held = desk.typed("--json hold --list").json();
            assert_eq!(
                (&held[0]["subject"], held.as_array().unwrap().len()),
                (&id.as_str().into(), 1)
            );
            held[0]["entry"].clone()
        })
    );
    let lifted = desk.done(&format!("hold {id} --lift"));
    assert_eq!(desk.done("hold --list"), "nobody is held for a claim\n");
    assert!(lifted.contains(&format!("candor erase {id}")), "{lifted}");
    assert_eq!(desk.typed(&format!("hold {id} --lift")).error_code(), "hold-not-found");
    let last = desk.done(&format!("erase {id}"));
    assert!(!last.contains("kept:"), "{last}");
    desk.done("audit verify --deep");
}

/// An erasure that is done ends with its certificate, also where a file of its name is there already:
/// after a restore from a backup the numbers of requests are given again.
#[test]
fn a_certificate_never_meets_another_of_its_name() {
    let desk = Desk::with_people();
    desk.write("t.db.certificate-1.json", "of another erasure");
    let erased = desk.done("erase email:edda.lind@example.com");
    let line = erased.lines().find_map(|line| line.trim().strip_prefix("certificate: "));
    let path = line.unwrap_or(&erased).split_whitespace().next().unwrap();
    assert!(path.starts_with("t.db.certificate-1-entry-"), "{erased}");
    assert!(desk.read(path).contains("\"request\": 1"));
    assert_eq!(desk.read("t.db.certificate-1.json"), "of another erasure");
}

#[test]
fn what_is_refused_names_what_it_is_about() {
    let desk = Desk::with_people();
    for (role, other) in [("operator", "auditor"), ("auditor", "operator")] {
        let mut command = desk.command("sql --role");
        let said = Said::of(command.args([role, "SELECT * FROM value"]).output().unwrap());
        assert_eq!(said.exit, Some(1));
        let named = |role: &str| said.err.contains(&format!("the {role}'s role"));
        assert!(named(role) && !named(other), "{}", said.err);
    }
    let nowhere = desk.typed("--json init no/such/folder/t.db").error();
    assert_eq!(
        (nowhere["code"].as_str(), nowhere["exit"].as_i64()),
        (Some("folder-not-found"), Some(2))
    );
    assert_eq!(nowhere["where"], "no/such/folder");
    assert!(nowhere["next"].as_str().unwrap().contains("mkdir -p no/such/folder"));
}

/// Whoever came back by one address has, by another that they didn't bring back, not come back.
#[test]
fn what_stays_out_of_somebody_who_came_back_is_told_truly() {
    let desk = Desk::with_people();
    desk.done("erase email:edda.lind@example.com");
    desk.write(
        "back.csv",
        &format!(
            "email,purpose,channel,action,at,method,notice\n\
             edda.lind@example.com,newsletter,email,give,{},preference-page,newsletter-form@3\n",
            candor::base::clock::Moment::now()
        ),
    );
    let back = desk.done("import back.csv --source preferences");
    assert!(back.contains("1 new"), "{back}");
    let said = desk.typed("import web_accounts.ndjson --source web --again --explain");
    let line = said.err.lines().find(|line| line.contains("suppressed")).unwrap_or(&said.err);
    assert!(line.contains("keeps out a key or identifier"), "{line}");
    assert!(!said.err.contains("has not come back"), "{}", said.err);
}

/// The ledger forgets nothing, so nobody's address goes into it as the one who acts.
#[test]
fn who_acts_is_a_role_and_no_address() {
    let desk = Desk::with_people();
    let before = desk.done("audit checkpoint");
    let names = ["eve@example.com", "eve(at)example.com", "+353871234501", "eve byrne", ""];
    for actor in names.into_iter().chain([&*"x".repeat(33)]) {
        let mut command = desk.command("--json consent record email:edda.lind@example.com");
        let said = command.args(["--purpose", "newsletter", "--state", "withdrawn", "--as", actor]);
        let said = said.output().unwrap();
        assert_eq!(said.status.code(), Some(2), "{said:?}");
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(text.contains("actor-unfit") && !text.contains("eve"), "{text}");
    }
    assert_eq!(desk.done("audit checkpoint"), before, "nothing was entered");
    desk.done("backup b.db --as dpo-2");
}

/// Whoever wants to write a word into the store while a long file comes in gets their turn.
#[test]
fn a_long_import_lets_others_in() {
    let desk = Desk::with_people();
    let mut rows = String::from("crm_id,first_name,last_name,email\n");
    for n in 0..12_000 {
        rows.push_str(&format!("x{n},Ann,Lee,x{n}@example.com\n"));
    }
    desk.write("long.csv", &rows);
    let mut import = desk.command("import long.csv --source crm");
    let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut beside = 0;
    for state in ["given --notice newsletter-form@3", "withdrawn"].iter().cycle().take(4) {
        std::thread::sleep(Duration::from_millis(300));
        let since = Instant::now();
        desk.done(&format!(
            "consent record email:edda.lind@example.com --purpose newsletter --state {state}"
        ));
        let took = since.elapsed();
        eprintln!("beside the import: {took:?}");
        assert!(took < Duration::from_secs(8), "it starved for {took:?}");
        beside += u32::from(import.try_wait().unwrap().is_none());
    }
    assert!(beside > 0, "the import was over at once");
    assert!(import.wait().unwrap().success());
}

/// What systems share lies beside the store, is told to nobody, and comes in by standard input alone.
#[test]
fn a_secret_is_set_listed_and_removed_and_never_said() {
    let desk = Desk::new();
    let set = |line: &str, value: &[u8]| {
        let mut command = desk.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Where there is no store, it may be gone before it has read anything.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), value);
        Said::of(child.wait_with_output().unwrap())
    };
    assert_eq!(set("secret set shop", b"v").error_code(), "store-not-found");
    desk.done("init t.db --policy policy.toml");
    let checkpoint = desk.done("audit checkpoint");
    for (line, value, values) in [
        ("--json secret set shop", "hush-one\n", 1),
        ("--json secret set shop --keep-old", "hush-two\r\n", 2),
        ("--json secret set other", "hush-three\nof two lines", 1),
    ] {
        let said = set(line, value.as_bytes());
        assert_eq!((said.exit, &said.json()["values"]), (Some(0), &values.into()), "{}", said.err);
        assert!(!said.out.contains("hush") && !said.err.contains("hush"));
    }
    let held = candor::store::Secrets::beside(&desk.file("t.db")).unwrap();
    let texts: Vec<&str> = held.all("shop").map(candor::store::Secret::expose).collect();
    assert_eq!(texts, ["hush-two", "hush-one"]);
    assert_eq!(held.get("other").unwrap().expose(), "hush-three\nof two lines");
    assert_eq!(desk.done("secret list"), "other\nshop  and the value before it\n");
    desk.done("secret remove shop --old");
    assert_eq!(desk.typed("secret remove shop --old").error_code(), "secret-unknown");
    desk.done("secret remove shop");
    assert_eq!(desk.done("secret list"), "other\n");
    assert_eq!(desk.typed("secret remove shop").exit, Some(1));
    for (value, code) in
        [(&b""[..], "secret-empty"), (b"\n", "secret-empty"), (b"\xff", "secret-unreadable")]
    {
        assert_eq!(set("secret set bad", value).error_code(), code);
    }
    assert_eq!(set("secret set bad", &[b'x'; 20_000]).error_code(), "secret-too-long");
    assert_eq!(desk.done("audit checkpoint"), checkpoint, "the ledger tells nothing of it");
    desk.done("backup b.db");
    assert!(!desk.file("b.db.secrets").exists());
    assert_eq!(desk.typed("backup t.db.secrets").error_code(), "file-of-store");
}

/// Whoever keeps the machine is told what to do, and a program by the exit code whether it can't wait.
#[test]
#[cfg(unix)]
fn the_doctor_says_what_to_do() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::with_people();
    let finding = |said: &Said, part: &str| -> Value {
        let report: Value = serde_json::from_str(&said.out).unwrap();
        let all = report["findings"].as_array().unwrap();
        all.iter().find(|finding| finding["part"] == part).unwrap().clone()
    };
    let said = desk.typed("--json doctor");
    assert_eq!(said.exit, Some(0), "{}", said.err);
    assert_eq!(finding(&said, "backup")["state"], "look");
    desk.done("backup copy.db");
    let said = desk.typed("--json doctor");
    assert_eq!(finding(&said, "backup")["state"], "well");
    assert_eq!(finding(&said, "ledger")["state"], "well");
    assert!(!said.out.contains('@'), "it names nobody: {}", said.out);

    let soon = Moment(Moment::now().0 + 3 * 86_400_000);
    desk.done(&format!("token add --role service-desk --purpose orders --expires {soon}"));
    let ends = finding(&desk.typed("--json doctor"), "tokens");
    assert_eq!(ends["state"], "look", "{ends}");

    let key = desk.file("t.db.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = desk.typed("--json doctor");
    assert_eq!((said.exit, &finding(&said, "key")["state"]), (Some(1), &Value::from("wrong")));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();

    // A store that is damaged, and one that isn't there, are told of, and nothing ends it early.
    let conn = rusqlite::Connection::open(desk.file("t.db")).unwrap();
    conn.execute_batch(
        "DROP TRIGGER IF EXISTS entry_is_append_only_u; UPDATE entry SET leaf = x'00' WHERE n = 1",
    )
    .unwrap();
    drop(conn);
    let said = desk.typed("--json doctor");
    assert_eq!((said.exit, &finding(&said, "ledger")["state"]), (Some(1), &Value::from("wrong")));
    let said = desk.typed("--store nothing.db --json doctor");
    assert_eq!((said.exit, said.json()["findings"].as_array().unwrap().len()), (Some(1), 1));
}

/// A backup for which there is no room is said, and nothing of it is left.
#[cfg(target_os = "linux")]
#[test]
fn a_backup_without_room_leaves_nothing() {
    let desk = Desk::new();
    desk.done("init t.db --policy policy.toml");
    // More than SQLite holds in memory before it begins to write.
    let list = desk.read("crm_customers.csv");
    let head = list.lines().next().unwrap();
    let row = |n: u32| {
        format!(
            "k{n}A,Ann{n},Byrne,1984-03-09,Female,4 harbour row,Anytown,00000,p{n}@example.com,,LC{n}77,2016-03-02T09:12:00Z,yes,2016-03-02T09:12:00Z,newsletter-form@1,"
        )
    };
    let rows: Vec<String> = (0..2_000).map(row).collect();
    desk.write("many.csv", &format!("{head}\n{}\n", rows.join("\n")));
    desk.done("import many.csv --source crm");
    let left = || {
        let names = std::fs::read_dir(desk.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("copy")).collect::<Vec<_>>()
    };
    // Files may be as large as most of the store, in blocks of 512 bytes; whoever writes more is told.
    let blocks = std::fs::metadata(desk.file("t.db")).unwrap().len() / 700;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" backup copy.db");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_candor")]).current_dir(desk.folder.path());
    let said = Said::of(shell.env("CANDOR_STORE", "t.db").output().unwrap());
    assert_ne!(said.exit, Some(0), "{}{}", said.out, said.err);
    assert_eq!(left(), [""; 0], "{}", said.err);
    desk.done("backup copy.db");
    assert_eq!(left(), ["copy.db"]);
}
