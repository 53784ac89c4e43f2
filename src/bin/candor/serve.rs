//! `serve`.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::policy::period;
use candor::policy::types::Rate;
use candor::store::{self, Access, Store};
use candor::web::certificate::Certificate;
use candor::web::log::Heard;
use candor::web::peers::Peers;
use candor::web::rate::Rates;
use candor::web::{Door, Stores, unset_secrets};
use serde_json::json;

use crate::args::ServeArgs;
use crate::{Answer, Context};

pub fn run(context: &Context, args: &ServeArgs) -> Result<Answer> {
    let addresses = addresses(&args.listen)?;
    let files = args.tls.files();
    if !args.behind_tls
        && files.is_none()
        && addresses.iter().any(|address| !address.ip().is_loopback())
    {
        return Err(Error::usage(
            "listen-unprotected",
            "what comes in from other machines would pass unencrypted",
        )
        .at(&args.listen)
        .next(
            "name a certificate with --tls-cert and --tls-key; or listen on 127.0.0.1 and put a proxy that ends \
             TLS in front, and say --behind-tls where it reaches candor by this address",
        ));
    }
    let certificate = files.map(Certificate::open).transpose()?;
    let keys = args.key_rate.as_deref().map(|text| rate(text, "--key-rate")).transpose()?;
    let rates = Rates::new(keys, Some(rate(&args.token_rate, "--token-rate")?));
    let open = || context.open(Access::Write);
    let stores = Stores {
        writing: open()?,
        sending: open()?,
        answering: open()?,
        people: open()?,
        telling: context.open(Access::Read)?,
        looking: context.open(Access::Read)?,
    };
    note_unset(context, &stores.writing)?;
    let listener = TcpListener::bind(addresses.as_slice()).map_err(|error| {
        Error::usage("listen-failed", error.to_string())
            .at(&args.listen)
            .next("name a free address of this machine, such as 127.0.0.1:8600")
    })?;
    let address = listener.local_addr().map_or_else(|_| args.listen.clone(), |a| a.to_string());
    let scheme = if certificate.is_some() { "https" } else { "http" };
    note_time(context, certificate.as_ref());
    context.out.say(format!("listens {scheme}://{address}; Ctrl-C or SIGTERM ends it"));
    context.out.give(&json!({"url": format!("{scheme}://{address}")}));
    let peers = Peers::new(args.connections_each.map(|most| most as usize));
    let door = Door { listener, certificate, peers };
    candor::web::serve(door, (stores, rates), Moment::now, log)?;
    Ok(Answer::Yes)
}

/// Says which webhooks can't come in yet.
fn note_unset(context: &Context, store: &Store) -> Result<()> {
    let rules = store::latest(store.conn(), store.words())?;
    for (source, secret) in unset_secrets(&rules.policy, store.path())? {
        context.out.note(format!(
            "nothing is delivered to {source} before its secret is set: candor secret set {secret}"
        ));
    }
    Ok(())
}

/// Says where callers will refuse the certificate.
fn note_time(context: &Context, certificate: Option<&Certificate>) {
    let Some(shown) = certificate.map(Certificate::shown) else { return };
    if !shown.is_good(Moment::now()) {
        context.out.note(format!(
            "callers refuse the certificate: it is good from {} until {}; renew it, and the new one is taken \
             while candor serves",
            shown.from, shown.until
        ));
    }
}

fn rate(text: &str, option: &str) -> Result<Rate> {
    period::rate(text).map_err(|words| {
        Error::usage("rate-unreadable", words).at(option).next("write it like \"600 in PT1M\"")
    })
}

fn addresses(listen: &str) -> Result<Vec<SocketAddr>> {
    let found = listen.to_socket_addrs().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    if found.is_empty() {
        return Err(Error::usage("listen-failed", "this is no address of a machine and a port")
            .at(listen)
            .next("write it like 127.0.0.1:8600"));
    }
    Ok(found)
}

fn log(heard: &Heard<'_>) {
    use std::io::Write;
    let text = serde_json::to_string(heard).expect("a line of the log is JSON");
    let _ = writeln!(std::io::stderr(), "{text}");
}
