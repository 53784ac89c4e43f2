//! Writes rows, or takes them away, within a time that a permit allows; and is sure that nothing of it is done
//! later.
//!
//! What a database says to a row decides over that row; what it says to whoever signs in, or of the table, is
//! trouble with the database, for which no row is given up (`state.rs`).

use std::io::{BufReader, Error, ErrorKind, Write};
use std::time::{Duration, Instant};

use crate::send::http::{Heard, PATIENCE};

use super::line::Line;
use super::login::sign_in;
use super::wire::{ANSWER_MAX, Answer, Asked, read};
use super::{Database, Row, sql};

/// How long a statement may be run, from when it was sent.
const RUNS: Duration = Duration::from_secs(5);

/// The way to databases: the connection to the last one, for as long as it holds.
#[derive(Default)]
pub struct Scribe {
    open: Option<(Database, Session)>,
}

impl std::fmt::Debug for Scribe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scribe(…)")
    }
}

/// What a step came to that didn't.
#[derive(Debug)]
pub struct Stopped(pub Heard);

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Stopped(Heard::TimedOut),
            _ => Stopped(Heard::Unreachable),
        }
    }
}

impl Scribe {
    /// Writes a row, or takes rows away.
    pub fn hand_over(&mut self, row: &Row) -> Heard {
        let until = Instant::now() + PATIENCE;
        let held = self.open.take().filter(|(at, _)| *at == row.at).map(|(_, held)| held);
        let opened = held.map_or_else(|| Session::open(&row.at, until), Ok);
        let written = opened.and_then(|mut session| {
            session.write(row, until.min(Instant::now() + RUNS))?;
            Ok(session)
        });
        match written {
            Ok(session) => {
                self.open = Some((row.at.clone(), session));
                Heard::Written
            }
            Err(Stopped(heard)) => heard,
        }
    }
}

/// A connection on which somebody signed in.
pub struct Session {
    line: BufReader<Line>,
    /// How many bytes may still come until what was asked is answered.
    left: usize,
    /// What the server's clock said (milliseconds), and when that had been heard.
    clock: (i64, Instant),
}

impl Session {
    fn open(at: &Database, until: Instant) -> Result<Session, Stopped> {
        let line = BufReader::new(Line::open(at, until)?);
        let mut session = Session { line, left: ANSWER_MAX, clock: (0, until) };
        sign_in(&mut session, at)?;
        let asked = Asked::default().statement(sql::CLOCK, std::iter::empty())?.end()?;
        session.say(&asked)?;
        let said = session.answered()?;
        let theirs = said.parse().map_err(|_| Stopped(Heard::Unreachable))?;
        session.clock = (theirs, Instant::now());
        Ok(session)
    }

    /// Asks something.
    pub fn say(&mut self, asked: &Asked) -> std::io::Result<()> {
        self.left = ANSWER_MAX;
        let line = self.line.get_mut();
        line.write_all(asked.bytes())?;
        line.flush()
    }

    /// The next message.
    pub fn next(&mut self) -> std::io::Result<Answer> {
        read(&mut self.line, &mut self.left)
    }

    /// The value of the last row that is answered.
    fn answered(&mut self) -> Result<String, Stopped> {
        let mut last = String::new();
        loop {
            let answer = self.next()?;
            match answer.tag {
                b'D' => answer.value()?.clone_into(&mut last),
                b'E' => {
                    let heard = answer.state().map_or(Heard::Unreachable, Heard::Database);
                    return Err(Stopped(heard));
                }
                b'Z' => return Ok(last),
                _ => {}
            }
        }
    }

    /// Writes a row: nothing of it is done after this moment, whatever is heard.
    fn write(&mut self, row: &Row, until: Instant) -> Result<(), Stopped> {
        self.line.get_mut().wait_until(until);
        let (theirs, heard_at) = self.clock;
        // Their clock was read before it was heard, so it is as late there before it is so here.
        let left = until.saturating_duration_since(heard_at).as_millis();
        let deadline = (theirs + i64::try_from(left).unwrap_or(0)).to_string();
        let (lock, patience) = (row.lock.to_string(), RUNS.as_millis().to_string());
        let values = row.values.iter().map(Option::as_deref).chain([Some(deadline.as_str())]);
        let values: Vec<Option<&str>> = values.collect();
        let one = |value| std::iter::once(Some(value));
        let asked = Asked::default()
            .statement(sql::BEGIN, std::iter::empty())?
            .statement(sql::PATIENCE, one(patience.as_str()))?
            .statement(sql::ALONE, one(lock.as_str()))?
            .statement(&row.statement, values.into_iter())?
            .statement(sql::IN_TIME, one(deadline.as_str()))?
            .statement(sql::COMMIT, std::iter::empty())?
            .end()?;
        let answered = self.say(&asked).map_err(Stopped::from).and_then(|()| self.answered());
        match answered {
            Ok(said) if said == "true" => Ok(()),
            Ok(_) => Err(Stopped(Heard::TimedOut)),
            // It was taken back whole.
            Err(Stopped(heard @ Heard::Database(_))) => Err(Stopped(heard)),
            // It may be run still.
            Err(stopped) => {
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
                Err(stopped)
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Ok(asked) = Asked::default().farewell() {
            let _ = self.say(&asked);
        }
    }
}
