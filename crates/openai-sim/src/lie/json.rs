//! Reads and writes lies as JSON.
//!
//! Invariants: what is written reads as the same lie; a lie that is not understood whole is refused.
//! Does not know: what a lie does.

use serde_json::{Map, Value, json};

use super::Lie;
use super::change::Change;
use super::twist::Twist;

const FIELDS: &str = "`path`, `rename`, `leave_out`, `add`, `say`, `null`, `as_text`, `as_number`, `as_array`, \
                      `as_object`, `twists`, `drop_headers`, `set_headers`, `status`";

impl Lie {
    /// Reads one lie: an object whose fields are named like the functions of the builder.
    ///
    /// Shape: `rename`, `add`, `say`, `set_headers` are objects (place or header to what is said); `leave_out`,
    /// `null`, `as_…`, `drop_headers` are lists of places or headers; `twists` lists names; `status` maps the honest
    /// status to the other, as in `{"404": 200}`.
    ///
    /// Errors: names the field that is unknown or of the wrong type.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let fields = value.as_object().ok_or("a lie is a JSON object")?;
        fields.iter().try_fold(Self::new(), |lie, (name, value)| {
            lie.with(name, value).ok_or_else(|| {
                format!("`{name}` is unknown or of the wrong type; a lie has {FIELDS}")
            })
        })
    }

    /// Reads one lie from its text, as [`Lie::from_json`] does.
    ///
    /// Errors: the text is no JSON, or no lie.
    pub fn read(text: &str) -> Result<Self, String> {
        let value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
        Self::from_json(&value)
    }

    /// Writes the lie as [`Lie::from_json`] reads it; what it does not say is left out.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        if let Some(path) = &self.path {
            fields.insert("path".to_owned(), json!(path));
        }
        for (place, change) in &self.changes {
            let place = place.text();
            match change {
                Change::Rename(other) => pair(&mut fields, "rename", place, json!(other)),
                Change::Add(value) => pair(&mut fields, "add", place, value.clone()),
                Change::Say(value) => pair(&mut fields, "say", place, value.clone()),
                Change::LeaveOut => item(&mut fields, "leave_out", &place),
                Change::Null => item(&mut fields, "null", &place),
                Change::Text => item(&mut fields, "as_text", &place),
                Change::Number => item(&mut fields, "as_number", &place),
                Change::Array => item(&mut fields, "as_array", &place),
                Change::Object => item(&mut fields, "as_object", &place),
            }
        }
        for twist in &self.twists {
            item(&mut fields, "twists", twist.name());
        }
        for (name, value) in &self.headers {
            match value {
                None => item(&mut fields, "drop_headers", name),
                Some(value) => pair(&mut fields, "set_headers", name.clone(), json!(value)),
            }
        }
        for (honest, other) in &self.statuses {
            pair(&mut fields, "status", honest.to_string(), json!(other));
        }
        Value::Object(fields)
    }

    fn with(self, name: &str, value: &Value) -> Option<Self> {
        match name {
            "path" => Some(self.on(value.as_str()?)),
            "leave_out" => self.each(value, Self::leave_out),
            "null" => self.each(value, Self::null),
            "as_text" => self.each(value, Self::as_text),
            "as_number" => self.each(value, Self::as_number),
            "as_array" => self.each(value, Self::as_array),
            "as_object" => self.each(value, Self::as_object),
            "drop_headers" => self.each(value, Self::drop_header),
            "twists" => value.as_array()?.iter().try_fold(self, |lie, name| {
                Some(lie.twist(Twist::named(name.as_str()?)?))
            }),
            "rename" => self.pairs(value, |lie, place, other| {
                Some(lie.rename(place, other.as_str()?))
            }),
            "set_headers" => self.pairs(value, |lie, header, other| {
                Some(lie.set_header(header, other.as_str()?))
            }),
            "add" => self.pairs(value, |lie, place, value| {
                Some(lie.add(place, value.clone()))
            }),
            "say" => self.pairs(value, |lie, place, value| {
                Some(lie.say(place, value.clone()))
            }),
            "status" => self.pairs(value, |lie, honest, other| {
                Some(lie.status(honest.parse().ok()?, u16::try_from(other.as_u64()?).ok()?))
            }),
            _ => None,
        }
    }

    fn each(self, value: &Value, tell: fn(Self, &str) -> Self) -> Option<Self> {
        value
            .as_array()?
            .iter()
            .try_fold(self, |lie, place| Some(tell(lie, place.as_str()?)))
    }

    fn pairs(self, value: &Value, tell: fn(Self, &str, &Value) -> Option<Self>) -> Option<Self> {
        value
            .as_object()?
            .iter()
            .try_fold(self, |lie, (name, value)| tell(lie, name, value))
    }
}

fn item(fields: &mut Map<String, Value>, name: &str, item: &str) {
    let list = fields.entry(name).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.push(json!(item));
    }
}

fn pair(fields: &mut Map<String, Value>, name: &str, key: String, value: Value) {
    let pairs = fields.entry(name).or_insert_with(|| json!({}));
    if let Some(pairs) = pairs.as_object_mut() {
        pairs.insert(key, value);
    }
}
