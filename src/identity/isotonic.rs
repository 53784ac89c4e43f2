//! A better agreement never speaks less for one person than a worse one does.
//!
//! Among few records, or records that are alike (telephone numbers of one exchange, cards that were
//! numbered one after the other), two strangers' values are usually a slip or two apart, and values that
//! are quite different were never seen. Counts alone would then take a difference for proof. So where a
//! worse level would be worth more than a better one, the two are taken together and are worth the same
//! (isotonic regression, by pooling adjacent violators). The worst level, "different", is then never worth
//! more than nothing, because both kinds' shares add up to one.

/// Changes how often one kind of pair shows each level, the best first and "different" last, so that what a
/// level is worth against strangers never grows towards the worse ones. Those of `another` kind of agreement
/// stand anywhere between the best and the last. The shares keep their sum.
pub fn in_order(shares: &mut [f64], stranger: &[f64], another: &[usize]) {
    let last = shares.len() - 1;
    let graded: Vec<usize> = (1..last).filter(|level| !another.contains(level)).collect();
    pool(&graded, shares, stranger);
    let mut between: Vec<usize> = (1..last).collect();
    let worth = |level: usize| shares[level] / stranger[level];
    between.sort_by(|a, b| worth(*b).total_cmp(&worth(*a)));
    between.insert(0, 0);
    between.push(last);
    pool(&between, shares, stranger);
}

/// Makes what levels are worth fall along `order`.
fn pool(order: &[usize], shares: &mut [f64], stranger: &[f64]) {
    let mut pools: Vec<Pool> = Vec::with_capacity(order.len());
    for level in order {
        let mut last = Pool { share: shares[*level], stranger: stranger[*level], levels: 1 };
        while let Some(before) = pools.pop_if(|before| before.worth() < last.worth()) {
            last = before.with(last);
        }
        pools.push(last);
    }
    let worths = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.worth(), pool.levels));
    for (level, worth) in order.iter().zip(worths) {
        shares[*level] = stranger[*level] * worth;
    }
}

/// Neighbouring levels that are worth the same.
struct Pool {
    share: f64,
    stranger: f64,
    levels: usize,
}

impl Pool {
    fn worth(&self) -> f64 {
        self.share / self.stranger
    }

    fn with(self, worse: Pool) -> Pool {
        Pool {
            share: self.share + worse.share,
            stranger: self.stranger + worse.stranger,
            levels: self.levels + worse.levels,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_in_order_stays_and_what_is_not_is_pooled() {
        for (shares, stranger, expected) in [
            ([0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]),
            // Strangers are mostly a slip apart, and "different" was hardly ever seen.
            ([0.8, 0.1, 0.1], [0.01, 0.98, 0.01], [0.8, 0.2 * 98.0 / 99.0, 0.2 / 99.0]),
            ([0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.8, 0.1, 0.1]),
        ] {
            let mut ordered = shares;
            in_order(&mut ordered, &stranger, &[]);
            let near = ordered.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(near, "{shares:?} beside {stranger:?} became {ordered:?}");
        }
    }

    proptest! {
        #[test]
        fn no_worse_level_is_worth_more(
            counts in prop::collection::vec((1e-4..1.0f64, 1e-6..1.0f64), 2..8),
            another in prop::collection::vec(1..6usize, 0..3),
        ) {
            let sum = |of: fn(&(f64, f64)) -> f64| counts.iter().map(of).sum::<f64>();
            let (person, stranger) = (sum(|c| c.0), sum(|c| c.1));
            let stranger: Vec<f64> = counts.iter().map(|c| c.1 / stranger).collect();
            let mut shares: Vec<f64> = counts.iter().map(|c| c.0 / person).collect();
            in_order(&mut shares, &stranger, &another);
            let worth: Vec<f64> = shares.iter().zip(&stranger).map(|(m, u)| m / u).collect();
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let falls = |levels: &[usize]| {
                levels.windows(2).all(|pair| worth[pair[1]] <= worth[pair[0]] * 1.000_001)
            };
            let last = worth.len() - 1;
            let graded: Vec<usize> =
                (0..=last).filter(|level| *level == last || !another.contains(level)).collect();
            prop_assert!(falls(&graded), "{worth:?}");
            prop_assert!((1..last).all(|level| falls(&[0, level, last])), "{worth:?}");
            prop_assert!(worth[last] <= 1.000_001, "{worth:?}");
        }
    }
}
