//! Where clients put their key: each has its own place, and some have several.

use base64ct::{Base64, Base64Unpadded, Encoding};

/// The longest header or parameter that is looked at as a key.
const KEY_BYTES_MAX: usize = 512;

/// What a call brings beside its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presented<'a> {
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The header `X-Write-Key`.
    pub write_key: Option<&'a str>,
    /// The parameter `writeKey` of the query.
    pub query: Option<&'a str>,
}

impl Presented<'_> {
    /// The keys that headers and query name, in the order in which they are tried: the user of Basic,
    /// with or without the colon behind it; a Bearer's token; Jitsu's `ID:SECRET`, whole and in parts.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        if let Some((scheme, rest)) = self.authorization.and_then(|text| text.split_once(' ')) {
            let rest = rest.trim();
            match scheme.to_ascii_lowercase().as_str() {
                "basic" => keys.extend(basic(rest)),
                "bearer" => keys.push(rest.to_owned()),
                _ => {}
            }
        }
        for text in [self.write_key, self.query].into_iter().flatten() {
            keys.push(text.trim().to_owned());
            if let Some((id, secret)) = text.split_once(':') {
                keys.extend([secret.trim().to_owned(), id.trim().to_owned()]);
            }
        }
        keys.retain(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX);
        keys
    }
}

/// `KEY:` or `KEY`, and `ID:SECRET` of those who think of it as a name and a password.
fn basic(encoded: &str) -> Vec<String> {
    if encoded.len() > 2 * KEY_BYTES_MAX {
        return Vec::new();
    }
    let decoded = Base64::decode_vec(encoded).or_else(|_| Base64Unpadded::decode_vec(encoded));
    let Some(text) = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return Vec::new();
    };
    match text.split_once(':') {
        Some((user, password)) => {
            vec![user.to_owned(), password.to_owned(), text.clone()]
        }
        None => vec![text],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(authorization: Option<&str>, write_key: Option<&str>) -> Vec<String> {
        Presented { authorization, write_key, query: None }.keys()
    }

    #[test]
    fn each_client_finds_its_way() {
        // base64("KEY:"), base64("KEY") with and without padding.
        for text in ["Basic S0VZOg==", "basic S0VZ", "Basic S0VZOg"] {
            assert_eq!(keys(Some(text), None)[0], "KEY", "{text}");
        }
        assert_eq!(keys(Some("Bearer KEY"), None), ["KEY"]);
        assert!(keys(None, Some("ID:KEY")).contains(&"KEY".to_owned()));
        assert_eq!(keys(None, Some("KEY")), ["KEY"]);
    }

    #[test]
    fn nonsense_is_no_key() {
        for text in ["", "Basic", "Basic %%%", "Basic /w==", "Digest KEY", "KEY"] {
            assert!(keys(Some(text), None).is_empty(), "{text}");
        }
        let long = format!("Bearer {}", "x".repeat(KEY_BYTES_MAX + 1));
        assert!(keys(Some(&long), None).is_empty());
    }
}
