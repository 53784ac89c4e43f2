//! Each scheme with what its vendor's documentation or `openssl` signs.

use super::signature::{SIGNATURES_MAX, Shown, Unproven, prove};
use crate::base::clock::Moment;
use crate::policy::webhook::{Digits, Scheme, Signed, Webhook};

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
    for (name, svix) in headers.iter_mut().zip(["svix-id", "svix-timestamp", "svix-signature"]) {
        name.0 = svix;
    }
    assert_eq!(told(&scheme, &headers, body, &[secret], at), Ok(()));
    let flood = "v1,AAAA ".repeat(SIGNATURES_MAX) + headers[2].1;
    headers[2].1 = &flood;
    assert_eq!(told(&scheme, &headers, body, &[secret], at), Err(Unproven::Unsigned));
}
