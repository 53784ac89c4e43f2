//! Strings that IAB Tech Lab's own libraries wrote, with what they read of them
//! (`tests/oracle/consent_strings.mjs`), and anything else.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn known() -> Value {
    let text = include_str!("../../../fixtures/tracking/consent_strings.json");
    serde_json::from_str(text).unwrap()
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn tc_strings_say_what_the_frameworks_own_library_reads() {
    let known = known();
    let all = known["tcf"].as_array().unwrap();
    assert!(all.len() > 40);
    for expected in all {
        let string = expected["string"].as_str().unwrap();
        assert_eq!(&value(&Tcf::read(string).unwrap().write()), expected, "{string}");
    }
}

#[test]
fn gpp_strings_say_what_the_platforms_own_library_reads() {
    let known = known();
    let all = known["gpp"].as_array().unwrap();
    assert!(all.len() > 50);
    let mut states = std::collections::BTreeSet::new();
    for case in all {
        let string = case["string"].as_str().unwrap();
        let read = Gpp::read(string).unwrap();
        let mut expected = json!({"string": string, "sections": case["sections"]});
        for (name, said) in case["states"].as_object().unwrap() {
            if name == "uspv1" {
                let usp = read.usp.as_ref().unwrap();
                assert_eq!(usp.sale_opt_out, said["saleOptOut"].as_bool(), "{string}");
            } else {
                states.insert(name.clone());
                expected[name] = said.clone();
            }
        }
        assert_eq!(value(&read.write()), expected, "{string}");
    }
    assert_eq!(states.len(), 21, "each state's law is met");
}

/// The example of the specification: a TC string and US Privacy, in one.
#[test]
fn a_gpp_string_brings_a_tc_string() {
    let tc = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA";
    let read = Gpp::read(&format!("DBACNYA~{tc}~1YNN")).unwrap();
    assert_eq!(read.tcf, Tcf::read(tc));
    assert_eq!(read.usp, Usp::read("1YNN"));
    assert_eq!(value(&read.write())["sections"], "2 6");
}

#[test]
fn where_two_tc_strings_differ_the_no_holds() {
    let known = known();
    let strings: Vec<&str> = known["tcf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["string"].as_str().unwrap())
        .collect();
    for pair in strings.windows(2) {
        let [one, other] = [pair[0], pair[1]].map(|string| Tcf::read(string).unwrap());
        let both = value(&one.clone().both(other.clone()).write());
        assert_eq!(both, value(&other.clone().both(one.clone()).write()));
        let [one, other] = [one, other].map(|read| value(&read.write()));
        for (number, said) in both["purpose"].as_object().unwrap() {
            let yes = |of: &Value| of["purpose"][number] == true;
            assert_eq!(*said == true, yes(&one) && yes(&other), "{pair:?} {number}");
        }
        assert!(both["updated"].as_str() >= one["updated"].as_str());
    }
}

#[test]
fn what_is_no_such_string_says_nothing() {
    let long = "A".repeat(STRING_BYTES_MAX + 1);
    // The first two are of version 1 and of none; the third ends within its vendors.
    let none = [
        "BOVeoB_OVeoFxC-AHAFRBtAAAAAhGAEAD4AXAA2YCEQ",
        "A",
        "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACC",
        "",
        ".",
        "C",
        "é",
    ];
    for string in none.iter().chain([&*long].iter()) {
        assert_eq!(Tcf::read(string), None, "{string}");
    }
    let tc = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA";
    assert!(Tcf::read(&format!("{tc}.IAAA")).is_some());
    assert_eq!(Tcf::read(&format!("{tc}.%")), None);
    for string in
        ["", "~", "DBACNYA", "DBACNYA~1YNN", "DBACNYA~x~1YNN", "CBACNYA~a~b", "DCACNYA~a~b"]
    {
        assert_eq!(Gpp::read(string), None, "{string}");
    }
    for string in ["", "1YN", "1YNNN", "2YNN", "1YXN", "éYN"] {
        assert_eq!(Usp::read(string), None, "{string}");
    }
    assert_eq!(Usp::read("1---").unwrap().sale_opt_out, None);
}

proptest! {
    /// Whatever comes in: no panic, and what is read is JSON that holds the string.
    #[test]
    fn anything_is_read_or_not(string in "[A-Za-z0-9_~.-]{0,120}", wild in any::<String>()) {
        for string in [string, wild] {
            for written in [
                Tcf::read(&string).map(|read| read.write()),
                Gpp::read(&string).map(|read| read.write()),
                Usp::read(&string).map(|read| read.write()),
            ].into_iter().flatten() {
                prop_assert_eq!(&value(&written)["string"], &string);
            }
        }
    }

    /// A character that is changed or left out makes another string or none, and never a panic.
    #[test]
    fn strings_that_are_nearly_right_are_harmless(which in 0..100_usize, at in 0..400_usize, to in "[A-Za-z0-9_~.-]?") {
        let known = known();
        let all: Vec<&str> = known["tcf"].as_array().unwrap().iter()
            .chain(known["gpp"].as_array().unwrap())
            .map(|one| one["string"].as_str().unwrap()).collect();
        let string = all[which % all.len()];
        let at = at % string.len();
        let changed = format!("{}{to}{}", &string[..at], &string[at + 1..]);
        let _ = (Tcf::read(&changed), Gpp::read(&changed));
    }
}
