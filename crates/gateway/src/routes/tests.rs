//! Paths, and the rows they find.
//!
//! Invariants: none of its own.
//! Does not know: what serves a route.

use super::*;

fn check(method: &Method, path: &str, template: Option<&str>) {
    assert_eq!(
        find(method, path)
            .ok()
            .map(|matched| matched.route.template),
        template,
        "{method} {path}"
    );
}

#[test]
fn only_what_stands_in_the_table_is_found() {
    for path in [
        "/v1/chat/completions",
        "/chat/completions",
        "/openai/v1/chat/completions",
    ] {
        check(&Method::POST, path, Some("/chat/completions"));
    }
    check(&Method::GET, "/v1/models/gpt-4o-mini", Some("/models/{id}"));
    check(&Method::GET, "/v1/healthz", Some("/healthz"));
    check(
        &Method::GET,
        "/v1/organization/costs",
        Some("/organization/{rest}"),
    );
    for path in [
        "/",
        "",
        "/v1",
        "/v1/",
        "/v1/v1/models",
        "/v1/models/",
        "/v1/models/a/b",
        "/v1/chat/completions/",
        "/V1/models",
        "/v1models",
        "/openai/models",
        "/v1/files/a/b",
        "/v1/files//content",
        "/v1/responses/resp_1/",
        "/v1/conversations/conv_1/items/a%2Fb",
    ] {
        check(&Method::GET, path, None);
    }
    assert!(matches!(
        find(&Method::GET, "/v1/embeddings"),
        Err(Refusal::MethodNotAllowed { allowed: "POST" })
    ));
}

#[test]
fn ids_of_objects_are_told_from_their_parts() {
    let found = find(&Method::GET, "/v1/vector_stores/vs_1/files/file-1/content").unwrap();
    assert_eq!(found.ids, ["vs_1", "file-1"]);
    assert_eq!(found.path, "/vector_stores/vs_1/files/file-1/content");
    let found = find(&Method::DELETE, "/v1/conversations/conv_1/items/msg_1").unwrap();
    assert_eq!(found.ids, ["conv_1"]);
}

#[test]
fn every_row_can_be_reached_and_stands_once() {
    for (place, route) in routes().enumerate() {
        let path = route
            .template
            .replace("{rest}", "x/y")
            .replace("{object}", "a1")
            .replace("{part}", "b2")
            .replace("{id}", "c3");
        let method = if route.method == ANY {
            "PATCH"
        } else {
            route.method
        };
        let found = find(&method.parse().unwrap(), &path).unwrap();
        assert!(
            std::ptr::eq(found.route, routes().nth(place).unwrap()),
            "{method} {path}"
        );
        let passed = matches!(route.serve, Serve::Passed | Serve::Metered(_));
        assert!(
            !passed || access::ENDPOINTS.contains(&route.permission),
            "a key can be limited to {path}"
        );
    }
}

#[test]
fn the_page_is_that_of_the_table() {
    let page =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/routes.md");
    assert!(
        std::fs::read_to_string(page).unwrap_or_default() == routes_page(),
        "docs/reference/routes.md differs from the table; run: cargo run -p gateway --example write_routes"
    );
}
