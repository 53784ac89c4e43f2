//! A database on this machine, by PostgreSQL's protocol: keeps what it is asked, and answers as it is told.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

/// A statement with its parameters.
#[derive(Clone, Debug)]
pub struct Asked {
    pub statement: String,
    pub values: Vec<Option<String>>,
}

/// How a row is answered; it is written where nothing is said.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It isn't, for a reason; what else is said quotes the row.
    Refused(&'static str),
    /// It came too late.
    Late,
    /// The connection ends.
    End,
    /// These bytes, and then the end.
    Bytes(Vec<u8>),
}

/// How whoever signs in is met.
#[derive(Clone, Debug)]
pub enum Greeting {
    /// Anybody is let in.
    Welcome,
    /// With these bytes, and what follows is kept.
    Bytes(Vec<u8>),
    /// With these bytes over and over.
    Endless(Vec<u8>),
}

/// The database.
#[derive(Clone)]
pub struct Database {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    greeting: Arc<Mutex<Greeting>>,
    /// What came from whoever wasn't let in.
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Database {
    /// Starts listening.
    pub fn start() -> Database {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let database = Database {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
            replies: Arc::default(),
            greeting: Arc::new(Mutex::new(Greeting::Welcome)),
            heard: Arc::default(),
        };
        let own = database.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream));
            }
        });
        database
    }

    /// What the next rows are answered with, in order.
    pub fn will(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// How everybody is met from now on.
    pub fn greets(&self, greeting: Greeting) {
        *self.greeting.lock().unwrap() = greeting;
    }

    /// The statements about rows, in order.
    pub fn rows(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap().clone();
        let is_row = |asked: &Asked| {
            asked.statement.starts_with("INSERT ") || asked.statement.starts_with("DELETE ")
        };
        asked.into_iter().filter(is_row).collect()
    }

    /// What came from whoever wasn't let in.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        read_body(&mut stream)?;
        let greeting = self.greeting.lock().unwrap().clone();
        match greeting {
            Greeting::Welcome => {
                let signed_in = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
                stream.write_all(&signed_in).ok()?;
            }
            Greeting::Bytes(bytes) => {
                stream.write_all(&bytes).ok()?;
                stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
                let mut more = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut more) {
                    self.heard.lock().unwrap().extend(&more[..count]);
                }
                return None;
            }
            Greeting::Endless(bytes) => loop {
                stream.write_all(&bytes).ok()?;
            },
        }
        let (mut answer, mut is_late) = (Vec::new(), false);
        let mut statement = String::new();
        loop {
            let mut tag = [0];
            stream.read_exact(&mut tag).ok()?;
            let body = read_body(&mut stream)?;
            match tag[0] {
                b'P' => statement = text(&body[1..]),
                b'B' => {
                    let asked = Asked { statement: statement.clone(), values: values(&body) };
                    self.asked.lock().unwrap().push(asked.clone());
                    self.answer(&mut stream, (&mut answer, &mut is_late), &asked)?;
                }
                b'S' => {
                    answer.extend(message(b'Z', b"I"));
                    stream.write_all(&answer).ok()?;
                    answer.clear();
                }
                b'X' => return None,
                _ => {}
            }
        }
    }

    /// Gathers the answer to a statement; `None` where the connection ends.
    fn answer(
        &self,
        stream: &mut TcpStream,
        (answer, is_late): (&mut Vec<u8>, &mut bool),
        asked: &Asked,
    ) -> Option<()> {
        answer.extend([message(b'1', b""), message(b'2', b"")].concat());
        let words = asked.statement.as_str();
        if words.starts_with("INSERT ") || words.starts_with("DELETE ") {
            let next = self.replies.lock().unwrap().pop_front();
            *is_late = matches!(next, Some(Reply::Late));
            match next {
                None | Some(Reply::Late) => {}
                Some(Reply::Refused(code)) => {
                    let said = format!(
                        "SERROR\0VERROR\0C{code}\0Mbad: ann@x.example\0DKey (email)=(ann@x.example)\0\0"
                    );
                    answer.extend(message(b'E', said.as_bytes()));
                    stream.write_all(answer).ok()?;
                    return None;
                }
                Some(Reply::End) => return None,
                Some(Reply::Bytes(bytes)) => {
                    stream.write_all(&bytes).ok()?;
                    return None;
                }
            }
            answer.extend(message(b'C', b"INSERT 0 1\0"));
        } else if words.starts_with("SELECT ((") {
            answer.extend(row(if *is_late { "false" } else { "true" }));
        } else if words.contains("clock_timestamp") {
            let now = UNIX_EPOCH.elapsed().unwrap();
            answer.extend(row(&now.as_millis().to_string()));
        } else if words.starts_with("SELECT ") {
            answer.extend(row("other"));
        }
        Some(())
    }
}

/// A message of the server.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

fn row(value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    message(b'D', &[&[0, 1][..], &length, value.as_bytes()].concat())
}

fn read_body(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap()
}

/// The parameters of a Bind message: two names without letters, no formats, then the values.
fn values(body: &[u8]) -> Vec<Option<String>> {
    let count = u16::from_be_bytes([body[4], body[5]]);
    let mut rest = &body[6..];
    let mut values = Vec::new();
    for _ in 0..count {
        let (length, tail) = rest.split_first_chunk::<4>().unwrap();
        let length = i32::from_be_bytes(*length);
        let (value, tail) = tail.split_at(usize::try_from(length).unwrap_or(0));
        values.push((length >= 0).then(|| String::from_utf8(value.to_vec()).unwrap()));
        rest = tail;
    }
    values
}
