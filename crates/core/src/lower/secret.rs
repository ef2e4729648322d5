//! Swarm secrets and configs.

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::{Body, Effect, Effects, Request, Typed, for_each, to_map};
use crate::grammar::parse::Invocation;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let kind = invocation.canonical().split(' ').next().unwrap_or_default();
    match invocation.canonical() {
        "secret create" | "config create" => create(invocation, host, kind),
        "secret rm" | "config rm" => Ok(for_each(invocation, |name, origins| {
            Request::new("DELETE", format!("/{kind}s/{}", name.trim()), origins)
        })),
        _ => Ok(Vec::new()),
    }
}

fn create(invocation: &Invocation, host: &dyn Host, kind: &str) -> Effects {
    let (driver, file) = (invocation.text("driver"), invocation.operand(1));
    let mut effects = Vec::new();
    let mut data = None;
    if !driver.is_empty() {
        if !file.is_empty() {
            return Err("When using secret driver secret data must be empty".to_owned());
        }
    } else if file == "-" {
        if host.input_is_terminal() && kind == "secret" {
            return Err("no secret data provided on standard input".to_owned());
        }
    } else if file.is_empty() {
        return Err("secret file is required".to_owned());
    } else {
        let bytes = host.read(file).map_err(|error| match kind {
            "secret" => format!("error reading from {file}: open {file}: {error}"),
            _ => format!("Error reading content from {file:?}: open {file}: {error}"),
        })?;
        effects.push(Effect::ReadsFile { path: file.to_owned(), origins: invocation.operand_at(1).origins() });
        data = Some(base64::engine::general_purpose::STANDARD.encode(bytes));
    }
    let mut body = Map::new();
    body.insert("Name".to_owned(), invocation.operand(0).into());
    body.insert("Labels".to_owned(), json!(to_map(&invocation.list("label"))));
    if let Some(data) = data {
        body.insert("Data".to_owned(), data.into());
    }
    if !driver.is_empty() {
        body.insert("Driver".to_owned(), json!({"Name": driver}));
    }
    if let Some(template) = invocation.last("template-driver").filter(|set| !set.value.is_empty()) {
        body.insert("Templating".to_owned(), json!({"Name": template.value}));
    }
    let request = Request::new("POST", format!("/{kind}s/create"), invocation.operand_at(0).origins());
    effects.push(Effect::Request(request.body(Body::Json(Value::Object(body)))));
    Ok(effects)
}
