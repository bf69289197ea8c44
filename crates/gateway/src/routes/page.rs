//! The reference page of routes and fields, made of the tables.
//!
//! Invariants: what the page says is what the program does.
//! Does not know: how a route is served.

use std::fmt::Write as _;

use super::{Leaves, Makes, Meter, routes};
use crate::fields::{Rule, fields};
use crate::operation::Operation;

const HEAD: &str = "# Routes and fields

<!-- Made from the tables in crates/gateway: cargo run -p gateway --example write_routes -->

Every path of OpenAI's API as of November 2026, and what keyward does with it. What is not here is denied with `404 unknown_url`.
`/v1` may be left out, and `/openai/v1` stands for it.

- **served, metered**: read, bounded, held in every budget, sent, metered, entered in the ledger.
- **passed**: sent on and back as it comes, under key, permission and request limit; it costs nothing by itself.
- **refused**: `403 route_refused` with the reason.

`{object}` is the id of something that was made through keyward. It belongs to the project of the key that made it (or to that key alone:
`requests.object_owner`); for everybody else it does not exist. The same holds for ids in bodies: `previous_response_id`, `conversation`,
files, vector stores, containers, references to items. Lists show the caller's own.

| method | path | keyward | permission | metered | what leaves | makes |
|---|---|---|---|---|---|---|
";

const FIELDS: &str = "
## Fields of metered bodies

A field that is not here passes and is counted (`keyward_unknown_fields`), or is refused with `400 unknown_parameter`, as
`requests.unknown_fields` says. A name that stands twice, or that differs from one of these by case alone, is refused.
";

/// The page `docs/reference/routes.md`.
#[must_use]
pub fn routes_page() -> String {
    let mut page = HEAD.to_owned();
    for route in routes() {
        let meter = match route.meter {
            Meter::Tokens => "tokens",
            Meter::Characters => "characters or tokens",
            Meter::Free => "",
        };
        let leaves = match route.leaves {
            Leaves::GeneratedText => "generated content",
            Leaves::Vectors => "vectors",
            Leaves::OwnContent => "own content",
            Leaves::ServiceFacts => "facts of the service",
        };
        let makes = match route.makes {
            Makes::Nothing => "",
            Makes::Object(kind) => kind,
            Makes::Gone => "an end",
            Makes::List => "",
        };
        let _ = writeln!(
            page,
            "| {} | `{}` | {} | {} | {meter} | {leaves} | {makes} |",
            route.method,
            route.template,
            route.treatment(),
            route.permission,
        );
    }
    page.push_str(FIELDS);
    for operation in Operation::ALL {
        let _ = write!(
            page,
            "\n### `POST /v1{}`\n\n| field | what it means |\n|---|---|\n",
            operation.path()
        );
        for field in fields(operation) {
            let rule = match field.rule {
                Rule::Free => "free".to_owned(),
                Rule::Bounded(how) => how.to_owned(),
                Rule::Refused(why) => format!("refused: {why}"),
            };
            let _ = writeln!(page, "| `{}` | {rule} |", field.name);
        }
    }
    page
}
