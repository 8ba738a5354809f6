//! PDF: printed things (tickets, invoices), drawn in the three languages that we speak.
//!
//! A [`Press`] has what is dear to make: the fonts, and the memory of the shaper. [`Printer`] keeps a few of them and lends
//! one to each print, off the async threads. A print sets texts ([`Press::set`]), which tells their heights, lays them on
//! sheets, and binds the sheets into a file ([`Press::bind`]).
//!
//! Points (1/72 inch), from the top left. The file is the same whenever it is made, except where its texts differ.

pub mod invoice;
mod qr;
pub mod ticket;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{Metadata, TextDirection};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use krilla::{Document, SerializeSettings};
use parley::fontique::{Blob, Collection, CollectionOptions, SourceCache};
use parley::style::{FontFamily, FontFamilyName, FontWeight, LineHeight, StyleProperty};
use parley::{Alignment, BaseDirection, FontContext, Layout, LayoutContext};
use tokio::sync::Semaphore;

pub use self::qr::{Bar, Qr};
use crate::lang::Lang;

/// A4.
pub const PAGE_WIDTH: f32 = 595.28;
pub const PAGE_HEIGHT: f32 = 841.89;

/// Prints at once. More would only take the processors away from those who book.
const PRINTS_AT_ONCE_MAX: usize = 2;
/// Requests that wait for a press or have one; one more is told to come later. Jobs have a bound of their own.
const PRINTS_WAITING_MAX: usize = 32;

/// The fonts, each for the scripts that those before it lack.
const FAMILIES: [&str; 3] = ["Noto Sans", "Noto Sans Thai", "Vazirmatn"];
const FONTS: [&[u8]; 4] = [
    include_bytes!("../../assets/fonts/NotoSans-Regular.ttf"),
    include_bytes!("../../assets/fonts/NotoSans-Bold.ttf"),
    include_bytes!("../../assets/fonts/NotoSansThai-Regular.ttf"),
    include_bytes!("../../assets/fonts/Vazirmatn-Regular.ttf"),
];

/// Why nothing was printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    #[error("the file cannot be written: {0}")]
    Unwritten(String),
    #[error("the print panicked")]
    Panicked,
    #[error("too many others wait for a press")]
    Busy,
}

/// Lends presses. Cheap to clone.
#[derive(Clone)]
pub struct Printer {
    idle: Arc<Mutex<Vec<Press>>>,
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Printer {
    fn default() -> Printer {
        Printer {
            idle: Arc::default(),
            places: Arc::new(Semaphore::new(PRINTS_AT_ONCE_MAX)),
            waiting: Arc::new(Semaphore::new(PRINTS_WAITING_MAX)),
        }
    }
}

impl Printer {
    /// A print for a request.
    ///
    /// # Errors
    /// [`PrintError::Busy`] where so many wait that this one would take long.
    pub async fn print_now<T: Send + 'static>(
        &self,
        print: impl FnOnce(&mut Press) -> Result<T, PrintError> + Send + 'static,
    ) -> Result<T, PrintError> {
        let waiting = self.waiting.try_acquire();
        let _waiting = waiting.map_err(|_| PrintError::Busy)?;
        self.print(print).await
    }

    /// Runs a print on a thread of its own, in its turn. A press whose print panicked is not used again.
    pub async fn print<T: Send + 'static>(
        &self,
        print: impl FnOnce(&mut Press) -> Result<T, PrintError> + Send + 'static,
    ) -> Result<T, PrintError> {
        let place = self.places.clone().acquire_owned().await;
        let idle = self.idle.clone();
        let printed = tokio::task::spawn_blocking(move || {
            let _place = place;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut press = kept.unwrap_or_default();
            let printed = print(&mut press);
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(press);
            printed
        });
        printed.await.unwrap_or(Err(PrintError::Panicked))
    }
}

/// The fonts and the shaper.
pub struct Press {
    fonts: FontContext,
    layouts: LayoutContext<()>,
    /// The fonts as the file wants them, by their data's id.
    kept: HashMap<u64, Font>,
}

impl Default for Press {
    fn default() -> Press {
        // No fonts of the machine: the same output everywhere.
        let mut collection = Collection::new(CollectionOptions {
            system_fonts: false,
            shared: false,
        });
        for font in FONTS {
            collection.register_fonts(Blob::new(Arc::new(font)), None);
        }
        Press {
            fonts: FontContext {
                collection,
                source_cache: SourceCache::default(),
            },
            layouts: LayoutContext::new(),
            kept: HashMap::new(),
        }
    }
}

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Decides the direction of the paragraph, whatever its first letter.
    pub lang: Lang,
    pub size: f32,
    pub bold: bool,
    pub ink: Ink,
    pub align: Align,
}

/// Where the lines of a paragraph are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Where reading begins.
    Start,
    End,
    Center,
}

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink(pub u8, pub u8, pub u8);

pub const BLACK: Ink = Ink(0, 0, 0);
pub const GREY: Ink = Ink(100, 104, 112);
pub const PALE: Ink = Ink(214, 217, 222);

impl Style {
    pub fn new(lang: Lang, size: f32) -> Style {
        Style {
            lang,
            size,
            bold: false,
            ink: BLACK,
            align: Align::Start,
        }
    }

    pub fn bold(self) -> Style {
        Style { bold: true, ..self }
    }

    pub fn ink(self, ink: Ink) -> Style {
        Style { ink, ..self }
    }

    pub fn align(self, align: Align) -> Style {
        Style { align, ..self }
    }
}

/// A paragraph that was broken into lines.
pub struct SetText {
    pub height: f32,
    text: String,
    ink: Ink,
    runs: Vec<GlyphRun>,
}

/// Glyphs of one font in one line.
struct GlyphRun {
    x: f32,
    baseline: f32,
    font: Font,
    size: f32,
    glyphs: Vec<KrillaGlyph>,
}

/// A page.
#[derive(Default)]
pub struct Sheet {
    marks: Vec<(f32, f32, Mark)>,
}

enum Mark {
    Text(SetText),
    Box { width: f32, height: f32, ink: Ink },
    Qr { qr: Qr, edge: f32 },
}

/// The file's metadata.
pub struct About {
    pub title: String,
    pub lang: Lang,
}

impl Sheet {
    /// Lays a paragraph down, its top left at the point.
    pub fn text(&mut self, x: f32, y: f32, text: SetText) {
        self.marks.push((x, y, Mark::Text(text)));
    }

    /// A filled box; a thin one is a line.
    pub fn fill(&mut self, x: f32, y: f32, (width, height): (f32, f32), ink: Ink) {
        self.marks.push((x, y, Mark::Box { width, height, ink }));
    }

    /// The code with its quiet zone in a square of that edge.
    pub fn qr(&mut self, x: f32, y: f32, edge: f32, qr: Qr) {
        self.marks.push((x, y, Mark::Qr { qr, edge }));
    }
}

impl Press {
    /// Breaks a text into lines of at most that width.
    pub fn set(&mut self, text: &str, width: f32, style: Style) -> SetText {
        let mut builder = self
            .layouts
            .ranged_builder(&mut self.fonts, text, 1.0, false);
        let names = FAMILIES.map(|name| FontFamilyName::Named(Cow::Borrowed(name)));
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(Cow::Borrowed(
            &names,
        ))));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(1.4)));
        builder.push_default(StyleProperty::FontSize(style.size));
        if style.bold {
            builder.push_default(StyleProperty::FontWeight(FontWeight::BOLD));
        }
        builder.set_base_direction(match style.lang {
            Lang::Fa => BaseDirection::Rtl,
            Lang::En | Lang::Th => BaseDirection::Ltr,
        });
        let mut layout = builder.build(text);
        layout.break_all_lines(Some(width));
        let align = match style.align {
            Align::Start => Alignment::Start,
            Align::End => Alignment::End,
            Align::Center => Alignment::Center,
        };
        layout.align(align, Default::default());
        SetText {
            height: layout.height(),
            text: text.to_owned(),
            ink: style.ink,
            runs: self.runs(&layout),
        }
    }

    fn runs(&mut self, layout: &Layout<()>) -> Vec<GlyphRun> {
        let mut runs = Vec::new();
        for line in layout.lines() {
            let metrics = line.metrics();
            let mut x = metrics.offset;
            for run in line.runs() {
                let size = run.font_size();
                let font = run.font().clone();
                let (data, id) = font.data.into_raw_parts();
                let kept = match self.kept.get(&id) {
                    Some(kept) => kept.clone(),
                    None => {
                        let Some(made) = Font::new(data.into(), font.index) else {
                            continue;
                        };
                        self.kept.insert(id, made.clone());
                        made
                    }
                };
                let (begin, mut glyphs) = (x, Vec::<KrillaGlyph>::new());
                // A ligature's letters beyond the first have no glyph, and their text belongs to its glyph. Right to left
                // they come before it.
                let mut waits_to: Option<usize> = None;
                for cluster in run.visual_clusters() {
                    let mut range = cluster.text_range();
                    if cluster.is_ligature_continuation() {
                        match glyphs.last_mut() {
                            _ if run.is_rtl() => {
                                waits_to = Some(waits_to.unwrap_or(range.end).max(range.end));
                            }
                            Some(glyph) => glyph.text_range.end = range.end,
                            None => {}
                        }
                        continue;
                    }
                    if let Some(end) = waits_to.take() {
                        range.end = range.end.max(end);
                    }
                    for glyph in cluster.glyphs() {
                        glyphs.push(KrillaGlyph::new(
                            GlyphId::new(glyph.id),
                            glyph.advance / size,
                            glyph.x / size,
                            // parley's y grows downwards, a font's upwards.
                            -glyph.y / size,
                            0.0,
                            range.clone(),
                            None,
                        ));
                        x += glyph.advance;
                    }
                }
                runs.push(GlyphRun {
                    x: begin,
                    baseline: metrics.baseline,
                    font: kept,
                    size,
                    glyphs,
                });
            }
        }
        runs
    }

    /// Makes a file of the sheets.
    pub fn bind(&self, about: About, sheets: Vec<Sheet>) -> Result<Vec<u8>, PrintError> {
        let mut document = Document::new_with(SerializeSettings::default());
        let direction = match about.lang {
            Lang::Fa => TextDirection::RightToLeft,
            Lang::En | Lang::Th => TextDirection::LeftToRight,
        };
        document.set_metadata(
            Metadata::new()
                .title(about.title)
                .language(about.lang.tag().to_owned())
                .creator("Seatcast".to_owned())
                .text_direction(direction),
        );
        for sheet in sheets {
            let size = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT);
            let size = size.ok_or_else(|| PrintError::Unwritten("the page's size".to_owned()))?;
            let mut page = document.start_page_with(size);
            let mut surface = page.surface();
            for (x, y, mark) in sheet.marks {
                draw(&mut surface, x, y, mark);
            }
            surface.finish();
            page.finish();
        }
        let file = document.finish();
        file.map_err(|error| PrintError::Unwritten(format!("{error:?}")))
    }
}

fn draw(surface: &mut Surface<'_>, x: f32, y: f32, mark: Mark) {
    match mark {
        Mark::Text(text) => {
            surface.set_fill(Some(fill(text.ink)));
            for run in text.runs {
                let at = Point::from_xy(x + run.x, y + run.baseline);
                surface.draw_glyphs(at, &run.glyphs, run.font, &text.text, run.size, false);
            }
        }
        Mark::Box { width, height, ink } => fill_boxes(surface, [(x, y, width, height)], ink),
        Mark::Qr { qr, edge } => {
            let module = edge / qr.edge() as f32;
            let boxes = qr.bars().into_iter().map(|bar| {
                let (left, top) = (bar.x as f32 * module, bar.y as f32 * module);
                // A hair taller than a module: viewers would show white lines between the rows.
                (x + left, y + top, bar.width as f32 * module, module * 1.02)
            });
            fill_boxes(surface, boxes, BLACK);
        }
    }
}

fn fill_boxes(
    surface: &mut Surface<'_>,
    boxes: impl IntoIterator<Item = (f32, f32, f32, f32)>,
    ink: Ink,
) {
    let mut path = PathBuilder::new();
    for (x, y, width, height) in boxes {
        if let Some(rect) = Rect::from_xywh(x, y, width, height) {
            path.push_rect(rect);
        }
    }
    if let Some(path) = path.finish() {
        surface.set_fill(Some(fill(ink)));
        surface.draw_path(&path);
    }
}

fn fill(ink: Ink) -> Fill {
    let Ink(red, green, blue) = ink;
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}
