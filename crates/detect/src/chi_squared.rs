//! The chi-squared distribution: its share below a value, and the other way round.

/// The share of the distribution with `freedom` degrees below `value`: the regularised lower incomplete gamma function,
/// by its series or its continued fraction (Numerical Recipes, 6.2).
pub(crate) fn below(value: f64, freedom: f64) -> f64 {
    let (a, x) = (freedom / 2.0, value / 2.0);
    if x <= 0.0 {
        return 0.0;
    }
    let front = (a * x.ln() - x - log_gamma(a)).exp();
    if x < a + 1.0 { front * series(a, x) } else { 1.0 - front * fraction(a, x) }
}

fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut at) = (1.0 / a, 1.0 / a, a);
    for _ in 0..10_000 {
        at += 1.0;
        term *= x / at;
        sum += term;
        if term < sum * 1e-16 {
            break;
        }
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut result = d;
    for step in 1..10_000 {
        let step = f64::from(step);
        let factor = -step * (step - a);
        b += 2.0;
        d = 1.0 / (factor * d + b);
        c = b + factor / c;
        let change = d * c;
        result *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

/// ln Γ by Lanczos' approximation.
fn log_gamma(x: f64) -> f64 {
    const PARTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = PARTS[1..].iter().zip(1..).fold(PARTS[0], |sum, (part, at)| sum + part / (x + f64::from(at)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The value that a share of the distribution lies below: halving until nothing changes.
pub(crate) fn quantile(share: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, freedom + 10.0);
    while below(high, freedom) < share && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if below(middle, freedom) < share { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::{below, quantile};

    #[test]
    fn values_are_those_of_tables() {
        for (share, freedom, expected) in [
            (0.95, 1.0, 3.841_458_820_694_124),
            (0.5, 10.0, 9.341_817_765_591_966),
            (0.975, 166.0, 203.567_242_272_136_27),
        ] {
            let found = quantile(share, freedom);
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
            assert!((below(found, freedom) - share).abs() < 1e-9);
        }
    }
}
