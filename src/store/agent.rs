//! Has an ssh-agent sign: the key never comes near this process, and may live on a hardware token.
//!
//! Two messages of the agent protocol (draft-ietf-sshm-ssh-agent, 3.6) over a Unix socket: a request
//! to sign with one key, and its answer. An Ed25519 key of SSH signs bytes as they are (RFC 8709), so
//! its signature is that of a signed note.

use std::path::PathBuf;

use crate::base::error::{Error, Result};
use crate::ledger::base64;

const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const KEY_KIND: &[u8] = b"ssh-ed25519";

/// The longest answer that is read, in bytes; a signature takes 88.
const ANSWER_MAX: u32 = 1024;

/// How long an agent may take, in seconds: it may ask its owner first.
const PATIENCE: u64 = 60;

/// A key that an agent holds.
pub struct Agent {
    /// The agent's socket (`SSH_AUTH_SOCK`); `None` when there is none, so that nothing can be signed.
    pub socket: Option<PathBuf>,
    /// The public key.
    pub public: [u8; 32],
}

impl Agent {
    /// Reads a public key as OpenSSH writes it: `ssh-ed25519 AAAA… comment`.
    pub fn public_of(line: &str) -> Option<[u8; 32]> {
        let mut words = line.trim().split(' ');
        if words.next()?.as_bytes() != KEY_KIND {
            return None;
        }
        let blob = base64::decode(words.next()?)?;
        let mut rest = blob.as_slice();
        let kind = take_string(&mut rest)?;
        let public = take_string(&mut rest)?;
        (kind == KEY_KIND && rest.is_empty()).then(|| public.try_into().ok())?
    }

    /// Has the agent sign bytes.
    ///
    /// # Errors
    /// `agent-missing` when there is no agent; `agent-refused` when it doesn't hold the key, or its
    /// owner said no.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        let socket = self.socket.as_ref().ok_or_else(|| missing("SSH_AUTH_SOCK names none"))?;
        let mut body = vec![SIGN_REQUEST];
        put_string(&mut body, &self.key_blob());
        put_string(&mut body, message);
        body.extend(0_u32.to_be_bytes());
        let mut request = length(&body).to_vec();
        request.extend(body);
        let answer = ask(socket, &request)?;
        let refused = || {
            Error::no("agent-refused", "the ssh-agent didn't sign with the store's key")
                .next("load the key with `ssh-add`, and confirm when you are asked")
        };
        let mut rest = answer.strip_prefix(&[SIGN_RESPONSE]).ok_or_else(refused)?;
        let signature = take_string(&mut rest).ok_or_else(refused)?;
        let mut rest = signature;
        let kind = take_string(&mut rest).ok_or_else(refused)?;
        let bytes = take_string(&mut rest).filter(|_| kind == KEY_KIND).ok_or_else(refused)?;
        bytes.try_into().map_err(|_| refused())
    }

    fn key_blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, KEY_KIND);
        put_string(&mut blob, &self.public);
        blob
    }
}

#[cfg(unix)]
fn ask(socket: &std::path::Path, request: &[u8]) -> Result<Vec<u8>> {
    use std::io::{Read, Write};
    let talk = || -> std::io::Result<Vec<u8>> {
        let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
        let patience = Some(std::time::Duration::from_secs(PATIENCE));
        stream.set_read_timeout(patience)?;
        stream.set_write_timeout(patience)?;
        stream.write_all(request)?;
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        let size = u32::from_be_bytes(head);
        if size > ANSWER_MAX {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let mut answer = vec![0; size as usize];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    talk().map_err(|error| missing(&error.kind().to_string()).at(socket.display()))
}

#[cfg(not(unix))]
fn ask(socket: &std::path::Path, _: &[u8]) -> Result<Vec<u8>> {
    Err(missing("this system has no Unix sockets").at(socket.display()))
}

fn missing(why: &str) -> Error {
    Error::no("agent-missing", format!("no ssh-agent answers ({why}), so nothing can be signed"))
        .next("start one with `eval $(ssh-agent)` and load the key with `ssh-add`")
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a message is short").to_be_bytes()
}

fn put_string(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(length(bytes));
    to.extend(bytes);
}

fn take_string<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (head, rest) = from.split_first_chunk::<4>()?;
    let (string, rest) = rest.split_at_checked(u32::from_be_bytes(*head) as usize)?;
    *from = rest;
    Some(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_line_is_read_and_others_are_not() {
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJuyAsTnsf6k5fYAvdCLLMKZRhWCxZQ3BdLTLJQyVxbF me@host";
        let public = Agent::public_of(line).unwrap();
        assert_eq!(public[..3], [0x9b, 0xb2, 0x02]);
        assert!(Agent::public_of(&line.replace("ssh-ed25519 ", "ssh-rsa ")).is_none());
        assert!(Agent::public_of(&line.replace("5AAAAI", "5AAAAJ")).is_none());
        assert!(Agent::public_of("ssh-ed25519 ").is_none() && Agent::public_of("").is_none());
    }
}
