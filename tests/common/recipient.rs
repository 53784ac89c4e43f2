//! A recipient on this machine: hears requests, keeps them, and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// A request that was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The method and the target.
    pub line: String,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Heard {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With a status, and further head lines.
    Status(u16, &'static str),
    /// With a success, after a while.
    Slowly(Duration),
    /// Not at all: the connection is held.
    Silence,
    /// The connection ends.
    End,
}

/// The recipient.
#[derive(Clone)]
pub struct Recipient {
    address: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl Recipient {
    /// Starts listening; answers 200 where it isn't told otherwise.
    pub fn start() -> Recipient {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let recipient = Recipient {
            address: listener.local_addr().unwrap().to_string(),
            heard: Arc::default(),
            replies: Arc::default(),
        };
        let own = recipient.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream));
            }
        });
        recipient
    }

    /// Where it listens.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What the next requests are answered with, in order.
    pub fn will(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// What was heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while let Some(heard) = read(&mut reader) {
            self.heard.lock().unwrap().push(heard);
            let reply = self.replies.lock().unwrap().pop_front();
            let mut reply = reply.unwrap_or(Reply::Status(200, ""));
            if let Reply::Slowly(wait) = reply {
                std::thread::sleep(wait);
                reply = Reply::Status(200, "");
            }
            match reply {
                Reply::Status(status, head) => {
                    // An answer that quotes the person: nothing of it may be kept.
                    let body = "no such person: ann@x.example";
                    let length = if status == 204 { 0 } else { body.len() };
                    let head =
                        format!("HTTP/1.1 {status} X\r\n{head}Content-Length: {length}\r\n\r\n");
                    let _ = stream.write_all(head.as_bytes());
                    let _ = stream.write_all(&body.as_bytes()[..length]);
                }
                Reply::Slowly(_) => unreachable!("it is a success by now"),
                Reply::Silence => std::thread::sleep(Duration::from_secs(60)),
                Reply::End => return,
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Heard> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut head = String::new();
        reader.read_line(&mut head).ok()?;
        let Some((name, value)) = head.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Heard { line, headers, body: String::from_utf8(body).unwrap() })
}
