//! The integration tier: the simulator as a program.
//!
//! Invariants: a program that a test starts ends before the test does.
//! Does not know: the simulator's insides.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(arguments: &[&str], lie: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openai-sim"));
    command.args(arguments).stdin(Stdio::null());
    match lie {
        Some(lie) => command.env("OPENAI_SIM_LIE", lie),
        None => command.env_remove("OPENAI_SIM_LIE"),
    };
    command.output().unwrap()
}

#[test]
#[ignore = "integration tier: runs the program"]
fn the_lies_are_listed_one_a_line() {
    let output = run(&["--list-lies"], None);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() >= 30);
    for line in text.lines() {
        let listed: Value = serde_json::from_str(line).unwrap();
        assert!(
            listed["name"].is_string() && listed["stands_for"].is_string(),
            "{line}"
        );
        openai_sim::Lie::from_json(&listed["lie"]).unwrap();
    }
}

#[test]
#[ignore = "integration tier: runs the program"]
fn a_lie_of_the_environment_that_is_none_ends_the_program() {
    let output = run(&[], Some(r#"{"nul": ["usage"]}"#));
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("OPENAI_SIM_LIE holds no lie") && said.contains("nul"),
        "{said}"
    );
}

#[test]
#[ignore = "integration tier: runs the program"]
fn a_file_that_is_no_cassette_ends_the_program_by_its_line() {
    let file = std::env::temp_dir().join(format!("openai-sim-{}.cassette", std::process::id()));
    std::fs::write(&file, "openai-sim cassette 1\ncolor: red\n").unwrap();
    let output = run(&["--cassette", file.to_str().unwrap()], None);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("line 2 of the cassette"), "{said}");
}
