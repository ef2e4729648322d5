//! What several families of commands have in common.

use serde_json::Value;

use super::effect::Effect;
use super::origin::{Origins, Typed};
use super::request::Request;
use crate::docker_files::ConfigFile;
use crate::grammar::parse::{Invocation, Set};
use crate::grammar::values::{self, ARCHITECTURES, SYSTEMS};
use crate::host::Host;

/// One request for each operand, such as `DELETE /volumes/{name}`.
pub fn for_each(invocation: &Invocation, request: impl Fn(&str, Origins) -> Request) -> Vec<Effect> {
    // For an empty name the client says so and goes on with the others.
    let named = invocation.operands.iter().filter(|word| !invocation.arg(**word).trim().is_empty());
    named.map(|word| Effect::Request(request(invocation.arg(*word), word.origins()))).collect()
}

/// The words of the flags with these names that are switched on or set.
pub fn origins_of(invocation: &Invocation, names: &[&str]) -> Origins {
    invocation.all(names).flat_map(Set::origins).collect()
}

/// `--filter` as the API takes it: `{"label":{"a":true}}`, with sorted keys; empty when there is none.
pub fn filters(invocation: &Invocation, also: &[(&str, &str)]) -> Option<String> {
    let mut map = serde_json::Map::new();
    let typed = invocation.all(&["filter"]).filter_map(|set| values::filter(&set.value).ok().flatten());
    let added = also.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    for (name, value) in typed.chain(added) {
        let entry = map.entry(name).or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(value, Value::Bool(true));
        }
    }
    (!map.is_empty()).then(|| Value::Object(map).to_string())
}

/// The same for a prune, with `pruneFilters` of the configuration: docker/cli 28 `cli/command/utils.go`, `PruneFilters`. A label from
/// there counts only beside a typed label filter of the opposite kind that does not name it: `ExactMatch` says yes where
/// there is none.
pub fn prune_filters(invocation: &Invocation, host: &dyn Host, also: &[(&str, &str)]) -> Option<String> {
    let typed: Vec<(String, String)> =
        invocation.all(&["filter"]).filter_map(|set| values::filter(&set.value).ok().flatten()).collect();
    let configured = configured_filters(invocation, host);
    let more = configured.iter().filter_map(|filter| {
        let (name, value) = filter.split_once('=')?;
        let opposite = match name {
            "label" => "label!",
            "label!" => "label",
            _ => return Some((name, value)),
        };
        let mut others = typed.iter().filter(|(name, _)| name == opposite).peekable();
        (others.peek().is_some() && others.all(|(_, other)| other != value)).then_some((name, value))
    });
    let also: Vec<(&str, &str)> = also.iter().copied().chain(more).collect();
    filters(invocation, &also)
}

/// `pruneFilters` of the client's configuration.
pub fn configured_filters(invocation: &Invocation, host: &dyn Host) -> Vec<String> {
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    // Docker takes nothing from a file that it cannot read.
    let text = host.read_own(&format!("{folder}/config.json")).ok().flatten();
    text.map(|text| ConfigFile::read(&text).prune_filters).unwrap_or_default()
}

/// What the client trims before it asks.
pub fn trim_id<'a>(kind: &str, id: &'a str) -> Result<&'a str, String> {
    let trimmed = id.trim_matches([' ', '\t', '\n', '\r']);
    if trimmed.is_empty() { Err(format!("invalid {kind} name or ID: value is empty")) } else { Ok(trimmed) }
}

/// `KEY=VALUE` texts as a map; a text without `=` is a key with an empty value.
pub fn to_map<'a>(texts: impl IntoIterator<Item = &'a String>) -> std::collections::HashMap<String, String> {
    texts
        .into_iter()
        .map(|text| {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            (key.to_owned(), value.to_owned())
        })
        .collect()
}

/// `--env` and `--env-file` (or labels) together, files first; docker/cli `pkg/kvfile`. Files read become effects.
pub fn key_values(
    host: &dyn Host,
    files: Vec<&Set>,
    typed: Vec<String>,
    look_up: bool,
    effects: &mut Vec<Effect>,
) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for file in files {
        let path = &file.value;
        let bytes = host.read(path).map_err(|error| format!("open {path}: {error}"))?;
        effects.push(Effect::ReadsFile { path: path.clone(), origins: file.origins() });
        let bad = |problem: String| format!("invalid env file ({path}): {problem}");
        let Ok(text) = std::str::from_utf8(&bytes) else {
            let line = bytes.split(|b| *b == b'\n').position(|line| std::str::from_utf8(line).is_err()).unwrap_or(0);
            return Err(bad(format!("invalid utf8 bytes at line {}", line + 1)));
        };
        for line in text.strip_prefix('\u{feff}').unwrap_or(text).split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = line.split('=').next().unwrap_or_default();
            if key.is_empty() {
                return Err(bad(format!("no variable name on line '{line}'")));
            }
            if key.contains([' ', '\t']) {
                return Err(bad(format!("variable '{key}' contains whitespaces")));
            }
            if line.contains('=') {
                lines.push(line.to_owned());
            } else if look_up && let Some(value) = host.env(key) {
                lines.push(format!("{key}={value}"));
            }
        }
    }
    lines.extend(typed);
    Ok(lines)
}

/// `--env NAME` takes the value of the caller's own variable, where it has one.
pub fn filled_env(host: &dyn Host, typed: Vec<String>) -> Vec<String> {
    typed
        .into_iter()
        .map(|text| match text.contains('=') {
            true => text,
            false => match host.env(&text) {
                Some(value) => format!("{text}={value}"),
                None => text,
            },
        })
        .collect()
}

/// `--platform` as containerd's `platforms.Parse` fills it in: os, architecture, variant.
pub fn platform(text: &str) -> Result<(String, String, String), String> {
    let parts: Vec<String> = text.split('/').map(str::to_lowercase).collect();
    let legal = |part: &String| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let problem = |why: &str| format!("{text:?}: {why}: invalid argument");
    let (os_text, rest) = parts.split_first().map(|(os, rest)| (os.clone(), rest.to_vec())).unwrap_or_default();
    // The first part may carry a version of the system and features: `windows(10.0.17763)/amd64`.
    let os_name = os_text.split('(').next().unwrap_or_default().to_owned();
    if !legal(&os_name) || !rest.iter().all(legal) {
        return Err(format!(
            "{os_text:?} is an invalid component of {text:?}: platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument"
        ));
    }
    let architecture = |name: &str, variant: &str| -> (String, String) {
        let (name, variant) = match (name, variant) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        (name.to_owned(), variant.to_owned())
    };
    let os = |name: &str| match name {
        "macos" => "darwin".to_owned(),
        name => name.to_owned(),
    };
    match rest.as_slice() {
        [] => {
            let name = os(&os_name);
            if SYSTEMS.contains(&name.as_str()) {
                return Ok((name, "amd64".to_owned(), String::new()));
            }
            let (name, variant) = architecture(&os_name, "");
            if ARCHITECTURES.contains(&name.as_str()) {
                let variant = if name == "arm" && variant == "v7" { String::new() } else { variant };
                return Ok(("linux".to_owned(), name, variant));
            }
            Err(problem("unknown operating system or architecture"))
        }
        [name] => {
            let (name, variant) = architecture(name, "");
            let variant = if name == "arm" && variant == "v7" { String::new() } else { variant };
            Ok((os(&os_name), name, variant))
        }
        [name, variant] => {
            let (name, mut variant) = architecture(name, variant);
            if name == "arm64" && variant.is_empty() {
                variant = "v8".to_owned();
            }
            Ok((os(&os_name), name, variant))
        }
        _ => Err(problem("cannot parse platform specifier")),
    }
}

/// The platform as the JSON that some queries carry.
pub fn platform_json(text: &str) -> Result<String, String> {
    let (os, architecture, variant) = platform(text)?;
    let mut map = serde_json::Map::new();
    map.insert("architecture".to_owned(), architecture.into());
    map.insert("os".to_owned(), os.into());
    if !variant.is_empty() {
        map.insert("variant".to_owned(), variant.into());
    }
    Ok(Value::Object(map).to_string())
}
