//! How many connections one address may hold at once, so that one caller, with a key or without, leaves room for the
//! others.
//!
//! A proxy in front makes all callers one address. On this machine it is counted only where the option is given;
//! one on another machine needs a share of its own size.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// A quarter of all.
const SHARE: usize = 128;

/// Who holds connections, and how many each.
#[derive(Clone, Debug)]
pub struct Peers {
    most: usize,
    counts_own: bool,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that counts as long as it is held.
pub(super) struct Guest(Option<(Peers, IpAddr)>);

impl Peers {
    /// With a share that was asked for, which everybody has; otherwise with a quarter of all, which all have but
    /// callers from this machine.
    #[must_use]
    pub fn new(most: Option<usize>) -> Peers {
        let counts_own = most.is_some();
        Peers { most: most.unwrap_or(SHARE), counts_own, open: Arc::default() }
    }

    /// Takes a connection in; `None` where its address holds as many as it may.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Guest> {
        let address = party(address);
        if address.is_loopback() && !self.counts_own {
            return Some(Guest(None));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.entry(address).or_default();
        if *held >= self.most {
            return None;
        }
        *held += 1;
        Some(Guest(Some((self.clone(), address))))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some((peers, address)) = &self.0 else { return };
        let mut open = peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = open.get_mut(address) {
            *held -= 1;
            if *held == 0 {
                open.remove(address);
            }
        }
    }
}

/// Whom an address stands for: of IPv6 a whole network is one caller's.
fn party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(own) if !own.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() >> 64 << 64))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_share_and_gets_it_back() {
        let peers = Peers::new(Some(2));
        for (first, same, other) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"),
        ] {
            let held = [peers.enter(address(first)), peers.enter(address(same))];
            assert!(held.iter().all(Option::is_some), "{first}");
            assert!(peers.enter(address(same)).is_none(), "{first}");
            assert!(peers.enter(address(other)).is_some(), "{other}");
            drop(held);
            assert!(peers.enter(address(first)).is_some(), "{first}");
        }
        assert!(peers.open.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_proxy_on_this_machine_is_everybody_unless_it_is_said() {
        let peers = Peers::new(None);
        let own: Vec<_> = (0..2 * SHARE).map(|_| peers.enter(address("127.0.0.1"))).collect();
        assert!(own.iter().all(Option::is_some));
        let others: Vec<_> = (0..=SHARE).map(|_| peers.enter(address("192.0.2.1"))).collect();
        assert_eq!(others.iter().filter(|guest| guest.is_some()).count(), SHARE);
    }
}
