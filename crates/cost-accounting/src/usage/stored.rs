//! Usage at rest: six columns that every entry has, and a JSON object of what most entries do not have.
//!
//! Invariants: the columns hold all tokens, so that reports need not read the object; what is written is read back as the same usage.
//! Does not know: SQL, what else stands in the object.

use serde_json::{Map, Value};

use super::Usage;

/// The columns of an entry, each over all modalities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) input: u128,
    pub(crate) cached_input: u128,
    pub(crate) cache_write_30m: u128,
    pub(crate) cache_write_12h: u128,
    pub(crate) output: u128,
    pub(crate) reasoning: u128,
}

impl Usage {
    /// The columns. Audio and images are in those of input and output too.
    pub(crate) fn columns(&self) -> Columns {
        let sum = |classes: [u64; 3]| classes.into_iter().map(u128::from).sum();
        Columns {
            input: sum([self.input, self.audio_input, self.image_input]),
            cached_input: sum([
                self.cached_input,
                self.cached_audio_input,
                self.cached_image_input,
            ]),
            cache_write_30m: self.cache_write_30m.into(),
            cache_write_12h: self.cache_write_12h.into(),
            output: sum([self.output, self.audio_output, self.image_output]),
            reasoning: self.reasoning.into(),
        }
    }

    /// What is not plain text, added to the object of an entry.
    ///
    /// Shape: tokens among those of the columns, and units of other meters, each left out where it is 0. What is no JSON object is left alone.
    pub(crate) fn with_others(&self, other_usage: Option<String>) -> Option<String> {
        let told = self.others();
        if told.iter().all(|(_, units)| *units == 0) {
            return other_usage;
        }
        let mut object = match other_usage.as_deref().map(serde_json::from_str) {
            None => Map::new(),
            Some(Ok(Value::Object(object))) => object,
            Some(_) => return other_usage,
        };
        for (name, units) in told.into_iter().filter(|(_, units)| *units > 0) {
            object.insert(name.to_owned(), units.into());
        }
        Some(Value::Object(object).to_string())
    }

    /// The usage of the columns (in the order of [`Columns`]) and the object, and what else the object holds.
    ///
    /// Shape: `None` where the object tells of more tokens than the columns hold.
    pub(crate) fn read(
        [
            input,
            cached_input,
            cache_write_30m,
            cache_write_12h,
            output,
            reasoning,
        ]: [u64; 6],
        other_usage: Option<String>,
    ) -> Option<(Usage, Option<String>)> {
        let mut usage = Usage::default();
        let mut rest = other_usage;
        if let Some(Ok(Value::Object(mut object))) = rest.as_deref().map(serde_json::from_str) {
            let mut found = false;
            for (name, units) in usage.others_mut() {
                if let Some(told) = object.get(name).and_then(Value::as_u64) {
                    *units = told;
                    object.remove(name);
                    found = true;
                }
            }
            if found {
                rest = (!object.is_empty()).then(|| Value::Object(object).to_string());
            }
        }
        let less = |all: u64, parts: [u64; 2]| all.checked_sub(parts[0])?.checked_sub(parts[1]);
        usage.input = less(input, [usage.audio_input, usage.image_input])?;
        let cached_parts = [usage.cached_audio_input, usage.cached_image_input];
        usage.cached_input = less(cached_input, cached_parts)?;
        usage.output = less(output, [usage.audio_output, usage.image_output])?;
        (usage.cache_write_30m, usage.cache_write_12h) = (cache_write_30m, cache_write_12h);
        usage.reasoning = reasoning;
        Some((usage, rest))
    }

    fn others(mut self) -> [(&'static str, u64); 12] {
        self.others_mut().map(|(name, units)| (name, *units))
    }

    /// Everything that has no column of its own, by its name in the object.
    fn others_mut(&mut self) -> [(&'static str, &mut u64); 12] {
        [
            ("audio_input_tokens", &mut self.audio_input),
            ("cached_audio_input_tokens", &mut self.cached_audio_input),
            ("audio_output_tokens", &mut self.audio_output),
            ("image_input_tokens", &mut self.image_input),
            ("cached_image_input_tokens", &mut self.cached_image_input),
            ("image_output_tokens", &mut self.image_output),
            ("audio_ms", &mut self.audio_ms),
            ("characters", &mut self.characters),
            ("images", &mut self.images),
            ("web_searches", &mut self.web_searches),
            ("file_searches", &mut self.file_searches),
            ("containers", &mut self.containers),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    /// The usage is written so, and read back from it; `rest` is what else stands in the object.
    fn check(usage: Usage, rest: Option<&str>, columns: [u64; 6], object: Option<&str>) {
        let written = usage.columns();
        let all = [
            written.input,
            written.cached_input,
            written.cache_write_30m,
            written.cache_write_12h,
            written.output,
            written.reasoning,
        ];
        assert_eq!(all, columns.map(u128::from));
        let rest = rest.map(str::to_owned);
        let other_usage = usage.with_others(rest.clone());
        assert_eq!(other_usage.as_deref(), object);
        assert_eq!(Usage::read(columns, other_usage), Some((usage, rest)));
    }

    #[test]
    fn text_needs_no_object() {
        let usage = Usage {
            input: 1,
            cached_input: 2,
            cache_write_30m: 3,
            cache_write_12h: 4,
            output: 5,
            reasoning: 6,
            ..Usage::default()
        };
        check(usage, None, [1, 2, 3, 4, 5, 6], None);
        let clamped = r#"{"clamped":true}"#;
        check(usage, Some(clamped), [1, 2, 3, 4, 5, 6], Some(clamped));
        check(
            usage,
            Some("no object"),
            [1, 2, 3, 4, 5, 6],
            Some("no object"),
        );
    }

    #[test]
    fn the_columns_hold_every_modality() {
        let usage = Usage {
            input: 1,
            audio_input: 10,
            image_input: 100,
            cached_audio_input: 7,
            audio_output: 20,
            web_searches: 2,
            ..Usage::default()
        };
        let object = r#"{"audio_input_tokens":10,"audio_output_tokens":20,"cached_audio_input_tokens":7,"image_input_tokens":100,"web_searches":2}"#;
        check(usage, None, [111, 7, 0, 0, 20, 0], Some(object));
        let with_rest = format!("{},\"clamped\":true{}", &object[..54], &object[54..]);
        let rest = r#"{"clamped":true}"#;
        let other_usage = usage.with_others(Some(rest.to_owned()));
        assert_eq!(other_usage.as_ref().map(String::len), Some(with_rest.len()));
        let read = Usage::read([111, 7, 0, 0, 20, 0], other_usage);
        assert_eq!(read, Some((usage, Some(rest.to_owned()))));
    }

    #[test]
    fn an_object_with_more_than_the_columns_is_not_believed() {
        let object = r#"{"audio_input_tokens":10}"#.to_owned();
        assert_eq!(Usage::read([9, 0, 0, 0, 0, 0], Some(object)), None);
    }
}
