//! The list of models that the key may use.
//!
//! Invariants: unknown fields pass; a model has at least its id.
//! Does not know: prices, abilities.
//! Source: OpenAI API, list models.

use std::time::Duration;

use serde::Deserialize;

use crate::client::error::ClientError;
use crate::client::{Client, Exchange};
use crate::wire;

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Model {
    /// Its name in requests.
    pub id: String,
    /// Who owns it.
    #[serde(default)]
    pub owned_by: Option<String>,
    /// When it was made, in seconds since 1970.
    #[serde(default)]
    pub created: Option<i64>,
}

/// The models that the key may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    /// In the upstream's order.
    pub models: Vec<Model>,
    /// From sending to the last byte.
    pub latency: Duration,
    /// The id of the call.
    pub request_id: Option<String>,
}

#[derive(Deserialize)]
struct RawModels {
    data: Vec<Model>,
}

impl Client {
    /// Lists the models.
    ///
    /// Errors: [`ClientError`].
    pub async fn models(&self) -> Result<Models, ClientError> {
        let Exchange {
            body,
            told,
            latency,
        } = self.exchange("/models", None).await?;
        let RawModels { data } = wire::object(&body)?;
        Ok(Models {
            models: data,
            latency,
            request_id: told.request_id,
        })
    }
}
