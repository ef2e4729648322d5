//! Compose files read without compose: where it is not installed, or refuses a file for what only the person who runs it has (a variable, an
//! `env_file`). Anchors, merges, `extends`, `include`, overrides and defaults of variables are followed; what that does not resolve is said.
//! The model has the form in which compose prints it: compose-go `transform/`, `override/merge.go`. Pure.

use serde_json::{Map, Value, json};

use super::compose_files::{ComposeFiles, join};
use super::project::{ProjectLowering, WantedServices};
use super::sources::{PathStep, Sources, is_remote};
use super::{Effect, Lowered, Typed};
use crate::files::text::Place;
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

/// A project that was read without compose.
pub struct OwnReading {
    sources: Sources,
}

impl OwnReading {
    /// The files of a compose command; None where they cannot be read at all. What is wrong with them is in `lowered.problems`.
    pub fn of_words(invocation: &Invocation, host: &dyn Host, lowered: &mut Lowered) -> Option<OwnReading> {
        let sources = Sources::of_words(invocation, host);
        lowered.problems = sources.problems();
        let files = ComposeFiles::of_words(invocation, host).paths;
        (!files.is_empty() && sources.texts().count() >= files.len()).then_some(OwnReading { sources })
    }

    /// What the project would do.
    pub fn effects(&self, invocation: &Invocation, wanted: &WantedServices, host: &dyn Host) -> Vec<Effect> {
        let model = model(&self.sources, host);
        let has_image = |_: &str| false;
        let origins = invocation.named_by.origins();
        let mut project = ProjectLowering::new(&model, &self.sources, host, &has_image, &origins);
        project.lower(wanted);
        project.effects
    }

    /// What was not resolved, each with its place: variables that have to be set and are not, files that are not there or elsewhere.
    pub fn unresolved(&self, host: &dyn Host) -> Vec<(String, Place)> {
        let mut found = Vec::new();
        for text in self.sources.texts() {
            for (at, _) in text.text.match_indices("${") {
                let is_comment =
                    text.text.get(text.line_start(at)..at).is_some_and(|line| line.trim_start().starts_with('#'));
                let is_escaped = text.text.get(..at).is_some_and(|before| before.ends_with('$'));
                let after = text.text.get(at + 2..).unwrap_or_default();
                let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                let (name, rest) = after.split_at(after.find(|letter| !is_letter(letter)).unwrap_or(after.len()));
                let is_required = rest.starts_with('?') || rest.starts_with(":?");
                if is_required && !is_comment && !is_escaped && self.sources.is_unset(name, host) {
                    let end = after.find('}').map_or(at + 2 + name.len(), |end| at + 2 + end + 1);
                    let place = Place::new(text, at..end.min(text.line_end(at)));
                    found.push((format!("{name} has to be set; {} stands for it here", name.to_lowercase()), place));
                }
            }
        }
        for service in self.sources.names("services") {
            for (path, place) in self.sources.env_files(service, host) {
                if !host.exists(&path) {
                    found.push((format!("{path} is not there; what it would set is not known"), place));
                }
            }
        }
        let remote = self.sources.remote().into_iter();
        found.extend(remote.map(|(address, place)| (format!("{address} is elsewhere, and was not read"), place)));
        found
    }

    /// The place that compose means with its reason, as far as the reason names something.
    pub fn place(&self, reason: &str, host: &dyn Host) -> Option<Place> {
        // The reason names what it is about itself.
        self.found_place(reason, host).map(|place| Place { of: None, ..place })
    }

    fn found_place(&self, reason: &str, host: &dyn Host) -> Option<Place> {
        let word_after = |mark: &str| {
            let after = reason.split_once(mark)?.1;
            let end = after.find([' ', ':', '"', '\'', ',']).unwrap_or(after.len());
            after.get(..end).filter(|word| !word.is_empty())
        };
        if let Some(name) = word_after("required variable ") {
            return self.sources.place_of_text(&format!("${{{name}"));
        }
        if let Some(path) = word_after("env file ") {
            let name = path.rsplit('/').next().unwrap_or(path);
            let named = |service: &&str| self.sources.env_files(service, host);
            let files = self.sources.names("services").into_iter().flat_map(|service| named(&service));
            let here = host.directory();
            let mut files = files.map(|(file, place)| (join(&here, &file), place));
            return files
                .find(|(file, _)| file == path)
                .map(|(_, place)| place)
                .or_else(|| self.sources.place_of_text(name));
        }
        if let Some(name) = word_after("service \"") {
            return self.sources.of_service(name, &[], None, host);
        }
        let path = word_after("services.")?;
        let mut steps: Vec<&str> = path.split('.').collect();
        let service = steps.remove(0);
        // `additional properties 'shiny' not allowed`: the key itself.
        steps.extend(word_after("additional properties '"));
        let steps: Vec<PathStep> = steps.into_iter().map(PathStep::Key).collect();
        (0..=steps.len()).rev().find_map(|length| self.sources.of_service(service, steps.get(..length)?, None, host))
    }
}

/// The model of a project.
fn model(sources: &Sources, host: &dyn Host) -> Value {
    let fill = |text: &str| sources.filled(text, host);
    let whole = join(&host.directory(), sources.folder());
    let base = whole.rsplit('/').next().unwrap_or_default().to_lowercase();
    let is_letter = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let name = sources.named(host).unwrap_or_else(|| base.chars().filter(is_letter).collect());
    let mut services = Map::new();
    for service in sources.names("services") {
        let mut all = Value::Object(Map::new());
        for (folder, node) in sources.descriptions(service, host) {
            merge(&mut all, in_long_form(node.filled(&fill), &folder, host));
        }
        if let Value::Object(service) = &mut all
            && !service.contains_key("network_mode")
        {
            service.entry("networks").or_insert_with(|| json!({ "default": null }));
        }
        services.insert(service.to_owned(), all);
    }
    let mut model =
        Map::from_iter([("name".to_owned(), json!(name)), ("services".to_owned(), Value::Object(services))]);
    for section in ["networks", "volumes", "secrets", "configs"] {
        let mut entries = Map::new();
        for key in sources.names(section) {
            let mut all = Value::Object(Map::new());
            for (folder, node) in sources.entries(section, key) {
                let mut value = node.filled(&fill);
                for list in ["labels", "driver_opts"] {
                    as_map(&mut value, list);
                }
                if let Some(file) = value.get_mut("file") {
                    whole_path(file, &folder, host);
                }
                merge(&mut all, value);
            }
            named(&mut all, &name, key);
            entries.insert(key.to_owned(), all);
        }
        if section == "networks" {
            entries.entry("default").or_insert_with(|| json!({ "name": format!("{name}_default") }));
        }
        model.insert(section.to_owned(), Value::Object(entries));
    }
    Value::Object(model)
}

/// The name on the engine, which compose makes from the project's where the file gives none.
fn named(entry: &mut Value, project: &str, key: &str) {
    let is_external = entry.get("external").is_some_and(|external| external != &Value::Bool(false));
    if let Value::Object(entry) = entry {
        let name = if is_external { key.to_owned() } else { format!("{project}_{key}") };
        entry.entry("name").or_insert(Value::String(name));
        if is_external {
            entry.insert("external".to_owned(), Value::Bool(true));
        }
    }
}

/// Lays one description over another: maps are merged, lists go on, commands and single values are replaced.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                match (key.as_str(), base.get_mut(&key)) {
                    ("command" | "entrypoint", _) | (_, None) => {
                        base.insert(key, value);
                    }
                    ("volumes", Some(Value::Array(known))) => {
                        let more = value.as_array().cloned().unwrap_or_default();
                        known.retain(|volume| !more.iter().any(|it| it.get("target") == volume.get("target")));
                        known.extend(more);
                    }
                    (_, Some(known)) => merge(known, value),
                }
            }
        }
        (Value::Array(base), Value::Array(over)) => {
            for value in over {
                if !base.contains(&value) {
                    base.push(value);
                }
            }
        }
        (_, Value::Null) => {}
        (base, over) => *base = over,
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        _ => None,
    }
}

/// A list of `NAME=value` as a map.
fn as_map(of: &mut Value, key: &str) {
    let Some(Value::Array(list)) = of.get(key) else { return };
    let entry = |text: String| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Value::String(value.to_owned())),
        None => (text, Value::Null),
    };
    let map: Map<String, Value> = list.iter().filter_map(text_of).map(entry).collect();
    set(of, key, Value::Object(map));
}

fn set(of: &mut Value, key: &str, value: Value) {
    if let Value::Object(of) = of {
        of.insert(key.to_owned(), value);
    }
}

/// Each item of a list in its long form, where it is a text.
fn each(of: &mut Value, key: &str, long: &dyn Fn(&str) -> Vec<Value>) {
    let Some(Value::Array(list)) = of.get(key) else { return };
    let items = list.iter().flat_map(|item| match (item, text_of(item)) {
        (Value::Object(_), _) => vec![item.clone()],
        (_, Some(text)) => long(&text),
        _ => Vec::new(),
    });
    let items = items.collect();
    set(of, key, Value::Array(items));
}

fn whole_path(path: &mut Value, folder: &str, host: &dyn Host) {
    let Value::String(text) = path else { return };
    // The home of the caller, as compose has it: compose-go `paths/home.go`. Another one's is not known.
    let in_home = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match in_home {
        Some(rest) => *text = format!("{}{}", host.env("HOME").unwrap_or_default(), rest.trim_end_matches('/')),
        None if is_remote(text) || text.starts_with('~') => {}
        None => *text = join(&host.directory(), &join(folder, text)),
    }
}

/// A service as compose prints it.
fn in_long_form(mut service: Value, folder: &str, host: &dyn Host) -> Value {
    for key in ["command", "entrypoint"] {
        if let Some(Value::String(line)) = service.get(key) {
            let words = shell_words::split(line).unwrap_or_else(|_| vec![line.clone()]);
            set(&mut service, key, json!(words));
        }
    }
    for key in ["environment", "labels", "sysctls", "annotations"] {
        as_map(&mut service, key);
    }
    for key in ["privileged", "read_only", "init", "tty", "stdin_open", "oom_kill_disable", "use_api_socket"] {
        if let Some(Value::String(text)) = service.get(key) {
            let on = matches!(text.to_lowercase().as_str(), "true" | "t" | "1" | "yes" | "y" | "on");
            set(&mut service, key, Value::Bool(on));
        }
    }
    for key in ["mem_limit", "memswap_limit", "mem_reservation", "shm_size"] {
        as_bytes(&mut service, key);
    }
    for kind in ["limits", "reservations"] {
        let resources = service.get_mut("deploy").and_then(|deploy| deploy.get_mut("resources"));
        if let Some(of) = resources.and_then(|resources| resources.get_mut(kind)) {
            as_bytes(of, "memory");
        }
    }
    if let Some(Value::Object(hosts)) = service.get("extra_hosts") {
        let lines: Vec<String> =
            hosts.iter().filter_map(|(name, address)| Some(format!("{name}={}", text_of(address)?))).collect();
        set(&mut service, "extra_hosts", json!(lines));
    }
    for key in ["networks", "depends_on"] {
        if let Some(Value::Array(list)) = service.get(key) {
            let map: Map<String, Value> = list.iter().filter_map(text_of).map(|name| (name, Value::Null)).collect();
            set(&mut service, key, Value::Object(map));
        }
    }
    each(&mut service, "ports", &port);
    each(&mut service, "volumes", &|text| vec![volume(text, folder, host)]);
    each(&mut service, "secrets", &|text| vec![json!({ "source": text })]);
    each(&mut service, "configs", &|text| vec![json!({ "source": text })]);
    each(&mut service, "devices", &|text| {
        let mut parts = text.split(':');
        let source = parts.next().unwrap_or_default();
        let target = parts.next().unwrap_or(source);
        vec![json!({ "source": source, "target": target, "permissions": parts.next().unwrap_or("rwm") })]
    });
    if let Some(Value::Array(volumes)) = service.get_mut("volumes") {
        for volume in volumes.iter_mut().filter(|volume| volume.get("type").and_then(Value::as_str) == Some("bind")) {
            if let Some(source) = volume.get_mut("source") {
                whole_path(source, folder, host);
            }
        }
    }
    if let Some(build) = service.get_mut("build") {
        if let Some(context) = build.as_str() {
            *build = json!({ "context": context });
        }
        for key in ["args", "additional_contexts", "labels"] {
            as_map(build, key);
        }
        if let Value::Object(build) = build {
            let context = build.entry("context").or_insert_with(|| json!("."));
            whole_path(context, folder, host);
        }
    }
    service
}

fn as_bytes(of: &mut Value, key: &str) {
    if let Some(Value::String(text)) = of.get(key)
        && let Ok(bytes) = values::size(text)
    {
        set(of, key, json!(bytes));
    }
}

/// `[ip:]host:container[/protocol]`; a host's port that is not known is none.
fn port(text: &str) -> Vec<Value> {
    let container = || text.rsplit(':').next().unwrap_or_default();
    let Ok(published) = values::publish(text).or_else(|_| values::publish(container())) else { return Vec::new() };
    let mapping = |mapping: values::PortMapping| {
        let (target, protocol) = mapping.port.split_once('/').unwrap_or((&mapping.port, "tcp"));
        let target = target.parse::<u16>().unwrap_or_default();
        let mut port = json!({ "mode": "ingress", "target": target, "protocol": protocol });
        for (key, value) in [("published", mapping.host_port), ("host_ip", mapping.host_ip)] {
            if !value.is_empty() {
                set(&mut port, key, Value::String(value));
            }
        }
        port
    };
    published.mappings().map(mapping).collect()
}

/// `[source:]target[:mode]`.
fn volume(text: &str, folder: &str, host: &dyn Host) -> Value {
    let Ok(spec) = values::volume(text) else { return json!({ "type": "volume", "target": text }) };
    let is_bind = spec.bind || spec.source.starts_with(['.', '/', '~']);
    let kind = if is_bind { "bind" } else { "volume" };
    let mut source = Value::String(spec.source);
    if is_bind {
        whole_path(&mut source, folder, host);
    }
    let mut volume = json!({ "type": kind, "source": source, "target": spec.target });
    if spec.read_only {
        set(&mut volume, "read_only", Value::Bool(true));
    }
    let options = if is_bind { json!({ "create_host_path": true }) } else { json!({}) };
    set(&mut volume, kind, options);
    volume
}
