//! A moment in words.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// As in `23 Nov 2026 05:20 UTC`: for sentences about the clock itself, which no other zone may confuse.
pub fn date_words(us: i64) -> String {
    let minutes = us.div_euclid(60_000_000);
    let (days, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let (year, month, day) = civil(days);
    format!("{day} {} {year} {:02}:{:02} UTC", MONTHS[month], minute / 60, minute % 60)
}

/// Year, month from 0, and day from days since 1970, in the proleptic Gregorian calendar: a year that begins in March has its
/// odd day at its end, and 400 of them have 146,097 days.
fn civil(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    (era * 400 + year + i64::from(month < 2), month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (seconds, words) in [
            (0, "1 Jan 1970 00:00 UTC"),
            (951_782_400, "29 Feb 2000 00:00 UTC"),
            (1_709_251_199, "29 Feb 2024 23:59 UTC"),
            (1_795_411_200, "23 Nov 2026 05:20 UTC"),
            (4_107_542_400, "1 Mar 2100 00:00 UTC"),
            (-86_400, "31 Dec 1969 00:00 UTC"),
        ] {
            assert_eq!(date_words(seconds * 1_000_000), words);
        }
    }
}
