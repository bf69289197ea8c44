//! Paths to the places of a shape, as in `choices[].message.content`.
//!
//! Invariants: every sequence of names and elements has one path, and reading it gives the sequence back.
//! Does not know: shapes.

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Field(String),
    Element,
}

/// The path to a field of the object at `path`. Names that are no plain words are quoted as in JSON.
pub(crate) fn field(path: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    let name = if plain {
        name.to_owned()
    } else {
        serde_json::Value::from(name).to_string()
    };
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}

/// The path to the elements of the array at `path`.
pub(crate) fn element(path: &str) -> String {
    format!("{path}[]")
}

/// The steps of a path, or nothing if it is none.
pub(crate) fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[]") {
            steps.push(Step::Element);
            rest = after;
            continue;
        }
        if !steps.is_empty() {
            rest = rest.strip_prefix('.')?;
        }
        let (name, after) = if rest.starts_with('"') {
            quoted(rest)?
        } else {
            plain(rest)?
        };
        steps.push(Step::Field(name));
        rest = after;
    }
    Some(steps)
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut reader = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let name = reader.next()?.ok()?;
    Some((name, &text[reader.byte_offset()..]))
}

fn plain(text: &str) -> Option<(String, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::{Step, element, field, steps};
    use proptest::prelude::{any, prop, proptest};

    #[test]
    fn paths_read_well() {
        assert_eq!(
            field(&element(&field("", "choices")), "index"),
            "choices[].index"
        );
        assert_eq!(field("a", "b.c"), "a.\"b.c\"");
        for broken in ["a..b", ".a", "a[", "a]b.", "\"a", "a[]b"] {
            assert_eq!(steps(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn reading_gives_the_steps_back(names in prop::collection::vec(prop::option::of(any::<String>()), 0..5)) {
            let path = names.iter().fold(String::new(), |path, name| match name {
                Some(name) => field(&path, name),
                None => element(&path),
            });
            let wanted: Vec<Step> = names.into_iter().map(|name| name.map_or(Step::Element, Step::Field)).collect();
            assert_eq!(steps(&path), Some(wanted), "{path}");
        }
    }
}
