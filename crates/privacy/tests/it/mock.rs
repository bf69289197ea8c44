//! A service that logs while requests come and go on many threads.
//!
//! Invariants: every secret is made up and put together here.
//! Does not know: how lines are written.

use std::fmt::Write;
use std::sync::Barrier;
use std::thread;

use privacy::{SHAPES, Scrubber};
use secrecy::SecretString;

/// An error chain as a program prints it.
#[derive(Debug)]
struct Failed {
    source: String,
}

#[test]
fn an_error_chain_and_its_debug_output_are_clean() {
    let key = ["sk", "-", "svcacct-", "made0up1for2this3test4"].concat();
    let scrubber = Scrubber::new();
    scrubber
        .keep_out("upstream_key", &SecretString::from(key.clone()))
        .unwrap();
    let error = Failed {
        source: format!("call https://api/v1?api-key={key}: \"{key}\" was refused"),
    };
    let mut line = String::new();
    write!(line, "{error:?} caused by {:?}", format!("{error:?}")).unwrap();
    let scrubbed = scrubber.scrub(&line);
    assert!(!scrubbed.contains("made0up1"), "{scrubbed}");
    assert!(
        scrubbed.contains("was refused") && scrubbed.contains("[redacted:upstream_key]"),
        "{scrubbed}"
    );
    assert!(error.source.contains(&key));
}

#[test]
fn requests_on_many_threads_see_only_their_secrets_gone() {
    const THREADS: usize = 8;
    let scrubber = Scrubber::new();
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (scrubber, barrier) = (scrubber.clone(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                for request in 0..200 {
                    let secret = format!("thread-{thread:04}-request-{request:04}");
                    let held = scrubber.keep_out_while(secret.as_str());
                    let line = format!("got {secret} for chatcmpl-{request}");
                    let expected = format!("got [redacted:caller_key] for chatcmpl-{request}");
                    assert_eq!(scrubber.scrub(&line), expected);
                    drop(held);
                }
            });
        }
    });
    assert_eq!(
        scrubber.scrub("thread-0001-request-0001"),
        "thread-0001-request-0001"
    );
}

#[test]
fn shapes_are_listed() {
    assert!(SHAPES.contains(&"api_key"));
}
