//! A setting stands in every place where a person looks for it: the table in the code, the defaults, `.env.example`, the reference page.
//!
//! Invariants: held in both directions; a missing place, or a table that cannot be read, is a violation.
//! Does not know: what a setting means or may be.

use std::collections::BTreeSet;

use crate::tidy::{Violation, has_word, numbered};
use crate::tree::Tree;

const TABLE: &str = "crates/config/src/fields.rs";
const DEFAULTS: &str = "config/default.toml";
const EXAMPLE: &str = ".env.example";
const PAGE: &str = "docs/reference/settings.md";

/// One row of the table, as far as it can be read from the source.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    name: String,
    variable: String,
    /// Without a value when nobody sets it.
    open: bool,
}

/// Checks the four places.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut text = |path: &str| {
        let text = tree.text(path);
        if text.is_none() {
            found.push(Violation::whole(
                path,
                "is missing: settings have to stand there",
            ));
        }
        text.unwrap_or_default().to_owned()
    };
    let (table, defaults, example, page) = (text(TABLE), text(DEFAULTS), text(EXAMPLE), text(PAGE));
    if !found.is_empty() {
        return found;
    }
    let fields = fields(&table);
    if fields.is_empty() {
        return vec![Violation::whole(
            TABLE,
            "has no row `field(\"name\", …)` that tidy can read",
        )];
    }
    found.extend(in_defaults(&fields, &keys(&defaults)));
    found.extend(in_example(&fields, &example));
    for field in &fields {
        if !has_word(&page, &field.variable) {
            found.push(Violation::whole(
                PAGE,
                format!("does not name `{}`", field.variable),
            ));
        }
    }
    found
}

fn in_defaults(fields: &[Field], keys: &BTreeSet<String>) -> Vec<Violation> {
    let missing = fields
        .iter()
        .filter(|field| !field.open && !keys.contains(&field.name));
    let missing =
        missing.map(|field| Violation::whole(DEFAULTS, format!("has no `{}`", field.name)));
    let stray = keys
        .iter()
        .filter(|key| !fields.iter().any(|field| field.name == **key));
    let stray =
        stray.map(|key| Violation::whole(DEFAULTS, format!("has `{key}`, which is no setting")));
    missing.chain(stray).collect()
}

fn in_example(fields: &[Field], example: &str) -> Vec<Violation> {
    let assignment = |line: &str| {
        let name = line.trim_start_matches(['#', ' ']).split_once('=')?.0;
        let is_name = name
            .chars()
            .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_');
        (is_name && !name.is_empty()).then(|| name.to_owned())
    };
    let lines: Vec<(usize, String)> = numbered(example)
        .filter_map(|(line, text)| Some((line, assignment(text)?)))
        .collect();
    let missing = fields
        .iter()
        .filter(|field| !lines.iter().any(|(_, name)| *name == field.variable));
    let missing = missing
        .map(|field| Violation::whole(EXAMPLE, format!("has no line for `{}`", field.variable)));
    let stray = lines
        .iter()
        .filter(|(_, name)| !fields.iter().any(|field| field.variable == *name));
    let stray = stray.map(|(line, name)| Violation {
        path: EXAMPLE.to_owned(),
        line: *line,
        message: format!("`{name}` is no setting"),
    });
    missing.chain(stray).collect()
}

/// Reads the rows `field("section.name", …)` with what is chained to them.
fn fields(table: &str) -> Vec<Field> {
    let rows = table.split("[Field] = &[").nth(1).unwrap_or_default();
    let rows = rows.split("];").next().unwrap_or_default();
    rows.split("field(").skip(1).filter_map(field).collect()
}

fn field(row: &str) -> Option<Field> {
    let name = row
        .trim_start()
        .strip_prefix('"')?
        .split('"')
        .next()?
        .to_owned();
    let own = row
        .split(".own(\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let variable = own.map_or_else(
        || format!("KEYWARD_{}", name.to_ascii_uppercase().replace('.', "__")),
        str::to_owned,
    );
    Some(Field {
        name,
        variable,
        open: row.contains(".absent("),
    })
}

/// Dotted names of the keys in a TOML file of plain tables.
fn keys(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once('=')
            && !line.starts_with('#')
        {
            keys.insert(format!("{section}{}", key.trim()));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::{Field, check, fields};
    use crate::tidy::expect;
    use crate::tree::Tree;

    const TABLE: &str = r#"
        fn field(name: &str) {}
        pub(crate) const FIELDS: &[Field] = &[
            field("debug", Kind::Boolean, "Detail.").own("DEBUG"),
            field(
                "server.listen",
                Kind::Address,
                "Where applications call.",
            ),
            field("upstream.api_key", Kind::Secret, "The key.").own("OPENAI_API_KEY").absent("the simulator"),
        ];"#;
    const DEFAULTS: &str =
        "debug = false\n[server]\nlisten = \"127.0.0.1:8080\" # a = b\n# admin = 1\n";
    const EXAMPLE: &str =
        "# Say where = it is\nDEBUG=false\n#KEYWARD_SERVER__LISTEN=x\nOPENAI_API_KEY=replace\n";
    const PAGE: &str = "`DEBUG` `KEYWARD_SERVER__LISTEN` `OPENAI_API_KEY`";

    fn one(defaults: &str, example: &str, page: &str, places: &[(&str, usize)]) {
        let files = [
            ("crates/config/src/fields.rs", TABLE),
            ("config/default.toml", defaults),
            (".env.example", example),
            ("docs/reference/settings.md", page),
        ];
        expect(&check(&Tree::of(&files)), places);
    }

    #[test]
    fn rows_are_read_however_they_are_wrapped() {
        let row = |name: &str, variable: &str, open| Field {
            name: name.to_owned(),
            variable: variable.to_owned(),
            open,
        };
        let expected = [
            row("debug", "DEBUG", false),
            row("server.listen", "KEYWARD_SERVER__LISTEN", false),
            row("upstream.api_key", "OPENAI_API_KEY", true),
        ];
        assert_eq!(fields(TABLE), expected);
    }

    #[test]
    fn the_four_places_agree_or_fail() {
        one(DEFAULTS, EXAMPLE, PAGE, &[]);
        one(
            "debug = false\n",
            EXAMPLE,
            PAGE,
            &[("config/default.toml", 0)],
        );
        one(
            &format!("{DEFAULTS}stray = 1\n"),
            EXAMPLE,
            PAGE,
            &[("config/default.toml", 0)],
        );
        one(
            DEFAULTS,
            "DEBUG=1\nOPENAI_API_KEY=x\n",
            PAGE,
            &[(".env.example", 0)],
        );
        one(
            DEFAULTS,
            &format!("{EXAMPLE}STRAY=1\n"),
            PAGE,
            &[(".env.example", 5)],
        );
        one(
            DEFAULTS,
            EXAMPLE,
            "`DEBUG` `OPENAI_API_KEY`",
            &[("docs/reference/settings.md", 0)],
        );
    }

    #[test]
    fn a_missing_place_or_table_fails() {
        expect(
            &check(&Tree::of(&[
                ("crates/config/src/fields.rs", TABLE),
                ("config/default.toml", ""),
            ])),
            &[(".env.example", 0), ("docs/reference/settings.md", 0)],
        );
        let files = [
            ("crates/config/src/fields.rs", "no table"),
            ("config/default.toml", ""),
            (".env.example", ""),
            ("docs/reference/settings.md", ""),
        ];
        expect(
            &check(&Tree::of(&files)),
            &[("crates/config/src/fields.rs", 0)],
        );
    }
}
