//! The pause that is usual for a stream, learnt from its own pauses.
//!
//! Pauses are counted in buckets that grow by a fifth, and the counts fade. The longest pause that came three times is the
//! pace: bursts do not shorten it, one odd pause does not lengthen it, and a habit that ended is forgotten.

/// Below this no pause is told from another: streams report themselves once a second and are looked at twice a second.
const SHORTEST_S: f64 = 2.0;
/// Each bucket is this much wider than the one before.
const STEP: f64 = 1.2;
/// Up to 2 s × 1.2^60: thirty hours.
const BUCKETS: usize = 60;
/// A pause is usual when it came so often, less what has faded.
const USUAL: f32 = 2.5;
/// Pauses before anything is expected at all.
const ENOUGH: f32 = 7.5;
/// More of the same pause say nothing new; what is remembered longer would be believed too long after a habit ended.
const MOST: f32 = 8.0;
/// After this time what was learnt counts half.
const HALF_LIFE_S: f64 = 1800.0;
/// Of a slow stream about a hundred pauses must be remembered as well: none fades the others more than by 2^(-1/64).
const FADES_SLOWLY: f64 = 64.0;

/// Pauses after which a stream is looked into, and is silent. The second leaves time for a look within three paces.
const LATE: f64 = 2.25;
const SILENT: f64 = 2.75;

/// What was learnt of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    counts: [f32; BUCKETS],
    /// No pause shorter than this is expected, whatever was seen.
    floor_s: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self::at_least(SHORTEST_S)
    }
}

impl Pace {
    /// Of a stream whose own deadlines allow such pauses.
    pub fn at_least(floor_s: f64) -> Self {
        Self { counts: [0.0; BUCKETS], floor_s: floor_s.max(SHORTEST_S) }
    }

    /// Learns a pause between its newest item and the one before. Pauses that a fault explains are not to be learnt.
    pub fn saw(&mut self, pause_s: f64) {
        if !pause_s.is_finite() || pause_s < 0.0 {
            return;
        }
        let half_life = HALF_LIFE_S.max(FADES_SLOWLY * pause_s);
        let fading = (-pause_s / half_life).exp2() as f32;
        for count in &mut self.counts {
            *count *= fading;
        }
        let count = &mut self.counts[bucket(pause_s)];
        *count = (*count + 1.0).min(MOST);
    }

    /// The longest pause that is usual, in seconds; `None` while too little was seen.
    pub fn usual(&self) -> Option<f64> {
        if self.counts.iter().sum::<f32>() < ENOUGH {
            return None;
        }
        let mut longer = 0.0;
        let usual = self.counts.iter().enumerate().rev().find(|(_, count)| {
            longer += **count;
            longer >= USUAL
        });
        usual.map(|(bucket, _)| edge(bucket).max(self.floor_s))
    }

    /// Whether so long a pause is worth a look.
    pub fn is_late(&self, pause_s: f64) -> bool {
        self.usual().is_some_and(|usual| pause_s >= LATE * usual)
    }

    /// Whether so long a pause is a silence.
    pub fn is_silent(&self, pause_s: f64) -> bool {
        self.usual().is_some_and(|usual| pause_s >= SILENT * usual)
    }
}

fn bucket(pause_s: f64) -> usize {
    let steps = (pause_s / SHORTEST_S).ln() / STEP.ln();
    // Shorter ones, and 0 with its logarithm, all go into the first.
    (steps.ceil().max(0.0) as usize).min(BUCKETS - 1)
}

/// The longest pause of a bucket.
fn edge(bucket: usize) -> f64 {
    SHORTEST_S * STEP.powi(bucket as i32)
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
