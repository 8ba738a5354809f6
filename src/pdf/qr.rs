//! QR codes: as modules, and drawn as SVG and PNG.

use fast_qr::qr::{QRBuilder, QRCode};
use fast_qr::{ECL, Mode};

/// The empty border that readers need, in modules.
pub(super) const QUIET_MODULES: usize = 4;
/// Pixels of a module in the PNG: 49 modules make 392 pixels.
const PNG_MODULE_PX: usize = 8;

/// A square of dark and light modules.
pub struct Qr {
    size: usize,
    dark: Vec<bool>,
}

/// A run of dark modules in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    pub x: usize,
    pub y: usize,
    pub width: usize,
}

impl Qr {
    /// `None`: the text is too long. Its signs are those of the alphanumeric mode; a seventh of the code may be dirty.
    pub fn of(text: &str) -> Option<Qr> {
        let mut builder = QRBuilder::new(text);
        let code: QRCode = builder.mode(Mode::Alphanumeric).ecl(ECL::M).build().ok()?;
        let size = code.size;
        let cells = (0..size).flat_map(|y| (0..size).map(move |x| (x, y)));
        let dark = cells.map(|(x, y)| code[y][x].value()).collect();
        Some(Qr { size, dark })
    }

    /// Modules of an edge with the quiet zone on both sides.
    pub fn edge(&self) -> usize {
        self.size + 2 * QUIET_MODULES
    }

    /// The dark modules, the quiet zone counted in.
    pub fn bars(&self) -> Vec<Bar> {
        let mut bars: Vec<Bar> = Vec::new();
        let dark = self.dark.iter().enumerate().filter(|(_, dark)| **dark);
        for (at, _) in dark {
            let (x, y) = (
                at % self.size + QUIET_MODULES,
                at / self.size + QUIET_MODULES,
            );
            match bars.last_mut() {
                Some(bar) if bar.y == y && bar.x + bar.width == x => bar.width += 1,
                _ => bars.push(Bar { x, y, width: 1 }),
            }
        }
        bars
    }

    pub fn svg(&self) -> String {
        let edge = self.edge();
        let mut path = String::new();
        for Bar { x, y, width } in self.bars() {
            path.push_str(&format!("M{x} {y}h{width}v1h-{width}z"));
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {edge} {edge}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{edge}v{edge}H0z\"/><path d=\"{path}\"/></svg>"
        )
    }

    /// `None`: it could not be written, which does not happen in memory.
    pub fn png(&self) -> Option<Vec<u8>> {
        let edge = self.edge() * PNG_MODULE_PX;
        let row_bytes = edge.div_ceil(8);
        let mut pixels = vec![0xFF_u8; row_bytes * edge];
        for bar in self.bars() {
            for row in bar.y * PNG_MODULE_PX..(bar.y + 1) * PNG_MODULE_PX {
                // A module is a whole byte of one-bit pixels.
                let first = row * row_bytes + bar.x * PNG_MODULE_PX / 8;
                let bytes = pixels.get_mut(first..first + bar.width * PNG_MODULE_PX / 8)?;
                bytes.fill(0);
            }
        }
        let mut file = Vec::new();
        let edge = u32::try_from(edge).ok()?;
        let mut encoder = png::Encoder::new(&mut file, edge, edge);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(&pixels).ok()?;
        writer.finish().ok()?;
        Some(file)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_tickets_text_fits_the_sixth_version() {
        let qr = Qr::of(&format!("SC1:{}", "A".repeat(147))).unwrap();
        assert_eq!(qr.size, 41);
        assert_eq!(qr.edge(), 49);
        let dark: usize = qr.bars().iter().map(|bar| bar.width).sum();
        assert_eq!(dark, qr.dark.iter().filter(|dark| **dark).count());
        assert!(qr.svg().len() < 12_000, "{}", qr.svg().len());
        assert!(qr.png().unwrap().starts_with(b"\x89PNG"));
    }
}
