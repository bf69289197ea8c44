//! The files of `contracts/` themselves.
//!
//! Invariants: none of its own.
//! Does not know: the simulator.

use std::path::PathBuf;

use contracts::{Contract, Ours};

use super::{contracts, folder, texts};

#[test]
fn every_contract_file_reads_and_survives_being_written() {
    let files = texts();
    assert!(files.len() >= 16);
    for (stem, text) in files {
        if stem == "keyward" {
            let read = Ours::read(&text).unwrap();
            assert_eq!(Ours::read(&read.write()).unwrap(), read);
        } else {
            let read = Contract::read(&text).unwrap_or_else(|error| panic!("{stem}: {error}"));
            assert_eq!(Contract::read(&read.write()).unwrap(), read, "{stem}");
        }
    }
}

#[test]
fn every_contract_says_which_calls_it_is_for_and_keyward_s_file_is_taken_in() {
    let contracts = contracts();
    for stem in contracts.stems() {
        assert!(contracts.get(stem).unwrap().call.is_some(), "{stem}");
    }
    assert!(contracts.ours().headers.contains_key("x-keyward-cache"));
    assert!(contracts.ours().codes.len() > 20);
}

/// The words in backticks of a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The rows of a table of the reference page, by their cells.
fn rows() -> Vec<Vec<String>> {
    let page: PathBuf = folder().join("../docs/reference/http.md");
    let text = std::fs::read_to_string(page).unwrap();
    let cells = |line: &str| {
        line.split('|')
            .map(|cell| cell.trim().to_owned())
            .skip(1)
            .collect()
    };
    text.lines()
        .filter(|line| line.starts_with('|'))
        .map(cells)
        .collect()
}

#[test]
fn keyward_s_file_has_the_refusals_and_headers_of_the_reference_page() {
    let contracts = contracts();
    let ours = contracts.ours();
    let (mut refusals, mut headers) = (0, 0);
    for row in rows() {
        let statuses: Vec<u16> = row[0]
            .split(", ")
            .filter_map(|status| status.parse().ok())
            .collect();
        for code in quoted(&row[1]).filter(|_| !statuses.is_empty()) {
            refusals += 1;
            let known = ours
                .codes
                .get(code)
                .is_some_and(|status| statuses.contains(status));
            assert!(
                known,
                "`{code}` with one of {statuses:?} is not under [codes] of contracts/keyward.toml"
            );
        }
        for name in quoted(&row[0]).filter_map(|name| name.split(':').next()) {
            if name.starts_with("x-") {
                headers += 1;
                assert!(
                    ours.headers.contains_key(name),
                    "`{name}` is not under [headers] of contracts/keyward.toml"
                );
            }
        }
    }
    assert!(
        refusals > 20 && headers > 5,
        "the page has changed its form: {refusals}, {headers}"
    );
}
