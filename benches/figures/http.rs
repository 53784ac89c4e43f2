//! One durable, gated event by HTTP, at 64 connections, beside what the disk alone can do and what other
//! servers do.
//!
//! The program runs as a process of its own and each connection waits for its answer before it sends
//! the next event: so a request is one event, and its time is that of a transaction that is on disk.
//! PostgreSQL is asked by pgbench over as many connections; FastAPI gets the same requests as candor.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use candor::base::error::Result;
use serde_json::Value;

use crate::measure::percentile;
use crate::note;
use crate::python;
use crate::table::{Bound, Table, millis};

const CONNECTIONS: usize = 64;
const EVENTS_EACH: usize = 250;
const FLUSHES: usize = 400;
/// How long PostgreSQL is asked each time.
const SECONDS: u64 = 5;

const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tracking/policy.toml");

/// The program, serving a new store.
struct Served {
    child: Child,
    address: String,
    key: String,
}

impl Served {
    fn start(folder: &Path) -> Served {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_candor"));
        let store = folder.join("http.candor");
        let run = |args: &[&str]| {
            let mut command = Command::new(&program);
            command.arg("--json").args(args).env("CANDOR_STORE", &store);
            command.stdout(Stdio::piped()).stderr(Stdio::null());
            command
        };
        let made = Command::new(&program)
            .args(["init".as_ref(), store.as_os_str(), "--policy".as_ref(), POLICY.as_ref()])
            .stdout(Stdio::null())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "a store is made");
        let key = run(&["write-key", "add", "web"]).output().expect("a key is made").stdout;
        let key: Value = serde_json::from_slice(&key).expect("the answer is JSON");
        let mut child =
            run(&["serve", "--listen", "127.0.0.1:0"]).spawn().expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("it says where it listens"));
        let mut told = String::new();
        while !told.contains('}') {
            assert!(out.read_line(&mut told).unwrap_or(0) > 0, "the program listens");
        }
        let told: Value = serde_json::from_str(&told).expect("the answer is JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let address = text(&told["url"]).replace("http://", "");
        Served { child, address, key: text(&key["key"]) }
    }

    /// An event of a sender, as it is sent.
    fn event(&self, sender: usize, n: usize) -> String {
        format!(
            "{{\"writeKey\":\"{}\",\"userId\":\"u-{sender}\",\"event\":\"Order Completed\",\
             \"messageId\":\"m-{sender}-{n}\",\"properties\":{{\"revenue\":14.99}}}}",
            self.key
        )
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends events over all connections at once, one by one over each; tells how long each took, and all.
fn send(
    address: &str,
    event: &(dyn Fn(usize, usize) -> String + Sync),
    expected: &str,
) -> (Vec<Duration>, Duration) {
    let started = Instant::now();
    let times = std::thread::scope(|scope| {
        let one = |sender| scope.spawn(move || events(address, sender, event, expected));
        let senders: Vec<_> = (0..CONNECTIONS).map(one).collect();
        let told = senders.into_iter().map(|sender| sender.join().expect("a sender ends"));
        told.flatten().collect()
    });
    (times, started.elapsed())
}

fn events(
    address: &str,
    sender: usize,
    event: &(dyn Fn(usize, usize) -> String + Sync),
    expected: &str,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).expect("the program listens");
    stream.set_nodelay(true).expect("a connection can be set up");
    let mut times = Vec::with_capacity(EVENTS_EACH);
    for n in 0..EVENTS_EACH {
        let body = event(sender, n);
        let request = format!(
            "POST /v1/track HTTP/1.1\r\nHost: candor\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let started = Instant::now();
        stream.write_all(request.as_bytes()).expect("the program listens");
        let answer = answer(&mut stream);
        times.push(started.elapsed());
        let kept = answer.starts_with("HTTP/1.1 200") && answer.contains(expected);
        assert!(kept, "{answer}");
    }
    times
}

/// One whole answer: the body ends with the one object.
fn answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut part = [0; 4096];
    while !all.ends_with(b"true}") {
        match stream.read(&mut part) {
            Ok(count) if count > 0 => all.extend_from_slice(&part[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Flushes of the disk, each after a page was added.
fn flushes(folder: &Path) -> Vec<Duration> {
    let mut file = std::fs::File::create(folder.join("fsync")).expect("the folder can be written");
    let flush = |_| {
        let started = Instant::now();
        file.write_all(&[1; 4096]).expect("the disk has room");
        file.sync_data().expect("the disk keeps what it is told");
        started.elapsed()
    };
    (0..FLUSHES).map(flush).collect()
}

/// The lines about HTTP.
pub fn lines(table: &mut Table, folder: &Path) -> Result<()> {
    note("events by HTTP");
    let served = Served::start(folder);
    let mut disk = flushes(folder);
    let (mut times, took) =
        send(&served.address, &|sender, n| served.event(sender, n), "\"kept\":1");
    disk.extend(flushes(folder));
    let rate = times.len() as f64 / took.as_secs_f64();
    let one_by_one = disk.len() as f64 / disk.iter().sum::<Duration>().as_secs_f64();
    table.ratio(
        "durable, gated events by HTTP, 64 connections, beside flushes of the disk",
        format!("{rate:.0} /s"),
        format!("{one_by_one:.0} /s"),
        rate / one_by_one,
        Bound::None,
    );
    let (slow, flush) = (percentile(&mut times, 0.99), percentile(&mut disk, 0.99));
    table.ratio(
        "one of them, p99, beside one flush, p99",
        millis(slow),
        millis(flush),
        slow.as_secs_f64() / flush.as_secs_f64(),
        Bound::AtMost(4.0),
    );
    let beside = |table: &mut Table, name: &str, theirs: f64, least: f64| {
        let (ours, told) = (format!("{rate:.0} /s"), format!("{theirs:.0} /s"));
        table.ratio(name, ours, told, rate / theirs, Bound::AtLeast(least));
    };
    note("the same of PostgreSQL");
    match postgres(folder) {
        Ok((plain, same)) => {
            beside(table, "the same, beside PostgreSQL's plain insert", plain, 1.5);
            beside(table, "the same, beside the same work in PL/pgSQL", same, 4.0);
        }
        Err(why) => table.skip("PostgreSQL", &why),
    }
    note("the same of FastAPI");
    match fastapi(folder, &served) {
        Ok(theirs) => {
            beside(table, "the same, beside FastAPI and sqlite3, ungated", theirs, 40.0);
        }
        Err(why) => table.skip("FastAPI", &why),
    }
    Ok(())
}

/// Events a second of PostgreSQL: inserted as they are, and with the work that candor does.
fn postgres(folder: &Path) -> std::result::Result<(f64, f64), String> {
    let output = Command::new(python::having("json")?)
        .arg(python::script("servers.py"))
        .arg("postgres")
        .arg(folder)
        .args([CONNECTIONS.to_string(), SECONDS.to_string()])
        .output()
        .map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = |name| told.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    rate("plain ").zip(rate("same ")).ok_or_else(|| {
        let why = String::from_utf8_lossy(&output.stderr);
        why.lines().last().unwrap_or("the script failed").to_owned()
    })
}

/// Events a second of FastAPI over SQLite.
fn fastapi(folder: &Path, served: &Served) -> std::result::Result<f64, String> {
    let mut child = Command::new(python::having("fastapi, uvicorn")?)
        .arg(python::script("servers.py"))
        .arg("fastapi")
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut address = String::new();
    let out = child.stdout.take().expect("it says where it listens");
    let listens = BufReader::new(out).read_line(&mut address).unwrap_or(0) > 0;
    let rate = listens.then(|| {
        let event = |sender, n| served.event(sender, n);
        let (times, took) = send(address.trim(), &event, "\"success\":true");
        times.len() as f64 / took.as_secs_f64()
    });
    let _ = child.kill();
    let _ = child.wait();
    rate.ok_or_else(|| "the server didn't start".to_owned())
}
