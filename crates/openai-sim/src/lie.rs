//! Lies: fields that are renamed or left out of answers, so that a check of shapes can be checked itself.
//!
//! Invariants: a lie changes names of fields only, never their values, and only in answers on its own path.
//! Does not know: what a field means.

use serde_json::{Map, Value};

/// Lies held at once.
pub const LIES_MAX: usize = 64;

/// Says how the answers on one path deviate from the real API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lie {
    path: Option<String>,
    renamed: Vec<(String, String)>,
    left_out: Vec<String>,
}

impl Lie {
    /// A lie on every path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only on `path`, without the prefix, as in `/embeddings`.
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Calls the field `name` `other` instead, at any depth.
    pub fn rename(mut self, name: &str, other: &str) -> Self {
        self.renamed.push((name.to_owned(), other.to_owned()));
        self
    }

    /// Leaves the field `name` out, at any depth.
    pub fn leave_out(mut self, name: &str) -> Self {
        self.left_out.push(name.to_owned());
        self
    }

    /// Reads `{"path": …, "rename": {old: new}, "leave_out": [name]}`.
    pub(crate) fn from_json(value: &Value) -> Result<Self, String> {
        let fields = value.as_object().ok_or("a lie is a JSON object")?;
        let mut lie = Self::new();
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("path", Value::String(path)) => lie = lie.on(path),
                ("rename", Value::Object(pairs)) => {
                    for (old, new) in pairs {
                        lie = lie.rename(
                            old,
                            new.as_str()
                                .ok_or_else(|| format!("`rename.{old}` is no string"))?,
                        );
                    }
                }
                ("leave_out", Value::Array(names)) => {
                    for name in names {
                        lie = lie.leave_out(name.as_str().ok_or("`leave_out` lists strings")?);
                    }
                }
                _ => {
                    return Err(format!(
                        "`{name}` is unknown or of the wrong type; a lie has `path`, `rename`, `leave_out`"
                    ));
                }
            }
        }
        Ok(lie)
    }

    pub(crate) fn fits(&self, path: &str) -> bool {
        self.path.as_deref().is_none_or(|wanted| wanted == path)
    }

    pub(crate) fn apply(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply(item)),
            Value::Object(fields) => {
                let told = std::mem::take(fields)
                    .into_iter()
                    .filter(|(name, _)| !self.left_out.contains(name));
                *fields = told
                    .map(|(name, value)| (self.name(name), self.told(value)))
                    .collect::<Map<_, _>>();
            }
            _ => {}
        }
    }

    fn told(&self, mut value: Value) -> Value {
        self.apply(&mut value);
        value
    }

    fn name(&self, name: String) -> String {
        self.renamed
            .iter()
            .find(|(old, _)| *old == name)
            .map_or(name, |(_, new)| new.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::Lie;
    use serde_json::json;

    #[test]
    fn names_change_at_any_depth_and_values_stay() {
        let mut answer = json!({"data": [{"object": "embedding", "embedding": [1]}], "usage": {"prompt_tokens": 2}});
        Lie::new()
            .rename("embedding", "vector")
            .leave_out("prompt_tokens")
            .apply(&mut answer);
        assert_eq!(
            answer,
            json!({"data": [{"object": "embedding", "vector": [1]}], "usage": {}})
        );
    }

    #[test]
    fn json_lies_are_read_whole_or_refused() {
        let read = Lie::from_json(
            &json!({"path": "/embeddings", "rename": {"embedding": "vector"}, "leave_out": ["index"]}),
        );
        assert_eq!(
            read,
            Ok(Lie::new()
                .on("/embeddings")
                .rename("embedding", "vector")
                .leave_out("index"))
        );
        assert!(Lie::from_json(&json!({"renames": {}})).is_err());
        assert!(Lie::from_json(&json!([])).is_err());
    }
}
