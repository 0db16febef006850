//! A whole run as a waterfall: a row a machine, its boots at their time, phases in their colours.

use jiff::Timestamp;
use lab::{Boot, BootState, Phase, Run, RunState, Stamp};
use plotters::prelude::{IntoDrawingArea, SVGBackend};

use crate::{
    ChartError, Look,
    axis::Axis,
    ink::{self, Drawn, Page, S, XL, XS, bold, plain},
    words,
};

/// Below this the words would not fit.
const SMALLEST: (u32, u32) = (640, 300);
/// Beyond this no screen goes, and pixels are whole numbers with a sign.
const LARGEST: u32 = 16_384;
const MARGIN: i32 = 32;
/// Width of the column with names and states.
const NAMES: i32 = 206;
/// Height of title and summary, and of axis and legend.
const HEAD: i32 = 110;
const FOOT: i32 = 76;
/// A row as high as it may be, and its bar.
const ROW: i32 = 64;
const BAR: i32 = 24;
/// A bar that is shorter would not be seen.
const THINNEST: i32 = 3;

/// One machine of the run.
struct Row<'a> {
    machine: &'a str,
    boots: Vec<&'a Boot>,
}

/// Draws the boots of a run, those of a machine in one row. `boots` may hold others too; they are passed over. `now` ends
/// what still runs.
pub fn run_waterfall(run: &Run, boots: &[Boot], now: &Stamp, look: &Look<'_>) -> Result<String, ChartError> {
    let (width, height) = look.size;
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return Err(ChartError::TooSmall(width, height, SMALLEST.0, SMALLEST.1));
    }
    let size = (width.min(LARGEST), height.min(LARGEST));
    let of_run = |name: &str| boots.iter().filter(|b| b.run == Some(run.id) && b.machine == name).collect();
    let rows: Vec<Row<'_>> =
        run.machines.iter().map(|name| Row { machine: name, boots: of_run(name) }).collect();
    let mut svg = String::new();
    {
        let page = Page(SVGBackend::with_string(&mut svg, size).into_drawing_area());
        Frame::new(run, &rows, now, size).draw(&page, look)?;
        page.0.present().map_err(|e| ChartError::Backend(e.to_string()))?;
    }
    Ok(crate::describe(&svg, &title(run), &description(run, &rows)))
}

fn title(run: &Run) -> String {
    format!("run {} of {}", run.id, run.lab)
}

/// Everything that is seen, in sentences, for those who do not see it.
fn description(run: &Run, rows: &[Row<'_>]) -> String {
    let mut sentences = vec![format!("Run {} of {}, {}.", run.id, run.lab, run.state.word())];
    for row in rows {
        let boot = |boot: &&Boot| {
            let seconds =
                boot.seconds().map(|s| format!(" after {}", words::duration(s))).unwrap_or_default();
            format!("boot {} {}{seconds} in phase {}", boot.id, boot.state.word(), boot.phase().word())
        };
        let boots: Vec<String> = row.boots.iter().map(boot).collect();
        let boots = if boots.is_empty() { "never booted".to_owned() } else { boots.join(", ") };
        sentences.push(format!("{}: {boots}.", row.machine));
    }
    sentences.join(" ")
}

struct Frame<'a> {
    run: &'a Run,
    rows: &'a [Row<'a>],
    now: &'a Stamp,
    width: i32,
    row_height: i32,
    bottom: i32,
    height: i32,
    axis: Axis,
}

impl<'a> Frame<'a> {
    fn new(run: &'a Run, rows: &'a [Row<'a>], now: &'a Stamp, (width, height): (u32, u32)) -> Self {
        let (width, height) = (width as i32, height as i32);
        let row_height = ((height - HEAD - FOOT) / rows.len().max(1) as i32).min(ROW);
        let end = run.ended.as_ref().unwrap_or(now);
        let longest = end.seconds_since(&run.started).unwrap_or_default();
        let seen = rows.iter().flat_map(|row| &row.boots).flat_map(|boot| &boot.phases);
        let seen =
            seen.filter_map(|span| span.ended.as_ref().unwrap_or(&span.started).seconds_since(&run.started));
        let span = (MARGIN + NAMES, width - MARGIN);
        let axis = Axis::new(seen.fold(longest, f64::max), span, (span.1 - span.0) as usize / 90);
        Self { run, rows, now, width, row_height, bottom: height - FOOT, height, axis }
    }

    fn draw(&self, page: &Page<'_>, look: &Look<'_>) -> Drawn {
        page.bar((0, 0), (self.width, self.height), ink::BG)?;
        self.head(page, look)?;
        for (x, says) in self.axis.lines() {
            page.line(&[(x, HEAD - 6), (x, self.bottom)], 1, ink::LINE)?;
            page.text(&says, (x, self.bottom + 16), plain(XS, ink::FAINT).centred())?;
        }
        page.line(&[(MARGIN, self.bottom), (self.width - MARGIN, self.bottom)], 1, ink::LINE_STRONG)?;
        for (n, row) in self.rows.iter().enumerate() {
            self.row(page, HEAD + n as i32 * self.row_height, row)?;
        }
        self.legend(page)
    }

    fn head(&self, page: &Page<'_>, look: &Look<'_>) -> Drawn {
        let right = self.width - MARGIN;
        if let Some(badge) = look.badge {
            page.badge(&words::clip(badge, 20), (right, 24))?;
        }
        page.text(&ink::fit(&title(self.run), right - 240, XL), (MARGIN, 36), bold(XL, ink::TEXT))?;
        let state = match self.run.state {
            RunState::Done => BootState::Good,
            RunState::Failed => BootState::Failed,
            RunState::Cancelled => BootState::Abandoned,
            RunState::Running | RunState::Cancelling => BootState::Running,
        };
        page.state(state, (MARGIN + 8, 69))?;
        let began = Timestamp::from_microsecond(self.run.started.wall_us)
            .map(|t| t.to_zoned(look.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string());
        let took = self.run.seconds().map(|s| format!(" after {}", words::duration(s))).unwrap_or_default();
        let says = format!("{} · {}{took}", began.unwrap_or_default(), self.run.state.word());
        page.text(&ink::fit(&says, right - MARGIN - 26, S), (MARGIN + 26, 68), plain(S, ink::MUTED))
    }

    fn row(&self, page: &Page<'_>, top: i32, row: &Row<'_>) -> Drawn {
        let middle = top + self.row_height / 2;
        let bar = BAR.min(self.row_height - 4).max(THINNEST);
        let (above, below) = (middle - bar / 2, middle + bar / 2);
        page.text(&ink::fit(row.machine, NAMES - 90, S), (MARGIN, middle), bold(S, ink::TEXT))?;
        let (says, color) = match row.boots.last() {
            Some(boot) => {
                (boot.seconds().map_or_else(|| boot.state.word().to_owned(), words::duration), ink::MUTED)
            }
            None => ("no boot".to_owned(), ink::FAINT),
        };
        page.text(&says, (MARGIN + NAMES - 22, middle), plain(XS, color).ending())?;
        for boot in &row.boots {
            let mut last = None;
            for span in &boot.phases {
                let end = span.ended.as_ref().unwrap_or(self.now);
                // A host that restarted has another clock; what cannot be told is not drawn.
                let (Some(from), Some(to)) =
                    (span.started.seconds_since(&self.run.started), end.seconds_since(&self.run.started))
                else {
                    continue;
                };
                let x = (self.axis.x(from), self.axis.x(to).max(self.axis.x(from) + THINNEST));
                page.bar((x.0, above), (x.1, below), ink::phase(span.phase))?;
                last = Some(x.1);
            }
            match (last, boot.state) {
                (Some(x), BootState::Failed) => page.cross((x + 14, middle), 6)?,
                (Some(x), BootState::Abandoned) => page.state(boot.state, (x + 14, middle))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn legend(&self, page: &Page<'_>) -> Drawn {
        let y = self.height - 20;
        let mut x = MARGIN + NAMES;
        for phase in Phase::ALL {
            page.bar((x, y - 7), (x + 14, y + 7), ink::phase(phase))?;
            page.text(phase.word(), (x + 20, y), plain(XS, ink::FAINT))?;
            x += 20 + ink::width(phase.word(), XS) + 26;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use lab::{Body, Draft, Event, boot::Cause, event::SCHEMA};

    use super::*;

    fn stamp(seconds: f64) -> Stamp {
        let us = (seconds * 1e6) as i64;
        Stamp { wall_us: 1_700_000_000_000_000 + us, mono_us: us, host_boot: "one".into() }
    }

    fn event(subject: &str, boot: Option<u64>, at: f64, body: Body) -> Event {
        let draft = Draft {
            stamp: stamp(at),
            run: Some(1),
            boot,
            actor: "engine".into(),
            reason: None,
            subject: subject.into(),
            body,
        };
        Event { seq: 1, draft, schema: SCHEMA }
    }

    fn run() -> Run {
        let machines = vec!["node1".to_owned(), "node2".to_owned(), "node3".to_owned()];
        let body =
            Body::RunStarted { lab: "rehearsal".into(), machines, steps: Vec::new(), tasks: Vec::new() };
        Run::begin(&event("board", None, 0.0, body)).unwrap()
    }

    fn boot(id: u64, machine: &str, phases: &[(f64, Phase)], end: Option<(f64, BootState)>) -> Boot {
        let mut boot =
            Boot::begin(&event(machine, Some(id), 0.2, Body::BootStarted { cause: Cause::Press })).unwrap();
        for (at, phase) in phases {
            boot.apply(&event(machine, Some(id), *at, Body::PhaseEntered { phase: *phase })).unwrap();
        }
        if let Some((at, state)) = end {
            boot.apply(&event(machine, Some(id), at, Body::BootEnded { state, why: "test".into() })).unwrap();
        }
        boot
    }

    #[test]
    fn every_machine_has_a_row_and_says_how_far_it_came() {
        let good: Vec<(f64, Phase)> =
            Phase::ALL[1..].iter().enumerate().map(|(n, phase)| (9.0 + n as f64, *phase)).collect();
        let boots = [
            boot(1, "node1", &good, Some((16.0, BootState::Good))),
            boot(2, "node2", &good[..1], Some((60.0, BootState::Failed))),
        ];
        let svg = run_waterfall(
            &run(),
            &boots,
            &stamp(61.0),
            &Look { badge: Some("SIMULATED"), ..Look::default() },
        )
        .unwrap();
        for says in
            ["run 1 of rehearsal", "node1", "node3", "no boot", "SIMULATED", "service", "boot 2 failed after"]
        {
            assert!(svg.contains(says), "{says} is missing");
        }
        assert!(svg.contains("role=\"img\""), "screen readers find its name");
        let bars = svg.matches("#97B8DB").count();
        assert!(bars >= 2, "one bar of the os phase, and one in the legend: {bars}");
    }

    #[test]
    fn too_small_is_refused() {
        let look = Look { size: (200, 100), ..Look::default() };
        assert!(matches!(run_waterfall(&run(), &[], &stamp(1.0), &look), Err(ChartError::TooSmall(..))));
    }
}
