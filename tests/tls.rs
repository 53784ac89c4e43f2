//! TLS by certificate files: the real program, asked by a client that trusts the tests' own authority.
//! `tests/oracle/tls.py` does the same with clients of other authors.

mod common;
#[path = "tracking/served.rs"]
#[allow(dead_code)]
mod served;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use served::{Heard, Served, ask_over, basic, order};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion, version,
};

const CERTIFICATE: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
    std::fs::read(folder.join(name)).unwrap()
}

/// Puts a fixture in a file's place, at once, as those do who renew certificates.
fn put(served: &Served, fixture_name: &str, name: &str) {
    let fresh = served.folder.path().join("fresh");
    std::fs::write(&fresh, fixture(fixture_name)).unwrap();
    std::fs::set_permissions(&fresh, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::rename(&fresh, served.folder.path().join(name)).unwrap();
}

/// The shop with a certificate and a key, not served yet.
fn with(certificate: &str, key: &str) -> Served {
    let mut served = Served::under(&served::policy());
    served.key = served.add_key(&["web"]);
    put(&served, certificate, "cert.pem");
    put(&served, key, "key.pem");
    served
}

/// A protected connection, by these versions.
fn connect(served: &Served, versions: &[&'static SupportedProtocolVersion]) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fixture("ca.pem")).unwrap()).unwrap();
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(served.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// The certificate that is shown.
fn shown(served: &Served) -> Vec<u8> {
    let mut tls = connect(served, &BOTH);
    tls.conn.complete_io(&mut tls.sock).unwrap();
    tls.conn.peer_certificates().unwrap()[0].to_vec()
}

fn certificate(name: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(&fixture(name)).unwrap().to_vec()
}

fn post(served: &Served, tls: impl Read + Write, message: &str) -> Heard {
    let (key, body) = (basic(&format!("{}:", served.key)), order("u-1", message).to_string());
    ask_over(tls, "POST", "/v1/track", &[("Authorization", &key)], body.as_bytes()).unwrap()
}

#[test]
fn what_is_sent_over_tls_is_taken_in_by_each_version_and_form_of_key() {
    for (certificate, key) in [
        ("server.pem", "server-key.pem"),
        ("server.pem", "server-key-sec1.pem"),
        ("renewed.pem", "renewed-key.pem"),
    ] {
        let mut served = with(certificate, key);
        served.start_with(&CERTIFICATE);
        for (one, name) in [
            (&version::TLS12, ProtocolVersion::TLSv1_2),
            (&version::TLS13, ProtocolVersion::TLSv1_3),
        ] {
            let mut tls = connect(&served, &[one]);
            tls.conn.complete_io(&mut tls.sock).unwrap();
            assert_eq!(tls.conn.protocol_version(), Some(name));
            assert_eq!(tls.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
            let heard = post(&served, tls, &format!("{name:?}"));
            assert_eq!((heard.status, &heard.json()["kept"]), (200, &1.into()), "{key}: {heard:?}");
            assert_eq!(heard.header("strict-transport-security"), Some("max-age=31536000"));
        }
        served.stop();
        assert_eq!(served.count("order_completed:TLSv1_2"), 1);
        assert_eq!(served.count("order_completed:TLSv1_3"), 1);
    }
    let plain = Served::new();
    let heard = plain.ask("GET", "/healthz", &[], b"");
    assert_eq!(heard.header("strict-transport-security"), None);
}

#[test]
fn a_certificate_lets_it_listen_beyond_this_machine() {
    let mut served = with("server.pem", "server-key.pem");
    served.start_at("0.0.0.0:0", &CERTIFICATE);
}

#[test]
fn who_speaks_plainly_is_told_and_nothing_of_it_is_taken() {
    let mut served = with("server.pem", "server-key.pem");
    served.start_with(&CERTIFICATE);
    let heard = served.post("/v1/track", &order("u-1", "m-1"));
    assert_eq!((heard.status, &heard.json()["code"]), (400, &"tls_required".into()));
    // A body that is longer than what is read of it.
    let heard = served.post("/v1/track", &Value::from("x".repeat(200_000)));
    assert_eq!(heard.status, 400);
    assert_eq!(served.count("order_completed:m-1"), 0);
}

#[test]
fn a_handshake_that_stands_still_holds_up_nobody_and_ends() {
    let mut served = with("server.pem", "server-key.pem");
    served.start_with(&CERTIFICATE);
    let begun = Instant::now();
    let mut halves: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(served.address()).unwrap()).collect();
    for (n, half) in halves.iter_mut().enumerate() {
        // Nothing at all, or the beginning of a first record.
        half.write_all(&[22, 3, 1, 2, 0, 1, 0, 1][..n % 8]).unwrap();
    }
    let heard = post(&served, connect(&served, &BOTH), "m-1");
    assert_eq!(heard.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for half in &mut halves {
        half.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // An end, and no word.
        let mut rest = Vec::new();
        let read = half.read_to_end(&mut rest);
        assert!(read.is_ok() || read.is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock));
        assert!(rest.is_empty(), "{rest:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    // One that stands still doesn't hold up the end either.
    let _half = TcpStream::connect(served.address()).unwrap();
    let asked = Instant::now();
    served.stop();
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
}

#[test]
fn a_renewed_certificate_is_shown_without_a_new_start() {
    let mut served = with("server.pem", "server-key.pem");
    let out = served.run(&["token", "add", "--role", "monitor"]);
    let token: Value = serde_json::from_slice(&out.stdout).unwrap();
    served.start_with(&CERTIFICATE);
    assert_eq!(shown(&served), certificate("server.pem"));
    // One file before the other: what was shown is shown on, and the log tells of it once.
    put(&served, "renewed.pem", "cert.pem");
    let log = |word: &str| std::fs::read_to_string(served.log()).unwrap().matches(word).count();
    wait_until(|| log("tls-key-differs") > 0);
    assert_eq!(shown(&served), certificate("server.pem"));
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(log("tls-key-differs"), 1);
    put(&served, "renewed-key.pem", "key.pem");
    wait_until(|| shown(&served) == certificate("renewed.pem"));
    wait_until(|| log(r#""certificate_until":"2126-02-02T00:00:00Z"}"#) == 1);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let tls = connect(&served, &BOTH);
    let heard = ask_over(tls, "GET", "/metrics", &[("Authorization", &bearer)], b"").unwrap();
    assert!(heard.body.contains("\ncandor_certificate_end_seconds 4925664000\n"), "{}", heard.body);
}

fn wait_until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never held");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_what_to_do() {
    let served = with("server.pem", "server-key.pem");
    let cases = [
        ("renewed.pem", "server-key.pem", 0o600, 2, "tls-key-differs"),
        ("server.pem", "server-key.pem", 0o640, 1, "tls-key-exposed"),
        ("server.pem", "server-key.pem", 0o604, 1, "tls-key-exposed"),
        ("server-key.pem", "server-key.pem", 0o600, 3, "tls-certificate-unreadable"),
        ("server.pem", "server.pem", 0o600, 3, "tls-key-unreadable"),
        ("server.pem", "server-key-locked.pem", 0o600, 3, "tls-key-unreadable"),
        ("none", "server-key.pem", 0o600, 3, "file-not-found"),
        ("server.pem", "none", 0o600, 3, "file-not-found"),
    ];
    for (certificate, key, mode, exit, code) in cases {
        for (fixture, name) in [(certificate, "cert.pem"), (key, "key.pem")] {
            match fixture {
                "none" => std::fs::remove_file(served.folder.path().join(name)).unwrap(),
                fixture => put(&served, fixture, name),
            }
        }
        if key != "none" {
            let key = served.folder.path().join("key.pem");
            std::fs::set_permissions(key, PermissionsExt::from_mode(mode)).unwrap();
        }
        for command in ["serve", "doctor"] {
            let out = served.run(&[&[command], &CERTIFICATE[..]].concat());
            let told: Value = serde_json::from_slice(&out.stdout).unwrap();
            match command {
                "serve" => {
                    assert_eq!(out.status.code(), Some(exit), "{code}: {told}");
                    assert_eq!(told["error"]["code"], code, "{told}");
                    assert_ne!(told["error"]["next"], "", "{told}");
                }
                _ => {
                    assert_eq!(out.status.code(), Some(1), "{code}: {told}");
                    assert_eq!(finding(&told)["state"], "wrong", "{told}");
                }
            }
        }
    }
    for half in [&CERTIFICATE[..2], &CERTIFICATE[2..]] {
        assert_eq!(served.run(&[&["serve"], half].concat()).status.code(), Some(2));
    }
}

fn finding(told: &Value) -> &Value {
    let all = told["findings"].as_array().unwrap();
    all.iter().find(|finding| finding["part"] == "certificate").unwrap_or(&Value::Null)
}

#[test]
fn one_whose_time_is_over_is_served_with_a_word_and_refused_by_callers() {
    let mut served = with("expired.pem", "server-key.pem");
    served.start_with(&CERTIFICATE);
    let mut tls = connect(&served, &BOTH);
    let refused = tls.conn.complete_io(&mut tls.sock).unwrap_err();
    assert!(refused.to_string().contains("expired"), "{refused}");
    let log = std::fs::read_to_string(served.log()).unwrap();
    assert!(log.contains("callers refuse the certificate") && log.contains("2020-01-02"), "{log}");
    let doctor = || {
        let out = served.run(&[&["doctor"], &CERTIFICATE[..]].concat());
        let told: Value = serde_json::from_slice(&out.stdout).unwrap();
        (finding(&told)["state"].clone(), finding(&told)["what"].as_str().unwrap().to_owned())
    };
    assert_eq!(doctor(), ("wrong".into(), "it ended at 2020-01-02T00:00:00Z".into()));
    put(&served, "server.pem", "cert.pem");
    assert_eq!(doctor(), ("well".into(), "good until 2126-01-01T00:00:00Z".into()));
}
