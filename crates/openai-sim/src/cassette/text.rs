//! The text of a cassette: a block for each exchange, made to be read and compared line by line.
//!
//! Invariants: reading what was written gives the same cassette; a text that is not understood whole is refused with
//! its line.
//! Does not know: what is private.
//!
//! Lines of a block: `> ` what was sent (method and path, then the body), `< ` the status and when it came, then the
//! headers; `+75|` a chunk that came after 75 ms, its further lines behind `|`; `+75=` a chunk that is no text, in
//! base64; `end` and how.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{Cassette, Chunk, Ending, Recorded};

const FIRST_LINE: &str = "openai-sim cassette 1";
const ENDINGS: [(&str, Ending); 4] = [
    ("whole", Ending::Whole),
    ("cut", Ending::Cut),
    ("timeout", Ending::Timeout),
    ("left", Ending::Left),
];

/// Why a text is no cassette.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the cassette {why}")]
pub struct CassetteError {
    /// Counts from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Cassette {
    /// Reads what [`Cassette::write`] wrote.
    ///
    /// Errors: names the first line that is not as it should be.
    pub fn read(text: &str) -> Result<Self, CassetteError> {
        let mut reader = Reader::default();
        for (index, line) in text.split('\n').enumerate() {
            reader.line(index, line).map_err(|why| CassetteError {
                line: index + 1,
                why,
            })?;
        }
        let last = text.split('\n').count();
        match reader.open {
            None if last > 1 || !text.is_empty() => Ok(reader.cassette),
            _ => Err(CassetteError {
                line: last,
                why: "is the last, and an exchange or all of them are missing",
            }),
        }
    }

    /// Writes the cassette as text. Line ends in names are written as spaces.
    pub fn write(&self) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        for (name, value) in [
            ("upstream", &self.upstream),
            ("recorded", &self.recorded),
            ("chat model", &self.chat_model),
            ("embed model", &self.embed_model),
        ] {
            let space = if value.is_empty() { "" } else { " " };
            text += &format!("{name}:{space}{}\n", one_line(value));
        }
        self.exchanges
            .iter()
            .for_each(|exchange| write_exchange(&mut text, exchange));
        text
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn write_exchange(text: &mut String, exchange: &Recorded) {
    *text += &format!("\n> {} {}\n", exchange.method, one_line(&exchange.path));
    if let Some(request) = &exchange.request {
        *text += &format!("> {request}\n");
    }
    if let Some(status) = exchange.status {
        *text += &format!("< {status} +{}\n", exchange.headers_after_ms);
        for (name, value) in &exchange.headers {
            *text += &format!("< {name}: {}\n", one_line(value));
        }
    }
    for chunk in &exchange.chunks {
        match std::str::from_utf8(&chunk.bytes) {
            Ok(bytes) => *text += &format!("+{}|{}\n", chunk.after_ms, bytes.replace('\n', "\n|")),
            Err(_) => *text += &format!("+{}={}\n", chunk.after_ms, STANDARD.encode(&chunk.bytes)),
        }
    }
    let ending = ENDINGS
        .iter()
        .find(|(_, ending)| *ending == exchange.ending);
    *text += &format!("end {}\n", ending.map_or("", |(name, _)| name));
}

#[derive(Default)]
struct Reader {
    cassette: Cassette,
    open: Option<Recorded>,
    /// Whether the body of the open exchange's request may still come.
    asking: bool,
}

impl Reader {
    fn line(&mut self, index: usize, line: &str) -> Result<(), &'static str> {
        if index == 0 {
            return match line {
                FIRST_LINE => Ok(()),
                _ => Err("does not say that this is a cassette of version 1"),
            };
        }
        match &mut self.open {
            Some(exchange) => {
                if let Some(ending) = line.strip_prefix("end ") {
                    exchange.ending = ending_named(ending)?;
                    self.cassette.exchanges.extend(self.open.take());
                    return Ok(());
                }
                let asking = std::mem::take(&mut self.asking);
                in_exchange(exchange, line, asking)
            }
            None if line.is_empty() => Ok(()),
            None => match line.strip_prefix("> ") {
                Some(asked) => {
                    self.open = Some(begin(asked)?);
                    self.asking = true;
                    Ok(())
                }
                None => self.about(line),
            },
        }
    }

    fn about(&mut self, line: &str) -> Result<(), &'static str> {
        let (name, value) = line
            .split_once(": ")
            .or(line.strip_suffix(':').map(|name| (name, "")))
            .ok_or("is no line of a cassette")?;
        let place = match name {
            "upstream" => &mut self.cassette.upstream,
            "recorded" => &mut self.cassette.recorded,
            "chat model" => &mut self.cassette.chat_model,
            "embed model" => &mut self.cassette.embed_model,
            _ => return Err("names something that a cassette does not have"),
        };
        *place = value.to_owned();
        Ok(())
    }
}

fn begin(asked: &str) -> Result<Recorded, &'static str> {
    let (method, path) = asked.split_once(' ').ok_or("has no method and path")?;
    Ok(Recorded {
        method: method.to_owned(),
        path: path.to_owned(),
        request: None,
        status: None,
        headers: Vec::new(),
        headers_after_ms: 0,
        chunks: Vec::new(),
        ending: Ending::Whole,
    })
}

fn in_exchange(exchange: &mut Recorded, line: &str, asking: bool) -> Result<(), &'static str> {
    let mark = line.get(..1).unwrap_or_default();
    let rest = line.get(1..).unwrap_or_default();
    match mark {
        ">" if asking => {
            let request = serde_json::from_str(rest).map_err(|_| "is no JSON after its mark")?;
            exchange.request = Some(request);
            Ok(())
        }
        "<" => in_head(exchange, rest.strip_prefix(' ').unwrap_or(rest)),
        "+" => {
            exchange.chunks.push(chunk(rest)?);
            Ok(())
        }
        "|" => {
            let chunk = exchange.chunks.last_mut().ok_or("goes on with no chunk")?;
            chunk.bytes = [&chunk.bytes, b"\n".as_slice(), rest.as_bytes()]
                .concat()
                .into();
            Ok(())
        }
        _ => Err("begins with none of the marks of an exchange"),
    }
}

fn in_head(exchange: &mut Recorded, rest: &str) -> Result<(), &'static str> {
    if exchange.status.is_some() {
        let (name, value) = rest.split_once(": ").ok_or("is no header")?;
        exchange.headers.push((name.to_owned(), value.to_owned()));
        return Ok(());
    }
    let (status, after) = rest.split_once(" +").ok_or("has no status and time")?;
    let status: u16 = status
        .parse()
        .map_err(|_| "has a status that is no number")?;
    if !(100..1000).contains(&status) {
        return Err("has a status that there is not");
    }
    exchange.status = Some(status);
    exchange.headers_after_ms = milliseconds(after)?;
    Ok(())
}

fn chunk(rest: &str) -> Result<Chunk, &'static str> {
    let at = rest.find(['|', '=']).ok_or("is a chunk without a mark")?;
    let (after, marked) = rest.split_at(at);
    let bytes = match marked.strip_prefix('|') {
        Some(text) => Bytes::copy_from_slice(text.as_bytes()),
        None => STANDARD
            .decode(&marked[1..])
            .map_err(|_| "is no base64 after its mark")?
            .into(),
    };
    Ok(Chunk {
        after_ms: milliseconds(after)?,
        bytes,
    })
}

fn milliseconds(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "has a time that is no number")
}

fn ending_named(name: &str) -> Result<Ending, &'static str> {
    let found = ENDINGS.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, ending)| *ending)
        .ok_or("ends in a way that there is not")
}

#[cfg(test)]
mod tests {
    use super::{Cassette, Chunk, Ending, Recorded};
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
    use serde_json::{Value, json};

    fn chunks() -> impl Strategy<Value = Vec<Chunk>> {
        let texts = prop::collection::vec(
            prop_oneof![
                "[ -~\n\r|+=é]{1,12}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 1..9)
            ],
            0..5,
        );
        texts.prop_flat_map(|texts| {
            let times = prop::collection::vec(any::<u64>(), texts.len());
            (Just(texts), times).prop_map(|(texts, times)| {
                texts
                    .into_iter()
                    .zip(times)
                    .map(|(bytes, after_ms)| Chunk {
                        after_ms,
                        bytes: bytes.into(),
                    })
                    .collect()
            })
        })
    }

    fn request() -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            Just(None),
            any::<String>().prop_map(|text| Some(json!({"messages": [text]}))),
            any::<String>().prop_map(|text| Some(json!(text))),
        ]
    }

    fn exchange() -> impl Strategy<Value = Recorded> {
        let head = prop::option::of((100u16..600, "[ -~]{0,9}", any::<u64>()));
        let ending = prop_oneof![
            Just(Ending::Whole),
            Just(Ending::Cut),
            Just(Ending::Timeout),
            Just(Ending::Left)
        ];
        ("/[a-z?=&]{0,9}", request(), head, chunks(), ending).prop_map(
            |(path, request, head, chunks, ending)| Recorded {
                method: "POST".to_owned(),
                path,
                request,
                status: head.as_ref().map(|(status, ..)| *status),
                headers: head
                    .iter()
                    .map(|(_, value, _)| ("x-a".to_owned(), value.clone()))
                    .collect(),
                headers_after_ms: head.map_or(0, |(.., after)| after),
                chunks,
                ending,
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_written_reads_as_the_same(
            names in ("[ -~]{0,9}", "[0-9-]{0,10}", "[ -~]{0,9}", "[ -~é]{0,9}"), exchanges in prop::collection::vec(exchange(), 0..4)
        ) {
            let cassette = Cassette { upstream: names.0, recorded: names.1, chat_model: names.2, embed_model: names.3, exchanges };
            let text = cassette.write();
            assert_eq!(Cassette::read(&text).as_ref(), Ok(&cassette), "{text}");
        }

        #[test]
        fn no_text_stops_the_reader(text in "(openai-sim cassette 1\n)?(([>+<|]|end|upstream:)[ -~\n]{0,9}){0,9}") {
            let _ = Cassette::read(&text);
        }
    }

    fn check(lines: &str, line: usize, part: &str) {
        let error = Cassette::read(&format!("openai-sim cassette 1\n{lines}")).unwrap_err();
        assert!(error.line == line && error.why.contains(part), "{error}");
    }

    #[test]
    fn a_text_that_is_none_is_refused_by_its_line() {
        assert_eq!(Cassette::read("").unwrap_err().line, 1);
        check("color: red", 2, "names something");
        check("> POST /a\n> {\nend whole", 3, "no JSON");
        check("> POST /a\n< 42 +1\nend whole", 3, "status");
        check("> POST /a\n|a\nend whole", 3, "no chunk");
        check("> POST /a\n+x|a\nend whole", 3, "time");
        check("> POST /a\nend well", 3, "ends in a way");
        check("> POST /a", 2, "missing");
    }
}
