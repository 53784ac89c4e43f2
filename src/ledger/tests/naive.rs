//! RFC 6962, sections 2.1 to 2.1.2, as its text reads.

use sha2::{Digest, Sha256};

use crate::ledger::hash::Hash;

pub fn leaf(data: &[u8]) -> Hash {
    Hash(Sha256::digest([&[0], data].concat()).into())
}

pub fn root(d: &[Hash]) -> Hash {
    match d {
        [] => Hash(Sha256::digest([]).into()),
        [one] => *one,
        _ => {
            let (left, right) = d.split_at(split(d.len()));
            Hash(Sha256::digest([&[1], &root(left).0[..], &root(right).0[..]].concat()).into())
        }
    }
}

pub fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
    if d.len() == 1 {
        return vec![];
    }
    let k = split(d.len());
    let (left, right) = d.split_at(k);
    let (mut path, last) =
        if m < k { (path(m, left), root(right)) } else { (path(m - k, right), root(left)) };
    path.push(last);
    path
}

pub fn proof(m: usize, d: &[Hash]) -> Vec<Hash> {
    subproof(m, d, true)
}

fn subproof(m: usize, d: &[Hash], whole: bool) -> Vec<Hash> {
    if m == d.len() {
        return if whole { vec![] } else { vec![root(d)] };
    }
    let k = split(d.len());
    let (left, right) = d.split_at(k);
    let (mut path, last) = if m <= k {
        (subproof(m, left, whole), root(right))
    } else {
        (subproof(m - k, right, false), root(left))
    };
    path.push(last);
    path
}

fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}
