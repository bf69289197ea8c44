//! Lists that are given page by page.
//!
//! Invariants: the pages of a list join to it; a page has at most `limit` items.
//! Does not know: what is listed.
//! Source: OpenAI API reference, pagination: `limit`, `order`, `after`.

use serde_json::{Value, json};

use crate::plan::Plan;

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 10_000;

/// A page of `items`, which have an `id` each and come oldest first; the newest are told first unless the query asks
/// for `order=asc`.
pub(crate) fn page(mut items: Vec<Value>, query: Option<&str>) -> Plan {
    if parameter(query, "order") != Some("asc") {
        items.reverse();
    }
    let limit = parameter(query, "limit").and_then(|limit| limit.parse().ok());
    let limit: usize = limit.map_or(LIMIT, |limit: usize| limit.clamp(1, LIMIT_MAX));
    let start = parameter(query, "after")
        .and_then(|after| items.iter().position(|item| item["id"] == after))
        .map_or(0, |place| place + 1);
    let rest = items.split_off(start);
    let page: Vec<&Value> = rest.iter().take(limit).collect();
    let id = |item: Option<&&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    Plan::free(json!({
        "object": "list",
        "data": page,
        "first_id": id(page.first()),
        "last_id": id(page.last()),
        "has_more": rest.len() > page.len(),
    }))
}

/// The value of a parameter of the query, as it is written.
pub(crate) fn parameter<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::plan::PlannedBody;
    use serde_json::{Value, json};

    fn check(query: Option<&str>, ids: &[u64], has_more: bool) {
        let items: Vec<Value> = (0..5).map(|id| json!({"id": id.to_string()})).collect();
        let PlannedBody::Whole(told) = page(items, query).body else {
            panic!("a list is told whole");
        };
        let expected: Vec<Value> = ids.iter().map(|id| json!({"id": id.to_string()})).collect();
        assert_eq!(
            (&told["data"], &told["has_more"]),
            (&json!(expected), &json!(has_more))
        );
    }

    #[test]
    fn pages_join_to_the_list() {
        check(None, &[4, 3, 2, 1, 0], false);
        check(Some("order=asc&limit=3"), &[0, 1, 2], true);
        check(Some("order=asc&limit=3&after=2"), &[3, 4], false);
        check(Some("after=4&limit=0"), &[3], true);
    }
}
