//! Promise 4 and the scrubbed log: a run with marked secrets, everything provoked to spill them, everything that was written searched.
//!
//! Invariants: a mark is looked for raw, reversed, in hex and in base64; in the answers, the logs, the metrics and every file. No two marks
//! share a run that the scrubber would know one by, so that each stands or falls by itself.
//! Does not know: how secrets are kept.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use openai_sim::{Script, Sim, SimOptions};
use serde_json::{Value, json};

use crate::support::{Answer, Place, Running, all_files, send, text};

/// What is searched for the marks.
struct Written {
    marks: Vec<String>,
    pieces: Vec<(String, Vec<u8>)>,
}

impl Written {
    fn add(&mut self, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.pieces.push((what.into(), bytes.into()));
    }

    fn add_answer(&mut self, what: &str, answer: &Answer) {
        let text = format!("{:?} {}", answer.headers, answer.body);
        self.add(format!("{what}, answered with {}", answer.status), text);
    }

    /// Names every place where a mark stands, and which mark, never the mark.
    fn check(&self) {
        let mut found = Vec::new();
        for (what, bytes) in &self.pieces {
            for (number, mark) in self.marks.iter().enumerate() {
                let stands = |form: &String| memchr::memmem::find(bytes, form.as_bytes()).is_some();
                if forms(mark).iter().any(stands) {
                    found.push(format!("mark {number} in {what}"));
                }
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

fn forms(mark: &str) -> Vec<String> {
    let hex: String = mark.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    let aligned = (0..3).map(|skip| {
        let padded = format!("{}{mark}", "x".repeat(skip));
        let encoded = base64.encode(padded);
        // The characters at both ends depend on what stands around the mark.
        encoded[4.min(skip * 4)..encoded.len() - 2].to_owned()
    });
    let mut forms = vec![
        mark.to_owned(),
        mark.chars().rev().collect(),
        hex.to_uppercase(),
        hex,
    ];
    forms.extend(aligned);
    forms
}

/// A word that stands in every prompt of the run.
const PROMPT: &str = "lighthousekeeping";

/// Bytes that no two marks share; the scrubber knows a secret by a piece of 16.
const SHARED_BYTES_MAX: usize = 8;

/// Three marks of one run: the one that the tier's command gives and looks for in what the tests write, and two made of its hash.
fn marks() -> [String; 3] {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tier's command hands the mark over in the environment"
    )]
    let given =
        std::env::var("KEYWARD_TEST_MARK").unwrap_or_else(|_| "markZq7Xv3Kp9Lm2Rt".to_owned());
    let marks = [mark_of(&given, 2), mark_of(&given, 3)];
    let marks = [given, marks[0].clone(), marks[1].clone()];
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let pieces = marks[one].as_bytes().windows(SHARED_BYTES_MAX);
        for piece in pieces {
            let found = memchr::memmem::find(marks[other].as_bytes(), piece);
            assert!(found.is_none(), "marks {one} and {other} are alike");
        }
    }
    marks
}

/// 32 letters and digits that are the same for the same run and have nothing in common with what they are made of.
fn mark_of(given: &str, number: u8) -> String {
    const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let letter = |at: u8| {
        let mut hasher = DefaultHasher::new();
        (given, number, at).hash(&mut hasher);
        char::from(LETTERS[(hasher.finish() % 62) as usize])
    };
    (0..32).map(letter).collect()
}

#[tokio::test]
#[ignore = "integration tier"]
async fn no_mark_is_in_anything_that_is_written() {
    let marks = marks();
    let upstream_key = ["sk", "-proj-", &marks[0]].concat();
    let secret_key = format!("{}{}", marks[1], "kQ5vR8sT1uW4xY7zA0bC3dE6fG9hJ2");
    let sim = Sim::start(SimOptions {
        api_key: Some(upstream_key.clone()),
        ..SimOptions::default()
    })
    .await
    .unwrap();
    let place = Place::new(&[
        ("OPENAI_API_KEY", &upstream_key),
        ("OPENAI_BASE_URL", &sim.base_url()),
        ("SECRET_KEY", &secret_key),
        ("KEYWARD_LOG__LEVEL", "trace"),
    ]);
    let imported = format!("{}imported", marks[2]);
    let import = place.run_with_input(&["keys", "import", "--name", "marked"], &imported);
    assert!(import.status.success(), "{}", text(&import.stderr));
    let mut server = place.serve();
    let mut written = Written {
        marks: [
            &[upstream_key.clone(), secret_key, imported.clone()],
            &marks[..],
        ]
        .concat(),
        pieces: Vec::new(),
    };

    spill(&sim, &server, &imported, &upstream_key, &mut written).await;
    spill_with_200(&sim, &server, &imported, &upstream_key, &mut written).await;
    spill_by_the_caller(&server, &imported, &upstream_key, &mut written).await;
    written.add(
        "metrics",
        send("GET", &format!("{}/metrics", server.admin_url), "", None)
            .await
            .body,
    );
    for arguments in [
        &["config", "show"][..],
        &["keys", "list"],
        &["usage", "--by", "key"],
        &["keys", "revoke", &upstream_key],
        &["keys", "create", "--name", &upstream_key],
    ] {
        let output = place.run(arguments);
        written.add(
            format!("{} {}", arguments[0], arguments[1]),
            [output.stdout, output.stderr].concat(),
        );
    }
    assert_eq!(server.stop(), Some(0));
    let log = server.written();
    assert!(
        log.contains("DEBUG") || log.contains("\"level\":\"DEBUG\""),
        "the run logs what it does"
    );
    // What was asked is nobody's business but the upstream's.
    assert!(!log.contains(PROMPT), "a prompt stands in the log");
    written.add("the log", log);
    for (path, bytes) in all_files(&place.data()) {
        let holds_prompt = memchr::memmem::find(&bytes, PROMPT.as_bytes()).is_some();
        assert!(!holds_prompt, "a prompt stands in {}", path.display());
        written.add(path.display().to_string(), bytes);
    }
    sim.stop().await;
    written.check();
}

/// Provokes errors that hold keys, as upstreams have answered with.
async fn spill(sim: &Sim, server: &Running, key: &str, upstream_key: &str, written: &mut Written) {
    let url = format!("{}/chat/completions", server.base_url);
    let base64 = base64::engine::general_purpose::STANDARD.encode(format!("user:{upstream_key}"));
    for (status, message) in [
        (401, format!("Incorrect API key provided: {upstream_key}.")),
        (403, format!("key {upstream_key} may not")),
        (
            400,
            format!("header was Authorization: Bearer {upstream_key}"),
        ),
        (429, format!("for {upstream_key}")),
        (500, format!("Basic {base64}")),
        (503, upstream_key.chars().rev().collect()),
    ] {
        for stream in [false, true] {
            sim.script(
                Script::raw("application/json", error_body(&message))
                    .with_status(status)
                    .header("x-echo", upstream_key)
                    .on("/chat/completions"),
            );
            let answer = send("POST", &url, key, Some(&chat(stream))).await;
            assert_ne!(answer.status, 200);
            written.add_answer(&format!("the answer to {status}"), &answer);
        }
    }
}

/// Answers that say 200 and hold a key all the same.
async fn spill_with_200(
    sim: &Sim,
    server: &Running,
    key: &str,
    upstream_key: &str,
    written: &mut Written,
) {
    let url = format!("{}/chat/completions", server.base_url);
    let error = error_body(&format!("Incorrect API key provided: {upstream_key}."));
    let first = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": null}]});
    let events = |second: &str| format!("data: {first}\n\ndata: {second}\n\ndata: [DONE]\n\n");
    let no_json = format!("upstream said: Authorization: Bearer {upstream_key}");
    for (what, stream, content_type, body) in [
        (
            "an error with 200",
            false,
            "application/json",
            error.clone(),
        ),
        (
            "an error with 200 for a stream",
            true,
            "application/json",
            error.clone(),
        ),
        ("no JSON with 200", false, "text/html", no_json.clone()),
        (
            "an error in a stream",
            true,
            "text/event-stream",
            events(&error),
        ),
        (
            "no JSON in a stream",
            true,
            "text/event-stream",
            events(&no_json),
        ),
    ] {
        sim.script(Script::raw(content_type, body).on("/chat/completions"));
        let answer = send("POST", &url, key, Some(&chat(stream))).await;
        written.add_answer(what, &answer);
    }
    assert_eq!(sim.scripts_waiting(), 0, "every answer was asked for");
}

/// Keys that a caller puts where none belongs.
async fn spill_by_the_caller(
    server: &Running,
    key: &str,
    upstream_key: &str,
    written: &mut Written,
) {
    for (whose, presented) in [("upstream's", upstream_key), ("caller's", key), ("no", "")] {
        for path in [
            format!("/models/{key}?key={key}"),
            format!("/models?key={key}"),
            format!("/no/such/{key}"),
            format!("/no/such?key={key}"),
            format!("/keyward/calls/{key}"),
            format!("/no/such/{upstream_key}?key={upstream_key}"),
        ] {
            let url = format!("{}{path}", server.base_url);
            let answer = send("GET", &url, presented, None).await;
            let shown = path
                .replace(key, "KEY")
                .replace(upstream_key, "UPSTREAM_KEY");
            written.add_answer(&format!("{shown} under {whose} key"), &answer);
        }
    }
    let wrong: Value = json!({"model": upstream_key, "messages": []});
    let url = format!("{}/chat/completions", server.base_url);
    let answer = send("POST", &url, key, Some(&wrong)).await;
    written.add_answer("an unknown model", &answer);
}

fn chat(stream: bool) -> Value {
    json!({"model": "gpt-4o-mini", "stream": stream, "messages": [{"role": "user", "content": PROMPT}]})
}

fn error_body(message: &str) -> String {
    json!({"error": {"message": message, "type": "x", "param": null, "code": "y"}}).to_string()
}
