//! Compose's plugin, asked itself instead of through docker's client.
//!
//! `docker compose config` takes 82 ms, of which the client looks for plugins and asks each of them what it is for 55. The plugin gets the
//! client's own words and is told in whose name it runs, as the client tells it (docker/cli `cli-plugins/manager`, `PluginRunCommand`), so
//! it prints the same. Which plugin the client starts, the client itself says, once for each version of both (docs/decisions/0040).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Deserialize;

use super::folder::Folder;
use super::host::{Surroundings, plugin_file};
use super::owned::Owners;
use super::printing::{is_same_file, is_script, reader_of, version_of_file, waited};
use super::state;
use fender_core::host::Host;
use fender_core::lower::read;

const FILE: &str = "plugins.json";
/// Bytes of the file.
const MOST: u64 = 64 * 1024;
/// So many pairs of programs are remembered.
const PAIRS: usize = 50;
const MODE: u32 = 0o600;
/// How long the client may take to list its plugins.
const LISTS: Duration = Duration::from_secs(5);
/// An endpoint where nobody is: the list of plugins needs no engine, and older clients connect all the same.
const NOBODY: &str = "unix:///nonexistent/docker.sock";

/// What the client says of one of its plugins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedPlugin {
    name: String,
    path: PathBuf,
}

/// Compose's plugin, where these words are compose's and this client would start it. None where that is not certain.
pub fn of_words(client: &Path, words: &[String]) -> Option<PathBuf> {
    let host = Surroundings { assume_terminal: false };
    let invocation = read(words, &host);
    let first = invocation.named_by.first().and_then(|at| words.get(*at))?;
    if first != "compose" || invocation.plugin.is_some() || is_script(client)? {
        return None;
    }
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    let plugin = plugin_file("compose", &folder)?;
    would_start(client, &plugin, &folder).then_some(plugin)
}

fn would_start(client: &Path, plugin: &Path, config_folder: &str) -> bool {
    let (Some(client_version), Some(plugin_version)) = (version_of_file(client), version_of_file(plugin)) else {
        return false;
    };
    let key = format!("{client_version:?} {plugin_version:?}");
    let folder = Folder::open(&state::folder(), Owners::Caller).ok().flatten();
    let mut known: BTreeMap<String, bool> = folder
        .and_then(|folder| folder.read(FILE, MOST).ok().flatten())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    if let Some(known) = known.get(&key) {
        return *known;
    }
    let Some(listed) = listed(client, config_folder) else { return false };
    let is_started = listed.iter().any(|listed| listed.name == "compose" && is_same_file(&listed.path, plugin));
    if known.len() >= PAIRS {
        known.clear();
    }
    known.insert(key, is_started);
    if let (Ok(text), Ok(folder)) = (serde_json::to_vec_pretty(&known), Folder::make(&state::folder())) {
        // Where it cannot be kept the next command asks again.
        let _ = folder.write_whole(FILE, &text, MODE);
    }
    is_started
}

/// The client's plugins, as it finds them.
fn listed(client: &Path, config_folder: &str) -> Option<Vec<ListedPlugin>> {
    let mut command = Command::new(client);
    command.args(["--config", config_folder, "info", "--format", "{{json .ClientInfo.Plugins}}"]);
    command.env("DOCKER_HOST", NOBODY).env_remove("DOCKER_CONTEXT");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.ok()?;
    let output = child.stdout.take()?;
    let (printed, _) = waited(&mut child, reader_of(output), LISTS, &AtomicBool::new(false))?;
    serde_json::from_slice(&printed.ok()?).ok()
}
