//! Figures as a person reads them.

use super::limits::Limit;

/// `0.4 s`, `27 s`, `1:05`.
pub(super) fn seconds(value: f64) -> String {
    match value {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 59.5 => format!("{s:.0} s"),
        s => format!("{}:{:02}", s.round() as u64 / 60, s.round() as u64 % 60),
    }
}

/// `940 kB`, `8.2 MB`.
pub(super) fn bytes(value: u64) -> String {
    match value as f64 {
        b if b < 1e3 => format!("{value} bytes"),
        b if b < 1e6 => format!("{:.0} kB", b / 1e3),
        b if b < 1e7 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.0} MB", b / 1e6),
    }
}

/// What is usual, where that is known: `usually 9.0 s, median of 57 boots`.
pub(super) fn usually(limit: &Limit) -> String {
    match limit.usual {
        Some((usual, boots)) => format!("usually {}, median of {boots} boots", seconds(usual)),
        None => "no history of its own yet".to_owned(),
    }
}

/// Option 93 in words.
pub(super) fn architecture(arch: u64) -> &'static str {
    match arch {
        0 => "BIOS (architecture 0)",
        2 => "Itanium (architecture 2)",
        6 => "UEFI on 32-bit x86 (architecture 6)",
        7 => "UEFI on x86-64 (architecture 7)",
        9 => "UEFI on x86-64 (architecture 9)",
        10 => "UEFI on 32-bit ARM (architecture 10)",
        11 => "UEFI on 64-bit ARM (architecture 11)",
        15 => "UEFI on 32-bit x86 with HTTP boot (architecture 15)",
        16 => "UEFI on x86-64 with HTTP boot (architecture 16)",
        19 => "UEFI on 64-bit ARM with HTTP boot (architecture 19)",
        _ => "of an architecture that is not known here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0.44, 9.0, 27.2, 59.6, 125.0].map(seconds), ["0.4 s", "9.0 s", "27 s", "1:00", "2:05"]);
        assert_eq!(
            [940, 61_400, 8_200_000, 61_000_000].map(bytes),
            ["940 bytes", "61 kB", "8.2 MB", "61 MB"]
        );
    }
}
