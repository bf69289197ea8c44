//! Writes `docs/reference/routes.md` anew from the tables of routes and fields.
//!
//! Invariants: writes that file and nothing else.
//! Does not know: what stands in it.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::write(top.join("docs/reference/routes.md"), gateway::routes_page())
}
