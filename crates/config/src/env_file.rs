//! Reads `.env`: one `NAME=value` a line, as the shell writes it, but without running or expanding anything.
//!
//! Invariants: an error names the line and never the text; a name stands once; nothing is expanded, and what asks for
//! expansion is refused instead of taken as it stands.
//! Does not know: which names matter.

use crate::error::{Problems, shown_name};

/// The largest `.env` that is read.
pub(crate) const ENV_FILE_BYTES_MAX: u64 = 64 * 1024;

/// One line that sets something.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name left of `=`.
    pub(crate) name: String,
    /// The value, unquoted.
    pub(crate) value: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Reads the whole file; each line that is wrong becomes a problem.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let place = format!(".env:{number}");
        match parse_line(line) {
            Ok(None) => {}
            Ok(Some((name, value))) => match entries.iter().find(|entry| entry.name == name) {
                Some(first) => {
                    let problem = format!("stands twice, first on line {}", first.line);
                    problems.add(
                        shown_name(name),
                        &place,
                        problem,
                        "keep one of the two lines",
                    );
                }
                None => entries.push(Entry {
                    name: name.to_owned(),
                    value,
                    line: number,
                }),
            },
            Err((problem, remedy)) => problems.add(".env", &place, problem, remedy),
        }
    }
    entries
}

type Wrong = (&'static str, &'static str);

fn parse_line(line: &str) -> Result<Option<(&str, String)>, Wrong> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let assignment = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
        .map_or(line, str::trim_start);
    let (name, value) = assignment
        .split_once('=')
        .ok_or(("has no =", "write NAME=value, and # before a comment"))?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| !first.is_ascii_digit());
    if !is_name {
        return Err((
            "has no plain name before the =",
            "write NAME=value without spaces around the =; a name has letters, digits and _",
        ));
    }
    Ok(Some((name, parse_value(value)?)))
}

fn parse_value(text: &str) -> Result<String, Wrong> {
    match text.chars().next() {
        Some('\'') => {
            let (value, rest) = text[1..].split_once('\'').ok_or(UNCLOSED)?;
            nothing_after(rest)?;
            Ok(value.to_owned())
        }
        Some('"') => double_quoted(&text[1..]),
        _ => {
            // A comment needs a space before it, so that a value may hold a `#`.
            let end = text
                .find(" #")
                .into_iter()
                .chain(text.find("\t#"))
                .min()
                .unwrap_or(text.len());
            let value = text[..end].trim();
            if value.contains(['"', '\'']) {
                return Err((
                    "has a quote inside an unquoted value",
                    "put the whole value in single quotes",
                ));
            }
            if value.contains(char::is_whitespace) {
                return Err((
                    "has a space inside an unquoted value",
                    "put the value in single quotes",
                ));
            }
            unexpanded(value)
        }
    }
}

const UNCLOSED: Wrong = (
    "has a quote that is not closed",
    "close the quote on the same line",
);

fn double_quoted(text: &str) -> Result<String, Wrong> {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                nothing_after(characters.as_str())?;
                return Ok(value);
            }
            '\\' => value.push(match characters.next().ok_or(UNCLOSED)? {
                'n' => '\n',
                't' => '\t',
                escaped @ ('"' | '\\' | '$') => escaped,
                _ => {
                    return Err((
                        "has an escape that is not known",
                        "use \\\\, \\\", \\$, \\n or \\t, or single quotes",
                    ));
                }
            }),
            '$' if characters.as_str().starts_with(['{', '(']) => return Err(EXPANSION),
            other => value.push(other),
        }
    }
    Err(UNCLOSED)
}

const EXPANSION: Wrong = (
    "asks for ${…} or $(…) to be expanded, which is not done",
    "write the value itself, or use single quotes to mean the characters",
);

fn unexpanded(value: &str) -> Result<String, Wrong> {
    if value.contains("${") || value.contains("$(") {
        Err(EXPANSION)
    } else {
        Ok(value.to_owned())
    }
}

fn nothing_after(rest: &str) -> Result<(), Wrong> {
    let rest_trimmed = rest.trim_start();
    if rest_trimmed.is_empty() || (rest_trimmed.starts_with('#') && rest.starts_with([' ', '\t'])) {
        Ok(())
    } else {
        Err((
            "has text after the closing quote",
            "put the whole value in one pair of quotes",
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Vec<(String, String)>, Vec<String>) {
        let mut problems = Problems::default();
        let entries = parse(text, &mut problems);
        let errors = problems
            .found()
            .iter()
            .map(|problem| problem.source.clone())
            .collect();
        (
            entries
                .into_iter()
                .map(|entry| (entry.name, entry.value))
                .collect(),
            errors,
        )
    }

    #[track_caller]
    fn check(line: &str, value: &str) {
        assert_eq!(
            read(line),
            (vec![("A".to_owned(), value.to_owned())], vec![]),
            "{line}"
        );
    }

    #[test]
    fn values_are_read_as_a_shell_would_without_expanding() {
        check("A=b", "b");
        check("export A=b", "b");
        check("  export\tA=b  ", "b");
        check("A=", "");
        check("A=b#c", "b#c");
        check("A=#b", "#b");
        check("A=b # a comment", "b");
        check("A= # nothing", "");
        check("A='it # is $HOME ${x} \\n'", "it # is $HOME ${x} \\n");
        check(
            "A=\"two words\\n\\\"quoted\\\" \\\\ \\$5\" # comment",
            "two words\n\"quoted\" \\ $5",
        );
        check("A=b=c==", "b=c==");
        check("\u{feff}A=b\r\n", "b");
    }

    #[test]
    fn every_wrong_line_is_named_by_its_number() {
        let wrong = [
            "no equals sign",
            "=value",
            "1A=b",
            "A B=c",
            "A =b",
            "A='open",
            "A=\"open",
            "A=\"open\\",
            "A=\"\\q\"",
            "A='b'c",
            "A=b c",
            "A=b\"c",
            "A=${HOME}",
            "A=\"${HOME}\"",
            "A=$(date)",
        ];
        for line in wrong {
            assert_eq!(
                read(&format!("# first\n\n{line}\n")),
                (vec![], vec![".env:3".to_owned()]),
                "{line}"
            );
        }
        assert_eq!(read("A=1\nB=2\nA=3\nbad\n").1, [".env:3", ".env:4"]);
    }

    #[test]
    fn a_line_that_ends_at_the_export_is_no_assignment() {
        assert_eq!(
            read("exportA=b").0,
            [("exportA".to_owned(), "b".to_owned())]
        );
        assert_eq!(read("export").1, [".env:1"]);
    }

    proptest! {
        #[test]
        fn single_quotes_keep_everything(value in "[^'\r\n\u{0}]{0,40}") {
            prop_assert_eq!(read(&format!("A='{value}'")).0, vec![("A".to_owned(), value)]);
        }

        #[test]
        fn no_text_breaks_the_parser_and_no_error_repeats_it(text in "(MARK|[ =#'\"\\\\$\\{\n]|[a-z]){0,60}") {
            let mut problems = Problems::default();
            parse(&text, &mut problems);
            for problem in problems.found() {
                let named = text.contains(&["", &problem.field, "="].concat());
                prop_assert!(problem.field == ".env" || problem.field.starts_with('[') || named);
                prop_assert!(!problem.problem.contains("MARK") && !problem.remedy.contains("MARK"));
            }
        }
    }
}
