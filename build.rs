//! The migrations and the pages are embedded at compile time; a new file in one of their folders
//! is a change that cargo does not see by itself.

use std::path::Path;
use std::{fs, io};

/// Shown where the pages were not built.
const PLACEHOLDER: &str = "<!doctype html><meta charset=\"utf-8\"><title>Seatcast</title>\
    <p>The server runs; its pages were not built. `make run` builds them, or `npm ci && npm run build` in web/.\n";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=sql");
    println!("cargo:rerun-if-changed=web/dist");
    // Embedding needs the folder, also before the first build of the pages.
    let page = Path::new("web/dist/index.html");
    if !page.exists() {
        fs::create_dir_all("web/dist")?;
        fs::write(page, PLACEHOLDER)?;
    }
    Ok(())
}
