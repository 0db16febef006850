//! How long a simulated machine takes, and the numbers that make one machine differ from the next.
//!
//! The shape follows boots measured with real firmware: about nine seconds until the firmware asks for an address, two of
//! iPXE's banner, three more when it waits for a ProxyDHCP server that nobody told it not to wait for, seven from the last
//! byte of the boot files to the running system. Every machine is a little faster or slower than the next, by its seed.

use std::time::Duration;

/// A generator of our own (SplitMix64, Steele et al. 2014): eleven lines that give the same numbers in every release of
/// every library, which a seed that is written into a test needs.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// One generator for each purpose: the same `seed` and `purpose` give the same numbers.
    pub(crate) fn new(seed: u64, purpose: &[u64]) -> Dice {
        let mut dice = Dice(seed);
        for &part in purpose {
            dice.0 = dice.next() ^ part;
        }
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly from 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Evenly from `low` to `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// `mean`, give or take at most `spread` of it.
    fn about(&mut self, mean: f64, spread: f64) -> f64 {
        mean * self.between(1.0 - spread, 1.0 + spread)
    }
}

/// The delays of one boot of one machine, in seconds at speed 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profile {
    /// Power button to the first DISCOVER.
    pub(crate) firmware: f64,
    /// Between two requests of the firmware.
    pub(crate) step: f64,
    /// The loader is in memory; its banner stands, its driver starts.
    pub(crate) ipxe: f64,
    /// iPXE waits for a ProxyDHCP server unless option 175.176 tells it not to.
    pub(crate) proxy_wait: f64,
    /// Before each HTTP request of iPXE.
    pub(crate) request: f64,
    /// The kernel unpacks itself and finds its hardware.
    pub(crate) kernel: f64,
    /// The initial RAM disk is unpacked, drivers loaded, the link is up.
    pub(crate) system: f64,
    /// The running system has its address and looks at its hardware.
    pub(crate) inventory: f64,
    /// From the wish to go down to the supply's end.
    pub(crate) shutdown: f64,
}

impl Profile {
    /// The profile of one boot. A machine keeps its character: `boot` changes it far less than `box_number` does.
    pub(crate) fn new(seed: u64, box_number: u8, boot: u64) -> Profile {
        let mut character = Dice::new(seed, &[u64::from(box_number)]);
        let mut day = Dice::new(seed, &[u64::from(box_number), boot]);
        let mut take = |mean: f64, spread: f64| day.about(character.about(mean, spread), 0.03);
        Profile {
            firmware: take(9.0, 0.12),
            step: take(0.05, 0.2),
            ipxe: take(2.0, 0.1),
            proxy_wait: take(3.0, 0.01),
            request: take(0.03, 0.3),
            kernel: take(2.0, 0.15),
            system: take(5.5, 0.25),
            inventory: take(1.2, 0.3),
            shutdown: take(2.0, 0.3),
        }
    }
}

/// The simulator's clock: divides delays, and keeps time-outs long enough for a server that is not sped up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    speed: f64,
}

impl Pace {
    pub(crate) fn new(speed: f64) -> Pace {
        Pace { speed }
    }

    /// A delay of `seconds` of the simulated world.
    pub(crate) fn delay(self, seconds: f64) -> Duration {
        // Clamped because a careless factor must end in a long wait, not in a panic of the conversion.
        Duration::from_secs_f64((seconds / self.speed).clamp(0.0, 86_400.0))
    }

    /// How long to wait for somebody else: they run at wall time, so never less than `floor`.
    pub(crate) fn patience(self, seconds: f64, floor: Duration) -> Duration {
        self.delay(seconds).max(floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // First outputs of SplitMix64 for seed 0, as printed in several independent implementations.
        let mut dice = Dice::new(0, &[]);
        assert_eq!([dice.next(), dice.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn a_seed_gives_the_same_boots_and_machines_differ() {
        assert_eq!(Profile::new(7, 1, 1), Profile::new(7, 1, 1));
        assert_ne!(Profile::new(7, 1, 1), Profile::new(7, 2, 1));
        assert_ne!(Profile::new(7, 1, 1), Profile::new(8, 1, 1));
        let (first, second) = (Profile::new(7, 1, 1).firmware, Profile::new(7, 1, 2).firmware);
        assert!(first != second && (first / second - 1.0).abs() < 0.07, "one machine keeps its character");
    }

    #[test]
    fn the_figures_stay_near_the_measured_ones() {
        for seed in 0..200 {
            let p = Profile::new(seed, 3, seed);
            assert!((7.0..11.0).contains(&p.firmware), "{p:?}");
            assert!((5.5..10.0).contains(&(p.kernel + p.system)), "{p:?}");
        }
    }

    #[test]
    fn speed_divides_delays_and_leaves_others_their_time() {
        let pace = Pace::new(100.0);
        assert_eq!(pace.delay(9.0), Duration::from_millis(90));
        assert_eq!(pace.patience(4.0, Duration::from_millis(250)), Duration::from_millis(250));
        assert_eq!(Pace::new(1.0).patience(4.0, Duration::from_millis(250)), Duration::from_secs(4));
        assert_eq!(pace.delay(f64::INFINITY), Duration::from_secs(86_400));
    }
}
