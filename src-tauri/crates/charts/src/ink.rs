//! Colours, type and shapes of the design language, for a page that has no style sheet.

use lab::{BootState, Phase};
use plotters::{
    coord::Shift,
    prelude::{Circle, DrawingArea, IntoTextStyle, PathElement, Polygon, RGBColor, Rectangle, SVGBackend},
    style::{
        Color, FontFamily, FontStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::{ChartError, words};

pub(crate) const BG: RGBColor = RGBColor(0x0a, 0x0e, 0x13);
pub(crate) const LINE: RGBColor = RGBColor(0x24, 0x31, 0x40);
pub(crate) const LINE_STRONG: RGBColor = RGBColor(0x37, 0x48, 0x5a);
pub(crate) const TEXT: RGBColor = RGBColor(0xee, 0xf3, 0xf8);
pub(crate) const MUTED: RGBColor = RGBColor(0xa9, 0xb9, 0xc9);
pub(crate) const FAINT: RGBColor = RGBColor(0x84, 0x96, 0xa9);
const OFF: RGBColor = RGBColor(0x7b, 0x8d, 0xa1);
const RUNNING: RGBColor = RGBColor(0x58, 0xa6, 0xff);
const UP: RGBColor = RGBColor(0x3d, 0xdc, 0x97);
const WARN: RGBColor = RGBColor(0xff, 0xc5, 0x3d);
const FAULT: RGBColor = RGBColor(0xff, 0x6b, 0x5e);
/// The badge's two stripes and its edge.
const HATCH: (RGBColor, RGBColor, RGBColor) =
    (RGBColor(0x3a, 0x2d, 0x0e), RGBColor(0x4b, 0x3a, 0x12), RGBColor(0x6a, 0x51, 0x15));

/// Type sizes in pixels; nothing is smaller than the first.
pub(crate) const XS: i32 = 14;
pub(crate) const S: i32 = 16;
pub(crate) const XL: i32 = 30;

const FONT: &str = "Inter Variable, Inter, system-ui, sans-serif";
/// plotters divides the size it is given by this before it writes it into SVG.
const PLOTTERS_EM: f64 = 1.24;

/// One hue, rising lightness, in the order of the phases.
pub(crate) fn phase(phase: Phase) -> RGBColor {
    match phase {
        Phase::Firmware => RGBColor(0x33, 0x43, 0x5a),
        Phase::Address => RGBColor(0x46, 0x60, 0x7f),
        Phase::Loader => RGBColor(0x5b, 0x7c, 0xa3),
        Phase::Kernel => RGBColor(0x76, 0x99, 0xc2),
        Phase::Os => RGBColor(0x97, 0xb8, 0xdb),
        Phase::Service => RGBColor(0xc0, 0xd9, 0xf2),
    }
}

/// Pixels that a text takes, by estimate: there is no font here to measure. The figures are Inter's; a face that
/// stands in for it may be a little wider, for which labels keep a gap.
pub(crate) fn width(text: &str, size: i32) -> i32 {
    let ems: f64 = text.chars().map(em).sum();
    (ems * f64::from(size)).ceil() as i32
}

fn em(character: char) -> f64 {
    match character {
        ' ' | '.' | ',' | ':' | '·' | '\'' | 'i' | 'j' | 'l' => 0.29,
        'f' | 'r' | 't' | '(' | ')' | '-' => 0.38,
        'm' | 'w' | 'M' | 'W' | '…' => 0.88,
        'A'..='Z' => 0.68,
        '0'..='9' | '+' => 0.63,
        'a'..='z' => 0.6,
        // A script that is not known here may have wide characters.
        _ => 1.0,
    }
}

/// As much of a text as has room in so many pixels.
pub(crate) fn fit(text: &str, pixels: i32, size: i32) -> String {
    let most = (0..=text.chars().count()).rev().find(|most| width(&words::clip(text, *most), size) <= pixels);
    words::clip(text, most.unwrap_or(0))
}

/// A page to draw on, in the words of this crate.
pub(crate) struct Page<'a>(pub(crate) DrawingArea<SVGBackend<'a>, Shift>);

pub(crate) type Drawn = Result<(), ChartError>;

fn failed(error: impl std::fmt::Display) -> ChartError {
    ChartError::Backend(error.to_string())
}

/// How a text stands: size, colour, weight, and which of its ends is at the place given.
#[derive(Clone, Copy)]
pub(crate) struct Type {
    pub(crate) size: i32,
    pub(crate) color: RGBColor,
    pub(crate) bold: bool,
    pub(crate) end: HPos,
}

pub(crate) fn plain(size: i32, color: RGBColor) -> Type {
    Type { size, color, bold: false, end: HPos::Left }
}

pub(crate) fn bold(size: i32, color: RGBColor) -> Type {
    Type { bold: true, ..plain(size, color) }
}

impl Type {
    /// The text ends at its place.
    pub(crate) fn ending(self) -> Self {
        Self { end: HPos::Right, ..self }
    }

    pub(crate) fn centred(self) -> Self {
        Self { end: HPos::Center, ..self }
    }
}

impl Page<'_> {
    /// Text whose middle line runs through `y`.
    pub(crate) fn text(&self, text: &str, (x, y): (i32, i32), look: Type) -> Drawn {
        let weight = if look.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = (FontFamily::Name(FONT), f64::from(look.size) * PLOTTERS_EM, weight);
        let style = font.into_text_style(&self.0).color(&look.color).pos(Pos::new(look.end, VPos::Center));
        self.0.draw_text(&words::printable(text), &style, (x, y)).map_err(failed)
    }

    pub(crate) fn bar(&self, (x0, y0): (i32, i32), (x1, y1): (i32, i32), color: RGBColor) -> Drawn {
        self.0.draw(&Rectangle::new([(x0, y0), (x1, y1)], color.filled())).map_err(failed)
    }

    pub(crate) fn line(&self, points: &[(i32, i32)], width: u32, color: RGBColor) -> Drawn {
        self.0.draw(&PathElement::new(points.to_vec(), color.stroke_width(width))).map_err(failed)
    }

    /// The state's own shape, so that its colour is never alone.
    pub(crate) fn state(&self, state: BootState, (x, y): (i32, i32)) -> Drawn {
        match state {
            BootState::Good => self.0.draw(&Circle::new((x, y), 7, UP.filled())).map_err(failed),
            BootState::Failed => self.cross((x, y), 6),
            BootState::Abandoned => self.0.draw(&Circle::new((x, y), 6, OFF.stroke_width(2))).map_err(failed),
            BootState::Running => {
                let at = |degrees: i32| {
                    let (sin, cos) = f64::from(degrees).to_radians().sin_cos();
                    (x + (6.5 * cos).round() as i32, y + (6.5 * sin).round() as i32)
                };
                self.line(&(-90..=160).step_by(25).map(at).collect::<Vec<_>>(), 3, RUNNING)
            }
        }
    }

    /// What failed, where it failed.
    pub(crate) fn cross(&self, (x, y): (i32, i32), arm: i32) -> Drawn {
        self.line(&[(x - arm, y - arm), (x + arm, y + arm)], 4, FAULT)?;
        self.line(&[(x - arm, y + arm), (x + arm, y - arm)], 4, FAULT)
    }

    /// A hatched badge whose right upper corner is at the place given.
    pub(crate) fn badge(&self, text: &str, (right, top): (i32, i32)) -> Drawn {
        const STRIPE: usize = 16;
        let (left, bottom) = (right - width(text, XS) - 28, top + 28);
        let (dark, light, edge) = HATCH;
        self.bar((left, top), (right, bottom), dark)?;
        for from in (left - (bottom - top)..right).step_by(STRIPE) {
            let stripe = slanted((from, from + STRIPE as i32 / 2), (left, top), (right, bottom));
            if stripe.len() > 2 {
                self.0.draw(&Polygon::new(stripe, light.filled())).map_err(failed)?;
            }
        }
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        self.line(&corners, 1, edge)?;
        self.text(text, (i32::midpoint(left, right), i32::midpoint(top, bottom)), bold(XS, WARN).centred())
    }
}

/// The part of a stripe at 45° that lies inside a box. The stripe stands on `feet` at the box's lower edge.
fn slanted(feet: (i32, i32), (left, top): (i32, i32), (right, bottom): (i32, i32)) -> Vec<(i32, i32)> {
    let edge = |foot: i32, y: i32| (foot + bottom - y).clamp(left, right);
    // Besides its ends an edge bends only where it meets a side of the box.
    let meets =
        [(feet.0, left), (feet.0, right), (feet.1, left), (feet.1, right)].map(|(foot, x)| foot + bottom - x);
    let mut heights: Vec<i32> =
        meets.into_iter().filter(|y| (top..bottom).contains(y)).chain([top, bottom]).collect();
    heights.sort_unstable();
    heights.dedup();
    heights.retain(|y| {
        let near = |d: i32| edge(feet.0, y + d) < edge(feet.1, y + d);
        near(0) || near(1) || near(-1)
    });
    let up = heights.iter().map(|y| (edge(feet.0, *y), *y));
    let down = heights.iter().rev().map(|y| (edge(feet.1, *y), *y));
    up.chain(down).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_stay_inside_their_badge() {
        for from in -40..140 {
            for (x, y) in slanted((from, from + 8), (0, 0), (100, 28)) {
                assert!((0..=100).contains(&x) && (0..=28).contains(&y), "stripe at {from}: {x},{y}");
            }
        }
        assert_eq!(slanted((40, 48), (0, 0), (100, 28)), [(68, 0), (40, 28), (48, 28), (76, 0)]);
    }

    #[test]
    fn text_is_cut_where_its_room_ends() {
        assert_eq!(fit("node6", 200, S), "node6");
        let cut = fit("a machine with a long name", 100, S);
        assert!(cut.ends_with('…') && width(&cut, S) <= 100 && width(&cut, S) > 80, "{cut}");
        assert_eq!(fit("x", -3, S), "…", "never nothing");
    }

    #[test]
    fn phases_rise_in_lightness() {
        let light = |p: &Phase| {
            let RGBColor(r, g, b) = phase(*p);
            2 * u32::from(r) + 5 * u32::from(g) + u32::from(b)
        };
        assert!(Phase::ALL.windows(2).all(|pair| light(&pair[0]) + 100 < light(&pair[1])));
    }
}
