//! Which engine a command would reach, chosen as docker chooses it.
//!
//! docker/cli `cli/command/cli.go`, `resolveContextName`: `--context`, else `-H`, else `DOCKER_HOST`, else
//! `DOCKER_CONTEXT`, else `currentContext` of the configuration, else the default.

use crate::docker_files::{ConfigFile, context_folder, context_host};
use crate::grammar::parse::Invocation;
use crate::grammar::values::{self, parse_host};
use crate::host::Host;

/// The engine that the words and the surroundings lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The name of docker's context.
    pub context: String,
    /// The endpoint, such as `unix:///var/run/docker.sock`; empty where the context has none.
    pub host: String,
    /// What decided: `--context`, `-H`, `DOCKER_HOST`, `DOCKER_CONTEXT`, `currentContext`, or nothing.
    pub chosen_by: &'static str,
    /// Why it is not known which engine docker would reach, where one of its files is there and cannot be read.
    pub unclear: Option<String>,
    /// The global words that a call of the real client needs to reach the same engine.
    pub globals: Vec<String>,
}

impl Target {
    /// The engine that a stored context leads to, or `default` where nothing else is said. `folder` is the client's configuration folder.
    pub fn of_context(name: &str, folder: &str, host: &dyn Host) -> Target {
        if name == "default" {
            let typed = host.env("DOCKER_HOST").unwrap_or_default();
            let tls = host.env("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty());
            let host = parse_host(&typed, tls).unwrap_or(typed);
            return Target { context: name.to_owned(), host, ..Target::default() };
        }
        let (endpoint, unclear) = match endpoint(folder, name, host) {
            Ok(endpoint) => (endpoint.unwrap_or_default(), None),
            Err(why) => (String::new(), Some(why)),
        };
        Target { context: name.to_owned(), host: endpoint, unclear, ..Target::default() }
    }

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
    let tls = uses_tls(invocation, host);
    let globals = globals(invocation);
    let default = |typed: &str, chosen_by: &'static str| Target {
        context: "default".to_owned(),
        host: parse_host(typed, tls).unwrap_or_else(|_| typed.to_owned()),
        chosen_by,
        unclear: None,
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
    } else {
        let file = format!("{folder}/config.json");
        match host.read_own(&file) {
            Err(why) => return Target { unclear: Some(format!("{file} cannot be read: {why}")), ..default("", "") },
            Ok(None) => return default("", ""),
            Ok(Some(text)) => match ConfigFile::read(&text).current_context {
                name if name.is_empty() => return default("", ""),
                name => (name, "currentContext"),
            },
        }
    };
    if context == "default" {
        let typed = set("DOCKER_HOST").unwrap_or_default();
        return Target { chosen_by, ..default(&typed, chosen_by) };
    }
    Target { chosen_by, globals, ..Target::of_context(&context, &folder, host) }
}

/// Whether an address that is not typed is one with TLS: docker/cli `cli/flags/options.go`.
fn uses_tls(invocation: &Invocation, host: &dyn Host) -> bool {
    let set = |name: &str| host.env(name).is_some_and(|value| !value.is_empty());
    let typed = invocation.global("tls").map(|flag| values::bool(&flag.value) == Ok(true));
    typed.unwrap_or_else(|| set("DOCKER_TLS")) || invocation.global("tlsverify").is_some() || set("DOCKER_TLS_VERIFY")
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

/// The endpoint of a stored context: None where there is no such context, an error where docker cannot use its file.
fn endpoint(folder: &str, context: &str, host: &dyn Host) -> Result<Option<String>, String> {
    let file = format!("{folder}/contexts/meta/{}/meta.json", context_folder(context));
    match host.read_own(&file) {
        Ok(None) => Ok(None),
        Ok(Some(text)) => context_host(&text).map(Some).map_err(|why| format!("{file}: {why}")),
        Err(why) => Err(format!("{file} cannot be read: {why}")),
    }
}
