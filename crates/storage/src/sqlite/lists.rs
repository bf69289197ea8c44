//! Lists of strings in one column, as a JSON array.
//!
//! Invariants: what is written is read back in the same order.
//! Does not know: which column.

use rusqlite::Row;
use rusqlite::types::Type;

pub(crate) fn write_list(list: &[String]) -> String {
    if list.is_empty() {
        return "[]".to_owned();
    }
    serde_json::Value::from(list).to_string()
}

pub(crate) fn parse_list(row: &Row<'_>, column: usize) -> Result<Vec<String>, rusqlite::Error> {
    let text = row.get_ref(column)?.as_str()?;
    if text == "[]" {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}
