//! `cargo xtask help`: the commands, a line each.
//!
//! Invariants: every command of `main` stands here, held by a test.
//! Does not know: how a command does its work.

use crate::console::say;

const TEXT: &str = "\
cargo xtask <command>

  tidy               the house rules that a machine can check
  test               tidy, fmt, clippy, doc tests, the mock and the integration tier; says what ran and how long
  test-mock          the whole workspace on loopback and temp files, under 60 s
                     --repeat N runs it N times and names the tests that failed in some run
  test-integration   the built binary and the real Python and Node SDKs, all on loopback
  test-live          the real API, direct and through keyward: OPENAI_API_KEY, or OPENAI_BASE_URL on loopback; else exit 2
                     [--max-spend 0.05] [--chat-model M] [--embed-model M] [--price M=IN/OUT] [--upstream NAME] [--release]
                     [--record FILE] [--replay FILE] [--accept] [--compare OLD.json [NEW.json]]
                     all flags, and how to read the report: docs/reference/testing.md
  drill              plants known lies in the simulator, one at a time, and names the test that catches each
                     [--only LIE]
  bench gateway      [--rounds 3] [--seconds 4] [--legs direct,nginx,keyward] [--profile dist|release]
                     CPU a request beside nginx, same cores, same canned upstream
  soak money         [--kills 50] [--seconds N] [--callers 200] [--seed 1] [--database sqlite|postgres|both] [--budgets on|off]
                     kills servers under load and holds the ledger against the simulator's bill
  help               this

exit 0 done, 1 found or failed, 2 could not run (the message says what to type)";

/// Prints the commands.
pub(crate) fn run() -> anyhow::Result<()> {
    say(TEXT);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::TEXT;

    #[test]
    fn every_command_of_main_is_listed() {
        let main = include_str!("main.rs");
        let commands: Vec<&str> = main
            .lines()
            .filter_map(|line| line.trim().strip_prefix("[\"")?.split('"').next())
            .collect();
        assert!(commands.len() >= 6, "found only {commands:?} in main.rs");
        for command in commands {
            assert!(
                TEXT.contains(&format!("\n  {command}")),
                "`{command}` is not in the help"
            );
        }
    }
}
