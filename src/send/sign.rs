//! Signs a message so that its recipient knows who sent it: Standard Webhooks, symmetric (`v1`).

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::base::secret::hmac_sha256;

/// The key in a secret of the form `whsec_…`: 24 to 64 bytes in base64.
pub fn signing_key(secret: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = Base64::decode_vec(secret.trim().strip_prefix("whsec_")?).ok().map(Zeroizing::new)?;
    (24..=64).contains(&key.len()).then_some(key)
}

/// The signature over a message's id, the moment in seconds, and the bytes of the body.
pub fn signature(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    let seconds = seconds.to_string();
    let mac = hmac_sha256(key, &[id.as_bytes(), b".", seconds.as_bytes(), b".", body]);
    format!("v1,{}", Base64::encode_string(&mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, with which the libraries of four languages agree.
    #[test]
    fn the_example_of_the_specification() {
        let key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn what_is_no_signing_secret_is_refused() {
        for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA", "whsec_!"] {
            assert!(signing_key(secret).is_none(), "{secret}");
        }
    }
}
