//! Lies: how answers deviate from the real API, so that a check of answers can be checked itself.
//!
//! Invariants: a lie that says nothing changes nothing; lies are told only on their own path; what a lie names are the
//! honest names, since fields are renamed last.
//! Does not know: how answers are made; what a check would say to them.

mod bodies;
mod catalogue;
mod change;
mod errors;
mod events;
mod json;
mod numbered;
mod place;
mod responses;
mod twist;
mod usage;
mod vectors;
mod wire;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use change::Change;
pub(crate) use events::Line;
use place::Place;
pub use twist::Twist;

use crate::route;

/// Lies held at once.
pub const LIES_MAX: usize = 64;

/// Says how the answers on one path, or on all, deviate from the real API. Everything said holds together.
///
/// A *place* names fields: `usage` is the field of that name at any depth, `choices[].message.content` the one that is
/// reached so from the outermost object, `.object` the one of the outermost object.
///
/// ```
/// # use openai_sim::{Lie, Twist};
/// let lie = Lie::new().on("/chat/completions").null("usage").twist(Twist::DoneTwice);
/// let text = r#"{"path": "/chat/completions", "null": ["usage"], "twists": ["done_twice"]}"#;
/// assert_eq!(Lie::read(text), Ok(lie));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lie {
    path: Option<String>,
    changes: Vec<(Place, Change)>,
    twists: Vec<Twist>,
    /// A value instead of the honest one, or none.
    headers: Vec<(String, Option<String>)>,
    statuses: Vec<(u16, u16)>,
}

impl Lie {
    /// A lie on every path, that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only on `path`, without the prefix, as in `/embeddings` or `/responses/{id}`.
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Calls the field at `place` `other` instead.
    pub fn rename(self, place: &str, other: &str) -> Self {
        self.change(place, Change::Rename(other.to_owned()))
    }

    /// Leaves the field at `place` out.
    pub fn leave_out(self, place: &str) -> Self {
        self.change(place, Change::LeaveOut)
    }

    /// Adds a field that the API does not have; a name alone means the outermost object.
    pub fn add(self, place: &str, value: impl Into<Value>) -> Self {
        self.change(place, Change::Add(value.into()))
    }

    /// Says another value where there is one that is not null.
    pub fn say(self, place: &str, value: impl Into<Value>) -> Self {
        self.change(place, Change::Say(value.into()))
    }

    /// Says null instead of a value.
    pub fn null(self, place: &str) -> Self {
        self.change(place, Change::Null)
    }

    /// Says a number or a truth value as text.
    pub fn as_text(self, place: &str) -> Self {
        self.change(place, Change::Text)
    }

    /// Says a number instead of a text.
    pub fn as_number(self, place: &str) -> Self {
        self.change(place, Change::Number)
    }

    /// Says an array that holds the value instead of the value.
    pub fn as_array(self, place: &str) -> Self {
        self.change(place, Change::Array)
    }

    /// Says an object that holds the value instead of the value.
    pub fn as_object(self, place: &str) -> Self {
        self.change(place, Change::Object)
    }

    /// Twists a whole answer, or the order of a stream.
    pub fn twist(mut self, twist: Twist) -> Self {
        self.twists.push(twist);
        self
    }

    /// Leaves a header out.
    pub fn drop_header(mut self, name: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), None));
        self
    }

    /// Gives a header another value, in answers that have it.
    pub fn set_header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), Some(value.to_owned())));
        self
    }

    /// Answers with the status `other` where `honest` is due; the body stays.
    pub fn status(mut self, honest: u16, other: u16) -> Self {
        self.statuses.push((honest, other));
        self
    }

    fn change(mut self, place: &str, change: Change) -> Self {
        self.changes.push((Place::parse(place), change));
        // Renaming comes last, so that all other changes find the honest names.
        self.changes.sort_by_key(|(_, change)| change.rank());
        self
    }

    fn has(&self, twist: Twist) -> bool {
        self.twists.contains(&twist)
    }

    pub(crate) fn fits(&self, path: &str) -> bool {
        let wanted = self.path.as_deref();
        wanted.is_none_or(|wanted| route::fits(wanted, path))
    }

    /// Lies in one JSON body, or in the `number`th event of a stream.
    pub(crate) fn apply(&self, value: &mut Value, status: StatusCode, number: usize) {
        for twist in &self.twists {
            usage::twist(value, *twist);
            vectors::twist(value, *twist);
            errors::twist(value, *twist, status);
            events::twist_one(value, *twist, number);
            numbered::twist_one(value, *twist, number);
        }
        for (place, change) in &self.changes {
            change.apply(value, place);
        }
    }

    /// The body that is no JSON, if an error is to be one.
    pub(crate) fn page(&self, value: &Value) -> Option<&'static str> {
        (self.has(Twist::ErrorHtml) && value.get("error").is_some()).then_some(errors::PAGE)
    }

    /// Lies in what comes before a body.
    pub(crate) fn head(&self, status: &mut StatusCode, headers: &mut HeaderMap) {
        let other = self
            .statuses
            .iter()
            .find(|(honest, _)| *honest == status.as_u16())
            .and_then(|(_, other)| StatusCode::from_u16(*other).ok());
        *status = other.unwrap_or(*status);
        for (name, value) in &self.headers {
            let Ok(name) = HeaderName::try_from(name) else {
                continue;
            };
            match value.as_deref().map(HeaderValue::from_str) {
                None => drop(headers.remove(name)),
                Some(Ok(value)) if headers.contains_key(&name) => {
                    headers.insert(name, value);
                }
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
