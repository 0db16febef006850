//! The panel of 480×272 pixels, as the firmware draws it: places and colours by the notes on the real one (reference 2.5).

use std::io;

use embedded_graphics::{
    Drawable, Pixel,
    draw_target::DrawTarget,
    geometry::{OriginDimensions, Point, Size},
    mono_font::{MonoTextStyle, ascii::FONT_5X7},
    pixelcolor::BinaryColor,
    text::{Baseline, Text},
};

use super::{
    firmware::{Firmware, Shown},
    icons::{self, blocks},
};

pub const WIDTH: usize = 480;
pub const HEIGHT: usize = 272;

/// RGB565, as the firmware has them.
const WHITE: u16 = 0xffff;
const ON: u16 = 0x0400;
const RED: u16 = 0xb000;
const ORANGE: u16 = 0xfc00;
const YELLOW: u16 = 0xb580;
const GREY: u16 = 0xc618;
const BLUE: u16 = 0x39df;
const TEAL: u16 = 0x0408;
const LIGHT: u16 = 0xbdf7;
const RULE: u16 = 0x4208;
const PURPLE: u16 = 0x8418;
const SKY: u16 = 0x0418;

/// A character's cell at size 1.
const CELL: (i32, i32) = (6, 8);

struct Panel(Vec<u16>);

impl Panel {
    fn set(&mut self, x: i32, y: i32, colour: u16) {
        if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y))
            && x < WIDTH
            && y < HEIGHT
        {
            self.0[y * WIDTH + x] = colour;
        }
    }

    fn icon(&mut self, x: i32, y: i32, icon: &[&'static str; 12], colour: u16) {
        for (dx, dy) in blocks(icon) {
            for (right, down) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                self.set(x + dx + right, y + dy + down, colour);
            }
        }
    }

    /// Text does not wrap: what is beyond the edge is not seen.
    fn text(&mut self, x: i32, y: i32, size: i32, colour: u16, text: &str) {
        for (index, character) in (0..).zip(text.chars()) {
            let left = x + index * CELL.0 * size;
            if left >= WIDTH as i32 {
                return;
            }
            let mut glyph = Glyph::default();
            let character = character.to_string();
            let style = MonoTextStyle::new(&FONT_5X7, BinaryColor::On);
            // Drawing into memory cannot fail.
            let _ = Text::with_baseline(&character, Point::zero(), style, Baseline::Top).draw(&mut glyph);
            for point in glyph.0 {
                for right in 0..size {
                    for down in 0..size {
                        self.set(left + point.x * size + right, y + point.y * size + down, colour);
                    }
                }
            }
        }
    }

    fn number(&mut self, x: i32, y: i32, value: i32) {
        self.text(x, y, 1, WHITE, &value.to_string());
    }
}

/// Pixels of one character.
#[derive(Default)]
struct Glyph(Vec<Point>);

impl OriginDimensions for Glyph {
    fn size(&self) -> Size {
        Size::new(6, 8)
    }
}

impl DrawTarget for Glyph {
    type Color = BinaryColor;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        self.0.extend(pixels.into_iter().filter(|pixel| pixel.1.is_on()).map(|pixel| pixel.0));
        Ok(())
    }
}

/// An icon with a number beside it: icon, its place and colour, the number's place, and the counter.
type Counter = (&'static [&'static str; 12], (i32, i32), u16, (i32, i32), &'static str, &'static str);

const COUNTERS: [Counter; 18] = [
    (&icons::SIREN, (64, 21), RED, (90, 30), "logs", "NumEmergencyMessages"),
    (&icons::HEXAGON, (133, 21), ORANGE, (159, 30), "logs", "NumErrorMessages"),
    (&icons::TRIANGLE, (203, 21), YELLOW, (231, 30), "logs", "NumWarnMessages"),
    (&icons::DIAMOND, (274, 21), GREY, (301, 30), "logs", "NumNoticeMessages"),
    (&icons::CHAT, (346, 23), BLUE, (371, 30), "logs", "NumInfoMessages"),
    (&icons::BUG, (416, 20), ON, (439, 30), "logs", "NumDebugMessages"),
    (&icons::QUESTION, (65, 45), GREY, (87, 54), "logs", "NumDNSQueries"),
    (&icons::CHECK_CIRCLE, (164, 45), TEAL, (191, 54), "logs", "NumDNSLocal"),
    (&icons::CHECK_BOX, (264, 45), BLUE, (293, 54), "logs", "NumDNSCached"),
    (&icons::MAGNIFIER, (364, 45), ORANGE, (391, 54), "logs", "NumDNSRecursions"),
    (&icons::ARROW_IN, (44, 68), GREY, (69, 77), "openwrt", "NumWanIn"),
    (&icons::ARROW_OUT, (136, 68), GREY, (161, 77), "openwrt", "NumWanOut"),
    (&icons::BLOCK, (234, 68), RED, (261, 76), "logs", "NumFirewallWanDrops"),
    (&icons::ARROW_IN, (44, 91), GREY, (69, 100), "openwrt", "NumLanIn"),
    (&icons::ARROW_OUT, (136, 91), LIGHT, (161, 100), "openwrt", "NumLanOut"),
    (&icons::BLOCK, (234, 91), RED, (261, 99), "logs", "NumFirewallLanDrops"),
    (&icons::QUESTION, (359, 91), BLUE, (382, 99), "logs", "NumDHCPDiscover"),
    (&icons::CHECK, (416, 91), ON, (442, 100), "logs", "NumDHCPLeased"),
];

const LABELS: [(&str, i32, i32); 8] = [
    ("Power", 2, 2),
    ("Net", 277, 3),
    ("Logs", 2, 25),
    ("DNS", 2, 50),
    ("WAN", 2, 73),
    ("LAN", 2, 96),
    ("DHCP", 385, 73),
    ("LAB", 2, 119),
];

/// Done over needed: icon, its place and colour, the numbers' place, and what is counted.
type Share = (&'static [&'static str; 12], i32, i32, u16, i32, &'static str);

const SHARES: [Share; 3] = [
    (&icons::SERVER, 135, 114, RULE, 162, "Hypervisors"),
    (&icons::SET_TOP_BOX, 200, 115, TEAL, 228, "Nodes"),
    (&icons::CHECK_BOX, 265, 114, PURPLE, 292, "Pods"),
];

fn dashboard(panel: &mut Panel, firmware: &Firmware) {
    for (text, x, y) in LABELS {
        panel.text(x, y, 2, WHITE, text);
    }
    for number in 1..=8 {
        let lit =
            |object: &str, name: &str| if firmware.on(object, &format!("{name}{number}")) { ON } else { RED };
        panel.icon(44 + 20 * number, -3, &icons::PLUG, lit("power", "P"));
        // From right to left.
        panel.icon(476 - 20 * number, -2, &icons::JACK, lit("switch", "Port"));
    }
    for (icon, (x, y), colour, (number_x, number_y), object, key) in COUNTERS {
        panel.icon(x, y, icon, colour);
        panel.number(number_x, number_y, firmware.number(object, key));
    }
    panel.text(47, 123, 1, WHITE, firmware.text("initializer", "LabName"));
    for (icon, x, y, colour, number_x, what) in SHARES {
        panel.icon(x, y, icon, colour);
        panel.number(number_x, 117, firmware.number("initializer", &format!("Initialized{what}")));
        panel.number(number_x, 127, firmware.number("initializer", &format!("Num{what}")));
    }
    panel.icon(340, 114, &icons::GEAR, SKY);
    panel.text(370, 123, 1, WHITE, firmware.text("initializer", "CurrentStep"));
    for x in 0..WIDTH as i32 {
        panel.set(x, 145, RULE);
    }
    for (row, line) in (0..).zip(firmware.logs()) {
        panel.text(2, 149 + 10 * row, 1, LIGHT, line);
    }
}

fn draw(firmware: &Firmware) -> Panel {
    let mut panel = Panel(vec![0; WIDTH * HEIGHT]);
    match firmware.shown() {
        Shown::Ready => dashboard(&mut panel, firmware),
        Shown::Boot => {
            panel.text(2, 20, 2, LIGHT, "Waiting for the host");
            panel.text(300, 240, 2, WHITE, "Booting");
        }
        Shown::Shutdown => {
            panel.text(120, 100, 2, WHITE, "The lab has shut down");
            panel.text(120, 130, 1, LIGHT, "Power may be cut now.");
        }
    }
    panel
}

/// What the panel shows, as a PNG picture.
pub fn png(firmware: &Firmware) -> io::Result<Vec<u8>> {
    let panel = draw(firmware);
    let widen = |colour: u16, shift: u16, bits: u16| {
        let value = (colour >> shift) & ((1 << bits) - 1);
        u8::try_from(u32::from(value) * 255 / ((1 << bits) - 1)).unwrap_or(u8::MAX)
    };
    let pixels: Vec<u8> = panel
        .0
        .iter()
        .flat_map(|&colour| [widen(colour, 11, 5), widen(colour, 5, 6), widen(colour, 0, 5)])
        .collect();
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, WIDTH as u32, HEIGHT as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&pixels).map_err(io::Error::other)?;
    drop(writer);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(panel: &Panel, x: usize, y: usize) -> u16 {
        panel.0[y * WIDTH + x]
    }

    #[test]
    fn a_plug_is_green_when_on_and_the_jacks_run_from_right_to_left() {
        let mut firmware = Firmware::default();
        firmware.hear(b"status:{\"power\":{\"P1\":true},\"switch\":{\"Port8\":true}}\n");
        let panel = draw(&firmware);
        // A point inside the plug's body, and the frame of the jack.
        assert_eq!((at(&panel, 64 + 10, 9), at(&panel, 84 + 10, 9)), (ON, RED));
        assert_eq!((at(&panel, 316 + 4, 1), at(&panel, 456 + 4, 1)), (ON, RED));
        assert_eq!(at(&panel, 240, 145), RULE);
    }

    #[test]
    fn the_newest_log_line_stands_on_top_and_text_ends_at_the_edge() {
        let mut firmware = Firmware::default();
        firmware.hear(format!("log:{}\nlog:\n", "W".repeat(200)).as_bytes());
        let panel = draw(&firmware);
        let lit = |y: usize| (0..WIDTH).any(|x| (y..y + 8).any(|y| at(&panel, x, y) == LIGHT));
        assert!(!lit(149) && lit(159) && !lit(169));
    }

    #[test]
    fn the_picture_is_a_png_of_the_panels_size() {
        let picture = png(&Firmware::default()).unwrap();
        assert_eq!(&picture[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(picture[16..24], [0, 0, 1, 0xe0, 0, 0, 1, 0x10]);
    }
}
