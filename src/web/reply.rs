//! Answers as clients need them: 200 for all that was heard, `code` and `message` with every error, a
//! whole number of seconds in every `Retry-After`, and headers that let browsers read it.

use serde_json::{Value, json};

use crate::collect::tracking::Item;
use crate::pipeline::intake::Fate;

use super::key::Reach;

/// Reasons in one answer, at most.
const REASONS_MAX: usize = 200;

/// How long a browser may remember what it was allowed, in seconds.
const PREFLIGHT_SECONDS: &str = "7200";

/// A transparent picture of one point.
const PICTURE: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\
\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The content type.
    pub kind: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// When to come again, in seconds.
    pub retry_after: Option<u64>,
    /// Further headers.
    pub more: Vec<(&'static str, String)>,
    /// Of a page for people: the policy that its browser holds it to, and its language.
    pub page: Option<Box<(String, &'static str)>>,
    /// The code of the error that kept something from being done, for the log.
    pub fault: Option<&'static str>,
}

/// Who may read an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers<'a> {
    /// Whoever asks; and the pages of an origin, where one is named, because clients run in pages.
    Pages(Option<&'a str>),
    /// Whoever asks, and no page: a token has no place in one.
    Programs,
}

impl Reply {
    fn new(status: u16, kind: &'static str, body: Vec<u8>) -> Reply {
        let more = Vec::new();
        Reply { status, kind, body, retry_after: None, more, page: None, fault: None }
    }

    /// The same with one more header.
    pub fn with(mut self, name: &'static str, value: String) -> Reply {
        self.more.push((name, value));
        self
    }

    /// A page for people, in a language, with the policy that its browser holds it to.
    pub fn page(status: u16, text: String, policy: String, language: &'static str) -> Reply {
        let page = Some(Box::new((policy, language)));
        Reply { page, ..Reply::new(status, "text/html; charset=utf-8", text.into_bytes()) }
    }

    /// A document.
    pub fn json(status: u16, document: &Value) -> Reply {
        Reply::new(status, "application/json", document.to_string().into_bytes())
    }

    /// An error. No JSON of an error goes out without its code: rudder-sdk-python retries it for ever.
    pub fn error(status: u16, code: &str, message: &str) -> Reply {
        Reply::json(status, &json!({"success": false, "code": code, "message": message}))
    }

    /// An error that is over in a while.
    pub fn later(status: u16, seconds: u64, code: &str, message: &str) -> Reply {
        Reply { retry_after: Some(seconds), ..Reply::error(status, code, message) }
    }

    /// The picture that a page asked for.
    pub fn picture() -> Reply {
        Reply::new(200, "image/gif", PICTURE.to_vec())
    }

    /// A text.
    pub fn text(kind: &'static str, text: Vec<u8>) -> Reply {
        Reply::new(200, kind, text)
    }

    /// What comes before a stream of events; a proxy in front must not gather them.
    pub fn stream() -> Reply {
        let reply = Reply::new(200, "text/event-stream", Vec::new());
        reply.with("x-accel-buffering", "no".to_owned())
    }

    /// What a browser asks for before it calls.
    pub fn preflight() -> Reply {
        Reply::new(204, "text/plain", Vec::new())
    }

    /// What became of the items. A key that everybody sees gets no word about anybody: else a page's
    /// visitor could ask with it where another person stands.
    pub fn taken(reach: Reach, messages: &[Option<String>], fates: &[Fate]) -> Reply {
        if reach == Reach::Public {
            return Reply::json(200, &json!({"success": true}));
        }
        let kept = fates.iter().filter(|fate| fate.kept > 0).count();
        let known = fates.iter().filter(|fate| fate.is_known).count();
        let reasons = fates.iter().zip(messages).enumerate().flat_map(|(n, (fate, message))| {
            fate.kept_out.iter().map(move |out| {
                let mut reason = json!({"item": n, "reason": out.reason, "words": out.words});
                let texts = [("messageId", message.as_deref().unwrap_or_default())];
                let texts =
                    texts.into_iter().chain([("what", &*out.what), ("purpose", &out.purpose)]);
                for (name, text) in texts.filter(|(_, text)| !text.is_empty()) {
                    reason[name] = text.into();
                }
                reason
            })
        });
        let mut reasons: Vec<Value> = reasons.collect();
        let more = reasons.len().saturating_sub(REASONS_MAX);
        reasons.truncate(REASONS_MAX);
        let mut document = json!({
            "success": true, "items": fates.len(), "kept": kept, "known": known, "reasons": reasons,
        });
        if more > 0 {
            document["more_reasons"] = more.into();
        }
        Reply::json(200, &document)
    }

    /// The headers of the answer. Any page may send data in: what protects a source is its key, and no cookie
    /// is ever read.
    pub fn headers(&self, readers: Readers<'_>) -> Vec<(&'static str, String)> {
        if let Some((policy, language)) = self.page.as_deref() {
            return self.page_headers(policy, language);
        }
        let policy = match readers {
            Readers::Pages(_) => "cross-origin",
            Readers::Programs => "same-origin",
        };
        let mut headers: Vec<(&'static str, String)> = vec![
            ("content-type", self.kind.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'".to_owned()),
            ("cross-origin-resource-policy", policy.to_owned()),
            ("vary", "origin".to_owned()),
        ];
        if let Some(seconds) = self.retry_after {
            headers.push(("retry-after", seconds.to_string()));
        }
        headers.extend(self.more.iter().cloned());
        if let Readers::Pages(Some(origin)) = readers {
            headers.push(("access-control-allow-origin", origin.to_owned()));
            headers.push(("access-control-allow-credentials", "true".to_owned()));
            headers.push(("access-control-expose-headers", "Retry-After".to_owned()));
            if self.status == 204 {
                let methods = "GET, POST, OPTIONS";
                let allowed =
                    "authorization,content-type,x-retry-count,anonymousid,sentat,x-write-key";
                headers.push(("access-control-allow-methods", methods.to_owned()));
                headers.push(("access-control-allow-headers", allowed.to_owned()));
                headers.push(("access-control-max-age", PREFLIGHT_SECONDS.to_owned()));
            }
        }
        headers
    }
}

impl Reply {
    /// The headers of a page: nothing of it is kept, framed, indexed, or told to where a link leads.
    fn page_headers(&self, policy: &str, language: &str) -> Vec<(&'static str, String)> {
        let mut headers: Vec<(&'static str, String)> = vec![
            ("content-type", self.kind.to_owned()),
            ("content-language", language.to_owned()),
            ("content-security-policy", policy.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("x-frame-options", "DENY".to_owned()),
            ("x-robots-tag", "noindex, nofollow".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("cross-origin-resource-policy", "same-origin".to_owned()),
            ("cross-origin-opener-policy", "same-origin".to_owned()),
            ("permissions-policy", "camera=(), geolocation=(), microphone=()".to_owned()),
            ("vary", "accept-language".to_owned()),
        ];
        headers.extend(self.more.iter().cloned());
        headers
    }
}

/// What clients call the items.
pub fn messages(items: &[Item]) -> Vec<Option<String>> {
    items.iter().map(|item| item.message.clone()).collect()
}

/// The settings without which Segment's browser client sends nothing. It sends to the host that they name, and to
/// Segment itself where they name none: so they name the one that it asked.
pub fn settings(key: &str, categories: &[String], (protocol, host): (&str, &str)) -> Reply {
    Reply::json(
        200,
        &json!({
            "integrations": {"Segment.io": {
                "apiKey": key, "apiHost": format!("{host}/v1"), "protocol": protocol,
                "unbundledIntegrations": [], "addBundledMetadata": true,
                "maybeBundledConfigIds": {}, "versionSettings": {"version": "4.4.7", "componentTypes": []},
            }},
            "plan": {"track": {"__default": {"enabled": true, "integrations": {}}}},
            "edgeFunction": {},
            "analyticsNextEnabled": true,
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "consentSettings": {"allCategories": categories, "hasUnmappedDestinations": false},
        }),
    )
}

/// The configuration without which RudderStack's browser client sends nothing.
pub fn source_config(key: &str, source: &str, since: &str) -> Reply {
    let off = json!({"enabled": false});
    Reply::json(
        200,
        &json!({
            "source": {
                "id": source, "name": source, "writeKey": key, "enabled": true,
                "workspaceId": "candor", "destinations": [],
                "config": {"statsCollection": {"errors": off, "metrics": off}},
            },
            "updatedAt": since,
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::intake::KeptOut;

    #[test]
    fn every_error_has_code_and_message() {
        for reply in [Reply::error(400, "a", "b"), Reply::later(429, 3, "a", "b")] {
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!((&body["code"], &body["message"]), (&"a".into(), &"b".into()));
            assert_eq!(reply.kind, "application/json");
        }
    }

    #[test]
    fn browsers_may_read_when_to_come_again() {
        let reply = Reply::later(429, 3, "a", "b");
        let headers = reply.headers(Readers::Pages(Some("https://shop.example")));
        let value = |name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(value("retry-after"), Some("3"));
        assert_eq!(value("access-control-expose-headers"), Some("Retry-After"));
        assert_eq!(value("access-control-allow-origin"), Some("https://shop.example"));
        for readers in [Readers::Pages(None), Readers::Programs] {
            let others = reply.headers(readers);
            assert!(!others.iter().any(|(name, _)| name.starts_with("access-control")));
        }
    }

    #[test]
    fn a_public_key_is_told_nothing_about_anybody() {
        let out = KeptOut {
            what: "attribute.name".into(),
            purpose: "letter".into(),
            reason: "consent_withdrawn",
            words: "withdrawn".into(),
        };
        let fates = [Fate { kept: 0, is_known: false, kept_out: vec![out] }];
        let messages = [Some("m-1".to_owned())];
        let public = Reply::taken(Reach::Public, &messages, &fates);
        assert_eq!(public.body, br#"{"success":true}"#);
        let server = Reply::taken(Reach::Server, &messages, &fates);
        let body: Value = serde_json::from_slice(&server.body).unwrap();
        assert_eq!(body["reasons"][0]["reason"], "consent_withdrawn");
        assert_eq!(body["reasons"][0]["messageId"], "m-1");
        assert_eq!(body["success"], true);
    }
}
