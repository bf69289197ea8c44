//! What a new key may be called and limited to.
//!
//! Invariants: every text and list is bounded; a field that passes is stored as it is.
//! Does not know: secrets; which models exist.

use jiff::Timestamp;

use crate::error::AccessErrorKind;
use crate::key::{ENDPOINTS, NewKey};

const NAME_CHARACTERS_MAX: usize = 100;
const PROJECT_BYTES_MAX: usize = 64;
const MODELS_MAX: usize = 64;
const MODEL_BYTES_MAX: usize = 128;
const TAGS_MAX: usize = 32;
const TAG_BYTES_MAX: usize = 64;

/// Checks every field, the first fault wins.
pub(crate) fn check(new: &NewKey, now: Timestamp) -> Result<(), AccessErrorKind> {
    check_name(&new.name)?;
    check_label("project", &new.project, PROJECT_BYTES_MAX, "._:/-")?;
    check_count("models", new.models.len(), MODELS_MAX)?;
    new.models.iter().try_for_each(|model| check_model(model))?;
    check_count("endpoints", new.endpoints.len(), ENDPOINTS.len())?;
    new.endpoints
        .iter()
        .try_for_each(|endpoint| check_endpoint(endpoint))?;
    check_count("tags", new.tags.len(), TAGS_MAX)?;
    new.tags
        .iter()
        .try_for_each(|tag| check_label("tags", tag, TAG_BYTES_MAX, "._:/=-"))?;
    if new.requests_per_minute == Some(0) {
        return fault(
            "requests_per_minute",
            "is zero; leave it out for no limit, or revoke the key",
        );
    }
    match new.expires_at {
        Some(at) if at.as_millisecond() <= now.as_millisecond() => {
            fault("expires_at", format!("{at} is not in the future"))
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), AccessErrorKind> {
    let characters = name.chars().count();
    if characters == 0 || characters > NAME_CHARACTERS_MAX {
        return fault(
            "name",
            format!("has {characters} characters; 1 to {NAME_CHARACTERS_MAX} are allowed"),
        );
    }
    if name.chars().any(char::is_control) {
        return fault("name", "holds a control character");
    }
    if name.trim() != name {
        return fault("name", "begins or ends with a space");
    }
    Ok(())
}

fn check_label(
    field: &'static str,
    text: &str,
    bytes_max: usize,
    marks: &str,
) -> Result<(), AccessErrorKind> {
    if text.is_empty() || text.len() > bytes_max {
        return fault(
            field,
            format!(
                "has a text of {} bytes; 1 to {bytes_max} are allowed",
                text.len()
            ),
        );
    }
    let allowed = |character: char| character.is_ascii_alphanumeric() || marks.contains(character);
    if !text.chars().all(allowed) {
        return fault(
            field,
            format!("holds other characters than letters, digits and {marks}"),
        );
    }
    // A leading mark reads as an option in a shell, and as a formula in a spreadsheet.
    if !text.starts_with(|character: char| character.is_ascii_alphanumeric()) {
        return fault(field, "must begin with a letter or a digit");
    }
    Ok(())
}

fn check_model(model: &str) -> Result<(), AccessErrorKind> {
    if model.is_empty() || model.len() > MODEL_BYTES_MAX {
        return fault(
            "models",
            format!(
                "has a name of {} bytes; 1 to {MODEL_BYTES_MAX} are allowed",
                model.len()
            ),
        );
    }
    let beginning = model.strip_suffix('*').unwrap_or(model);
    if beginning.contains('*') {
        return fault("models", "has a `*` that is not at the end");
    }
    if !beginning
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b',')
    {
        return fault(
            "models",
            "holds a comma, a space or a character outside of ASCII",
        );
    }
    Ok(())
}

fn check_endpoint(endpoint: &str) -> Result<(), AccessErrorKind> {
    if ENDPOINTS.contains(&endpoint) {
        return Ok(());
    }
    fault(
        "endpoints",
        format!(
            "names an unknown endpoint; known are {}",
            ENDPOINTS.join(", ")
        ),
    )
}

fn check_count(field: &'static str, count: usize, count_max: usize) -> Result<(), AccessErrorKind> {
    if count <= count_max {
        return Ok(());
    }
    fault(
        field,
        format!("has {count} parts; at most {count_max} are allowed"),
    )
}

fn fault(field: &'static str, reason: impl Into<String>) -> Result<(), AccessErrorKind> {
    Err(AccessErrorKind::Field {
        field,
        reason: reason.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> NewKey {
        NewKey {
            name: "Suche für alle".to_owned(),
            project: "team-a/search".to_owned(),
            models: vec!["gpt-4o*".to_owned(), "ft:gpt-4o:acme::x1".to_owned()],
            endpoints: vec!["embeddings".to_owned()],
            tags: vec!["env=prod".to_owned()],
            requests_per_minute: Some(1),
            expires_at: Some(Timestamp::from_millisecond(1_001).unwrap()),
        }
    }

    #[track_caller]
    fn check_fault(spoil: impl FnOnce(&mut NewKey), expected: &str) {
        let mut new = good();
        spoil(&mut new);
        let now = Timestamp::from_millisecond(1_000).unwrap();
        let Err(AccessErrorKind::Field { field, .. }) = check(&new, now) else {
            panic!("{new:?} passed");
        };
        assert_eq!(field, expected);
    }

    #[test]
    fn good_fields_pass() {
        assert_eq!(
            check(&good(), Timestamp::from_millisecond(1_000).unwrap()),
            Ok(())
        );
        let bare = NewKey {
            name: "n".to_owned(),
            project: "p".to_owned(),
            ..NewKey::default()
        };
        assert_eq!(check(&bare, Timestamp::UNIX_EPOCH), Ok(()));
    }

    #[test]
    fn faults_are_named_by_field() {
        check_fault(|new| new.name.clear(), "name");
        check_fault(|new| new.name = "ü".repeat(101), "name");
        check_fault(|new| new.name = "a\nb".to_owned(), "name");
        check_fault(|new| new.name = " a".to_owned(), "name");
        check_fault(|new| new.project.clear(), "project");
        check_fault(|new| new.project = "p".repeat(65), "project");
        check_fault(|new| new.project = "a b".to_owned(), "project");
        check_fault(|new| new.project = "-p".to_owned(), "project");
        check_fault(|new| new.models = vec!["m".to_owned(); 65], "models");
        check_fault(|new| new.models = vec![String::new()], "models");
        check_fault(|new| new.models = vec!["m".repeat(129)], "models");
        check_fault(|new| new.models = vec!["a*b".to_owned()], "models");
        check_fault(|new| new.models = vec!["a,b".to_owned()], "models");
        check_fault(
            |new| new.endpoints = vec!["embedding".to_owned()],
            "endpoints",
        );
        check_fault(
            |new| new.endpoints = vec!["models".to_owned(); ENDPOINTS.len() + 1],
            "endpoints",
        );
        check_fault(|new| new.tags = vec!["t".to_owned(); 33], "tags");
        check_fault(|new| new.tags = vec!["=1+1".to_owned()], "tags");
        check_fault(
            |new| new.requests_per_minute = Some(0),
            "requests_per_minute",
        );
        check_fault(
            |new| new.expires_at = Timestamp::from_millisecond(1_000).ok(),
            "expires_at",
        );
        check_fault(
            |new| new.expires_at = Timestamp::from_nanosecond(1_000_999_999).ok(),
            "expires_at",
        );
    }
}
