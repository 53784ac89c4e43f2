//! What can be typed: every command, with the help that the program prints.

use std::path::PathBuf;

use candor::web::certificate::Files;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

/// A customer data platform in one file, which can prove why it holds every byte.
///
/// candor keeps one profile per person, takes in only what a declared purpose and lawful basis allow,
/// lets out only what the person's consent allows, and writes every decision into a ledger that an
/// outsider can check.
///
/// Start with `candor demo`, or:
///
///   candor init shop.db --policy policy.toml
///   candor --store shop.db import customers.csv --source crm
///   candor --store shop.db access email:ann@example.com --out ann/
///
/// Exit codes: 0 done; 1 the answer is "no"; 2 wrong usage; 3 damaged or unreadable; 4 busy.
#[derive(Parser)]
#[command(name = "candor", version, max_term_width = 100, verbatim_doc_comment)]
pub struct Cli {
    /// The store
    #[arg(
        long,
        env = "CANDOR_STORE",
        global = true,
        value_name = "FILE",
        value_parser = file_or_nothing(),
        display_order = 900
    )]
    pub store: Option<PathBuf>,
    /// One JSON document on standard output: the answer, or {"error": …}
    #[arg(long, global = true, display_order = 901)]
    pub json: bool,
    /// Who acts, for the ledger: a role or a staff number, never a customer
    #[arg(
        long = "as",
        global = true,
        value_name = "ACTOR",
        default_value = "operator",
        env = "CANDOR_ACTOR",
        display_order = 902
    )]
    pub actor: String,
    /// The passphrase of a locked key: the first line of this file; asked at the terminal by default
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CANDOR_PASSPHRASE_FILE",
        value_parser = file_or_nothing(),
        display_order = 903
    )]
    pub passphrase_file: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// A variable that is set to nothing names no file, and hinders no command that names one.
fn file_or_nothing() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// A file that was named; an empty name is none.
pub fn named(file: Option<PathBuf>) -> Option<PathBuf> {
    file.filter(|file| !file.as_os_str().is_empty())
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Makes a store, its key, its first ledger entry and its first checkpoint
    Init(Init),
    /// Declares purposes, sources, destinations and retention
    #[command(subcommand)]
    Policy(Policy),
    /// Reads a file of a source through the gate
    Import(Import),
    /// The consent ledger of a person, as of any time
    #[command(subcommand)]
    Consent(Consent),
    /// Links by which people see and change what they allowed, themselves
    #[command(subcommand)]
    Preferences(Preferences),
    /// Who is who: probable matches among records
    #[command(subcommand)]
    Identity(Identity),
    /// Finds, shows and explains profiles; merges and splits them
    #[command(subcommand)]
    Profile(Profile),
    /// Answers an access request: everything about one person (Art 15, 20)
    Access(AccessArgs),
    /// Erases a person, and proves it (Art 17)
    Erase(Erase),
    /// Keeps a person's data for a legal claim, also through an erasure (Art 17(3)(e))
    Hold(HoldArgs),
    /// Data subject requests
    #[command(subcommand)]
    Request(Request),
    /// Who may be reached for a purpose, whom of them rules choose, and sends it to them
    #[command(subcommand)]
    Audience(Audience),
    /// What waits to be sent to destinations; sends it
    #[command(subcommand)]
    Outbox(Outbox),
    /// Checks the ledger, hands out checkpoints, answers a regulator
    #[command(subcommand)]
    Audit(Audit),
    /// The key that signs
    #[command(subcommand)]
    Key(Key),
    /// Vouches for other ledgers, as a witness (c2sp.org/tlog-witness)
    #[command(subcommand)]
    Witness(Witness),
    /// Takes data in over HTTP, by the tracking API that Segment's and others' clients speak
    Serve(ServeArgs),
    /// The keys with which systems send data in
    #[command(subcommand)]
    WriteKey(WriteKey),
    /// The tokens with which people and systems ask by HTTP what is held
    #[command(subcommand)]
    Token(Token),
    /// What other systems share with candor, so that each knows the other; kept beside the store
    #[command(subcommand)]
    Secret(Secret),
    /// Deletes what is past its retention
    #[command(subcommand)]
    Retain(Retain),
    /// Copies the store while it is in use
    Backup(Backup),
    /// Brings a backup back and repeats the erasures that came after it
    Restore(Restore),
    /// Asks the store in SQL, read-only
    Sql(Sql),
    /// Looks at all that has to be kept in order around a store, and says what to do
    Doctor(TlsArgs),
    /// The main job on a built-in example, told step by step
    Demo(Demo),
}

/// `hold`
#[derive(Args)]
pub struct HoldArgs {
    /// kind:value or a subject id
    #[arg(required_unless_present = "list")]
    pub who: Option<String>,
    /// The claim that it is for; sealed, and told to the person who asks for access
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["lift", "list"])]
    pub because: Option<String>,
    /// A category of the policy that is held; all by default
    #[arg(long, value_name = "CATEGORY")]
    pub category: Vec<String>,
    /// When it ends by itself; a date alone is a day of the controller's time zone. Until it is
    /// lifted by default
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// The claim is over: lifts every hold on the person
    #[arg(long, conflicts_with_all = ["because", "category", "until"])]
    pub lift: bool,
    /// Lists everybody who is held for a claim, by their ids
    #[arg(long, conflicts_with_all = ["who", "because", "category", "until", "lift"])]
    pub list: bool,
}

/// `init`
#[derive(Args)]
pub struct Init {
    /// The file to make
    pub file: PathBuf,
    /// A policy to apply at once
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The ledger's name, such as ledger.brand.example/main
    #[arg(long)]
    pub origin: Option<String>,
    /// Locks the key with a passphrase
    #[arg(long, conflicts_with = "ssh_key")]
    pub passphrase: bool,
    /// Signs with a key that the ssh-agent holds, by its public half (`ssh-keygen -t ed25519`)
    #[arg(long, value_name = "FILE.pub")]
    pub ssh_key: Option<PathBuf>,
}

/// `policy …`
#[derive(Subcommand)]
pub enum Policy {
    /// Reads a policy and explains every mistake with its line and a fix; where a store is named, also
    /// what it may not change of the policy in force there
    Check {
        /// The policy
        file: PathBuf,
    },
    /// Puts a policy in force from now on
    Apply {
        /// The policy
        file: PathBuf,
    },
    /// Shows a policy that was applied; the one in force by default
    Show {
        /// Its number
        #[arg(long)]
        version: Option<u32>,
        /// The text as it was applied
        #[arg(long)]
        text: bool,
    },
    /// Says what a policy would change
    Diff {
        /// The policy to compare with the one in force
        file: PathBuf,
    },
    /// Prints the SQL that makes the table of a destination of the kind postgres, and what candor's user has to
    /// be granted there
    Table {
        /// The destination, as the policy in force names it
        destination: String,
    },
}

/// `import`
#[derive(Args)]
pub struct Import {
    /// The files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The source, as the policy names it
    #[arg(long)]
    pub source: String,
    /// Prints the same and changes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Has the gate decide anew on a file that was imported before
    #[arg(long, conflicts_with = "dry_run")]
    pub again: bool,
    /// Says of everything that is kept out why, in words
    #[arg(long)]
    pub explain: bool,
    /// Adds rows that can't be read to a file, for repair; none that stands in it already
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

/// `consent …`
#[derive(Subcommand)]
pub enum Consent {
    /// Records what a person said
    Record(ConsentRecord),
    /// Records an objection to a purpose (Art 21), or lifts it
    Object {
        /// kind:value or a subject id
        who: String,
        /// The purpose
        #[arg(long)]
        purpose: String,
        /// The person takes the objection back
        #[arg(long)]
        lift: bool,
        /// When it was said; a date alone is its first moment in the controller's time zone
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Restricts a person's data to storage (Art 18), or lifts it
    Restrict {
        /// kind:value or a subject id
        who: String,
        /// The restriction ends
        #[arg(long)]
        lift: bool,
        /// From when; a date alone is its first moment in the controller's time zone
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Records whether a channel may be used at all (ePrivacy)
    Channel {
        /// kind:value or a subject id
        who: String,
        /// The channel
        #[arg(long)]
        channel: String,
        /// The person doesn't want to be contacted on it
        #[arg(long)]
        deny: bool,
        /// When it was said; a date alone is its first moment in the controller's time zone
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Records how often a person wants to hear from you
    Frequency {
        /// kind:value or a subject id
        who: String,
        /// At most once in so many days
        #[arg(long, value_name = "DAYS", required_unless_present = "lift",
              value_parser = clap::value_parser!(u32).range(1..=3660))]
        every: Option<u32>,
        /// The channel; all channels by default
        #[arg(long)]
        channel: Option<String>,
        /// The person takes the wish back
        #[arg(long, conflicts_with = "every")]
        lift: bool,
        /// When it was said; a date alone is its first moment in the controller's time zone
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Records that people were told where data about them comes from (Art 14)
    Notice(ConsentNotice),
    /// Everything that was ever said; the ledger notes that somebody looked
    History {
        /// kind:value or a subject id
        who: String,
        /// Only what was known then; a date alone is its first moment in the controller's time zone
        #[arg(long, value_name = "TIME")]
        known_at: Option<String>,
    },
    /// Where a person stands, as of any time; the ledger notes that somebody looked
    State {
        /// kind:value or a subject id
        who: String,
        /// As of this moment; a date alone is its first moment in the controller's time zone
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// By what was known at this moment; a date alone is its first moment in the controller's time zone
        #[arg(long, value_name = "TIME")]
        known_at: Option<String>,
    },
    /// A receipt for a consent that is in force: DPV JSON-LD or Kantara, with its ledger entry; for any
    /// other, and for a "no", the record of it in DPV
    Receipt {
        /// kind:value or a subject id
        who: String,
        /// The purpose
        #[arg(long)]
        purpose: String,
        /// The form
        #[arg(long, value_enum, default_value = "dpv")]
        form: ReceiptForm,
    },
}

/// Forms of a receipt.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum ReceiptForm {
    /// ISO/IEC TS 27560 in W3C DPV JSON-LD
    Dpv,
    /// Kantara consent receipt 1.1
    Kantara,
}

/// `consent notice`
#[derive(Args)]
pub struct ConsentNotice {
    /// kind:value or a subject id; everybody of whom the source sent data, by default
    #[arg(required_unless_present = "source")]
    pub who: Option<String>,
    /// The notice that they were given, as NAME@VERSION
    #[arg(long)]
    pub notice: String,
    /// The source that it tells of; all that aren't the person, by default
    #[arg(long)]
    pub source: Option<String>,
    /// How they were told, such as letter
    #[arg(long)]
    pub method: Option<String>,
    /// Where the proof lies
    #[arg(long)]
    pub evidence: Option<String>,
    /// When they were told; now by default; a date alone is its first moment in the controller's time zone
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `consent record`
#[derive(Args)]
pub struct ConsentRecord {
    /// kind:value or a subject id
    pub who: String,
    /// The purpose
    #[arg(long)]
    pub purpose: String,
    /// The channel, where the purpose has several
    #[arg(long)]
    pub channel: Option<String>,
    /// requested, given, refused, withdrawn, expired, renewed or invalidated
    #[arg(long)]
    pub state: String,
    /// The notice that was shown, as NAME@VERSION
    #[arg(long)]
    pub notice: Option<String>,
    /// The language in which it was shown, where it has several
    #[arg(long)]
    pub language: Option<String>,
    /// How it was said
    #[arg(long)]
    pub method: Option<String>,
    /// Where the proof lies
    #[arg(long)]
    pub evidence: Option<String>,
    /// Said in so many words (Art 9)
    #[arg(long)]
    pub explicit: bool,
    /// Confirmed by double opt-in
    #[arg(long)]
    pub confirmed: bool,
    /// When it was said; now by default; a date alone is its first moment in the controller's time zone
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `profile …`
#[derive(Subcommand)]
pub enum Profile {
    /// Lists the people that an identifier names; the ledger notes each that is shown
    Find {
        /// kind:value or a subject id
        who: String,
    },
    /// Shows a profile; the ledger notes it
    Show {
        /// kind:value or a subject id
        who: String,
    },
    /// Tells for one value or event: source, purpose, basis, notice, consent, ledger entry
    ///
    /// The ledger notes that somebody looked.
    Why {
        /// kind:value or a subject id
        who: String,
        /// The field, such as email or city; or the name of an event, for the newest of them
        #[arg(required_unless_present = "event")]
        field: Option<String>,
        /// One event, by its number
        #[arg(long, value_name = "NUMBER", conflicts_with = "field")]
        event: Option<i64>,
    },
    /// Makes two profiles one
    Merge {
        /// kind:value or a subject id
        who: String,
        /// kind:value or a subject id
        other: String,
    },
    /// Takes a merge back, or parts one record
    Split {
        /// kind:value or a subject id
        who: String,
        /// The merge to take back; the last by default
        #[arg(long, conflicts_with = "record")]
        merge: Option<i64>,
        /// The record to part, by its number
        #[arg(long)]
        record: Option<i64>,
    },
}

/// `identity …`
#[derive(Subcommand)]
pub enum Identity {
    /// Links the records of any file, without a store and without labels
    ///
    /// Finds which records are one person's: by names (nicknames, order, spelling, script), date of
    /// birth, e-mail, phone, address, cards and devices, learning from the file itself what each
    /// agreement is worth. Relatives are told apart from one person. The same file always gives the
    /// same answer, whatever the order of its rows.
    ///
    /// Columns are recognised by name: record_id (needed), first_name, last_name, middle_initial,
    /// full_name, date_of_birth, gender, email, phone, device_id, loyalty_id, national_id,
    /// street_number, address_line1, address_line2, unit, city, birth_place, postcode, region,
    /// occupation; others by --map.
    Link(Link),
    /// Links the store's records: what is sure joins, what isn't is asked, what is related is noted
    ///
    /// Only records of which something is held for a purpose with `linking = true` take part, and only
    /// while that purpose may be used for the person. Fields are recognised by the names that the policy
    /// gives them, as the columns of `identity link`. What people decided stands: what they joined stays
    /// joined, what they parted stays apart. Running it again changes nothing.
    Run {
        /// Tells what would happen and changes nothing
        #[arg(long)]
        dry_run: bool,
        /// Compares only the records that came in since, by what was learned last
        ///
        /// An import does so by itself, unless they are many.
        #[arg(long, conflicts_with = "dry_run")]
        new: bool,
    },
    /// The questions to people: lists them, shows one, takes the answer
    ///
    /// Whoever is shown is noted in the ledger, and so is each answer with who gave it (--as).
    Review(Review),
    /// Tells what speaks for and against two records being one person's, in bits
    ///
    /// The ledger notes that somebody looked.
    Explain(Explain),
    /// How linking stands: persons, links, what deserves a look, and what was learned
    Report(IdentityReport),
}

/// `identity review`
#[derive(Args)]
pub struct Review {
    /// Shows this question
    #[arg(value_name = "QUESTION")]
    pub question: Option<i64>,
    /// Answers it: the two are one person, two people, two of one household, or ask again later
    #[arg(long, value_enum, requires = "question")]
    pub answer: Option<ReviewAnswer>,
    /// Shows one question after the other, and reads the answers line by line
    #[arg(long, conflicts_with_all = ["question", "json"])]
    pub work: bool,
}

/// Answers to a question.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReviewAnswer {
    /// One person: the two profiles are joined
    Same,
    /// Two people, who are kept apart
    Different,
    /// Two people of one household, who are kept apart
    Related,
    /// Asks again later
    Later,
}

/// `identity explain`
#[derive(Args)]
pub struct Explain {
    /// kind:value, a subject id, or a record's number
    pub one: String,
    /// kind:value, a subject id, or a record's number
    pub other: String,
    /// Writes the picture to a file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Writes the whole as a page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `identity report`
#[derive(Args)]
pub struct IdentityReport {
    /// How it is written
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
    /// Writes it to a file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `identity link`
#[derive(Args)]
pub struct Link {
    /// The records: CSV, NDJSON or XLSX
    pub file: PathBuf,
    /// Writes pairs from a probability of 0.01 on: id_l,id_r,prob
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// Writes who is who, every record: record_id,cluster
    #[arg(long, value_name = "FILE")]
    pub clusters: Option<PathBuf>,
    /// Links only between records that differ in this column, such as the source
    #[arg(long, value_name = "COLUMN")]
    pub across: Option<String>,
    /// Says what a column stands for, such as nachname=family; may be repeated
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<String>,
    /// The country of telephone numbers without a calling code, such as DE
    #[arg(long, value_name = "ISO")]
    pub country: Option<String>,
    /// Chooses other random pairs to learn from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `access`
#[derive(Args)]
pub struct AccessArgs {
    /// kind:value or a subject id
    pub who: String,
    /// The folder for the answer
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Only what the person provided, under consent or contract (Art 20): JSON and CSV
    #[arg(long)]
    pub portable: bool,
}

/// `erase`
#[derive(Args)]
pub struct Erase {
    /// kind:value or a subject id
    pub who: String,
    /// Says what would be erased and what is kept, and changes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Where to write the certificate: JSON, or a page with a QR code if the name ends in .html
    /// [default: beside the store, STORE.certificate-REQUEST.json]
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
}

/// `request …`
#[derive(Subcommand)]
pub enum Request {
    /// Lists requests with their deadlines
    List,
    /// Writes the certificate of an erasure again
    Certificate {
        /// The request's number
        request: i64,
        /// Where: JSON, or a page with a QR code if the name ends in .html [default: beside the store]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// `audience …`
#[derive(Subcommand)]
pub enum Audience {
    /// Defines an audience, or a new version of it: rules that choose among those who may be reached
    Define {
        /// What it is called
        name: String,
        /// The rules, in TOML
        file: PathBuf,
    },
    /// The audiences, with their versions
    List,
    /// Shows the rules of an audience, as they were written
    Show {
        /// The audience
        name: String,
        /// The version; the newest by default
        #[arg(long, value_name = "NUMBER")]
        version: Option<u32>,
    },
    /// Counts who is in it, or may be reached for a destination, and who is left out and why
    Count {
        /// An audience, or a destination of the policy
        name: String,
        /// Counts who of the audience may be reached for this destination
        #[arg(long, value_name = "DESTINATION")]
        to: Option<String>,
    },
    /// Tells why a person is in an audience, or isn't: condition by condition
    Why {
        /// The audience
        name: String,
        /// kind:value or a subject id
        who: String,
    },
    /// Sends the permitted fields of everybody who may be reached: writes them to a file and records
    /// each disclosure, or queues a message for each person where the destination is sent to
    Push {
        /// An audience, or a destination of the policy, which is sent to all who may be reached
        name: String,
        /// The destination that an audience is sent to
        #[arg(long, value_name = "DESTINATION")]
        to: Option<String>,
        /// The file to write, for a destination that gets one
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// `outbox …`
#[derive(Subcommand)]
pub enum Outbox {
    /// What waits to be sent, is being sent, or was given up
    List,
    /// One message of the queue; what it will say is read when it is sent
    Show {
        /// Its number, as `list` shows it
        id: i64,
    },
    /// Tries again, now and from the start, what was given up
    Replay {
        /// The number of a message
        #[arg(required_unless_present = "destination", conflicts_with = "destination")]
        id: Option<i64>,
        /// Everything that was given up for a destination
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
    },
    /// Takes a message out of the queue: it is never sent
    Drop {
        /// Its number, as `list` shows it
        id: i64,
    },
    /// Sends what is due, until it is ended; `serve` does the same beside its own work
    Run {
        /// Ends when nothing is due any more, or can go now
        #[arg(long)]
        once: bool,
    },
}

/// `audit …`
#[derive(Subcommand)]
pub enum Audit {
    /// Checks chain, tree and signatures; says what is proven and what isn't
    Verify {
        /// Checks projections, payloads and batches against the ledger too
        #[arg(long)]
        deep: bool,
        /// A checkpoint that was kept elsewhere
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// The public key, kept elsewhere; the store's own word for it by default. After a rotation,
        /// any key that the ledger has had
        #[arg(long)]
        key: Option<String>,
        /// Says what is new since the last look with this file, for a run every night; refuses a
        /// ledger that doesn't continue the one that was last seen
        #[arg(long, value_name = "FILE")]
        watch: Option<PathBuf>,
        /// A witness's public key, kept elsewhere; the store's own word for them by default
        #[arg(long, value_name = "VKEY")]
        witness: Vec<String>,
    },
    /// Prints the current signed checkpoint, to be kept elsewhere
    Checkpoint {
        /// Writes it to a file
        #[arg(long, visible_alias = "to", value_name = "FILE")]
        out: Option<PathBuf>,
        /// How it is written
        #[arg(long, value_enum, default_value = "note")]
        form: CheckpointForm,
        /// The last one that a witness signed too, with what it signed
        #[arg(long)]
        witnessed: bool,
    },
    /// Witnesses: outsiders who sign that the ledger was only continued
    #[command(subcommand)]
    Witness(AuditWitness),
    /// Has a time-stamp authority sign that the current checkpoint exists (RFC 3161)
    Timestamp {
        /// The authority's address
        #[arg(long, value_name = "URL", required_unless_present = "out")]
        tsa: Option<String>,
        /// Gives up after so many seconds
        #[arg(long, value_name = "SECONDS", default_value = "20")]
        timeout: u64,
        /// Writes all time-stamps and their checkpoints to a folder, to be checked with openssl
        #[arg(long, value_name = "DIR", conflicts_with = "tsa")]
        out: Option<PathBuf>,
    },
    /// Answers a regulator's question
    Report(Report),
    /// Proves an entry, a value or event in its batch, or that one checkpoint grew into another
    Prove(Prove),
    /// Checks offline what candor handed out: needs no store, only the public key
    Check(Check),
    /// Writes the whole ledger as files, for an auditor to check offline
    Bundle(Bundle),
}

/// `audit prove`
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["entry", "value", "event", "from"]))]
pub struct Prove {
    /// An entry of the ledger
    #[arg(long, value_name = "N")]
    pub entry: Option<u64>,
    /// Shows what the entry commits to as well: that may be personal
    #[arg(long, requires = "entry")]
    pub open: bool,
    /// A value, by the number that `profile why` and an access package give it
    #[arg(long, value_name = "N")]
    pub value: Option<u64>,
    /// An event, by the number that an access package gives it
    #[arg(long, value_name = "N")]
    pub event: Option<u64>,
    /// The earlier checkpoint: a file, or its size
    #[arg(long, value_name = "FILE|SIZE")]
    pub from: Option<String>,
    /// The later checkpoint; the latest by default
    #[arg(long, value_name = "FILE|SIZE", requires = "from")]
    pub to: Option<String>,
    /// Writes the proof to a file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Writes the entry's bytes to a file as well, for other people's tools
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub leaf: Option<PathBuf>,
}

/// `audit check`
#[derive(Args)]
pub struct Check {
    /// A receipt, certificate, report, proof or checkpoint, or the folder of an answer
    pub artefact: PathBuf,
    /// The public key, as it was given to you by another way; also earlier ones
    #[arg(long, value_name = "VKEY", required = true)]
    pub key: Vec<String>,
    /// The ledger's name; that of the first key by default
    #[arg(long, value_name = "NAME")]
    pub origin: Option<String>,
    /// The key of a witness that must have signed as well
    #[arg(long, value_name = "VKEY")]
    pub witness: Vec<String>,
    /// Your own earlier checkpoint, for a proof of growth in a witness's form
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
}

/// `audit bundle`
#[derive(Args)]
pub struct Bundle {
    /// The folder to write
    pub folder: PathBuf,
    /// From this entry or moment on (a date alone is its first moment in the controller's time
    /// zone); earlier entries are given by their hashes only
    #[arg(long, value_name = "N|TIME")]
    pub from: Option<String>,
    /// Up to this entry or moment (not included)
    #[arg(long, value_name = "N|TIME")]
    pub to: Option<String>,
    /// Only what was said about one person
    #[arg(long, value_name = "WHO", conflicts_with = "pseudonymous")]
    pub subject: Option<String>,
    /// Only what names nobody
    #[arg(long)]
    pub pseudonymous: bool,
}

/// Forms of a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckpointForm {
    /// The signed note
    Note,
    /// A mail that holds it, to be piped to a mail program
    Mail,
    /// A QR code, as an SVG picture
    Qr,
}

/// `audit witness …`
#[derive(Subcommand)]
pub enum AuditWitness {
    /// Asks a witness from now on
    Add {
        /// Its public key, as its operator hands it out
        vkey: String,
        /// Its address, without /add-checkpoint
        url: String,
    },
    /// Has every witness sign the current checkpoint; nothing waits for it, so run it each night
    Ask {
        /// Gives up on a witness after so many seconds
        #[arg(long, value_name = "SECONDS", default_value = "20")]
        timeout: u64,
    },
    /// Lists the witnesses and what they signed last
    List,
    /// Asks a witness no more
    Remove {
        /// Its name
        name: String,
    },
}

/// `witness …`
#[derive(Subcommand)]
pub enum Witness {
    /// Makes a witness: its key and its memory
    Init {
        /// The name that it signs under, such as witness.brand.example/w1
        #[arg(long)]
        name: String,
        /// The file for what it remembers
        #[arg(long, value_name = "FILE")]
        state: PathBuf,
        /// The file for its key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Prints the public key to hand out, and what was signed last for each ledger
    Show {
        /// What it remembers
        #[arg(long, value_name = "FILE")]
        state: PathBuf,
        /// Its key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Answers add-checkpoint over HTTP until it is stopped
    Serve {
        /// Where to listen
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8601")]
        listen: String,
        /// What it remembers
        #[arg(long, value_name = "FILE")]
        state: PathBuf,
        /// Its key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Public keys of the ledgers that it signs for
        #[arg(long, value_name = "VKEY", required = true, num_args = 1..)]
        log: Vec<String>,
    },
}

/// `audit report`
#[derive(Args)]
pub struct Report {
    /// basis, consent, disclosures, requests, ropa, retention, unlawful or timeline
    pub name: String,
    /// As of this moment: nothing that was recorded later is in it; a date alone is its first moment
    /// in the controller's time zone
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// From this moment on (disclosures, requests, timeline); a date alone as in --as-of
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Up to this moment (disclosures, requests, timeline); a date alone as in --as-of
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// About one person (any but ropa)
    #[arg(long)]
    pub who: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
    /// Writes it to a file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Forms of a report.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// A table for people
    Text,
    /// JSON
    Json,
    /// CSV
    Csv,
    /// A page
    Html,
}

/// `key …`
#[derive(Subcommand)]
pub enum Key {
    /// Prints the public key to hand out
    Show,
    /// Takes a new key; both keys sign the change, so that whoever has the old one is led to the new
    Rotate {
        /// Nobody has the present key any more: the new one alone signs
        #[arg(long, conflicts_with = "stolen")]
        lost: bool,
        /// Somebody else may have the present key: it vouches for nothing from now on
        #[arg(long)]
        stolen: bool,
        /// Locks the new key with a new passphrase
        #[arg(long, conflicts_with = "ssh_key")]
        passphrase: bool,
        /// Signs with a key that the ssh-agent holds, by its public half
        #[arg(long, value_name = "FILE.pub")]
        ssh_key: Option<PathBuf>,
    },
    /// Locks the key file with a passphrase (PKCS#8, scrypt), or changes the passphrase
    Lock,
    /// Writes the key file without a passphrase
    Unlock,
}

/// `retain …`
#[derive(Subcommand)]
pub enum Retain {
    /// Deletes what is past its retention or has lost its last reason
    Run {
        /// Says what would be deleted and changes nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// `backup`
#[derive(Args)]
pub struct Backup {
    /// The file to write
    pub file: PathBuf,
}

/// `restore`
#[derive(Args)]
pub struct Restore {
    /// The backup
    pub backup: PathBuf,
    /// Certificates of erasures, where the journal beside the key is lost
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub certificates: Vec<PathBuf>,
    /// Vouches that no erasure after the backup is missing among the certificates
    #[arg(long)]
    pub all_certificates: bool,
}

/// `sql`
#[derive(Args)]
pub struct Sql {
    /// The query
    pub query: String,
    /// What may be seen
    #[arg(long, value_enum, default_value = "operator")]
    pub role: Role,
}

/// Roles of `sql`.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// All views
    Operator,
    /// Pseudonymous views only
    Auditor,
}

/// `demo`
#[derive(Args)]
pub struct Demo {
    /// Keeps the store and the answers in this folder
    pub dir: Option<PathBuf>,
}

/// `serve`
#[derive(Args)]
pub struct ServeArgs {
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8600")]
    pub listen: String,
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Something in front of candor ends TLS: without a certificate needed to listen beyond this machine
    #[arg(long)]
    pub behind_tls: bool,
    /// How often each token may ask
    #[arg(long, value_name = "RATE", default_value = "6000 in PT1M")]
    pub token_rate: String,
    /// How often each write key may call, such as "600 in PT1M"; without a limit by default
    #[arg(long, value_name = "RATE")]
    pub key_rate: Option<String>,
    /// Connections from one address at once, from this machine as well; by default 128, and any number from this
    /// machine, where a proxy may stand
    #[arg(long, value_name = "NUMBER")]
    pub connections_each: Option<u32>,
}

/// The certificate of `serve`.
#[derive(Args)]
pub struct TlsArgs {
    /// The certificate in PEM, with those behind it that lead to an authority
    #[arg(long, value_name = "FILE", env = "CANDOR_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key in PEM, which is its owner's alone
    #[arg(long, value_name = "FILE", env = "CANDOR_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// The files that are named.
    pub fn files(&self) -> Option<Files> {
        let (chain, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(Files { chain, key })
    }
}

/// `preferences`
#[derive(Subcommand)]
pub enum Preferences {
    /// Makes a link to a person's own page, for that person alone: whoever has it speaks as them
    Link {
        /// kind:value or a subject id
        who: String,
        /// When it ends; a date alone is a day of the controller's time zone. As the policy says by default
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
    },
}

/// `write-key`
#[derive(Subcommand)]
pub enum WriteKey {
    /// Makes a key for a source, and shows it this once
    Add {
        /// The source, as the policy names it; its format is tracking
        source: String,
        /// What it is called: the system that sends with it; the source's name by default
        #[arg(long)]
        label: Option<String>,
        /// Pages and apps show it to everybody: answers say nothing of anybody
        #[arg(long)]
        public: bool,
        /// When it ends by itself; a date alone is a day of the controller's time zone
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
    },
    /// The keys, without their texts
    List,
    /// Ends a key, at once
    Revoke {
        /// Its number, as `list` shows it
        id: i64,
    },
}

/// `token`
#[derive(Subcommand)]
pub enum Token {
    /// Makes a token of a role, and shows it this once
    Add(AddToken),
    /// The tokens, without their texts
    List,
    /// Ends a token, at once
    Revoke {
        /// Its number, as `list` shows it
        id: i64,
    },
}

/// `token add`
#[derive(Args)]
pub struct AddToken {
    /// What its holder works as: dpo, service-desk, system, marketer, auditor, recipient or monitor
    #[arg(long)]
    pub role: String,
    /// What it is called: the desk or system that holds it; the role by default
    #[arg(long)]
    pub label: Option<String>,
    /// A purpose that it may ask for; several times for several
    #[arg(long, value_name = "PURPOSE")]
    pub purpose: Vec<String>,
    /// Of a recipient: the policy's destination, which has purpose, channel and fields
    #[arg(long, value_name = "DESTINATION")]
    pub destination: Option<String>,
    /// When it ends by itself; a date alone is a day of the controller's time zone
    #[arg(long, value_name = "DATE")]
    pub expires: Option<String>,
}

/// `secret`
#[derive(Subcommand)]
pub enum Secret {
    /// Gives a secret its value: what is piped in, or typed at the terminal
    Set {
        /// Its name, as the policy names it
        name: String,
        /// The value before it still holds, until the other system has the new one
        #[arg(long)]
        keep_old: bool,
    },
    /// Their names
    List,
    /// Forgets a secret
    Remove {
        /// Its name
        name: String,
        /// Forgets only the value before the newest one
        #[arg(long)]
        old: bool,
    },
}
