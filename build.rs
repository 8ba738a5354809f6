//! The migrations and the pages are embedded at compile time; a new file in one of their folders
//! is a change that cargo does not see by itself.

use std::path::Path;
use std::{fs, io};

const PAGES: [&str; 2] = ["index.html", "desk.html"];

/// Shown where the pages were not built.
const PLACEHOLDER: &str = "<!doctype html><meta charset=\"utf-8\"><title>Seatcast</title>\
    <p>The server runs; its pages were not built. `make run` builds them, or `npm ci && npm run build` in web/.\n";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=sql");
    println!("cargo:rerun-if-changed=web/dist");
    // Embedding needs the folder, also before the first build of the pages.
    for page in PAGES {
        let page = Path::new("web/dist").join(page);
        if !page.exists() {
            fs::create_dir_all("web/dist")?;
            fs::write(page, PLACEHOLDER)?;
        }
    }
    Ok(())
}
