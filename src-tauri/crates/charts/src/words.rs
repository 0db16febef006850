//! Figures as people read them.

/// A length of time: `0 s`, `43 ms`, `0.84 s`, `41.2 s`, `4:12`, `3 h 10 m`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.0005 => "0 s".to_owned(),
        s if s < 0.0995 => format!("{:.0} ms", s * 1e3),
        s if s < 0.995 => format!("{s:.2} s"),
        s if s < 59.95 => format!("{s:.1} s"),
        s => minutes(s),
    }
}

/// A moment on an axis, with the decimals that its steps need.
pub(crate) fn at_step(seconds: f64, step: f64) -> String {
    match (seconds, step) {
        (0.0, _) => "0".to_owned(),
        (s, step) if step < 0.1 => format!("{:.0} ms", s * 1e3),
        (s, step) if step < 1.0 => format!("{s:.1} s"),
        (s, _) if s < 59.5 => format!("{s:.0} s"),
        (s, _) => minutes(s),
    }
}

fn minutes(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        s if s < 3_600 => format!("{}:{:02}", s / 60, s % 60),
        s => format!("{} h {:02} m", s / 3_600, s % 3_600 / 60),
    }
}

/// An amount of data: `640 B`, `61 kB`, `8.1 MB`.
pub(crate) fn bytes(count: u64) -> String {
    let figure = count as f64;
    match figure {
        b if b < 1e3 => format!("{count} B"),
        b if b < 999.5e3 => format!("{:.0} kB", b / 1e3),
        b if b < 9.95e6 => format!("{:.1} MB", b / 1e6),
        b if b < 999.5e6 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

/// Text that fits into so many characters; what is cut shows as an ellipsis.
pub(crate) fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// XML has no place for control characters, escaped or not.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c })
        .collect()
}

/// Text for the inside of an element.
pub(crate) fn escape(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        let table = [
            (0.0, "0 s"),
            (0.0006, "1 ms"),
            (0.0432, "43 ms"),
            (0.84, "0.84 s"),
            (0.999, "1.0 s"),
            (9.04, "9.0 s"),
            (41.24, "41.2 s"),
            (59.97, "1:00"),
            (252.0, "4:12"),
            (11_400.0, "3 h 10 m"),
        ];
        for (seconds, words) in table {
            assert_eq!(duration(seconds), words);
        }
    }

    #[test]
    fn data_and_steps() {
        assert_eq!(
            [640, 61_400, 8_123_456, 61_000_000, 2_000_000_000].map(bytes),
            ["640 B", "61 kB", "8.1 MB", "61 MB", "2.0 GB"]
        );
        assert_eq!(at_step(0.02, 0.01), "20 ms");
        assert_eq!(at_step(0.4, 0.2), "0.4 s");
        assert_eq!((at_step(30.0, 10.0), at_step(60.0, 10.0)), ("30 s".into(), "1:00".into()));
    }

    #[test]
    fn hostile_text_is_harmless() {
        assert_eq!(escape("<b>&\u{0}\n"), "&lt;b&gt;&amp;\u{fffd}\u{fffd}");
        assert_eq!(clip("kernel asked", 8), "kernel…");
    }
}
