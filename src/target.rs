//! Which engine a command would reach, chosen as docker chooses it.
//!
//! docker/cli `cli/command/cli.go`, `resolveContextName`: `--context`, else `-H`, else `DOCKER_HOST`, else
//! `DOCKER_CONTEXT`, else `currentContext` of the configuration, else the default.

use serde_json::Value;

use crate::grammar::parse::Invocation;
use crate::grammar::values::parse_host;
use crate::host::Host;

/// The engine that the words and the surroundings lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    pub context: String,
    /// The endpoint, such as `unix:///var/run/docker.sock`; empty where the context has none.
    pub host: String,
    /// What decided: `--context`, `-H`, `DOCKER_HOST`, `DOCKER_CONTEXT`, `currentContext`, or nothing.
    pub chosen_by: &'static str,
    /// The global words that a call of the real client needs to reach the same engine.
    pub globals: Vec<String>,
}

impl Target {
    /// The path of a local unix socket.
    pub fn socket(&self) -> Option<&str> {
        self.host.strip_prefix("unix://")
    }

    /// Whether paths of this machine are the engine's paths too.
    pub fn is_local(&self) -> bool {
        self.socket().is_some()
    }

    /// The name or address in the endpoint, without scheme, user, port and path.
    pub fn address(&self) -> &str {
        let rest = self.host.split_once("://").map_or(self.host.as_str(), |(_, rest)| rest);
        if self.is_local() {
            return rest;
        }
        let authority = rest.split('/').next().unwrap_or(rest);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        match host.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or(six),
            None => host.split(':').next().unwrap_or(host),
        }
    }
}

/// Chooses the engine for an invocation.
pub fn choose(invocation: &Invocation, host: &dyn Host) -> Target {
    let tls =
        ["tls", "tlsverify", "tlscacert", "tlscert", "tlskey"].iter().any(|flag| invocation.global(flag).is_some())
            || host.env("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty());
    let globals = globals(invocation);
    let default = |typed: &str, chosen_by: &'static str| Target {
        context: "default".to_owned(),
        host: parse_host(typed, tls).unwrap_or_else(|_| typed.to_owned()),
        chosen_by,
        globals: globals.clone(),
    };
    let set = |name: &str| host.env(name).filter(|value| !value.is_empty());
    let typed = invocation.global("context").map(|set| set.value.clone()).filter(|name| !name.is_empty());
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    let (context, chosen_by) = if let Some(name) = typed {
        (name, "--context")
    } else if let Some(flag) = invocation.global("host") {
        return default(&flag.value, "-H");
    } else if let Some(value) = set("DOCKER_HOST") {
        return default(&value, "DOCKER_HOST");
    } else if let Some(name) = set("DOCKER_CONTEXT") {
        (name, "DOCKER_CONTEXT")
    } else if let Some(name) = current_context(&folder, host) {
        (name, "currentContext")
    } else {
        return default("", "");
    };
    if context == "default" {
        let typed = set("DOCKER_HOST").unwrap_or_default();
        return Target { chosen_by, ..default(&typed, chosen_by) };
    }
    let endpoint = endpoint(&folder, &context, host).unwrap_or_default();
    Target { context, host: endpoint, chosen_by, globals }
}

/// The global flags as typed, but for those that do not choose an engine.
fn globals(invocation: &Invocation) -> Vec<String> {
    let chooses = ["config", "context", "host", "tls", "tlscacert", "tlscert", "tlskey", "tlsverify"];
    invocation
        .globals
        .iter()
        .filter(|set| chooses.contains(&set.flag.name))
        .map(|set| format!("--{}={}", set.flag.name, set.value))
        .collect()
}

fn current_context(folder: &str, host: &dyn Host) -> Option<String> {
    let bytes = host.read(&format!("{folder}/config.json")).ok()?;
    let config: Value = serde_json::from_slice(&bytes).ok()?;
    config.get("currentContext")?.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The endpoint of a stored context: `contexts/meta/<digest of the name>/meta.json`.
fn endpoint(folder: &str, context: &str, host: &dyn Host) -> Option<String> {
    host.list(&format!("{folder}/contexts/meta")).into_iter().find_map(|entry| {
        let bytes = host.read(&format!("{folder}/contexts/meta/{entry}/meta.json")).ok()?;
        let meta: Value = serde_json::from_slice(&bytes).ok()?;
        if meta.get("Name")?.as_str()? != context {
            return None;
        }
        meta.pointer("/Endpoints/docker/Host")?.as_str().map(str::to_owned)
    })
}
