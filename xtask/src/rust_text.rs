//! Rust source with comments and literals blanked, so that a search finds code only.
//!
//! Invariants: the result has the same lines and, in bytes, the same columns as the source.
//! Does not know: grammar; it knows tokens only so far as to tell code from text.
//! Source: The Rust Reference, "Lexical structure", comments and literals.

/// The source with the inside of comments, strings and character literals turned into spaces.
pub(crate) fn blank(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = at
            + match rest {
                [b'/', b'/', ..] => find(rest, b"\n").unwrap_or(rest.len()),
                [b'/', b'*', ..] => block_comment(rest),
                [b'r' | b'b' | b'c' | b'"', ..] if !joins(bytes, at) => string(rest),
                [b'"', ..] => string(rest),
                [b'\'', ..] => character(rest),
                _ => 0,
            };
        if end == at {
            at += 1;
            continue;
        }
        for byte in out
            .iter_mut()
            .take(end)
            .skip(at)
            .filter(|byte| **byte != b'\n')
        {
            *byte = b' ';
        }
        at = end;
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Whether the byte before belongs to the same word.
fn joins(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| bytes.get(before))
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Length of a block comment, nested ones included.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest.get(at..).unwrap_or_default() {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a string literal with its prefix; 0 if there is none here.
fn string(rest: &[u8]) -> usize {
    let prefix = rest
        .iter()
        .take_while(|byte| matches!(byte, b'b' | b'c' | b'r'))
        .count();
    let raw = prefix <= 2
        && rest
            .get(..prefix)
            .is_some_and(|letters| letters.contains(&b'r'));
    let after = rest.get(prefix..).unwrap_or_default();
    let hashes = after.iter().take_while(|byte| **byte == b'#').count();
    if prefix > 2 || (hashes > 0 && !raw) || after.get(hashes) != Some(&b'"') {
        return 0;
    }
    let start = prefix + hashes + 1;
    let body = rest.get(start..).unwrap_or_default();
    if raw {
        let close: Vec<u8> = std::iter::once(b'"')
            .chain(std::iter::repeat_n(b'#', hashes))
            .collect();
        return find(body, &close).map_or(rest.len(), |end| start + end + close.len());
    }
    let mut escaped = false;
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return start + at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Length of a character literal; 0 for a lifetime or label.
fn character(rest: &[u8]) -> usize {
    let end = match rest {
        [_, b'\\', b'\'' | b'\\', ..] => 3,
        [_, b'\\', more @ ..] => return find(more, b"'").map_or(0, |end| end + 3),
        [_, first, ..] => 1 + width(*first),
        _ => return 0,
    };
    if rest.get(end) == Some(&b'\'') {
        end + 1
    } else {
        0
    }
}

/// Bytes of the UTF-8 character that begins with this byte.
fn width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

/// A function in blanked source: where it begins and how many lines it has, signature to closing brace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function<'t> {
    /// The bare name.
    pub(crate) name: &'t str,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Both ends included.
    pub(crate) lines: usize,
}

/// All functions with a body.
pub(crate) fn functions(code: &str) -> Vec<Function<'_>> {
    let starts = code
        .match_indices("fn ")
        .map(|(at, _)| at)
        .filter(|at| !joins(code.as_bytes(), *at));
    starts.filter_map(|at| function_at(code, at)).collect()
}

fn function_at(code: &str, at: usize) -> Option<Function<'_>> {
    let rest = code.get(at..)?;
    let name = rest
        .get(3..)?
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .next()?;
    if name.is_empty() {
        return None;
    }
    let mut brackets = 0_i64;
    let opening = rest.char_indices().find(|(_, letter)| {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            _ => {}
        }
        brackets == 0 && matches!(letter, '{' | ';')
    })?;
    if opening.1 == ';' {
        return None;
    }
    let end = opening.0 + block(rest.get(opening.0..)?)?;
    let line = code.get(..at)?.matches('\n').count() + 1;
    Some(Function {
        name,
        line,
        lines: rest.get(..end)?.matches('\n').count() + 1,
    })
}

/// Length of the block whose opening brace stands first; nothing if it never closes.
pub(crate) fn block(code: &str) -> Option<usize> {
    let mut depth = 0_i64;
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Function, blank, functions};

    fn check(source: &str, expected: &str) {
        assert_eq!(blank(source), expected, "{source}");
    }

    #[test]
    fn text_is_blanked_and_code_stays() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check(r#"f("x\"{", y)"#, r"f(      , y)");
        check("r#\"a\"b\"# c", "         c");
        check("b\"ab\" br\"c\" c\"d\"", "                ");
        check("crab\"x\"", "crab   ");
        check("'{' 'a '\\'' '\\u{7b}' b'x'", "    'a               b   ");
        check("'é' &'static str", "     &'static str");
    }

    #[test]
    fn functions_are_measured_by_their_braces() {
        let code = blank(
            "fn a() {\n  \"}\";\n}\ntrait T { fn b(); fn c<const N: usize>(x: [u8; N]) -> u8\n where u8: Copy\n {\n 1 }}\nlet f: fn (u8) = a;",
        );
        let expected = [
            Function {
                name: "a",
                line: 1,
                lines: 3,
            },
            Function {
                name: "c",
                line: 4,
                lines: 4,
            },
        ];
        assert_eq!(functions(&code), expected);
    }
}
