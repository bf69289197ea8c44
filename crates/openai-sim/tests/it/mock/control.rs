//! The control port.
//!
//! Invariants: what it does, the data port does not.
//! Does not know: what scripts mean.

use openai_sim::{Lie, Sim, SimOptions};
use serde_json::{Value, json};

use super::{client, embedding, get, post, question, start};

async fn controlled() -> Sim {
    Sim::start(SimOptions {
        control: true,
        ..SimOptions::default()
    })
    .await
    .unwrap()
}

async fn control(sim: &Sim, method: &str, path: &str, body: Value) -> (u16, Value) {
    let url = sim.control_url().unwrap() + path;
    let request = client()
        .request(method.parse().unwrap(), url)
        .body(body.to_string());
    let response = request.send().await.unwrap();
    (
        response.status().as_u16(),
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn scripts_come_in_over_http() {
    let sim = controlled().await;
    let scripts = json!([{"status": 503, "path": "/embeddings"}, {"usage": {"prompt_tokens": 16, "completion_tokens": 2}}]);
    assert_eq!(control(&sim, "POST", "/__sim/script", scripts).await.0, 200);
    assert_eq!(
        control(&sim, "GET", "/__sim/script", json!(null)).await.1,
        json!({"calls_waiting": 2})
    );
    assert_eq!(post(&sim, "/embeddings", &embedding("a")).await.status, 503);
    post(&sim, "/chat/completions", &question("Hello")).await;
    let bill = control(&sim, "GET", "/__sim/bill", json!(null)).await.1;
    let billed = json!({"calls": 1, "input_tokens": 16, "output_tokens": 2});
    assert_eq!(
        bill,
        json!({"models": {"gpt-4o-mini": billed.clone()}, "total": billed})
    );
    control(&sim, "DELETE", "/__sim/bill", json!(null)).await;
    assert_eq!(sim.bill().total().calls, 0);
}

#[tokio::test]
async fn a_lie_renames_a_field_on_its_path_until_it_is_taken_back() {
    let sim = controlled().await;
    control(
        &sim,
        "POST",
        "/__sim/lie",
        json!({"path": "/embeddings", "rename": {"embedding": "vector"}}),
    )
    .await;
    let lied = post(&sim, "/embeddings", &embedding("a")).await.json();
    assert!(lied["data"][0]["vector"].is_array() && lied["data"][0].get("embedding").is_none());
    control(&sim, "DELETE", "/__sim/lie", json!(null)).await;
    assert!(
        post(&sim, "/embeddings", &embedding("a")).await.json()["data"][0]["embedding"].is_array()
    );
    sim.lie(Lie::new().on("/models").leave_out("owned_by"));
    assert!(
        get(&sim, "/models").await.json()["data"][0]
            .get("owned_by")
            .is_none()
    );
    control(&sim, "DELETE", "/__sim", json!(null)).await;
    assert!(get(&sim, "/models").await.json()["data"][0]["owned_by"].is_string());
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_changes_nothing() {
    let sim = controlled().await;
    let (status, said) = control(
        &sim,
        "POST",
        "/__sim/script",
        json!([{"status": 500}, {"statsu": 500}]),
    )
    .await;
    assert_eq!(status, 400);
    assert!(said["error"].as_str().unwrap().contains("statsu"), "{said}");
    assert_eq!(sim.scripts_waiting(), 0);
    assert_eq!(
        control(&sim, "POST", "/__sim/lie", json!({"lies": 1}))
            .await
            .0,
        400
    );
    assert_eq!(control(&sim, "GET", "/v1/models", json!(null)).await.0, 404);
}

#[tokio::test]
async fn the_data_port_has_no_control() {
    let sim = controlled().await;
    for path in ["/__sim/bill", "/v1/__sim/bill", "/v1/../__sim/bill"] {
        let answer = client()
            .get(format!("http://{}{path}", sim.address()))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(start().await.control_url(), None);
}

#[tokio::test]
async fn a_stopped_simulator_is_gone() {
    let sim = controlled().await;
    let (data, control) = (sim.base_url() + "/models", sim.control_url().unwrap());
    sim.stop().await;
    assert!(client().get(data).send().await.unwrap_err().is_connect());
    assert!(client().get(control).send().await.unwrap_err().is_connect());
}
