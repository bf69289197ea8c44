//! Changes the text of a contract file to say what a contract says now.
//!
//! Invariants: lines that say the same stay as they are, with their comments; a new line stands behind the last one of
//! its parent; what comes out reads as the contract.
//! Does not know: why it changes.

use toml_edit::{Array, DocumentMut, Item, Key, Table, Value};

use crate::contract::Contract;
use crate::contract::text::{lines, quote};
use crate::path::{self, Step};

/// The text with the contract's head, headers, order and shape; nothing if the text can't be edited.
pub(crate) fn edit(text: &str, contract: &Contract) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let top = document.as_table_mut();
    set(top, "origin", Some(contract.origin.name()));
    set(top, "when", Some(&contract.when));
    set(top, "model", contract.model.as_deref());
    set(top, "upstream", contract.upstream.as_deref());
    let headers = contract
        .headers
        .iter()
        .map(|(name, rule)| (name.clone(), rule.write()));
    edit_table(top, "headers", headers.collect())?;
    edit_order(top, contract);
    edit_table(top, "shape", lines(&contract.shape, &contract.likes))?;
    if !contract.events.is_empty() {
        let events = top.entry("events").or_insert_with(toml_edit::table);
        let events = events.as_table_mut()?;
        for (kind, event) in &contract.events {
            edit_table(events, kind, lines(&event.shape, &event.likes))?;
        }
    }
    let edited = document.to_string();
    let reads = Contract::read(&edited).is_ok_and(|read| read == *contract);
    reads.then_some(edited)
}

fn set(table: &mut Table, name: &str, value: Option<&str>) {
    let Some(value) = value else {
        table.remove(name);
        return;
    };
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) if old.as_str() == Some(value) => {}
        Some(old) => {
            let decor = old.decor().clone();
            *old = Value::from(value);
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(name, toml_edit::value(value));
        }
    }
}

fn edit_order(top: &mut Table, contract: &Contract) {
    let rules = top
        .get_mut("order")
        .and_then(|order| order.get_mut("rules"));
    let Some(rules) = rules.and_then(Item::as_array_mut) else {
        return;
    };
    let has = |value: &Value| {
        let mut names = contract.order.iter().map(|rule| rule.name());
        names.any(|name| value.as_str() == Some(name))
    };
    Array::retain(rules, has);
}

/// Brings the lines of a table to `wanted`, in the order of the file.
fn edit_table(top: &mut Table, name: &str, wanted: Vec<(String, String)>) -> Option<()> {
    if !top.contains_key(name) && wanted.is_empty() {
        return Some(());
    }
    let table = top.entry(name).or_insert_with(toml_edit::table);
    let table = table.as_table_mut()?;
    table.retain(|key, _| wanted.iter().any(|(path, _)| path == key));
    let mut entries: Vec<(Key, Item)> = Vec::new();
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys {
        entries.extend(table.remove_entry(&key));
    }
    for (path, text) in wanted {
        let known = entries.iter_mut().find(|(key, _)| key.get() == path);
        match known.and_then(|(_, item)| item.as_value_mut()) {
            Some(old) if old.as_str() == Some(&*text) => {}
            Some(old) => {
                let decor = old.decor().clone();
                *old = Value::from(text);
                *old.decor_mut() = decor;
            }
            None => {
                let key = quote(&path).parse().ok()?;
                let place = place(&entries, &path);
                entries.insert(place, (key, toml_edit::value(text)));
            }
        }
    }
    for (key, item) in entries {
        table.insert_formatted(&key, item);
    }
    Some(())
}

/// Behind the last line of the nearest place above that has one.
fn place(entries: &[(Key, Item)], path: &str) -> usize {
    let mut steps = path::steps(path).unwrap_or_default();
    while steps.pop().is_some() && !steps.is_empty() {
        let is_below = |(key, _): &(Key, Item)| {
            path::steps(key.get()).is_some_and(|below: Vec<Step>| below.starts_with(&steps))
        };
        if let Some(last) = entries.iter().rposition(is_below) {
            return last + 1;
        }
    }
    entries.len()
}
