//! One delivery of a webhook: believed by its proof, turned into rows, handed to the one writer.
//!
//! Nobody learns from outside which sources there are: one without a secret, and one that isn't delivered so,
//! is answered like a path that doesn't exist. Who delivers is told that it was taken, and nothing of anybody.

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method, Request};

use crate::base::error::Result as Outcome;
use crate::collect::query::pairs;
use crate::collect::webhook::{Written, rows};
use crate::pipeline::intake::{Delivery, Sender, Sent};
use crate::policy::types::Policy;
use crate::policy::webhook::{Scheme, Webhook};
use crate::store::{Secret, Secrets};

use super::body::Known;
use super::edge::{Edge, unknown_path};
use super::key::Reach;
use super::log::Line;
use super::reply::Reply;
use super::signature::{Shown, Unproven, prove};
use super::writer::Way;

/// What Shopify delivers where a person or the law wants something done. Taken as a customer's data it would
/// be lost, and answered with a 200 it would count as done.
const RIGHTS: [&str; 3] = ["customers/data_request", "customers/redact", "shop/redact"];

impl Edge {
    /// Takes what was delivered to the source of a name.
    pub(super) async fn hook(
        &self,
        name: &str,
        request: Request<Incoming>,
        line: &mut Line,
    ) -> Result<Reply, Reply> {
        // Mailchimp asks so, before it takes an address. It gets the same answer for any name.
        if request.method() != Method::POST {
            return Ok(heard());
        }
        let front = self.shared.front();
        let hook = front.hooks.get(name).ok_or_else(unknown_path)?;
        line.source = Some(name.to_owned());
        // Read for each delivery: what was removed lets nobody in any more. The file is small.
        let secrets = Secrets::beside(&self.store).map_err(|error| {
            line.fault = Some(error.code);
            Reply::later(503, 60, "not_ready", "what deliveries are proven by can't be read")
        })?;
        if secrets.get(&hook.webhook.secret).is_none() {
            line.fault = Some("secret-unset");
            return Err(unknown_path());
        }
        let token = request.uri().query().and_then(token);
        let headers = request.headers().clone();
        let held = self.body(request, Known::Not).await?;
        let written = written(&headers, &held.bytes);
        if is_ping(&hook.webhook.scheme, written, &held.bytes) {
            return Ok(heard());
        }
        self.believe(&hook.webhook, &headers, token.as_deref(), &held.bytes, &secrets)?;
        if text(&headers, "x-shopify-topic").is_some_and(|topic| RIGHTS.contains(&topic)) {
            line.fault = Some("rights_request");
            return Err(Reply::error(
                422,
                "rights_request",
                "this asks for what somebody has a right to; nothing was done: answer it with \
                 `candor access` or `candor erase`",
            ));
        }
        let rows = rows(&held.bytes, written, hook.items.as_deref())
            .map_err(|fault| Reply::error(400, fault.code(), fault.words()))?;
        let delivery =
            Delivery { source: name.to_owned(), sent: Sent::Rows(rows), sender: Sender::Known };
        self.hand_over(Way::Proof(hook.webhook.clone()), delivery, line).await?;
        Ok(heard())
    }

    fn believe(
        &self,
        webhook: &Webhook,
        headers: &HeaderMap,
        token: Option<&str>,
        body: &[u8],
        secrets: &Secrets,
    ) -> Result<(), Reply> {
        let shown = Shown { header: &|name| text(headers, name), token, body };
        let known = secrets.all(&webhook.secret).map(Secret::expose);
        prove(webhook, &shown, known, (self.clock)()).map_err(refusal)
    }
}

/// The sources that are delivered by webhooks whose secret isn't set, each with the name of that secret.
///
/// # Errors
/// Those of reading the secrets.
pub fn unset_secrets(policy: &Policy, store: &std::path::Path) -> Outcome<Vec<(String, String)>> {
    let asked = policy
        .sources
        .iter()
        .filter_map(|(name, source)| Some((name.clone(), source.webhook.as_ref()?.secret.clone())));
    let asked: Vec<(String, String)> = asked.collect();
    if asked.is_empty() {
        return Ok(asked);
    }
    let secrets = Secrets::beside(store)?;
    Ok(asked.into_iter().filter(|(_, secret)| secrets.get(secret).is_none()).collect())
}

fn heard() -> Reply {
    Reply::taken(Reach::Public, &[], &[])
}

fn refusal(unproven: Unproven) -> Reply {
    match unproven {
        Unproven::Unsigned => {
            Reply::error(401, "invalid_signature", "nobody who has the secret signed this")
        }
        Unproven::OutOfTime => {
            Reply::error(401, "signature_expired", "this was signed too long ago, or too far ahead")
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// How a body is written. Many senders of JSON leave the content type at a form's, which none of them is: no form
/// begins as an object or a list does.
fn written(headers: &HeaderMap, body: &[u8]) -> Written {
    let kind = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
    let is_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    match kind.starts_with("application/x-www-form-urlencoded") && !is_json {
        true => Written::Form,
        false => Written::Json,
    }
}

/// The token that stands in an address.
fn token(query: &str) -> Option<String> {
    pairs(query).find(|(name, _)| name == "token").map(|(_, token)| token)
}

/// What WooCommerce sends when a webhook is saved: a form with the webhook's number, and no signature. It
/// holds nothing that could be taken in.
fn is_ping(scheme: &Scheme, written: Written, body: &[u8]) -> bool {
    let number = body.strip_prefix(b"webhook_id=");
    matches!(scheme, Scheme::Hmac(_))
        && written == Written::Form
        && number.is_some_and(|number| number.len() < 20 && number.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_one_that_says_so_and_looks_like_it() {
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        for (kind, body, expected) in [
            (Some(form), "type=subscribe&data[email]=a", Written::Form),
            (Some("Application/X-WWW-Form-URLEncoded"), "", Written::Form),
            (Some(form), " {\"type\":\"subscribe\"}", Written::Json),
            (Some(form), "[{}]", Written::Json),
            (Some("application/json"), "type=subscribe", Written::Json),
            (Some("text/plain"), "{}", Written::Json),
            (None, "type=subscribe", Written::Json),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(kind) = kind {
                headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            }
            assert_eq!(written(&headers, body.as_bytes()), expected, "{kind:?} {body}");
        }
    }
}
