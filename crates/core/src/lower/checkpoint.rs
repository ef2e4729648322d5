//! Checkpoints of running containers.

use serde_json::json;

use super::{Body, Effect, Effects, Request, Typed, origins_of, trim_id};
use crate::grammar::parse::Invocation;

pub fn lower(invocation: &Invocation) -> Effects {
    let folder = invocation.text("checkpoint-dir").to_owned();
    let name = invocation.operand(1);
    match invocation.canonical() {
        "checkpoint create" => {
            let container = trim_id("container", invocation.operand(0))?;
            let body = json!({
                "CheckpointID": name, "CheckpointDir": folder, "Exit": !invocation.on("leave-running"),
            });
            let request =
                Request::new("POST", format!("/containers/{container}/checkpoints"), invocation.operands.origins());
            let request =
                request.body(Body::Json(body)).part("CheckpointDir", origins_of(invocation, &["checkpoint-dir"]));
            let written = invocation.last("checkpoint-dir").filter(|set| !set.value.is_empty());
            let written = written.map(|set| Effect::WritesFile { path: set.value.clone(), origins: set.origins() });
            Ok(written.into_iter().chain([Effect::Request(request)]).collect())
        }
        "checkpoint rm" => {
            let container = trim_id("container", invocation.operand(0))?;
            let path = format!("/containers/{container}/checkpoints/{name}");
            let request = Request::new("DELETE", path, invocation.operands.origins());
            Ok(vec![Effect::Request(request.with_if(!folder.is_empty(), "dir", folder))])
        }
        _ => Ok(Vec::new()),
    }
}
