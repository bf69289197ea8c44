//! Reads a form of several parts.
//!
//! Invariants: at most [`PARTS_MAX`] parts; a form that ends too early is none.
//! Does not know: what the parts are for; encodings of single parts.
//! Source: RFC 7578; RFC 2046, section 5.1.

use bytes::Bytes;
use serde_json::{Value, json};

/// Parts of one form.
const PARTS_MAX: usize = 256;

pub(crate) struct Form {
    parts: Vec<Part>,
}

pub(crate) struct Part {
    name: String,
    /// Of a file.
    pub(crate) filename: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Form {
    /// Nothing if the body is no such form.
    pub(crate) fn read(content_type: &str, body: &Bytes) -> Option<Self> {
        let boundary = parameter(content_type, "boundary")?;
        let delimiter = format!("--{boundary}");
        let mut rest = find(body, delimiter.as_bytes())? + delimiter.len();
        // Every further delimiter begins on a line of its own.
        let delimiter = format!("\r\n--{boundary}");
        let mut parts = Vec::new();
        while body.get(rest..rest + 2)? != b"--" {
            let head = rest + 2;
            let head_bytes = find(&body[head..], b"\r\n\r\n")?;
            let start = head + head_bytes + 4;
            // A part without content ends where its head does.
            let length = find(&body[start - 2..], delimiter.as_bytes())?;
            let end = (start + length).saturating_sub(2).max(start);
            let lines = std::str::from_utf8(&body[head..head + head_bytes]).ok()?;
            parts.push(Part::read(lines, body.slice(start..end))?);
            if parts.len() > PARTS_MAX {
                return None;
            }
            rest = start - 2 + length + delimiter.len();
        }
        Some(Self { parts })
    }

    /// The first part of that name, or of that name with brackets for a list.
    pub(crate) fn part(&self, name: &str) -> Option<&Part> {
        let is_named = |part: &&Part| part.name.trim_end_matches("[]") == name;
        self.parts.iter().find(is_named)
    }

    /// How many parts have that name.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let is_named = |part: &&Part| part.name.trim_end_matches("[]") == name;
        self.parts.iter().filter(is_named).count() as u64
    }

    /// The parts that are no files as fields of an object: numbers and truth values as such, the rest as text.
    pub(crate) fn fields(&self) -> Value {
        let mut fields = json!({});
        for part in self.parts.iter().filter(|part| part.filename.is_none()) {
            let text = String::from_utf8_lossy(&part.bytes);
            let value: Value = match serde_json::from_str(&text) {
                Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
                _ => json!(text),
            };
            fields[part.name.trim_end_matches("[]")] = value;
        }
        fields
    }
}

impl Part {
    fn read(lines: &str, bytes: Bytes) -> Option<Self> {
        let disposition = lines.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-disposition")
                .then_some(value)
        })?;
        Some(Self {
            name: parameter(disposition, "name")?.to_owned(),
            filename: parameter(disposition, "filename").map(str::to_owned),
            bytes,
        })
    }
}

/// A parameter of a header's value, with or without quotes.
fn parameter<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let mut parameters = header.split(';').filter_map(|part| part.split_once('='));
    let (_, value) = parameters.find(|(known, _)| known.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    // By its first byte, so that large files are passed over quickly.
    let first = *wanted.first()?;
    let mut at = 0;
    while let Some(step) = bytes.get(at..)?.iter().position(|byte| *byte == first) {
        if bytes[at + step..].starts_with(wanted) {
            return Some(at + step);
        }
        at += step + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Form;
    use bytes::Bytes;
    use proptest::prelude::{any, prop, proptest};
    use serde_json::json;

    fn body(parts: &[(&str, &[u8])]) -> Bytes {
        let mut body = b"preamble\r\n".to_vec();
        for (head, bytes) in parts {
            body.extend(format!("--x y\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
            body.extend(*bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--x y--\r\n");
        body.into()
    }

    #[test]
    fn fields_and_files_are_told_apart() {
        let parts: [(&str, &[u8]); 5] = [
            ("name=\"model\"", b"whisper-1"),
            ("name=\"n\"", b"2"),
            ("name=\"stream\"", b"true"),
            ("name=\"empty\"", b""),
            ("name=\"image[]\"; filename=\"a.png\"", b"\r\n--x"),
        ];
        let form = Form::read("multipart/form-data; boundary=\"x y\"", &body(&parts)).unwrap();
        let fields = json!({"model": "whisper-1", "n": 2, "stream": true, "empty": ""});
        assert_eq!(form.fields(), fields);
        let file = form.part("image").unwrap();
        assert_eq!(
            (file.filename.as_deref(), &file.bytes[..]),
            (Some("a.png"), &b"\r\n--x"[..])
        );
        assert_eq!(form.count("image"), 1);
    }

    #[test]
    fn what_is_no_form_is_none() {
        let whole = body(&[("name=\"a\"", b"b")]);
        let kind = "multipart/form-data; boundary=x y";
        for end in 0..whole.len() - 4 {
            assert!(Form::read(kind, &whole.slice(..end)).is_none(), "{end}");
        }
        assert!(Form::read("multipart/form-data", &whole).is_none());
        assert!(Form::read("multipart/form-data; boundary=z", &whole).is_none());
    }

    proptest! {
        #[test]
        fn bytes_of_a_file_stay(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let whole = body(&[("name=\"f\"; filename=\"f\"", &bytes)]);
            let form = Form::read("multipart/form-data; boundary=x y", &whole).unwrap();
            assert_eq!(form.part("f").unwrap().bytes, bytes);
        }
    }
}
