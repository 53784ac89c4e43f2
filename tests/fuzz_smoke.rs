//! The fuzz targets of `fuzz/`, for two seconds each over mutated seeds, on any compiler: no bytes
//! whatever make a reader panic.

use std::time::{Duration, Instant};

use candor::collect::fuzz;
use candor::ledger::leaf::Leaf;
use candor::ledger::note::Note;
use candor::ledger::scan;
use candor::policy;

const EACH: Duration = Duration::from_secs(2);

/// A small generator (SplitMix64), so that every run tries the same inputs in the same order.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 1).unwrap() % sides.max(1)
    }
}

/// Changes a seed in a few places: bytes, pieces doubled, cut or taken from another seed.
fn mutate(dice: &mut Dice, seeds: &[&[u8]]) -> Vec<u8> {
    const EDGES: [&[u8]; 14] = [
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\"",
        b"\"\"",
        b"\r\n",
        b"\xc3\xa9",
        b"-1",
        b"{",
        b"}",
        b"9223372036854775808",
        b"\xed\xa0\x80",
        b"%",
        b",",
    ];
    let mut bytes = seeds[dice.roll(seeds.len())].to_vec();
    for _ in 0..dice.roll(6) {
        let at = dice.roll(bytes.len() + 1);
        let end = (at + dice.roll(24)).min(bytes.len());
        match dice.roll(6) {
            0 if at < bytes.len() => bytes[at] = u8::try_from(dice.roll(256)).unwrap(),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let other = seeds[dice.roll(seeds.len())];
                let from = dice.roll(other.len() + 1);
                let to = (from + dice.roll(40)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            4 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, EDGES[dice.roll(EDGES.len())].iter().copied())),
        }
    }
    bytes
}

fn run(seeds: &[&[u8]], target: impl Fn(&[u8])) {
    let mut dice = Dice(20_260_105);
    for seed in seeds {
        target(seed);
    }
    let start = Instant::now();
    while start.elapsed() < EACH {
        target(&mutate(&mut dice, seeds));
    }
}

#[test]
fn csv() {
    run(
        &[
            b"a,b,c,d\n1,ann@example.com,12.5,2026-01-05\n2,\"x, \"\"y\"\"\n\",,\n",
            b"a;b;c;d\r\n1;+353 86 123 4567;1,5;05.01.2026\r\n",
            b"\xef\xbb\xbfa\tb\tc\n\xe9\t\xff\t\"unclosed\n",
        ],
        fuzz::csv,
    );
}

#[test]
fn ndjson() {
    run(
        &[
            b"{\"a\":\"1\",\"b\":\"ann@example.com\",\"c\":{\"d\":\"2026-01-05\"},\"d\":1e3}\n{}\n[]\n",
            b"{\"a\":1,\"c\":{\"d\":{\"e\":[1,2,{\"f\":null}]}},\"b\":\"\\ud83d\\ude00\\u0000\"}\n",
        ],
        fuzz::ndjson,
    );
}

#[test]
fn tracking() {
    run(
        &[
            br#"{"batch":[{"type":"identify","userId":"u","b":1,"traits":{"email":"a@x.example"}}]}"#,
            br#"{"anonymousId":null,"userId":7,"event":"E","sentAt":"2026-01-05T09:00:00Z",
                "timestamp":"2026-01-05T08:00:00.123456789Z","context":{"consentManagement":
                {"allowedConsentIds":["a"],"deniedConsentIds":[]},"traits":{}}}"#,
            b"writeKey=K&userId=u%20&context.consent.categoryPreferences.Ads=true&properties.a=1",
        ],
        fuzz::tracking,
    );
}

#[test]
fn webhook() {
    run(
        &[
            br#"{"a":{"b":[{"a":"1","b":"ann@example.com","c":12.5,"d":"2026-01-05"},7]}}"#,
            br#"[{"a":"1","c":"12.505"},{"a":1,"c":1e3,"d":"2026-01-05T08:00:00Z"}]"#,
            b"a=1&b=ann%40example.com&c[d]=2026-01-05&d=x+y&b[]=%ff",
        ],
        fuzz::webhook,
    );
}

#[test]
fn consent_strings() {
    run(
        &[
            b"COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA",
            b"CQhDnIAQhDnIA74YPmFRYA8hQBOpqkBmxAYgAtDwfF-wuzPJW8ai_QA-UAg6TgEAAQIAAAAA.IAAA.YAAAAAAAAAAA",
            b"DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN",
            b"DBADz95M~1-Y-~CAAhAAAAAABA~BAAAAAQA~BAEAAAEA.QA~BAkAAAQA.QA",
            b"1YNN",
        ],
        fuzz::consent_strings,
    );
}

#[test]
fn xlsx() {
    let workbook = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/collect/customers.xlsx");
    let workbook = std::fs::read(workbook).unwrap();
    run(&[&workbook], fuzz::xlsx);
}

#[test]
fn date() {
    run(
        &[
            b"%d.%m.%Y %H:%M\n05.01.2026 10:30",
            b"2026-02-29T23:59:60Z",
            b"%Y%j\n2026366",
            b"20260105",
        ],
        fuzz::date,
    );
}

#[test]
fn identifiers() {
    run(
        &[
            b"Ann.Smith+tag@Example.COM",
            b"+353 (0)86 123-4567",
            "jos\u{e9}@ex\u{e4}mple.com".as_bytes(),
            b"00 36 1 234 5678",
            "\u{ff10}\u{ff18}\u{ff16}".as_bytes(),
        ],
        fuzz::identifiers,
    );
}

#[test]
fn policies() {
    let whole = include_bytes!("common/policy.toml");
    run(&[whole, &whole[..900], b"[purpose.x]\nbasis = \"consent\"\n"], |bytes| {
        drop(policy::check(&String::from_utf8_lossy(bytes)));
    });
}

/// Entries of the golden ledger among the fixtures.
fn leaves() -> Vec<Vec<u8>> {
    let log = include_str!("../fixtures/vectors/tlog/log.jsonl");
    log.lines().take(40).map(|line| line.as_bytes().to_vec()).collect()
}

#[test]
fn leaf() {
    let leaves = leaves();
    let seeds: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
    run(&seeds, |bytes| {
        let scanned = scan::fields(bytes);
        if let Ok(leaf) = Leaf::parse_strict(bytes) {
            assert_eq!(leaf.to_bytes().as_deref(), Ok(bytes));
            assert_eq!(scanned.map(|view| view.number), Ok(leaf.number));
        }
    });
}

#[test]
fn note() {
    let note = "ledger.example/x\n3\nI4M0Ltm0Kp9VGUSZYlS5aKSn2EExXyGuKZ8Dvh7SLzE=\n\n\
        \u{2014} ledger.example/x AAAAAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygp\
        KissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==\n";
    run(&[note.as_bytes(), b"a\n\n\xe2\x80\x94 b AAAAAA==\n"], |bytes| {
        if let Ok(note) = Note::parse(bytes) {
            assert_eq!(note.to_text().as_bytes(), bytes);
        }
    });
}
