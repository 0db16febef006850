//! The header of RFC 5905, section 7.3; extensions and signatures behind it are left alone.

use crate::Malformed;

/// Without extensions.
pub const LENGTH: usize = 48;
/// Seconds from 1900, where NTP begins, to 1970.
const TO_1970: i64 = 2_208_988_800;

const CLIENT: u8 = 3;
const SERVER: u8 = 4;

/// 32 bits of seconds since 1900 (they begin anew in 2036), 32 bits of fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub u64);

impl Time {
    /// From microseconds since 1970.
    pub fn from_wall(wall_us: i64) -> Time {
        let seconds = wall_us.div_euclid(1_000_000) + TO_1970;
        let fraction = (wall_us.rem_euclid(1_000_000) << 32) / 1_000_000;
        // The upper bits of the seconds are the era, which is not sent.
        Time((seconds as u64) << 32 | fraction as u64)
    }

    /// Microseconds from `self` to `later`, right while they are less than 68 years apart.
    pub fn until(self, later: Time) -> i64 {
        let difference = later.0.wrapping_sub(self.0) as i64;
        ((i128::from(difference) * 1_000_000) >> 32) as i64
    }
}

/// A client's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// 1 to 4; the answer has the same.
    pub version: u8,
    /// How often it asks, as a power of two of seconds; repeated in the answer.
    pub poll: u8,
    /// Its own clock; only it knows what that means.
    pub sent: Time,
}

/// How good the clock is that we serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// 0: fine, 1 and 2: a leap second is near, 3: not synchronised.
    pub leap: u8,
    /// Steps from a reference clock.
    pub stratum: u8,
    /// How far it may be off, in microseconds.
    pub dispersion_us: u32,
    /// What it follows, in four letters or as an address.
    pub reference: [u8; 4],
}

/// A server's answer, as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// How good its clock is.
    pub quality: Quality,
    /// The client's own time, sent back.
    pub origin: Time,
    /// When the question came.
    pub received: Time,
    /// When this left.
    pub sent: Time,
}

/// Reads a question. Control and private messages (modes 6 and 7), which have been used to flood others, are malformed
/// here.
pub fn decode(bytes: &[u8]) -> Result<Question, Malformed> {
    let head = bytes.first_chunk::<LENGTH>().ok_or(Malformed("NTP message too short"))?;
    let version = head[0] >> 3 & 7;
    if !(1..=4).contains(&version) {
        return Err(Malformed("NTP version"));
    }
    // Version 1 had no modes yet.
    let mode = head[0] & 7;
    if mode != CLIENT && !(version == 1 && mode == 0) {
        return Err(Malformed("not a question for the time"));
    }
    Ok(Question { version, poll: head[2], sent: time(head, 40) })
}

/// Writes the answer.
pub fn encode(question: &Question, quality: &Quality, received: Time, sent: Time) -> [u8; LENGTH] {
    let mut out = [0; LENGTH];
    out[0] = quality.leap << 6 | question.version << 3 | SERVER;
    out[1] = quality.stratum;
    out[2] = question.poll;
    // A microsecond is 2 to the power of -20 seconds.
    out[3] = (-20_i8) as u8;
    // Root delay stays 0: the dispersion holds the whole of what is not known. 16.16 seconds, rounded up.
    let dispersion = (u64::from(quality.dispersion_us) << 16).div_ceil(1_000_000);
    out[8..12].copy_from_slice(&u32::try_from(dispersion).unwrap_or(u32::MAX).to_be_bytes());
    out[12..16].copy_from_slice(&quality.reference);
    for (at, time) in [(16, received), (24, question.sent), (32, received), (40, sent)] {
        out[at..at + 8].copy_from_slice(&time.0.to_be_bytes());
    }
    out
}

/// Writes a question, for checks.
pub fn ask(sent: Time) -> [u8; LENGTH] {
    let mut out = [0; LENGTH];
    out[0] = 4 << 3 | CLIENT;
    out[40..].copy_from_slice(&sent.0.to_be_bytes());
    out
}

/// Reads the answer to [`ask`].
pub fn decode_answer(bytes: &[u8]) -> Result<Answer, Malformed> {
    let head = bytes.first_chunk::<LENGTH>().ok_or(Malformed("NTP message too short"))?;
    if head[0] & 7 != SERVER {
        return Err(Malformed("not an answer about the time"));
    }
    let dispersion = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    let dispersion_us = u32::try_from((u64::from(dispersion) * 1_000_000) >> 16).unwrap_or(u32::MAX);
    let reference = [head[12], head[13], head[14], head[15]];
    let quality = Quality { leap: head[0] >> 6, stratum: head[1], dispersion_us, reference };
    Ok(Answer { quality, origin: time(head, 24), received: time(head, 32), sent: time(head, 40) })
}

fn time(head: &[u8; LENGTH], at: usize) -> Time {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&head[at..at + 8]);
    Time(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(Time::from_wall(0).0 >> 32, 0x83aa_7e80, "1970");
        assert_eq!(Time::from_wall(500_000).0 as u32, 0x8000_0000, "half a second");
        // 7 February 2036, 06:28:16: the seconds begin anew.
        let wrap = 2_085_978_496_000_000;
        assert_eq!(Time::from_wall(wrap).0, 0);
        assert_eq!(Time::from_wall(wrap - 1_000_000).until(Time::from_wall(wrap + 1_000_000)), 2_000_000);
    }

    #[test]
    fn an_answer_repeats_what_the_client_sent() {
        let question = decode(&ask(Time(42))).unwrap();
        let quality = Quality { leap: 0, stratum: 10, dispersion_us: 10_000, reference: *b"LOCL" };
        let (received, sent) = (Time::from_wall(1_000_000), Time::from_wall(1_000_005));
        let bytes = encode(&question, &quality, received, sent);
        assert_eq!((bytes[0], bytes[1]), (0b00_100_100, 10));
        let answer = decode_answer(&bytes).unwrap();
        assert_eq!((answer.origin, answer.received, answer.sent), (Time(42), received, sent));
        assert!((10_000..10_020).contains(&answer.quality.dispersion_us), "{answer:?}");
    }

    #[test]
    fn only_questions_are_questions() {
        let first = |byte| {
            let mut bytes = ask(Time(1));
            bytes[0] = byte;
            decode(&bytes)
        };
        for byte in [0b00_100_011, 0b11_011_011, 0b00_001_000] {
            assert!(first(byte).is_ok(), "{byte:#010b}");
        }
        for byte in [0b00_100_100, 0b00_010_110, 0b00_010_111, 0b00_101_011, 0] {
            assert!(first(byte).is_err(), "{byte:#010b}");
        }
        assert!(decode(&ask(Time(1))[..47]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_answer(&bytes);
            if let Ok(question) = decode(&bytes) {
                let quality = Quality { leap: 0, stratum: 1, dispersion_us: u32::MAX, reference: [0; 4] };
                let answer = decode_answer(&encode(&question, &quality, Time(1), Time(2))).unwrap();
                prop_assert_eq!(answer.origin, question.sent);
            }
        }

        #[test]
        fn differences_are_right_within_a_lifetime(wall in 0i64..4_000_000_000_000_000, ahead in -1_000_000_000_000_000i64..1_000_000_000_000_000) {
            let found = Time::from_wall(wall).until(Time::from_wall(wall + ahead));
            prop_assert!((found - ahead).abs() <= 1, "{} {}", found, ahead);
        }
    }
}
