//! Round figures for a time axis.

use crate::words;

/// Steps that people count in, in seconds.
const STEPS: [f64; 21] = [
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    1_800.0, 3_600.0, 7_200.0, 21_600.0,
];

/// A time axis from zero.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// Seconds at its right end.
    pub(crate) extent: f64,
    /// Seconds between two grid lines.
    pub(crate) step: f64,
    left: f64,
    width: f64,
}

impl Axis {
    /// An axis that holds `longest` seconds in pixels `left..right`, with at most `most` grid lines after zero.
    pub(crate) fn new(longest: f64, (left, right): (i32, i32), most: usize) -> Self {
        let longest = if longest > 0.0 { longest } else { 1.0 };
        let day = 86_400.0;
        let step = STEPS
            .into_iter()
            .find(|step| longest / step <= most as f64)
            .unwrap_or_else(|| day * (longest / day / most as f64).ceil());
        // A little air, so that the last bar does not end in the frame.
        Self { extent: longest * 1.02, step, left: left.into(), width: (right - left).into() }
    }

    pub(crate) fn x(&self, seconds: f64) -> i32 {
        (self.left + self.width * (seconds / self.extent)).round() as i32
    }

    /// Grid lines with their words.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (i32, String)> {
        let count = (self.extent / self.step).floor() as u32;
        (0..=count).map(|n| {
            let seconds = f64::from(n) * self.step;
            (self.x(seconds), words::at_step(seconds, self.step))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (longest, step) in
            [(0.043, 0.01), (0.9, 0.2), (7.0, 1.0), (41.0, 10.0), (252.0, 60.0), (864_000.0, 172_800.0)]
        {
            let axis = Axis::new(longest, (0, 100), 7);
            assert_eq!(axis.step, step, "{longest} s");
            assert!(axis.lines().count() <= 8);
        }
        assert!(Axis::new(0.0, (0, 100), 7).lines().count() > 1, "a boot that just began has an axis too");
    }

    #[test]
    fn seconds_land_inside() {
        let axis = Axis::new(40.0, (100, 900), 7);
        assert_eq!(axis.x(0.0), 100);
        assert!(axis.x(40.0) < 900 && axis.x(40.0) > 870);
    }
}
