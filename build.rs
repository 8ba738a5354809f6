//! The migrations are embedded at compile time; a new file in the folder is a change that
//! cargo does not see by itself.

fn main() {
    println!("cargo:rerun-if-changed=sql");
}
