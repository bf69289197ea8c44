//! Texts as PostgreSQL takes them: it refuses U+0000, which a caller may well put into the name of an end user.
//!
//! Invariants: what is written is read back; different texts stay different; texts without U+0000 and U+E000 stay as they are.
//! Does not know: which column.

use std::borrow::Cow;

use crate::error::StoreErrorKind;

/// Stands before a sign that is written in another way. Of the area that no standard gives a meaning to.
const ESCAPE: char = '\u{E000}';

/// The text as it is written.
pub(super) fn to_text(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 8);
    for sign in text.chars() {
        match sign {
            '\0' => written.extend([ESCAPE, '0']),
            ESCAPE => written.extend([ESCAPE, ESCAPE]),
            sign => written.push(sign),
        }
    }
    Cow::Owned(written)
}

/// The text as it was.
pub(super) fn from_text(written: String) -> String {
    if !written.contains(ESCAPE) {
        return written;
    }
    let mut text = String::with_capacity(written.len());
    let mut signs = written.chars();
    while let Some(sign) = signs.next() {
        match sign {
            ESCAPE => text.push(match signs.next() {
                Some('0') => '\0',
                Some(sign) => sign,
                None => ESCAPE,
            }),
            sign => text.push(sign),
        }
    }
    text
}

/// A list of strings in one column, as a JSON array.
pub(super) fn to_list(list: &[String]) -> String {
    if list.is_empty() {
        return "[]".to_owned();
    }
    let list: Vec<Cow<'_, str>> = list.iter().map(|text| to_text(text)).collect();
    serde_json::Value::from(list).to_string()
}

/// The list, in the order in which it was written.
pub(super) fn from_list(written: &str) -> Result<Vec<String>, StoreErrorKind> {
    if written == "[]" {
        return Ok(Vec::new());
    }
    let list: Vec<String> = serde_json::from_str(written)
        .map_err(|_| StoreErrorKind::Internal("a list is no JSON".to_owned()))?;
    Ok(list.into_iter().map(from_text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_none_holds_a_nul() {
        for text in [
            "",
            "plain",
            "a\0b",
            "\0",
            "\u{E000}",
            "\u{E000}0",
            "a\u{E000}\0\u{E000}b\0",
        ] {
            let written = to_text(text).into_owned();
            assert!(!written.contains('\0'));
            assert_eq!(from_text(written), text);
            let list = vec![text.to_owned(), "\"quoted\"".to_owned()];
            let written = to_list(&list);
            assert!(!written.contains('\0') && !written.contains("\\u0000"));
            assert_eq!(from_list(&written).unwrap(), list);
        }
        assert_ne!(to_text("\0"), to_text("\u{E000}0"));
    }
}
