//! Leaves: the two readers agree, and nothing but the one spelling passes either.

use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::{bytes_of_hex, make_log, naive};
use crate::base::clock::Moment;
use crate::ledger::commit::{self, ItemKind};
use crate::ledger::hash::{EMPTY_ROOT, Hash, leaf_hash};
use crate::ledger::leaf::{LEAF_BYTES_MAX, Leaf};
use crate::ledger::scan::fields;
use crate::ledger::{base64, canonical};

fn plain() -> Leaf {
    Leaf {
        number: 1,
        at: Moment(2),
        kind: "config".into(),
        actor: "op:7".into(),
        previous: Hash([0; 32]),
        tag: None,
        commitment: None,
        body: None,
    }
}

fn any_body(depth: u32) -> impl Strategy<Value = Value> {
    let limit = 1_i64 << 53;
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (1 - limit..limit).prop_map(Value::from),
        prop_oneof!["[ -~]{0,12}", ".{0,6}", "[\\x00-\\x1f\"\\\\]{0,6}"].prop_map(Value::from),
    ];
    let value = scalar.prop_recursive(depth, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ !#-\\[\\]-~]{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-z]{1,4}", value, 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

prop_compose! {
    fn any_leaf()(
        number in 0_u64..1 << 53,
        at in 0_i64..1 << 53,
        kind in "[a-z0-9._-]{1,64}",
        actor in prop_oneof!["[ !#-\\[\\]-~]{1,200}", "[a-zäöüß漢🦊]{1,20}"],
        previous in any::<[u8; 32]>(),
        tag in any::<Option<[u8; 32]>>(),
        commitment in any::<Option<[u8; 32]>>(),
        body in prop::option::of(any_body(4)),
    ) -> Leaf {
        Leaf { number, at: Moment(at), kind, actor, previous: Hash(previous), tag, commitment, body }
    }
}

fn same_verdict(bytes: &[u8]) -> bool {
    let (slow, fast) = (Leaf::parse_strict(bytes), fields(bytes));
    assert_eq!(slow.is_ok(), fast.is_ok(), "{:?}", String::from_utf8_lossy(bytes));
    slow.is_ok()
}

proptest! {
    #[test]
    fn a_leaf_comes_back_from_its_bytes(leaf in any_leaf()) {
        let bytes = leaf.to_bytes().unwrap();
        prop_assert_eq!(&Leaf::parse_strict(&bytes).unwrap(), &leaf);
        let view = fields(&bytes).unwrap();
        prop_assert_eq!(view.number, leaf.number);
        prop_assert_eq!(view.at, leaf.at);
        prop_assert_eq!(view.kind, leaf.kind.as_str());
        prop_assert_eq!(view.actor, leaf.actor.as_str());
        prop_assert_eq!(view.previous.hash(), leaf.previous);
        prop_assert_eq!(view.tag.map(|tag| tag.bytes()), leaf.tag);
        prop_assert_eq!(view.commitment.map(|commitment| commitment.bytes()), leaf.commitment);
        let body = view.body.map(|body| serde_json::from_slice::<Value>(body).unwrap());
        prop_assert_eq!(body, leaf.body);
    }

    #[test]
    fn the_bytes_are_what_serde_writes_for_sorted_keys(leaf in any_leaf()) {
        // Another writer: serde_json over a sorted map, which escapes as RFC 8785 does.
        let mut line = std::collections::BTreeMap::from([
            ("a", json!(leaf.actor)), ("k", json!(leaf.kind)), ("n", json!(leaf.number)),
            ("p", json!(url(&leaf.previous.0))), ("t", json!(leaf.at.0)), ("v", json!(1)),
        ]);
        if let Some(tag) = &leaf.tag { line.insert("s", json!(url(tag))); }
        if let Some(commitment) = &leaf.commitment { line.insert("c", json!(url(commitment))); }
        if let Some(body) = &leaf.body { line.insert("b", body.clone()); }
        prop_assert_eq!(leaf.to_bytes().unwrap(), serde_json::to_vec(&line).unwrap());
    }

    #[test]
    fn both_readers_judge_spoilt_bytes_alike(
        leaf in any_leaf(), at in any::<prop::sample::Index>(), byte in any::<u8>(), way in 0..4,
    ) {
        let mut bytes = leaf.to_bytes().unwrap();
        let at = at.index(bytes.len());
        match way {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => { bytes.remove(at); }
            _ => bytes.truncate(at),
        }
        same_verdict(&bytes);
    }

    #[test]
    fn base64url_is_that_of_base64ct(bytes in any::<[u8; 32]>()) {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let text = base64::encode_url(&bytes);
        let mut buffer = [0; 43];
        prop_assert_eq!(&text[..], Base64UrlUnpadded::encode(&bytes, &mut buffer).unwrap().as_bytes());
        prop_assert_eq!(base64::decode_url(&text), Some(bytes));
    }

    #[test]
    fn only_canonical_base64_passes(bytes in prop::collection::vec(any::<u8>(), 0..9), change in any::<u8>(), at in any::<prop::sample::Index>()) {
        let text = base64::encode(&bytes);
        prop_assert_eq!(base64::decode(&text), Some(bytes));
        if !text.is_empty() {
            let mut other = text.clone().into_bytes();
            other[at.index(text.len())] = change;
            if let Some(decoded) = std::str::from_utf8(&other).ok().and_then(base64::decode) {
                prop_assert_eq!(base64::encode(&decoded).into_bytes(), other);
            }
        }
    }

    #[test]
    fn commitments_are_hmac_of_the_hmac_crate(key in any::<[u8; 32]>(), length in 0_usize..300) {
        let message: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(&message);
        prop_assert_eq!(&commit::commitment(&key, &message)[..], &mac.finalize().into_bytes()[..]);
    }
}

fn url(bytes: &[u8; 32]) -> String {
    String::from_utf8(base64::encode_url(bytes).to_vec()).unwrap()
}

#[test]
fn every_single_bit_of_a_leaf_is_judged_alike_by_both_readers() {
    for leaf in make_log(8, None) {
        for bit in 0..leaf.len() * 8 {
            let mut flipped = leaf.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            same_verdict(&flipped);
        }
        assert!(same_verdict(&leaf));
    }
}

#[test]
fn other_spellings_of_an_entry_are_refused() {
    let p = "A".repeat(43);
    let line = |middle: &str| format!(r#"{{"a":"op",{middle},"p":"{p}","t":1,"v":1}}"#);
    let head = r#""k":"config","n":0"#;
    assert!(same_verdict(line(head).as_bytes()));
    let long_body = format!(r#""b":{{"x":"{}"}},{head}"#, "y".repeat(LEAF_BYTES_MAX));
    let deep = |n: usize| format!(r#""b":{{"x":{}{}}},{head}"#, "[".repeat(n), "]".repeat(n));
    assert!(same_verdict(line(&deep(15)).as_bytes()));
    let wrong = [
        line(r#""k":"config", "n":0"#),
        line(r#""n":0,"k":"config""#),
        line(r#""k":"config","n":00"#),
        line(r#""k":"config","n":-0"#),
        line(r#""k":"config","n":0.0"#),
        line(r#""k":"config","n":0e0"#),
        line(r#""k":"config","n":9007199254740992"#),
        line(r#""k":"config","n":99999999999999999999"#),
        line(r#""k":"config","k":"config","n":0"#),
        line(r#""k":"Config","n":0"#),
        line(r#""k":"","n":0"#),
        line(r#""k":"config","m":0,"n":0"#),
        line(&format!(r#""b":null,{head}"#)),
        line(&format!(r#""b":[],{head}"#)),
        line(&format!(r#""b":{{"x":null}},{head}"#)),
        line(&format!(r#""b":{{"x":1.5}},{head}"#)),
        line(&format!(r#""b":{{"x":-0}},{head}"#)),
        line(&format!(r#""b":{{"x":1,"x":1}},{head}"#)),
        line(&format!(r#""b":{{"y":1,"x":1}},{head}"#)),
        line(&format!(r#""b":{{"x":"\u0041"}},{head}"#)),
        line(&format!(r#""b":{{"x":"\u000a"}},{head}"#)),
        line(&format!(r#""b":{{"x":"\u001F"}},{head}"#)),
        line(&format!(r#""b":{{"x":"\/"}},{head}"#)),
        line(&format!(r#""b":{{"é":1}},{head}"#)),
        line(&format!(r#""b":{{"x":1,}},{head}"#)),
        line(&format!(r#""b":{{"x":[1,]}},{head}"#)),
        line(&format!(r#""c":"{}",{head}"#, "A".repeat(42))),
        line(&format!(r#""c":"{}=",{head}"#, "A".repeat(42))),
        line(&format!(r#""c":"{}B",{head}"#, "A".repeat(42))),
        line(&format!(r#""c":"{}+",{head}"#, "A".repeat(42))),
        line(head).replace("\"op\"", "\"o\\u0070\""),
        line(head).replace("\"op\"", "\"\""),
        line(head).replace("\"op\"", "\"o\u{7f}p\""),
        line(head).replace("\"op\"", "\"o\u{85}p\""),
        line(head).replace("\"v\":1", "\"v\":2"),
        line(head).replace("\"t\":1", "\"t\":-1"),
        format!("{}\n", line(head)),
        format!("\u{feff}{}", line(head)),
        line(&long_body),
        line(&deep(16)),
        String::new(),
    ];
    for text in wrong {
        assert!(!same_verdict(text.as_bytes()), "{}", &text[..text.len().min(200)]);
    }
    let in_body = line(&format!(r#""b":{{"x":"op"}},{head}"#));
    assert!(same_verdict(in_body.as_bytes()));
    for at in [line(head).find("op"), in_body.rfind("op")] {
        let mut not_utf8 = in_body.clone().into_bytes();
        not_utf8[at.unwrap()] = 0xff;
        assert!(!same_verdict(&not_utf8));
    }
}

#[test]
fn what_can_not_be_in_a_ledger_is_not_written() {
    assert!(plain().to_bytes().is_ok());
    let wrong = [
        Leaf { number: 1 << 53, ..plain() },
        Leaf { at: Moment(-1), ..plain() },
        Leaf { at: Moment(1 << 53), ..plain() },
        Leaf { kind: "two words".into(), ..plain() },
        Leaf { kind: "k".repeat(65), ..plain() },
        Leaf { actor: String::new(), ..plain() },
        Leaf { actor: "a".repeat(201), ..plain() },
        Leaf { actor: "tab\t".into(), ..plain() },
        Leaf { actor: "quote\"".into(), ..plain() },
        Leaf { body: Some(json!([])), ..plain() },
        Leaf { body: Some(json!({ "x": null })), ..plain() },
        Leaf { body: Some(json!({ "x": 0.5 })), ..plain() },
        Leaf { body: Some(json!({ "x": 1_u64 << 53 })), ..plain() },
        Leaf { body: Some(json!({ "x": -(1_i64 << 53) })), ..plain() },
        Leaf { body: Some(json!({ "ä": 1 })), ..plain() },
        Leaf { body: Some(json!({ "x": "y".repeat(LEAF_BYTES_MAX) })), ..plain() },
    ];
    for leaf in wrong {
        assert!(leaf.to_bytes().is_err(), "{:.200}", format!("{leaf:?}"));
    }
}

#[test]
fn the_longest_leaf_fits_and_one_byte_more_does_not() {
    let spare = LEAF_BYTES_MAX - plain().to_bytes().unwrap().len() - r#","b":{"x":""}"#.len();
    let with = |count: usize| Leaf { body: Some(json!({ "x": "y".repeat(count) })), ..plain() };
    let bytes = with(spare).to_bytes().unwrap();
    assert_eq!(bytes.len(), LEAF_BYTES_MAX);
    assert!(same_verdict(&bytes));
    assert_eq!(leaf_hash(&bytes), naive::leaf(&bytes));
    assert!(with(spare + 1).to_bytes().is_err());
}

#[test]
fn keys_sort_bytewise_whatever_the_map_does() {
    let mut out = Vec::new();
    canonical::write(&json!({ "b": 1, "a b": 2, "Z": -3, "": { "y": [], "x": {} } }), &mut out)
        .unwrap();
    assert_eq!(out, br#"{"":{"x":{},"y":[]},"Z":-3,"a b":2,"b":1}"#);
    assert_eq!(canonical::skip(&out), Some(out.len()));
}

#[test]
fn hmac_is_that_of_rfc_4231() {
    // Test cases 1 and 2 there have keys of 20 and 4 bytes; zeros up to 32 bytes change nothing.
    let cases = [
        (
            &[0x0b; 20][..],
            &b"Hi There"[..],
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ];
    for (short_key, message, expected) in cases {
        let mut key = [0; 32];
        key[..short_key.len()].copy_from_slice(short_key);
        assert_eq!(commit::commitment(&key, message)[..], bytes_of_hex(expected));
    }
}

#[test]
fn labels_keep_tags_and_salts_apart() {
    let key = [1; 32];
    let all = [
        commit::tag(&key, 1),
        commit::tag(&key, 2),
        commit::salt(&key, 1),
        commit::item_salt(&key, ItemKind::Value, 1),
        commit::item_salt(&key, ItemKind::Event, 1),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(commit::batch_root([]), EMPTY_ROOT);
    let leaves: Vec<Hash> = all.iter().map(|commitment| naive::leaf(commitment)).collect();
    assert_eq!(commit::batch_root(&all), naive::root(&leaves));
}
