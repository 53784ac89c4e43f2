//! The dice of the campaign: the same numbers in every run, without a crate whose next version would
//! throw others.

/// A plain generator (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// Dice for one throw of many: those of another number of the same seed have nothing in common.
    pub fn of(seed: u64, number: u64) -> Dice {
        let mut dice = Dice(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.next();
        dice
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "one of nothing");
        usize::try_from(self.next() % end as u64).expect("it is below a usize")
    }

    /// One of several.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Whether something happens that happens once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// So many random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Changes a byte or several, cuts, doubles or inserts: always something else than before.
pub fn scratch(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    if bytes.is_empty() {
        return vec![dice.bytes(1)[0]];
    }
    let at = dice.below(bytes.len());
    let length = 1 + dice.below(16.min(bytes.len() - at));
    match dice.below(12) {
        0..6 => changed[at] ^= 1 << dice.below(8),
        6 => changed[at] = changed[at].wrapping_add(1 + dice.bytes(1)[0] % 255),
        7 => changed.truncate(at),
        8 => drop(changed.drain(at..at + length)),
        9 => {
            let piece = bytes[at..at + length].to_vec();
            drop(changed.splice(at..at, piece));
        }
        10 => drop(changed.splice(at..at, dice.bytes(length))),
        _ => {
            let other = dice.below(bytes.len());
            changed.swap(at, other);
        }
    }
    if changed == bytes {
        changed[at] ^= 1 << dice.below(8);
    }
    changed
}
