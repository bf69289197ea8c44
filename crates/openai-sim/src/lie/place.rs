//! Where in a JSON value a lie is told.
//!
//! Invariants: every field that is named is visited once, in the order of the document.
//! Does not know: what is changed there.

use serde_json::{Map, Value};

/// Fields of a value; see [`crate::Lie`] for how they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    steps: Vec<Step>,
    name: String,
    /// Whether the field is meant at any depth.
    anywhere: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Items,
}

impl Place {
    pub(super) fn parse(text: &str) -> Self {
        let anywhere = !text.contains(['.', '[']);
        let (way, name) = text.rsplit_once('.').unwrap_or(("", text));
        let mut steps = Vec::new();
        for part in way.split('.').filter(|part| !part.is_empty()) {
            let field = part.trim_end_matches("[]");
            if !field.is_empty() {
                steps.push(Step::Field(field.to_owned()));
            }
            let depth = (part.len() - field.len()) / 2;
            steps.extend((0..depth).map(|_| Step::Items));
        }
        Self {
            steps,
            name: name.to_owned(),
            anywhere,
        }
    }

    /// As it was written.
    pub(super) fn text(&self) -> String {
        if self.anywhere {
            return self.name.clone();
        }
        let way: String = self
            .steps
            .iter()
            .map(|step| match step {
                Step::Field(name) => format!(".{name}"),
                Step::Items => "[]".to_owned(),
            })
            .collect();
        let text = format!("{way}.{}", self.name);
        // A lone leading dot says "of the outermost object"; a longer way says so by itself.
        match text.strip_prefix('.') {
            Some(rest) if rest.contains(['.', '[']) => rest.to_owned(),
            _ => text,
        }
    }

    /// Visits the objects that hold, or could hold, the field.
    pub(super) fn visit(
        &self,
        value: &mut Value,
        act: &mut dyn FnMut(&mut Map<String, Value>, &str),
    ) {
        if self.anywhere {
            self.visit_all(value, act);
        } else {
            self.visit_way(value, &self.steps, act);
        }
    }

    /// Visits the one object that a field would be added to, or those if the way leads through arrays.
    pub(super) fn visit_for_new(
        &self,
        value: &mut Value,
        act: &mut dyn FnMut(&mut Map<String, Value>, &str),
    ) {
        self.visit_way(value, &self.steps, act);
    }

    fn visit_all(&self, value: &mut Value, act: &mut dyn FnMut(&mut Map<String, Value>, &str)) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.visit_all(item, act)),
            Value::Object(fields) => {
                // Deeper first: what a change puts here is not itself changed again.
                fields
                    .values_mut()
                    .for_each(|field| self.visit_all(field, act));
                act(fields, &self.name);
            }
            _ => {}
        }
    }

    fn visit_way(
        &self,
        value: &mut Value,
        steps: &[Step],
        act: &mut dyn FnMut(&mut Map<String, Value>, &str),
    ) {
        match (steps.split_first(), value) {
            (None, Value::Object(fields)) => act(fields, &self.name),
            (Some((Step::Field(name), rest)), Value::Object(fields)) => {
                if let Some(field) = fields.get_mut(name) {
                    self.visit_way(field, rest, act);
                }
            }
            (Some((Step::Items, rest)), Value::Array(items)) => items
                .iter_mut()
                .for_each(|item| self.visit_way(item, rest, act)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use serde_json::{Value, json};

    fn check(place: &str, value: &Value, expected: &Value) {
        let place = Place::parse(place);
        assert_eq!(Place::parse(&place.text()), place);
        let mut changed = value.clone();
        place.visit(&mut changed, &mut |fields, name| {
            if let Some(field) = fields.get_mut(name) {
                *field = json!("here");
            }
        });
        assert_eq!(changed, *expected);
    }

    #[test]
    fn a_name_is_found_at_any_depth_and_a_way_only_at_its_end() {
        check(
            "a",
            &json!({"a": 1, "b": [{"a": 2}]}),
            &json!({"a": "here", "b": [{"a": "here"}]}),
        );
        check(
            ".a",
            &json!({"a": 1, "b": [{"a": 2}]}),
            &json!({"a": "here", "b": [{"a": 2}]}),
        );
        check(
            "b[].a",
            &json!({"a": 1, "b": [{"a": 2}]}),
            &json!({"a": 1, "b": [{"a": "here"}]}),
        );
        check(
            "b[].c.a",
            &json!({"b": [{"a": 2}, {"c": {"a": 3}}, 4]}),
            &json!({"b": [{"a": 2}, {"c": {"a": "here"}}, 4]}),
        );
        check(
            "b.a",
            &json!([1, {"b": {"a": 1}}]),
            &json!([1, {"b": {"a": 1}}]),
        );
    }
}
