//! Drawings for reports, as SVG that needs nothing beside it: no font file, no style sheet, no script.
//!
//! Reading order: [`waterfall`] draws one boot, [`run`] all boots of a run, [`sketch`] works out what there is to draw, [`lanes`] finds room for
//! labels, [`axis`] chooses round figures, [`ink`] has colours, type and shapes, [`words`] writes figures and the
//! description for those who do not see the drawing.

mod axis;
mod ink;
mod lanes;
mod run;
mod sketch;
mod waterfall;
mod words;

use jiff::tz::TimeZone;

pub use run::run_waterfall;
pub use waterfall::boot_waterfall;

/// How a drawing is to look.
#[derive(Debug, Clone)]
pub struct Look<'a> {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// What the board is when it is not the real one: `SIMULATED`, `VIRTUAL`. Drawn hatched, in every export.
    pub badge: Option<&'a str>,
    /// The board's time zone, for the wall time in the title.
    pub zone: TimeZone,
}

impl Default for Look<'_> {
    /// The kiosk's screen, a real board, UTC.
    fn default() -> Self {
        Self { size: (1024, 600), badge: None, zone: TimeZone::UTC }
    }
}

/// Nothing was drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    #[error("a drawing of {0} × {1} pixels is too small to be read; it takes at least {2} × {3}")]
    TooSmall(u32, u32, u32, u32),
    #[error("the drawing failed: {0}")]
    Backend(String),
}

/// Puts a name and a description where screen readers look for them: first inside the drawing.
fn describe(svg: &str, title: &str, description: &str) -> String {
    let (title, description) = (words::escape(title), words::escape(description));
    match svg.split_once(">\n") {
        Some((open, rest)) => {
            format!("{open} role=\"img\">\n<title>{title}</title>\n<desc>{description}</desc>\n{rest}")
        }
        None => svg.to_owned(),
    }
}
