//! Writes `docs/reference/settings.md` and `.env.example` anew from the table of settings.
//!
//! Invariants: writes those two files and nothing else.
//! Does not know: what stands in them.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::create_dir_all(top.join("docs/reference"))?;
    std::fs::write(
        top.join("docs/reference/settings.md"),
        config::settings_page(),
    )?;
    std::fs::write(top.join(".env.example"), config::env_example())
}
