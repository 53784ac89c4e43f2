//! Signs in to a database.

use crate::base::secret::{Randomness, SystemRandomness};
use crate::send::http::Heard;

use super::Database;
use super::scram::{First, MECHANISM};
use super::scribe::{Session, Stopped};
use super::wire::Asked;

/// The server lets whoever asks in.
const DONE: i32 = 0;
/// It names the ways of SASL that it knows, and goes on with one.
const SASL: i32 = 10;
const SASL_MORE: i32 = 11;
const SASL_LAST: i32 = 12;

/// Has the server let the user in. Where there is a password it is proven, and the server has to prove that
/// it knows it too; whatever else it asks, such as for the password itself, it doesn't get.
pub fn sign_in(session: &mut Session, at: &Database) -> Result<(), Stopped> {
    let parameters = [
        ("user", at.user.as_str()),
        ("database", at.database.as_str()),
        ("client_encoding", "UTF8"),
        ("application_name", "candor"),
    ];
    session.say(&Asked::default().startup(&parameters)?)?;
    let (mut first, mut expected, mut is_proven) = (None, None, at.password.is_none());
    let refused = || Stopped(Heard::NotSignedIn);
    loop {
        let answer = session.next()?;
        match answer.tag {
            b'R' => match answer.signing_in()? {
                (DONE, _) if is_proven => {}
                (SASL, ways) => {
                    let mut ways = ways.split(|byte| *byte == 0);
                    if at.password.is_none() || !ways.any(|way| way == MECHANISM.as_bytes()) {
                        return Err(refused());
                    }
                    let mut nonce = [0; 18];
                    SystemRandomness.fill(&mut nonce);
                    let begun = first.insert(First::new(nonce));
                    let said = begun.said();
                    session.say(&Asked::default().sasl_begin(MECHANISM, said.as_bytes())?)?;
                }
                (SASL_MORE, asked) => {
                    let (begun, password) =
                        first.take().zip(at.password.as_ref()).ok_or_else(refused)?;
                    let (proof, theirs) = begun.prove(password, asked).map_err(|_| refused())?;
                    expected = Some(theirs);
                    session.say(&Asked::default().sasl(proof.as_bytes())?)?;
                }
                (SASL_LAST, said) => {
                    is_proven = expected.take().is_some_and(|expected| expected.is(said));
                    if !is_proven {
                        return Err(refused());
                    }
                }
                _ => return Err(refused()),
            },
            b'E' => {
                return Err(Stopped(answer.state().map_or(Heard::Unreachable, Heard::Database)));
            }
            b'Z' if is_proven => return Ok(()),
            b'Z' => return Err(refused()),
            // Settings, notices, and how to cancel.
            _ => {}
        }
    }
}
