//! `system`, `builder`, `login` and `logout`.

use serde_json::json;

use super::{Body, Effect, Effects, PredictedOperation, Request, Typed, docker_build, origins_of, prune_filters};
use crate::grammar::parse::{Invocation, Set};
use crate::grammar::values;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    match invocation.canonical() {
        "system prune" => prune(invocation, host),
        "system dial-stdio" => {
            Ok(vec![Effect::Does { operation: PredictedOperation::DialStdio, origins: invocation.named_by.origins() }])
        }
        "builder prune" => Ok(vec![Effect::Request(build_prune(invocation, host, invocation.on("all"))?)]),
        "builder build" => docker_build::lower(invocation, host),
        "login" => login(invocation, host),
        "logout" => Ok(vec![config_file(invocation, host)]),
        _ => Ok(Vec::new()),
    }
}

/// docker/cli `cli/command/system/prune.go`: each step frees what the next one takes.
fn prune(invocation: &Invocation, host: &dyn Host) -> Effects {
    let (all, volumes) = (invocation.on("all"), invocation.on("volumes"));
    let until = invocation
        .all(&["filter"])
        .any(|set| matches!(values::filter(&set.value), Ok(Some((name, _))) if name == "until"));
    if volumes && until {
        return Err("ERROR: The \"until\" filter is not supported with \"--volumes\"".to_owned());
    }
    let plain = prune_filters(invocation, host, &[]);
    let origins = invocation.named_by.origins();
    let simple = |path: &str| {
        let request = Request::new("POST", path, origins.clone());
        match &plain {
            Some(filters) => request.with("filters", filters.clone()),
            None => request,
        }
    };
    let mut effects = vec![Effect::Request(simple("/containers/prune")), Effect::Request(simple("/networks/prune"))];
    if volumes {
        effects.push(Effect::Request(simple("/volumes/prune").part("all", origins_of(invocation, &["volumes"]))));
    }
    let dangling = if all { "false" } else { "true" };
    let mut images =
        Request::new("POST", "/images/prune", origins.clone()).part("all", origins_of(invocation, &["all"]));
    if let Some(filters) = prune_filters(invocation, host, &[("dangling", dangling)]) {
        images = images.with("filters", filters);
    }
    effects.push(Effect::Request(images));
    effects.push(Effect::Request(build_prune(invocation, host, all)?));
    Ok(effects)
}

fn build_prune(invocation: &Invocation, host: &dyn Host, all: bool) -> Result<Request, String> {
    let keep = invocation.last("keep-storage").and_then(|set| values::size(&set.value).ok()).unwrap_or(0);
    Ok(Request::new("POST", "/build/prune", invocation.named_by.origins())
        .with_if(all, "all", "1")
        .with_if(keep != 0, "keep-storage", keep.to_string())
        .with_if(keep != 0, "reserved-space", keep.to_string())
        .with("filters", prune_filters(invocation, host, &[]).unwrap_or_default())
        .part("all", origins_of(invocation, &["all"])))
}

fn config_file(invocation: &Invocation, host: &dyn Host) -> Effect {
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    Effect::KeepsFile { path: format!("{folder}/config.json"), origins: invocation.named_by.origins() }
}

fn login(invocation: &Invocation, host: &dyn Host) -> Effects {
    let (user, password) = (invocation.last("username"), invocation.last("password"));
    let from_input = invocation.on("password-stdin");
    if password.is_some() && from_input {
        return Err("conflicting options: cannot specify both --password and --password-stdin".to_owned());
    }
    let empty = |set: Option<&Set>| set.is_some_and(|set| set.value.is_empty());
    if from_input && user.is_none_or(|set| set.value.is_empty()) {
        return Err("the --password-stdin option requires --username to be set".to_owned());
    }
    if empty(user) && password.is_none() {
        return Err("username is empty".to_owned());
    }
    if empty(password) {
        return Err("password is empty".to_owned());
    }
    let server = match invocation.operand(0) {
        "" | "docker.io" | "index.docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/",
        typed => {
            let bare = typed.trim_start_matches("https://").trim_start_matches("http://");
            bare.split('/').next().unwrap_or(bare)
        }
    };
    let mut effects = Vec::new();
    if let Some(password) = password {
        effects.push(Effect::Does { operation: PredictedOperation::TypesPassword, origins: password.origins() });
    }
    if let (Some(user), Some(password)) = (user, password) {
        let body = json!({
            "username": user.value.trim(), "password": password.value, "serveraddress": server,
        });
        let origins = invocation.named_by.origins();
        effects.push(Effect::Request(Request::new("POST", "/auth", origins).body(Body::Json(body))));
    } else if let (Some(user), true) = (user, from_input) {
        let body = json!({"username": user.value.trim(), "serveraddress": server});
        let origins = invocation.named_by.origins();
        effects.push(Effect::Request(Request::new("POST", "/auth", origins).body(Body::Json(body))));
    }
    effects.push(config_file(invocation, host));
    Ok(effects)
}
