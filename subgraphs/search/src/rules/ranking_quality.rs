//! How good an order of results is, by the grades that people gave the products: 3 is what was searched for, 2 a good
//! alternative, 1 loosely related, 0 wrong.

/// How many results count.
pub(crate) const RESULTS: usize = 10;

/// From which grade on a result is relevant.
pub(crate) const RELEVANT: u8 = 2;

/// The normalized discounted cumulative gain of the first [`RESULTS`], from 0 to 1: the gain of the grades in this order
/// in proportion to that of all grades in the best order. 1 if there is nothing to gain.
pub(crate) fn ndcg(results: &[u8], grades: impl IntoIterator<Item = u8>) -> f64 {
    let mut ideal: Vec<u8> = grades.into_iter().collect();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    let best = gain(&ideal);
    if best > 0.0 {
        gain(results) / best
    } else {
        1.0
    }
}

fn gain(grades: &[u8]) -> f64 {
    let gains = grades.iter().take(RESULTS).zip(2_u8..);
    gains
        .map(|(grade, position)| (f64::from(*grade).exp2() - 1.0) / f64::from(position).log2())
        // An empty sum of floats is minus zero.
        .fold(0.0, |sum, gain| sum + gain)
}

/// One divided by the position of the first relevant result, from 1; 0 if none of the first [`RESULTS`] is.
pub(crate) fn reciprocal_rank(results: &[u8]) -> f64 {
    let first = results.iter().take(RESULTS).zip(1_u8..);
    first
        .filter(|(grade, _)| **grade >= RELEVANT)
        .map(|(_, position)| 1.0 / f64::from(position))
        .next()
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_gain_is_that_of_the_literature() {
        // 7, 3, 7, 0, 1 and 3 over log2(2) to log2(7).
        let results = [3, 2, 3, 0, 1, 2];
        let expected = 13.848;
        assert!(
            (gain(&results) - expected).abs() < 0.001,
            "{}",
            gain(&results)
        );
        // With 3 and 2 that were not found, the best is 3, 3, 3, 2, 2, 2, 1, 0.
        let found = ndcg(&results, [3, 2, 3, 0, 1, 2, 3, 2]);
        assert!((found - 0.738).abs() < 0.001, "{found}");
    }

    #[test]
    fn the_first_relevant_result_counts() {
        for (results, rank) in [
            (&[3, 0][..], 1.0),
            (&[1, 2], 0.5),
            (&[0, 1, 0, 2], 0.25),
            (&[1, 1], 0.0),
            (&[], 0.0),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3], 0.0),
        ] {
            assert!((reciprocal_rank(results) - rank).abs() < f64::EPSILON);
        }
    }

    proptest! {
        #[test]
        fn the_best_order_has_one_and_no_other_has_more(
            grades in proptest::collection::vec(0_u8..=3, 0..30),
            seed in any::<u64>(),
        ) {
            let mut best = grades.clone();
            best.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert!((ndcg(&best, grades.clone()) - 1.0).abs() < 1e-12);
            let mut other = grades.clone();
            let mut state = seed;
            for index in (1..other.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                other.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
            }
            let value = ndcg(&other, grades);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&value));
        }
    }
}
