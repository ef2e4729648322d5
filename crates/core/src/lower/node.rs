//! Swarm nodes.

use serde_json::{Map, Value, json};

use super::{Body, Effect, Effects, Request, Typed, for_each, origins_of, to_map};
use crate::grammar::parse::Invocation;

pub fn lower(invocation: &Invocation) -> Effects {
    match invocation.canonical() {
        "node rm" => {
            let force = invocation.on("force");
            Ok(for_each(invocation, |name, origins| {
                Request::new("DELETE", format!("/nodes/{}", name.trim()), origins).with_if(force, "force", "1")
            }))
        }
        // The node's settings come from the engine; the body holds what the words change.
        "node promote" => Ok(role(invocation, "manager")),
        "node demote" => Ok(role(invocation, "worker")),
        "node update" => {
            let mut body = Map::new();
            for (flag, field) in [("role", "Role"), ("availability", "Availability")] {
                if let Some(set) = invocation.last(flag) {
                    body.insert(field.to_owned(), set.value.clone().into());
                }
            }
            let labels = to_map(&invocation.list("label-add"));
            if !labels.is_empty() {
                body.insert("Labels".to_owned(), json!(labels));
            }
            Ok(vec![change(invocation, body)])
        }
        _ => Ok(Vec::new()),
    }
}

fn change(invocation: &Invocation, body: Map<String, Value>) -> Effect {
    let path = format!("/nodes/{}/update", invocation.operand(0));
    let request = Request::new("POST", path, invocation.operands.origins()).body(Body::Json(Value::Object(body)));
    Effect::Request(request.part("Availability", origins_of(invocation, &["availability"])))
}

fn role(invocation: &Invocation, role: &str) -> Vec<Effect> {
    for_each(invocation, |name, origins| {
        Request::new("POST", format!("/nodes/{name}/update"), origins).body(Body::Json(json!({"Role": role})))
    })
}
