//! Signs in by a password that never leaves this machine (SCRAM-SHA-256, RFC 5802 and 7677), and has the server
//! prove that it knows it as well. Pure: the nonce is handed in.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The name of the way.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// The most rounds that a server may ask for: a second's work, where PostgreSQL itself asks for 4096.
const ROUNDS_MAX: u32 = 1_000_000;

/// No channel is bound, and none could be: the certificate is vouched for already.
const UNBOUND: &str = "n,,";

/// The server said what doesn't fit, or doesn't know the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

/// What was said first.
pub struct First {
    user: &'static str,
    nonce: String,
}

/// What the server has to answer in the end.
pub struct Expected([u8; 32]);

impl First {
    /// Begins, with a nonce that was never used.
    pub fn new(nonce: [u8; 18]) -> First {
        // The server knows who it is already.
        First { user: "", nonce: Base64::encode_string(&nonce) }
    }

    /// What is said.
    pub fn said(&self) -> String {
        format!("{UNBOUND}{}", self.bare())
    }

    fn bare(&self) -> String {
        format!("n={},r={}", self.user, self.nonce)
    }

    /// Answers what the server asks, with the proof that the password is known here.
    pub fn prove(self, password: &str, asked: &[u8]) -> Result<(String, Expected), Unfit> {
        let asked = std::str::from_utf8(asked).map_err(|_| Unfit)?;
        let (nonce, salt, rounds) = parts(asked).ok_or(Unfit)?;
        let theirs = nonce.strip_prefix(&self.nonce);
        let is_fresh = theirs.is_some_and(|theirs| !theirs.is_empty());
        if !is_fresh || !(1..=ROUNDS_MAX).contains(&rounds) {
            return Err(Unfit);
        }
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(prepared(password).as_bytes(), &salt, rounds, &mut *salted);
        let client = Zeroizing::new(mac(&*salted, b"Client Key"));
        let stored = Sha256::digest(*client);
        let unproven = format!("c={},r={nonce}", Base64::encode_string(UNBOUND.as_bytes()));
        let all = format!("{},{asked},{unproven}", self.bare());
        let signature = mac(&stored, all.as_bytes());
        let proof: Vec<u8> = client.iter().zip(signature).map(|(key, mask)| key ^ mask).collect();
        let expected = mac(&mac(&*salted, b"Server Key"), all.as_bytes());
        Ok((format!("{unproven},p={}", Base64::encode_string(&proof)), Expected(expected)))
    }
}

impl Expected {
    /// Whether the server proved that it knows the password.
    pub fn is(&self, said: &[u8]) -> bool {
        let said = std::str::from_utf8(said).ok().and_then(|text| text.strip_prefix("v="));
        let mut proof = [0; 32];
        said.and_then(|text| Base64::decode(text, &mut proof).ok()) == Some(&self.0[..])
    }
}

/// The nonce, the salt and the rounds that a server asks for.
fn parts(asked: &str) -> Option<(&str, Vec<u8>, u32)> {
    let mut parts = asked.split(',');
    let nonce = parts.next()?.strip_prefix("r=")?;
    let salt = parts.next()?.strip_prefix("s=")?;
    let rounds = parts.next()?.strip_prefix("i=")?;
    Some((nonce, Base64::decode_vec(salt).ok()?, rounds.parse().ok()?))
}

fn mac(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

/// A password as servers take it (SASLprep, RFC 4013): other blanks are blanks, what can't be seen is left out,
/// and what looks alike is alike.
fn prepared(password: &str) -> Zeroizing<String> {
    if password.is_ascii() {
        return Zeroizing::new(password.to_owned());
    }
    let unseen = |c: &char| {
        matches!(c, '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}'
                    | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
    };
    let blank = |c: char| match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        c => c,
    };
    Zeroizing::new(password.chars().filter(|c| !unseen(c)).map(blank).nfkc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3, which names its user.
    #[test]
    fn the_vector_of_the_rfc() {
        let first = First { user: "user", nonce: "rOprNGfwEbeRWgbNEkqO".to_owned() };
        let asked = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (proof, expected) = first.prove("pencil", asked).unwrap();
        assert_eq!(
            proof,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(expected.is(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        for other in
            [&b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8="[..], b"v=", b"", b"e=other-error"]
        {
            assert!(!expected.is(other), "{other:?}");
        }
    }

    #[test]
    fn what_a_server_may_not_ask() {
        let ask = |asked: &str| First::new([7; 18]).prove("pencil", asked.as_bytes()).err();
        let own = Base64::encode_string(&[7; 18]);
        assert_eq!(ask(&format!("r={own}x,s=QSXCR+Q6sek8bf92,i=4096")), None);
        for asked in [
            String::new(),
            format!("r={own},s=QSXCR+Q6sek8bf92,i=4096"),
            "r=another,s=QSXCR+Q6sek8bf92,i=4096".to_owned(),
            format!("r={own}x,s=QSXCR+Q6sek8bf92,i=0"),
            format!("r={own}x,s=QSXCR+Q6sek8bf92,i=4000000000"),
            format!("r={own}x,s=QSXCR+Q6sek8bf92,i=-1"),
            format!("r={own}x,s=***,i=4096"),
            format!("m=more,r={own}x,s=QSXCR+Q6sek8bf92,i=4096"),
        ] {
            assert_eq!(ask(&asked), Some(Unfit), "{asked}");
        }
    }

    #[test]
    fn a_password_is_taken_as_servers_take_it() {
        for (given, taken) in [
            ("pencil", "pencil"),
            ("I\u{ad}X", "IX"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            ("a\u{a0}ß", "a ß"),
        ] {
            assert_eq!(*prepared(given), taken);
        }
    }
}
