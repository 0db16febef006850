//! What the kernel knows about its own clock. Reading it needs no privilege.
#![allow(unsafe_code)] // adjtimex is wrapped by none of the libraries here

use super::message::Quality;

/// What the host's clock follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// Some program keeps it to others' time, at most so many microseconds off.
    Synchronised {
        /// The kernel's own estimate.
        maximum_us: u32,
        /// 0, or 1 and 2 near a leap second.
        leap: u8,
    },
    /// Nobody.
    Free,
}

/// A program on this host follows somebody whose stratum the kernel does not know; public servers have 1 to 3.
const SYNCHRONISED: u8 = 4;
/// As chrony's `local` has it: better than nothing, worse than anything real.
const FREE: u8 = 10;
/// All machines get the same free clock, so that it is exact by definition; what the network adds is the client's to know.
const FREE_DISPERSION_US: u32 = 10_000;

impl Discipline {
    /// What clients are told.
    pub fn quality(&self) -> Quality {
        match *self {
            Self::Synchronised { maximum_us, leap } => {
                Quality { leap, stratum: SYNCHRONISED, dispersion_us: maximum_us, reference: *b"HOST" }
            }
            Self::Free => {
                let reference = [127, 127, 1, 1];
                Quality { leap: 0, stratum: FREE, dispersion_us: FREE_DISPERSION_US, reference }
            }
        }
    }
}

/// Asks the kernel (adjtimex(2)).
pub fn discipline() -> Discipline {
    // SAFETY: all fields of `timex` are plain integers, for which zero is a value; with `modes` 0 the kernel only fills in
    // the structure it is given.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::ntp_adjtime(&raw mut timex), timex)
    };
    let leap = match state {
        libc::TIME_INS => 1,
        libc::TIME_DEL => 2,
        libc::TIME_OK | libc::TIME_OOP | libc::TIME_WAIT => 0,
        _ => return Discipline::Free,
    };
    if timex.status & libc::STA_UNSYNC != 0 {
        return Discipline::Free;
    }
    Discipline::Synchronised { maximum_us: u32::try_from(timex.maxerror).unwrap_or(0), leap }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_clock_is_told_as_one_that_clients_accept() {
        let quality = Discipline::Free.quality();
        assert_eq!((quality.leap, quality.stratum), (0, 10));
    }

    #[test]
    fn the_kernel_can_be_asked() {
        let quality = discipline().quality();
        assert!(quality.stratum == SYNCHRONISED || quality.stratum == FREE, "{quality:?}");
        assert!(quality.leap < 3);
    }
}
