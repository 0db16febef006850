//! One boot as a waterfall: a row a phase, its bar at its time, the usual one thin below, marks as ticks with words.

use lab::{Boot, BootState};
use plotters::prelude::{IntoDrawingArea, SVGBackend};

use crate::{
    ChartError, Look,
    axis::Axis,
    ink::{self, Drawn, Page, S, XL, XS, bold, plain},
    lanes::{self, Label},
    sketch::{Row, Sketch, Span},
    words,
};

/// Below this the words would not fit.
const SMALLEST: (u32, u32) = (640, 460);
/// Beyond this no screen goes, and pixels are whole numbers with a sign.
const LARGEST: u32 = 16_384;
const MARGIN: i32 = 32;
/// Width of the column with names and figures.
const NAMES: i32 = 206;
/// Height of title and summary, and of axis and legend.
const HEAD: i32 = 126;
const FOOT: i32 = 66;
/// Height of a bar, of a usual bar, and of a line of labels.
const BAR: i32 = 20;
const USUAL: i32 = 4;
const LANE: i32 = 17;
/// A bar that is shorter would not be seen.
const THINNEST: i32 = 3;

/// Draws a boot. `usual` holds the usual lengths of its phases in seconds, in their order, where there is history.
pub fn boot_waterfall(boot: &Boot, usual: Option<&[f64]>, look: &Look<'_>) -> Result<String, ChartError> {
    let (width, height) = look.size;
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return Err(ChartError::TooSmall(width, height, SMALLEST.0, SMALLEST.1));
    }
    let size = (width.min(LARGEST), height.min(LARGEST));
    let sketch = Sketch::new(boot, usual, &look.zone);
    let mut svg = String::new();
    {
        let page = Page(SVGBackend::with_string(&mut svg, size).into_drawing_area());
        let frame = Frame::new(&sketch, size);
        page.bar((0, 0), (frame.width, frame.height), ink::BG)?;
        frame.head(&page, look.badge)?;
        frame.grid(&page)?;
        for (n, row) in sketch.rows.iter().enumerate() {
            frame.row(&page, n, row)?;
        }
        frame.foot(&page)?;
        page.0.present().map_err(|e| ChartError::Backend(e.to_string()))?;
    }
    let title = format!("{}, {}", sketch.machine, sketch.summary);
    Ok(crate::describe(&svg, &title, &sketch.description()))
}

/// Where everything goes.
struct Frame<'a> {
    sketch: &'a Sketch,
    width: i32,
    height: i32,
    row_height: i32,
    axis: Axis,
}

impl<'a> Frame<'a> {
    fn new(sketch: &'a Sketch, (width, height): (u32, u32)) -> Self {
        let (width, height) = (width as i32, height as i32);
        let row_height = (height - HEAD - FOOT) / sketch.rows.len().max(1) as i32;
        let span = (MARGIN + NAMES, width - MARGIN);
        let axis = Axis::new(sketch.longest, span, (span.1 - span.0) as usize / 90);
        Self { sketch, width, height, row_height, axis }
    }

    fn head(&self, page: &Page<'_>, badge: Option<&str>) -> Drawn {
        let right = self.width - MARGIN;
        let mut room = right - MARGIN;
        if let Some(badge) = badge {
            let badge = words::clip(badge, 20);
            page.badge(&badge, (right, 24))?;
            room -= ink::width(&badge, XS) + 60;
        }
        let title = ink::fit(&self.sketch.machine, room, XL);
        page.text(&title, (MARGIN, 36), bold(XL, ink::TEXT))?;
        page.state(self.sketch.state, (MARGIN + 8, 69))?;
        let line = |text: &str| ink::fit(text, right - MARGIN - 26, S);
        page.text(&line(&self.sketch.summary), (MARGIN + 26, 68), plain(S, ink::MUTED))?;
        match &self.sketch.why {
            Some(why) => page.text(&line(why), (MARGIN + 26, 92), plain(S, ink::TEXT)),
            None => Ok(()),
        }
    }

    fn grid(&self, page: &Page<'_>) -> Drawn {
        let bottom = self.height - FOOT;
        let right = self.width - MARGIN;
        for (x, says) in self.axis.lines() {
            page.line(&[(x, HEAD - 6), (x, bottom)], 1, ink::LINE)?;
            // Words at the edge end there instead of running out of the picture.
            let look = plain(XS, ink::FAINT);
            if x + ink::width(&says, XS) / 2 > right + MARGIN {
                page.text(&says, (right + MARGIN / 2, bottom + 16), look.ending())?;
            } else {
                page.text(&says, (x, bottom + 16), look.centred())?;
            }
        }
        page.line(&[(MARGIN, bottom), (right, bottom)], 1, ink::LINE_STRONG)
    }

    fn row(&self, page: &Page<'_>, n: usize, row: &Row) -> Drawn {
        let top = HEAD + n as i32 * self.row_height;
        self.names(page, top, row)?;
        if let Some((from, to)) = row.usual {
            let x = (self.axis.x(from), self.axis.x(to).max(self.axis.x(from) + THINNEST));
            let y = top + BAR + 3;
            page.bar((x.0, y), (x.1, y + USUAL), ink::FAINT)?;
        }
        let last = self.sketch.rows.get(n + 1).is_none_or(|next| next.span == Span::NotReached);
        match row.span {
            Span::Timed { from, to } => {
                let x = (self.axis.x(from), self.axis.x(to).max(self.axis.x(from) + THINNEST));
                page.bar((x.0, top), (x.1, top + BAR), ink::phase(row.phase))?;
                if !last {
                    // The fall of the water: where one phase ends the next begins.
                    page.line(&[(x.1, top + BAR), (x.1, top + self.row_height)], 1, ink::LINE_STRONG)?;
                } else if self.sketch.state == BootState::Failed {
                    page.cross((x.1 + 14, top + BAR / 2), 6)?;
                }
            }
            Span::Open { from, seen } => self.open(page, top, row, (from, seen))?,
            Span::Unseen | Span::Unknown | Span::NotReached => {}
        }
        self.marks(page, top, row)
    }

    fn names(&self, page: &Page<'_>, top: i32, row: &Row) -> Drawn {
        let reached = row.span != Span::NotReached;
        let known = matches!(row.span, Span::Timed { .. });
        let (name, figure) = if reached { (ink::TEXT, ink::TEXT) } else { (ink::FAINT, ink::FAINT) };
        let y = top + BAR / 2;
        let end = MARGIN + NAMES - 22;
        page.text(row.phase.word(), (MARGIN, y), bold(S, name))?;
        let look = if known { plain(S, figure) } else { plain(XS, ink::FAINT) };
        page.text(&row.span.words(), (end, y), look.ending())?;
        match row.usual_words() {
            Some(usual) => page.text(&usual, (end, y + 20), plain(XS, ink::FAINT).ending()),
            None => Ok(()),
        }
    }

    /// A bar that has no end yet frays out.
    fn open(&self, page: &Page<'_>, top: i32, row: &Row, (from, seen): (f64, f64)) -> Drawn {
        let color = ink::phase(row.phase);
        let begin = self.axis.x(from);
        let end = self.axis.x(seen).max(begin + THINNEST);
        page.bar((begin, top), (end, top + BAR), color)?;
        for x in (end + 4..(end + 40).min(self.width - 4)).step_by(6) {
            page.bar((x, top), (x + 2, top + BAR), color)?;
        }
        Ok(())
    }

    fn marks(&self, page: &Page<'_>, top: i32, row: &Row) -> Drawn {
        for mark in &row.marks {
            let x = self.axis.x(mark.at);
            page.line(&[(x, top - 4), (x, top + BAR + 2)], 2, ink::TEXT)?;
        }
        let first = top + BAR + USUAL + 7 + LANE / 2;
        let most = ((self.row_height - BAR - USUAL - 9) / LANE).clamp(0, 3) as usize;
        let label = |x: i32, text: String| Label { x, width: ink::width(&text, XS), text };
        let labels = row.marks.iter().map(|mark| {
            label(
                self.axis.x(mark.at) - 1,
                words::clip(&format!("{} {}", words::duration(mark.at), mark.says), 40),
            )
        });
        let edges = (MARGIN + NAMES - 1, self.width - MARGIN);
        let more = |count| label(edges.1, format!("+{count} more"));
        for (n, lane) in lanes::arrange(&labels.collect::<Vec<_>>(), edges, most, more).iter().enumerate() {
            for label in lane {
                // The ground breaks the lines that would run through the words.
                let y = first + n as i32 * LANE;
                page.bar((label.x - 3, y - LANE / 2), (label.x + label.width, y + LANE / 2), ink::BG)?;
                page.text(&label.text, (label.x, y), plain(XS, ink::MUTED))?;
            }
        }
        Ok(())
    }

    fn foot(&self, page: &Page<'_>) -> Drawn {
        let y = self.height - 20;
        let mut x = MARGIN + NAMES;
        page.line(&[(x, y - 8), (x, y + 8)], 2, ink::TEXT)?;
        let dropped = self.sketch.marks_dropped;
        let marks = if dropped > 0 { format!("mark ({dropped} not kept)") } else { "mark".to_owned() };
        page.text(&marks, (x + 10, y), plain(XS, ink::FAINT))?;
        x += ink::width(&marks, XS) + 40;
        if self.sketch.has_usual {
            page.bar((x, y - USUAL / 2), (x + 28, y + USUAL / 2), ink::FAINT)?;
            let room = self.width - MARGIN / 2 - x - 38;
            let says = ink::fit("usual: median of its last good boots", room, XS);
            page.text(&says, (x + 38, y), plain(XS, ink::FAINT))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
