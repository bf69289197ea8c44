//! The files of `contracts/` themselves.
//!
//! Invariants: none of its own.
//! Does not know: the simulator.

use contracts::{Contract, Ours};

use super::{contracts, texts};

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
