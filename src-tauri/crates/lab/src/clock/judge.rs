//! What all sources together say of our clock.

use super::{ClockReading, ClockSource, ClockState, Trust};

/// Floors have their own slack: a certificate is dated back by a minute, a stamp is taken before its event is kept.
const FLOOR_SLACK_S: f64 = 120.0;
/// Clocks that follow a server are this near each other, with the time that asking takes.
const IN_STEP_S: f64 = 2.0;
/// Beyond this dates cannot be judged: a step-ca refuses tokens that are a minute off.
const OFF_S: f64 = 60.0;

/// Judges our clock by all readings. A time service that follows somebody outranks the newest event and the youngest
/// certificate: those were dated by this clock, which may have run ahead then. Nothing outranks the day this program was
/// built.
pub fn judge(readings: &[ClockReading]) -> ClockState {
    let all = floor(readings, |_| true);
    let built = floor(readings, |source| source == ClockSource::Build);
    if built.is_some_and(|(_, behind)| behind > FLOOR_SLACK_S)
        && let Some(latest) = all
    {
        return behind(latest);
    }
    let earliest = readings.iter().filter(|reading| reading.floor).filter_map(|reading| reading.ahead_s);
    let earliest = earliest.fold(f64::INFINITY, f64::min);
    // One that tells a time before something that has happened knows less than we do. (It is behind us by more than we are
    // ahead of that floor.)
    let believable = |reading: &&ClockReading| {
        !reading.floor
            && reading.synced != Some(false)
            && (reading.source == ClockSource::Ntp
                || reading.ahead_s.is_none_or(|ahead| ahead <= earliest + FLOOR_SLACK_S))
    };
    let outside: Vec<&ClockReading> = readings.iter().filter(believable).collect();
    let followed =
        outside.iter().find(|reading| reading.source == ClockSource::Ntp && reading.synced == Some(true));
    match followed {
        Some(ntp) => by_service(ntp, &outside, all),
        None => by_others(&outside, all),
    }
}

/// The latest of the floors, and by how much we are behind it.
fn floor(readings: &[ClockReading], which: impl Fn(ClockSource) -> bool) -> Option<(&ClockReading, f64)> {
    let floors = readings.iter().filter(|reading| reading.floor && which(reading.source));
    floors.filter_map(|reading| Some((reading, -reading.ahead_s?))).max_by(|a, b| a.1.total_cmp(&b.1))
}

fn behind((floor, seconds): (&ClockReading, f64)) -> ClockState {
    ClockState {
        trust: Trust::Behind,
        says: format!("at least {} behind {}", span(seconds), floor.says),
        remedy: "connect the board to the internet so that its clock is set, or set it: sudo date -s 'YYYY-MM-DD HH:MM'; \
                 certificates are judged again as soon as it is right"
            .into(),
        ahead_s: Some(-seconds),
    }
}

fn off(reading: &ClockReading, ahead_s: f64) -> ClockState {
    ClockState {
        trust: Trust::Off,
        says: format!("{} {}", apart(ahead_s), reading.name),
        remedy: format!("find out which is right, {} or this clock, and set the other", reading.name),
        ahead_s: Some(ahead_s),
    }
}

fn by_service(
    ntp: &ClockReading,
    outside: &[&ClockReading],
    floor: Option<(&ClockReading, f64)>,
) -> ClockState {
    let Some(ahead) = ntp.ahead_s else { return in_step(ntp, None, floor) };
    if ahead.abs() > OFF_S {
        // It follows a server, slowly, or somebody set the clock under it.
        return match floor.filter(|(_, seconds)| *seconds > FLOOR_SLACK_S) {
            Some(floor) => behind(floor),
            None => off(ntp, ahead),
        };
    }
    if ahead.abs() > IN_STEP_S {
        return ClockState {
            trust: Trust::Unconfirmed,
            says: format!("{} {}, being corrected", apart(ahead), ntp.name),
            remedy: String::new(),
            ahead_s: Some(ahead),
        };
    }
    let differs = |reading: &&&ClockReading| reading.ahead_s.is_some_and(|other| other.abs() > OFF_S);
    let mut state = in_step(ntp, Some(ahead), floor);
    if let Some(other) = outside.iter().find(differs) {
        state.says = format!("{}; the clock of {} is wrong", state.says, other.name);
    }
    state
}

fn in_step(ntp: &ClockReading, ahead_s: Option<f64>, floor: Option<(&ClockReading, f64)>) -> ClockState {
    let near = ahead_s.map_or_else(String::new, |ahead| format!(" ({})", span(ahead.abs())));
    let future = floor.filter(|(_, seconds)| *seconds > FLOOR_SLACK_S);
    let future = future.map_or_else(String::new, |(floor, _)| format!("; {} was dated ahead", floor.says));
    ClockState {
        trust: Trust::Good,
        says: format!("in step with {}{near}{future}", ntp.name),
        remedy: String::new(),
        ahead_s,
    }
}

fn by_others(outside: &[&ClockReading], floor: Option<(&ClockReading, f64)>) -> ClockState {
    if let Some(floor) = floor.filter(|(_, seconds)| *seconds > FLOOR_SLACK_S) {
        return behind(floor);
    }
    let far = |a: &&&ClockReading| a.ahead_s.map_or(0.0, f64::abs);
    let worst = outside.iter().filter(|reading| reading.ahead_s.is_some());
    match worst.max_by(|a, b| far(a).total_cmp(&far(b))).and_then(|reading| Some((reading, reading.ahead_s?)))
    {
        Some((reading, ahead)) if ahead.abs() > OFF_S => off(reading, ahead),
        Some((reading, ahead)) if ahead.abs() > IN_STEP_S => ClockState {
            trust: Trust::Unconfirmed,
            says: format!("{} {}; which is right is not known", apart(ahead), reading.name),
            remedy: "connect the board to the internet, so that a time service sets its clock".into(),
            ahead_s: Some(ahead),
        },
        Some((reading, ahead)) => ClockState {
            trust: Trust::Good,
            says: format!("agrees with {} ({})", reading.name, span(ahead.abs())),
            remedy: String::new(),
            ahead_s: Some(ahead),
        },
        None => ClockState {
            trust: Trust::Unconfirmed,
            says: "nobody outside confirms it; nothing contradicts it".into(),
            remedy: String::new(),
            ahead_s: None,
        },
    }
}

fn apart(ahead_s: f64) -> String {
    format!("{} {}", span(ahead_s.abs()), if ahead_s > 0.0 { "ahead of" } else { "behind" })
}

/// A time span for people: `4 ms`, `12 s`, `3 min`, `7 h`, `5 d`. Rounded down: "at least" stands before it.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{:.0} s", s.floor()),
        s if s < 7200.0 => format!("{:.0} min", (s / 60.0).floor()),
        s if s < 172_800.0 => format!("{:.0} h", (s / 3600.0).floor()),
        s => format!("{:.0} d", (s / 86_400.0).floor()),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
