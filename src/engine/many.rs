//! Many requests about single objects, several at once.

use std::sync::Arc;

use hyper::Method;
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::connection::Client;
use fender_core::api::EngineProblem;

/// Answers to many requests, in their order.
pub async fn many(client: &Arc<Client>, paths: Vec<String>) -> Vec<Result<Bytes, EngineProblem>> {
    let unasked = || Err(EngineProblem::unanswered("it was not asked to the end"));
    let mut answers: Vec<Result<Bytes, EngineProblem>> = paths.iter().map(|_| unasked()).collect();
    let mut running = JoinSet::new();
    for (at, path) in paths.into_iter().enumerate() {
        let client = client.clone();
        running.spawn(async move { (at, client.call(Method::GET, &path, None).await) });
    }
    while let Some(ended) = running.join_next().await {
        if let Ok((at, answer)) = ended {
            answers[at] = answer;
        }
    }
    answers
}

/// The answer about one object; None where it is gone by now. What else goes wrong leaves the plan open.
pub fn about<T: DeserializeOwned>(answer: Result<Bytes, EngineProblem>) -> Result<Option<T>, EngineProblem> {
    match answer {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(EngineProblem::unanswered),
        Err(problem) if problem.is(404) => Ok(None),
        Err(problem) => Err(problem),
    }
}
