//! Numbers by chance that depend on nothing but a seed and the number of a stream: whatever thread asks, in whatever
//! order, stream 7 of seed 1 is always the same. The generator is SplitMix64 (Steele, Lea, Flood, "Fast splittable
//! pseudorandom number generators", 2014), started at a mix of seed and stream.

/// One stream.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Random {
    /// A stream of a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix(mix(seed.wrapping_add(GOLDEN)) ^ mix(stream.wrapping_mul(GOLDEN).wrapping_add(1))) }
    }

    /// Any 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// In [0, 1), with 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// In [low, high]; `low` where both are equal. Never overflows.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        let unit = self.unit();
        (low * (1.0 - unit) + high * unit).clamp(low.min(high), high.max(low))
    }

    /// Below `bound`, each as likely; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// From the standard normal distribution (polar method of Marsaglia).
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }

    /// `count` different numbers below `bound`, in an order by chance; all of them where `count` is greater.
    pub(crate) fn sample(&mut self, bound: usize, count: usize) -> Vec<usize> {
        let count = count.min(bound);
        if count * 8 > bound {
            let mut all: Vec<usize> = (0..bound).collect();
            for at in 0..count {
                all.swap(at, at + self.below(bound - at));
            }
            all.truncate(count);
            return all;
        }
        // Floyd's method: no memory for what is not drawn.
        let mut seen = std::collections::HashSet::with_capacity(count);
        let mut drawn = Vec::with_capacity(count);
        for last in bound - count..bound {
            let candidate = self.below(last + 1);
            let value = if seen.insert(candidate) { candidate } else { last };
            seen.insert(value);
            drawn.push(value);
        }
        for at in (1..count).rev() {
            drawn.swap(at, self.below(at + 1));
        }
        drawn
    }

    /// All numbers below `bound` in an order by chance.
    pub(crate) fn permutation(&mut self, bound: usize) -> Vec<usize> {
        self.sample(bound, bound)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_stream_is_what_it_always_was() {
        let mut random = Random::new(42, 7);
        let first: Vec<u64> = (0..2).map(|_| random.bits()).collect();
        let mut again = Random::new(42, 7);
        assert_eq!(first, [again.bits(), again.bits()]);
        assert_ne!(first[0], Random::new(42, 8).bits());
        assert_ne!(first[0], Random::new(43, 7).bits());
    }

    #[test]
    fn samples_are_different_and_in_range() {
        for (bound, count) in [(10, 10), (1000, 30), (5, 9), (1, 1)] {
            let mut drawn = Random::new(1, 1).sample(bound, count);
            assert_eq!(drawn.len(), count.min(bound));
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), count.min(bound));
            assert!(drawn.iter().all(|value| *value < bound));
        }
    }

    #[test]
    fn normal_and_uniform_have_their_moments() {
        let mut random = Random::new(3, 3);
        let n = 100_000;
        let normal: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mean = normal.iter().sum::<f64>() / f64::from(n);
        let variance = normal.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.unit())));
        assert!(random.between(-f64::MAX, f64::MAX).is_finite());
    }
}
