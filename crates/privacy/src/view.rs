//! A text as it reads once its percent-encoding or its backslash escapes are taken away, with the way back.
//!
//! Escapes mix with plain characters (`p%61ss` and `pass` are the same to a reader), so a secret has no fixed form in
//! them; the text is decoded in place instead.
//!
//! Invariants: each byte of a view knows the bytes of the text that it came from; what is no valid escape stays as it
//! is; a view exists only if something was decoded.
//! Does not know: what is looked for.
//! Source: RFC 3986 section 2.1; RFC 8259 section 7; the `Debug` output of Rust strings and bytes.

use std::ops::Range;

/// A decoded text.
pub(crate) struct View {
    pub(crate) bytes: Vec<u8>,
    origins: Vec<Range<usize>>,
}

/// How a text may be escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Escaping {
    /// `%2F`
    Percent,
    /// `\n`, `\"`, `\u00e9`, `\u{e9}`, `\xe9`
    Backslash,
}

pub(crate) const ESCAPINGS: [Escaping; 2] = [Escaping::Percent, Escaping::Backslash];

impl Escaping {
    fn mark(self) -> u8 {
        match self {
            Self::Percent => b'%',
            Self::Backslash => b'\\',
        }
    }

    /// The escape at the beginning of the text, which is a mark.
    fn read(self, text: &[u8]) -> Option<Decoded> {
        match self {
            Self::Percent => read_percent(text),
            Self::Backslash => read_backslash(text),
        }
    }
}

/// The bytes that one escape stands for, and how long it is.
struct Decoded {
    bytes: [u8; 4],
    count: usize,
    escape_bytes: usize,
}

impl View {
    /// The view of `text`, or of what `outer` made of it; none if there is nothing to decode.
    pub(crate) fn new(text: &[u8], outer: Option<&View>, escaping: Escaping) -> Option<View> {
        let mark = escaping.mark();
        memchr::memchr(mark, text)?;
        let origin =
            |range: Range<usize>| outer.map_or(range.clone(), |outer| outer.origin(&range));
        let mut view = View {
            bytes: Vec::with_capacity(text.len()),
            origins: Vec::with_capacity(text.len()),
        };
        let mut at = 0;
        let mut decoded_any = false;
        while let Some(byte) = text.get(at) {
            let decoded = if *byte == mark {
                escaping.read(&text[at..])
            } else {
                None
            };
            let Some(Decoded {
                bytes,
                count,
                escape_bytes,
            }) = decoded
            else {
                view.bytes.push(*byte);
                view.origins.push(origin(at..at + 1));
                at += 1;
                continue;
            };
            let from = origin(at..at + escape_bytes);
            view.bytes.extend_from_slice(&bytes[..count]);
            view.origins.extend(std::iter::repeat_n(from, count));
            at += escape_bytes;
            decoded_any = true;
        }
        decoded_any.then_some(view)
    }

    /// Where a range of the view stands in the text.
    pub(crate) fn origin(&self, range: &Range<usize>) -> Range<usize> {
        match &self.origins[range.clone()] {
            [] => 0..0,
            [only] => only.clone(),
            [first, .., last] => first.start..last.end,
        }
    }
}

fn one(byte: u8, escape_bytes: usize) -> Decoded {
    Decoded {
        bytes: [byte, 0, 0, 0],
        count: 1,
        escape_bytes,
    }
}

fn character(code: u32, escape_bytes: usize) -> Option<Decoded> {
    let mut bytes = [0; 4];
    let count = char::from_u32(code)?.encode_utf8(&mut bytes).len();
    Some(Decoded {
        bytes,
        count,
        escape_bytes,
    })
}

/// The number that the whole of `digits` writes in hex.
fn number(digits: Option<&[u8]>) -> Option<u32> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    digits?
        .iter()
        .try_fold(0_u32, |number, next| Some(number * 16 + digit(next)?))
}

fn read_percent(text: &[u8]) -> Option<Decoded> {
    let value = number(text.get(1..3))?;
    Some(one(u8::try_from(value).ok()?, 3))
}

fn read_backslash(text: &[u8]) -> Option<Decoded> {
    let plain = match text.get(1)? {
        b'u' => return read_unicode(text),
        b'x' => return Some(one(u8::try_from(number(text.get(2..4))?).ok()?, 4)),
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'0' => 0,
        same @ (b'"' | b'\'' | b'\\' | b'/') => *same,
        _ => return None,
    };
    Some(one(plain, 2))
}

/// `\u` with four digits, twice for a character beyond the first plane; or with up to six in braces.
fn read_unicode(text: &[u8]) -> Option<Decoded> {
    if text.get(2) == Some(&b'{') {
        let digits = text[3..]
            .iter()
            .take(7)
            .position(|byte| *byte == b'}')
            .filter(|digits| *digits > 0)?;
        return character(number(text.get(3..3 + digits))?, digits + 4);
    }
    let first = number(text.get(2..6))?;
    if !(0xd800..0xdc00).contains(&first) {
        return character(first, 6);
    }
    let second = number(
        text[6..]
            .strip_prefix(b"\\u")
            .and_then(|rest| rest.get(..4)),
    )?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    character(0x1_0000 + ((first - 0xd800) << 10) + low, 12)
}

#[cfg(test)]
mod tests {
    use super::{Escaping, View};
    use Escaping::{Backslash, Percent};

    #[track_caller]
    fn check(escaping: Escaping, text: &str, expected: Option<&str>) {
        let view = View::new(text.as_bytes(), None, escaping);
        let read = view.map(|view| String::from_utf8(view.bytes).unwrap());
        assert_eq!(read.as_deref(), expected);
    }

    #[test]
    fn percent() {
        check(Percent, "a%2Fb%2fc", Some("a/b/c"));
        check(Percent, "caf%C3%A9", Some("café"));
        check(Percent, "100% %zz %4", None);
        check(Percent, "%%41", Some("%A"));
        check(Percent, "plain", None);
    }

    #[test]
    fn backslash() {
        check(Backslash, r#"a\"b\\c\/d\n"#, Some("a\"b\\c/d\n"));
        check(Backslash, r"\u0041\u{42}\x43", Some("ABC"));
        check(Backslash, r"\u00e9\uD83D\uDE00\u{1F600}", Some("é😀😀"));
        check(Backslash, r"\ud83d \ud83dx \u12 \u{} \u{1234567} \q", None);
        check(Backslash, r"\", None);
        check(Backslash, r"\uD83D\u0041 \x41", Some(r"\uD83DA A"));
    }

    #[test]
    fn origins_lead_back() {
        let text = r"ab\u00e9cd";
        let view = View::new(text.as_bytes(), None, Backslash).unwrap();
        assert_eq!(&text[view.origin(&(1..3))], r"b\u00e9");
        assert_eq!(&text[view.origin(&(3..4))], r"\u00e9");
        assert_eq!(&text[view.origin(&(4..6))], "cd");
    }

    #[test]
    fn origins_lead_back_through_two_views() {
        let text = r"x%5Cu0041y";
        let outer = View::new(text.as_bytes(), None, Percent).unwrap();
        let inner = View::new(&outer.bytes, Some(&outer), Backslash).unwrap();
        assert_eq!(inner.bytes, b"xAy");
        assert_eq!(&text[inner.origin(&(1..2))], "%5Cu0041");
    }
}
