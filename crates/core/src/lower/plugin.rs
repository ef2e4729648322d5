//! Engine plugins.

use serde_json::json;

use super::{Body, Effect, Effects, Request, Typed, for_each, origins_of, trim_id};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let one = |effect: Request| Ok(vec![Effect::Request(effect)]);
    let origins = invocation.operands.origins();
    match invocation.canonical() {
        "plugin install" => install(invocation),
        "plugin upgrade" => {
            let name = trim_id("plugin", invocation.operand(0))?;
            one(Request::new("POST", format!("/plugins/{name}/upgrade"), origins))
        }
        "plugin create" => {
            values::reference(invocation.operand(0))?;
            let folder = invocation.operand(1);
            if !host.is_directory(folder) {
                return Err(if host.exists(folder) {
                    "context must be a directory".to_owned()
                } else {
                    format!("lstat {folder}: no such file or directory")
                });
            }
            let config = format!("{}/config.json", folder.trim_end_matches('/'));
            host.read(&config).map_err(|error| format!("open {config}: {error}"))?;
            let reads = Effect::ReadsFile { path: folder.to_owned(), origins: invocation.operand_at(1).origins() };
            let request = Request::new("POST", "/plugins/create", origins).with("name", invocation.operand(0));
            Ok(vec![reads, Effect::Request(request.body(Body::Stream))])
        }
        "plugin rm" => {
            let force = invocation.on("force");
            Ok(for_each(invocation, |name, origins| {
                Request::new("DELETE", format!("/plugins/{}", name.trim()), origins).with_if(force, "force", "1")
            }))
        }
        "plugin enable" => {
            let timeout = invocation.int("timeout");
            if timeout < 0 {
                return Err(format!("negative timeout {timeout} is invalid"));
            }
            let name = trim_id("plugin", invocation.operand(0))?;
            one(Request::new("POST", format!("/plugins/{name}/enable"), origins).with("timeout", timeout.to_string()))
        }
        "plugin disable" => {
            let name = trim_id("plugin", invocation.operand(0))?;
            let request = Request::new("POST", format!("/plugins/{name}/disable"), origins);
            one(request.with_if(invocation.on("force"), "force", "1"))
        }
        "plugin push" => {
            let reference = values::reference(invocation.operand(0))?;
            if reference.digest.is_some() {
                return Err(format!("invalid name: {}", invocation.operand(0)));
            }
            one(Request::new("POST", format!("/plugins/{}/push", reference.familiar_with_tag()), origins))
        }
        "plugin set" => {
            let name = trim_id("plugin", invocation.operand(0))?;
            let settings: Vec<String> = invocation.operand_texts().into_iter().skip(1).collect();
            one(Request::new("POST", format!("/plugins/{name}/set"), origins).body(Body::Json(json!(settings))))
        }
        _ => Ok(Vec::new()),
    }
}

/// moby `client/plugin_install.go`: pulled, then set, then enabled; the privileges it asks for come from the registry.
fn install(invocation: &Invocation) -> Effects {
    let alias = invocation.text("alias");
    let local = match alias {
        "" => String::new(),
        alias => {
            let reference = values::reference(alias)?;
            if reference.digest.is_some() {
                return Err(format!("invalid name: {alias}"));
            }
            reference.familiar_with_tag()
        }
    };
    let reference = values::reference(invocation.operand(0))?;
    let mut remote = reference.name();
    if let Some(tag) = &reference.tag {
        remote = format!("{remote}:{tag}");
    }
    if let Some(digest) = &reference.digest {
        remote = format!("{remote}@{digest}");
    }
    let origins = invocation.operand_at(0).origins();
    let pull = Request::new("POST", "/plugins/pull", origins)
        .with("remote", remote)
        .with("name", local)
        .part("grant", origins_of(invocation, &["grant-all-permissions"]));
    Ok(vec![Effect::Request(pull)])
}
