//! Promise 4 and the scrubbed log: a run with marked secrets, everything provoked to spill them, everything that was written searched.
//!
//! Invariants: a mark is looked for raw, reversed, in hex and in base64; in the answers, the logs, the metrics and every file.
//! Does not know: how secrets are kept.

use base64::Engine;
use openai_sim::{Script, Sim, SimOptions};
use serde_json::{Value, json};

use crate::support::{Place, Running, all_files, send, text};

/// What is searched for the marks.
struct Written {
    marks: Vec<String>,
    pieces: Vec<(String, Vec<u8>)>,
}

impl Written {
    fn add(&mut self, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.pieces.push((what.into(), bytes.into()));
    }

    fn check(&self) {
        for (what, bytes) in &self.pieces {
            for form in self.marks.iter().flat_map(|mark| forms(mark)) {
                assert!(
                    memchr::memmem::find(bytes, form.as_bytes()).is_none(),
                    "a mark stands in {what}"
                );
            }
        }
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

/// What the tier command marks its run with; a made-up one where the test runs alone.
fn mark(number: usize) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tier's command hands the mark over in the environment"
    )]
    let given =
        std::env::var("KEYWARD_TEST_MARK").unwrap_or_else(|_| "markZq7Xv3Kp9Lm2Rt".to_owned());
    format!("{given}{number}Wd8Yc4")
}

#[tokio::test]
#[ignore = "integration tier"]
async fn no_mark_is_in_anything_that_is_written() {
    let upstream_key = ["sk", "-proj-", &mark(1)].concat();
    let secret_key = format!("{}{}", mark(2), "kQ5vR8sT1uW4xY7zA0bC3dE6fG9hJ2");
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
    let imported = format!("{}imported", mark(3));
    let import = place.run_with_input(&["keys", "import", "--name", "marked"], &imported);
    assert!(import.status.success(), "{}", text(&import.stderr));
    let mut server = place.serve();
    let mut written = Written {
        marks: vec![
            upstream_key.clone(),
            mark(1),
            secret_key,
            mark(2),
            imported.clone(),
            mark(3),
        ],
        pieces: Vec::new(),
    };

    spill(&sim, &server, &imported, &upstream_key, &mut written).await;
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
    written.add("the log", log);
    for (path, bytes) in all_files(&place.data()) {
        written.add(path.display().to_string(), bytes);
    }
    sim.stop().await;
    written.check();
}

/// Provokes errors that hold keys, as upstreams have answered with.
async fn spill(sim: &Sim, server: &Running, key: &str, upstream_key: &str, written: &mut Written) {
    let url = format!("{}/chat/completions", server.base_url);
    let body = |stream: bool| json!({"model": "gpt-4o-mini", "stream": stream, "messages": [{"role": "user", "content": "hello"}]});
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
            let body_of_error =
                json!({"error": {"message": message, "type": "x", "param": null, "code": "y"}})
                    .to_string();
            sim.script(
                Script::raw("application/json", body_of_error)
                    .with_status(status)
                    .header("x-echo", upstream_key)
                    .on("/chat/completions"),
            );
            let answer = send("POST", &url, key, Some(&body(stream))).await;
            assert_ne!(answer.status, 200);
            written.add(
                format!("the answer to {status}"),
                format!("{:?} {}", answer.headers, answer.body),
            );
        }
    }
    for (presented, path) in [
        (upstream_key, "/models"),
        (key, "/no/such/route"),
        ("", "/models"),
    ] {
        let answer = send(
            "GET",
            &format!("{}{path}/{key}?key={key}", server.base_url),
            presented,
            None,
        )
        .await;
        written.add(path, format!("{:?} {}", answer.headers, answer.body));
    }
    let wrong: Value = json!({"model": upstream_key, "messages": []});
    let answer = send("POST", &url, key, Some(&wrong)).await;
    written.add(
        "an unknown model",
        format!("{:?} {}", answer.headers, answer.body),
    );
}
