//! How a webhook proves who sends it, as the policy declares it.

use serde::Serialize;

/// How long ago a delivery may have been signed where the policy says nothing, in seconds: what the
/// vendors' own libraries take.
pub const TOLERANCE: u32 = 300;

/// Who may deliver a source's webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// The proof that each delivery brings.
    pub scheme: Scheme,
    /// The name of the secret that both sides have; its value lies beside the store.
    pub secret: String,
    /// By how many seconds the signed time of a delivery may differ from the clock here.
    pub tolerance: u32,
}

/// The proofs of the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// standardwebhooks.com: id, time and body are signed.
    Standard,
    /// Shopify: the body is signed.
    Shopify,
    /// Stripe: time and body are signed.
    Stripe,
    /// GitHub, and those who copy it: the body is signed.
    Github,
    /// Anybody else's HMAC-SHA256 in a header.
    Hmac(Signed),
    /// Nothing is signed; a token in the address is all that there is.
    Url,
}

/// Where a signature stands, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The header that bears it.
    pub header: String,
    /// The header that bears the time, which is signed before the body.
    pub timestamp: Option<String>,
    /// How its bytes are written.
    pub encoding: Digits,
    /// What stands before it in its header, such as `sha256=`.
    pub prefix: String,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Digits {
    /// In hexadecimal.
    #[default]
    Hex,
    /// In base64.
    Base64,
}

impl Scheme {
    /// The word that policies use.
    pub fn word(&self) -> &'static str {
        match self {
            Scheme::Standard => "standard",
            Scheme::Shopify => "shopify",
            Scheme::Stripe => "stripe",
            Scheme::Github => "github",
            Scheme::Hmac(_) => "hmac",
            Scheme::Url => "url",
        }
    }

    /// Whether the time is signed, so that a delivery that is too old can be told.
    pub fn signs_time(&self) -> bool {
        match self {
            Scheme::Standard | Scheme::Stripe => true,
            Scheme::Hmac(signed) => signed.timestamp.is_some(),
            Scheme::Shopify | Scheme::Github | Scheme::Url => false,
        }
    }
}
