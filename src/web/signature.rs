//! Whether a webhook comes from whom it should: what each scheme of the field signs, and how.
//!
//! The bytes of the body are what was signed, before anything is unpacked of them as JSON. Signatures are
//! compared in constant time, and a time is looked at once the signature over it holds: who can't sign
//! learns nothing.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base::clock::Moment;
use crate::policy::webhook::{Digits, Scheme, Signed, Webhook};

/// Signatures in one header: two keys of a change, and some of other versions.
const SIGNATURES_MAX: usize = 8;

/// What a delivery shows.
pub(super) struct Shown<'a> {
    /// The header of a name in lower case.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The token in its address.
    pub token: Option<&'a str>,
    /// The body as it came.
    pub body: &'a [u8],
}

/// Why a delivery isn't believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unproven {
    /// Nobody who has the secret signed it.
    Unsigned,
    /// It was signed, too long ago or too far ahead.
    OutOfTime,
}

/// Believes a delivery that one of the secrets signed, and not too long ago.
///
/// # Errors
/// Why it isn't believed.
pub(super) fn prove<'s>(
    webhook: &Webhook,
    shown: &Shown<'_>,
    secrets: impl IntoIterator<Item = &'s str>,
    now: Moment,
) -> Result<(), Unproven> {
    let claim = Claim::of(&webhook.scheme, shown).ok_or(Unproven::Unsigned)?;
    let mut is_signed = false;
    for secret in secrets {
        is_signed |= claim.is_signed_with(&webhook.scheme, secret);
    }
    if !is_signed {
        return Err(Unproven::Unsigned);
    }
    let most = i64::from(webhook.tolerance) * 1000;
    match claim.at {
        Some(at) if now.0.saturating_sub(at.0).saturating_abs() > most => Err(Unproven::OutOfTime),
        _ => Ok(()),
    }
}

/// What a delivery claims: that one of the signatures is over these parts.
struct Claim<'a> {
    parts: Vec<&'a [u8]>,
    signatures: Vec<Vec<u8>>,
    at: Option<Moment>,
}

impl<'a> Claim<'a> {
    fn of(scheme: &Scheme, shown: &Shown<'a>) -> Option<Claim<'a>> {
        let header = shown.header;
        let of_body = |signature: Option<Vec<u8>>| {
            let signatures = vec![signature?];
            Some(Claim { parts: vec![shown.body], signatures, at: None })
        };
        match scheme {
            Scheme::Standard => {
                // Svix wrote the standard, and those who send by it may use its own names.
                let of = |name: &str| {
                    header(&format!("webhook-{name}")).or_else(|| header(&format!("svix-{name}")))
                };
                let (id, time) = (of("id")?, of("timestamp")?);
                let signatures =
                    of("signature")?.split(' ').filter_map(|one| one.strip_prefix("v1,"));
                let signatures = signatures.take(SIGNATURES_MAX).filter_map(base64);
                Some(Claim {
                    signatures: signatures.collect(),
                    parts: vec![id.as_bytes(), b".", time.as_bytes(), b".", shown.body],
                    at: Some(seconds(time)?),
                })
            }
            Scheme::Stripe => {
                let whole = header("stripe-signature")?;
                let named = |name: &'static str| {
                    let pairs = whole.split(',').filter_map(|pair| pair.trim().split_once('='));
                    pairs.filter(move |(known, _)| *known == name).map(|(_, value)| value)
                };
                let time = named("t").next()?;
                let signatures = named("v1").take(SIGNATURES_MAX).filter_map(hex);
                Some(Claim {
                    signatures: signatures.collect(),
                    parts: vec![time.as_bytes(), b".", shown.body],
                    at: Some(seconds(time)?),
                })
            }
            Scheme::Shopify => of_body(base64(header("x-shopify-hmac-sha256")?)),
            Scheme::Github => of_body(hex(header("x-hub-signature-256")?.strip_prefix("sha256=")?)),
            Scheme::Hmac(Signed { header: name, timestamp, encoding, prefix }) => {
                let text = header(name)?.trim().strip_prefix(prefix.as_str())?;
                let signature = match encoding {
                    Digits::Hex => hex(text),
                    Digits::Base64 => base64(text),
                };
                let Some(timestamp) = timestamp else { return of_body(signature) };
                let time = header(timestamp)?;
                Some(Claim {
                    signatures: vec![signature?],
                    parts: vec![time.as_bytes(), shown.body],
                    at: Some(moment(time)?),
                })
            }
            // The token itself, compared as if it signed something.
            Scheme::Url => Some(Claim {
                parts: vec![TOKEN],
                signatures: vec![
                    mac(shown.token?.as_bytes(), &[TOKEN]).finalize().into_bytes().to_vec(),
                ],
                at: None,
            }),
        }
    }

    fn is_signed_with(&self, scheme: &Scheme, secret: &str) -> bool {
        let key = match scheme {
            // The standard's secrets are bytes in base64; everybody else's are their text.
            Scheme::Standard => match base64(secret.strip_prefix("whsec_").unwrap_or(secret)) {
                Some(key) => Zeroizing::new(key),
                None => return false,
            },
            _ => Zeroizing::new(secret.as_bytes().to_vec()),
        };
        let mac = mac(&key, &self.parts);
        // All of them, so that how long it takes tells nothing.
        self.signatures.iter().fold(false, |is_signed, signature| {
            mac.clone().verify_slice(signature).is_ok() | is_signed
        })
    }
}

/// What stands in the place of a body where a token is all that there is.
const TOKEN: &[u8] = b"the token in the address of a webhook";

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

fn base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text.trim()).ok()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    });
    bytes.collect()
}

/// Whole seconds since 1970.
fn seconds(text: &str) -> Option<Moment> {
    let is_number =
        !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = text.parse().ok().filter(|_| is_number)?;
    Some(Moment(seconds * 1000))
}

/// A time as a vendor writes it into a header: seconds since 1970, or ISO 8601.
fn moment(text: &str) -> Option<Moment> {
    seconds(text).or_else(|| Moment::parse(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn webhook(scheme: Scheme) -> Webhook {
        Webhook { scheme, secret: "s".into(), tolerance: 300 }
    }

    fn zendesk() -> Scheme {
        Scheme::Hmac(Signed {
            header: "x-zendesk-webhook-signature".into(),
            timestamp: Some("x-zendesk-webhook-signature-timestamp".into()),
            encoding: Digits::Base64,
            prefix: String::new(),
        })
    }

    fn told(
        scheme: &Scheme,
        headers: &[(&str, &str)],
        body: &[u8],
        secrets: &[&str],
        now: i64,
    ) -> Result<(), Unproven> {
        let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let token = header("token");
        let shown = Shown { header: &header, token, body };
        prove(&webhook(scheme.clone()), &shown, secrets.iter().copied(), Moment(now * 1000))
    }

    fn hmac_scheme(header: &str, encoding: Digits, prefix: &str) -> Scheme {
        let (header, prefix) = (header.to_owned(), prefix.to_owned());
        Scheme::Hmac(Signed { header, timestamp: None, encoding, prefix })
    }

    type Headers = Vec<(&'static str, &'static str)>;
    type Case = (Scheme, &'static str, Headers, &'static [u8], i64);

    /// Each scheme with a secret, its headers, a body and the time at which it was signed. The first is
    /// the test vector of the standard's own libraries, GitHub's is the one in its documentation; the
    /// others were made with `openssl dgst -sha256 -hmac`.
    fn cases() -> Vec<Case> {
        vec![
            (
                Scheme::Standard,
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                vec![
                    ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                    ("webhook-timestamp", "1614265330"),
                    ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
                ],
                BODY,
                1_614_265_330,
            ),
            (
                Scheme::Github,
                "It's a Secret to Everybody",
                vec![(
                    "x-hub-signature-256",
                    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
                )],
                b"Hello, World!",
                0,
            ),
            (
                Scheme::Shopify,
                "hush",
                vec![("x-shopify-hmac-sha256", "GSMkouYq910XCW7wBeiXYHW1KhmYc/L3xj5h5r26zw4=")],
                BODY,
                0,
            ),
            (
                Scheme::Stripe,
                "whsec_test_secret",
                vec![(
                    "stripe-signature",
                    "t=1614265330,v1=00,v1=10c96c6fd3f320fcfc264cdc4f476c15060ede8e8a08404cea2ddf3b72544a9c,v0=ab",
                )],
                BODY,
                1_614_265_330,
            ),
            (
                zendesk(),
                "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
                vec![
                    ("x-zendesk-webhook-signature", "DB72+RUTyokE5UgmYiRmvre7JoHO0DTC4SfXM24Ct+o="),
                    ("x-zendesk-webhook-signature-timestamp", "2021-02-25T15:02:10Z"),
                ],
                BODY,
                1_614_265_330,
            ),
            (
                hmac_scheme("x-signature", Digits::Hex, "v0="),
                "hush",
                vec![(
                    "x-signature",
                    "v0=192324a2e62af75d17096ef005e8976075b52a199873f2f7c63e61e6bdbacf0e",
                )],
                BODY,
                0,
            ),
            (Scheme::Url, "hush", vec![("token", "hush")], BODY, 0),
        ]
    }

    #[test]
    fn what_the_secret_signed_is_believed_and_nothing_else() {
        for (scheme, secret, headers, body, at) in cases() {
            let word = scheme.word();
            let at = at.max(1);
            assert_eq!(told(&scheme, &headers, body, &[secret], at), Ok(()), "{word}");
            assert_eq!(told(&scheme, &headers, body, &["other", secret], at), Ok(()), "{word}");
            let no = Err(Unproven::Unsigned);
            assert_eq!(told(&scheme, &headers, body, &["other"], at), no, "{word}");
            assert_eq!(told(&scheme, &headers, body, &[], at), no, "{word}");
            assert_eq!(told(&scheme, &[], body, &[secret], at), no, "{word}");
            for n in 0..body.len() {
                let mut changed = body.to_vec();
                changed[n] ^= 1;
                let expected = if scheme == Scheme::Url { Ok(()) } else { no };
                assert_eq!(told(&scheme, &headers, &changed, &[secret], at), expected, "{word}");
            }
            for n in 0..headers.len() {
                // A character less, and another first one, in each header in turn.
                let mut cut = headers.clone();
                cut[n].1 = &headers[n].1[..headers[n].1.len() - 1];
                let stripe = scheme == Scheme::Stripe;
                if !stripe {
                    assert_eq!(told(&scheme, &cut, body, &[secret], at), no, "{word} {n}");
                }
                let text = format!("x{}", &headers[n].1[1..]);
                let mut other = headers.clone();
                other[n].1 = &text;
                assert_eq!(told(&scheme, &other, body, &[secret], at), no, "{word} {n}");
            }
        }
    }

    #[test]
    fn a_signed_time_holds_for_as_long_as_the_policy_says() {
        for (scheme, secret, headers, body, at) in cases() {
            if !scheme.signs_time() {
                assert_eq!(told(&scheme, &headers, body, &[secret], i64::from(u32::MAX)), Ok(()));
                continue;
            }
            for (off, expected) in [
                (300, Ok(())),
                (-300, Ok(())),
                (301, Err(Unproven::OutOfTime)),
                (-301, Err(Unproven::OutOfTime)),
            ] {
                let now = at + off;
                assert_eq!(told(&scheme, &headers, body, &[secret], now), expected, "{off}");
                // Who can't sign isn't told that it is late.
                let wrong = told(&scheme, &headers, body, &["other"], now);
                assert_eq!(wrong, Err(Unproven::Unsigned));
            }
        }
    }

    #[test]
    fn several_signatures_may_stand_in_one_header_and_svix_names_are_known() {
        let (scheme, secret, mut headers, body, at) = cases().remove(0);
        let many = format!("v1,AAAA v2,xx {}", headers[2].1);
        headers[2].1 = &many;
        assert_eq!(told(&scheme, &headers, body, &[secret], at), Ok(()));
        for (name, svix) in headers.iter_mut().zip(["svix-id", "svix-timestamp", "svix-signature"])
        {
            name.0 = svix;
        }
        assert_eq!(told(&scheme, &headers, body, &[secret], at), Ok(()));
        let flood = "v1,AAAA ".repeat(SIGNATURES_MAX) + headers[2].1;
        headers[2].1 = &flood;
        assert_eq!(told(&scheme, &headers, body, &[secret], at), Err(Unproven::Unsigned));
    }
}
