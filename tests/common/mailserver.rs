//! A mail server on this machine (RFC 5321): keeps what it is handed, and answers as it is told.

// Each test program uses its own part of it.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Who it was handed over as.
    pub from: String,
    /// Whom it is for.
    pub to: Vec<String>,
    /// Its bytes, dots taken off again.
    pub text: String,
}

impl Mail {
    /// A head, with its continued lines.
    pub fn head(&self, name: &str) -> Option<String> {
        let (head, _) = self.text.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ");
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }

    /// The text, with what quoted-printable or base64 made of it undone.
    pub fn body(&self) -> String {
        use base64ct::Encoding as _;
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        match self.head("Content-Transfer-Encoding").as_deref() {
            Some("quoted-printable") => unquoted(body),
            Some("base64") => {
                let plain: String = body.split_whitespace().collect();
                String::from_utf8(base64ct::Base64::decode_vec(&plain).unwrap()).unwrap()
            }
            _ => body.to_owned(),
        }
    }

    /// The first address in the text that leads to a page.
    pub fn link(&self, page: &str) -> Option<String> {
        let body = self.body();
        let at = body.find(&format!("/{page}/"))?;
        let start = body[..at].rfind("http")?;
        Some(body[start..].split_whitespace().next()?.to_owned())
    }
}

fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        match (first, tail.get(..2).and_then(|two| std::str::from_utf8(two).ok())) {
            (b'=', Some(two)) if u8::from_str_radix(two, 16).is_ok() => {
                bytes.push(u8::from_str_radix(two, 16).unwrap());
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What it says to the next command of a kind.
type Replies = Arc<Mutex<VecDeque<(&'static str, &'static str)>>>;

/// The server.
#[derive(Clone)]
pub struct MailServer {
    /// Its port.
    pub port: u16,
    taken: Arc<Mutex<Vec<Mail>>>,
    said: Arc<Mutex<Vec<String>>>,
    replies: Replies,
}

impl MailServer {
    /// Starts listening.
    pub fn start() -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = MailServer {
            port: listener.local_addr().unwrap().port(),
            taken: Arc::default(),
            said: Arc::default(),
            replies: Arc::default(),
        };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || drop(own.serve(stream)));
            }
        });
        server
    }

    /// What the next command of a kind (`MAIL`, `RCPT`, `DATA`, `.`) is answered; `silence` is none.
    pub fn will(&self, verb: &'static str, reply: &'static str) {
        self.replies.lock().unwrap().push_back((verb, reply));
    }

    /// What was taken so far.
    pub fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap().clone()
    }

    /// The commands that were heard.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// The mails to an address.
    pub fn to(&self, address: &str) -> Vec<Mail> {
        self.taken().into_iter().filter(|mail| mail.to == [address]).collect()
    }

    fn reply(&self, verb: &str, usual: &'static str) -> &'static str {
        let mut replies = self.replies.lock().unwrap();
        let at = replies.iter().position(|(of, _)| *of == verb);
        at.and_then(|at| replies.remove(at)).map_or(usual, |(_, reply)| reply)
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        stream.write_all(b"220 test ESMTP\r\n")?;
        let mut mail = Mail { from: String::new(), to: Vec::new(), text: String::new() };
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            assert!(line.ends_with("\r\n"), "a line ends with CRLF: {line:?}");
            let line = line.trim_end().to_owned();
            self.said.lock().unwrap().push(line.clone());
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let path = |line: &str| line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let usual = match verb.as_str() {
                "EHLO" => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
                "AUTH" => "235 come in",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            let mut reply = self.reply(&verb, usual);
            match verb.as_str() {
                _ if !reply.starts_with(['2', '3']) => {}
                "MAIL" => mail = Mail { from: path(&line), to: Vec::new(), text: String::new() },
                "RCPT" => mail.to.push(path(&line)),
                "DATA" => {
                    stream.write_all(b"354 go on\r\n")?;
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line)? == 0 {
                            return Ok(());
                        }
                        if line == ".\r\n" {
                            break;
                        }
                        mail.text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    }
                    reply = self.reply(".", "250 taken");
                    if reply.starts_with('2') || reply == "silence" {
                        self.taken.lock().unwrap().push(mail.clone());
                    }
                }
                _ => {}
            }
            if reply == "silence" {
                std::thread::sleep(Duration::from_secs(60));
                return Ok(());
            }
            stream.write_all(format!("{reply}\r\n").as_bytes())?;
            if verb == "QUIT" {
                return Ok(());
            }
        }
    }
}
