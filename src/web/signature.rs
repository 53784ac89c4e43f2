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
pub(super) const SIGNATURES_MAX: usize = 8;

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
