//! The real program, serving a store of its own, and a client of a few lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use candor::base::clock::Moment;
use candor::profile::read;
use candor::store::{self, Access, Store};
use serde_json::Value;
use tempfile::TempDir;

const CANDOR: &str = env!("CARGO_BIN_EXE_candor");

/// The policy of the example shop, under which the times of the tests never grow too old.
pub fn policy() -> String {
    let text = include_str!("../../fixtures/tracking/policy.toml");
    text.replace("\"P6Y\"", "\"P60Y\"").replace("\"P12M\"", "\"P60Y\"")
}

/// A folder with a store, and the program that serves it.
pub struct Served {
    pub folder: TempDir,
    child: Option<Child>,
    address: String,
    /// The key of servers.
    pub key: String,
    /// The key of pages.
    pub public: String,
}

/// An answer.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The reasons that it tells.
    pub fn reasons(&self) -> Vec<String> {
        let reasons = self.json()["reasons"].as_array().cloned().unwrap_or_default();
        reasons.iter().map(|reason| reason["reason"].as_str().unwrap().to_owned()).collect()
    }
}

impl Served {
    /// A new store under a policy, not served yet.
    pub fn under(policy: &str) -> Served {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
        let (key, public, address) = (String::new(), String::new(), String::new());
        let served = Served { folder, child: None, address, key, public };
        let made = served.run(&["init", "t.candor", "--policy", "policy.toml"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        served
    }

    /// A new store under the shop's policy with two keys, served.
    pub fn new() -> Served {
        let mut served = Served::under(&policy());
        served.key = served.add_key(&["web", "--label", "servers"]);
        served.public = served.add_key(&["web", "--label", "pages", "--public"]);
        served.start();
        served
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("t.candor")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(CANDOR);
        command.arg("--json").args(args).current_dir(self.folder.path());
        command.env("CANDOR_STORE", "t.candor").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs another command on the store.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Makes a key.
    pub fn add_key(&self, args: &[&str]) -> String {
        let out = self.run(&[&["write-key", "add"], args].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        let made: Value = serde_json::from_slice(&out.stdout).unwrap();
        made["key"].as_str().unwrap().to_owned()
    }

    /// Starts the program.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts the program with further options.
    pub fn start_with(&mut self, options: &[&str]) {
        self.start_at("127.0.0.1:0", options);
    }

    /// Starts the program with an address of its own.
    pub fn start_at(&mut self, listen: &str, options: &[&str]) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut child = self
            .command(&[&["serve", "--listen", listen], options].concat())
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let mut told = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !told.contains('}') {
            assert!(out.read_line(&mut told).unwrap() > 0, "the program ended: {told}");
        }
        let told: Value = serde_json::from_str(&told).unwrap();
        self.address = told["url"].as_str().unwrap().split_once("://").unwrap().1.to_owned();
        self.child = Some(child);
    }

    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, without waiting for the end.
    pub fn tell_to_end(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits for the end; returns the exit code.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.take().unwrap().wait().unwrap().code()
    }

    /// SIGTERM, and the end.
    pub fn stop(&mut self) {
        self.tell_to_end();
        assert_eq!(self.ended(), Some(0));
    }

    /// Posts a JSON body with the key of servers.
    pub fn post(&self, path: &str, body: &Value) -> Heard {
        let key = basic(&format!("{}:", self.key));
        self.ask("POST", path, &[("Authorization", &key)], body.to_string().as_bytes())
    }

    /// Asks over a connection of its own.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Heard {
        ask(&self.address, method, path, headers, body).expect("the server answers")
    }

    /// Says something, and holds the connection.
    pub fn say(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    /// Opens the store beside the program.
    pub fn store(&self) -> Store {
        Store::open(&self.path(), Access::Read, "test").unwrap()
    }

    /// All that is held: `identifier.KIND=value`, `attribute.NAME=value`, `EVENT:message`.
    pub fn held(&self) -> Vec<String> {
        let store = self.store();
        let mut held = Vec::new();
        for subject in crate::common::numbers(store.conn(), "SELECT DISTINCT subject FROM record") {
            for record in read::open_records(store.conn(), store.words(), subject).unwrap() {
                for value in record.values.iter().filter(|value| value.current) {
                    let field = store.words().text(store::WordKind::Field, value.field);
                    if field != "record.key" {
                        held.push(format!("{field}={}", value.text));
                    }
                }
                for event in read::open_events(store.conn(), store.words(), &record).unwrap() {
                    let event_body: Value = serde_json::from_slice(&event.bytes).unwrap();
                    let id = event_body["id"].as_str().unwrap();
                    held.push(format!("{}:{id}", event.name));
                }
            }
        }
        held.sort();
        held
    }

    /// How many there are of what is held.
    pub fn count(&self, what: &str) -> usize {
        self.held().iter().filter(|held| *held == what).count()
    }

    /// The ledger, and everything that it commits to.
    pub fn is_sound(&self) {
        let report = crate::common::deep(&self.path(), None);
        let faults: Vec<_> = report.claims.iter().flat_map(|claim| &claim.faults).collect();
        assert!(report.holds && faults.is_empty(), "{faults:?}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One request; `None` where the connection broke before the answer was whole.
pub fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Heard> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    ask_over(stream, method, path, headers, body)
}

/// The same over a connection that is there.
pub fn ask_over(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Heard> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head += "Host: localhost\r\n";
    }
    head += &format!("Content-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    // A server that refuses a head needs no body.
    let _ = stream.write_all(body);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let text = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let is_whole = length.is_none_or(|(_, length)| length.parse() == Ok(body.len()));
    // An answer to HEAD tells the length of a body that it doesn't have.
    (is_whole || method == "HEAD" || status == 200 && body.starts_with("GIF")).then(|| Heard {
        status,
        headers,
        body: body.to_owned(),
    })
}

pub fn basic(text: &str) -> String {
    use base64ct::Encoding as _;
    format!("Basic {}", base64ct::Base64::encode_string(text.as_bytes()))
}

pub fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn now() -> String {
    // The one clock of the tests that must be the program's own: it sets right what is off by more.
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Moment(i64::try_from(since.as_millis()).unwrap()).to_string()
}

/// A track item of the shop.
pub fn order(user: &str, message: &str) -> Value {
    serde_json::json!({"type": "track", "userId": user, "event": "Order Completed",
        "messageId": message, "timestamp": "2026-03-03T10:00:00Z", "properties": {"revenue": 1}})
}

/// A folder beside the checkout, where there is one.
pub fn beside(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    path.is_dir().then_some(path)
}
