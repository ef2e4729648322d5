//! Reads the policy files: the system's and the user's.

use std::path::{Path, PathBuf};

use fender_core::order::PutInOrder as _;
use fender_core::policy::{PolicyLayer, PolicyProblem, parse_layer as parse};

use super::folder::Folder;
use super::owned::{self, Distrust, Owners};
use super::state::users_folder;

/// The system's file.
pub const SYSTEM: &str = "/etc/fender/policy.toml";

/// The folder of the system's further files: `*.toml`.
pub const SYSTEM_PARTS: &str = "/etc/fender/policy.d";

/// A policy is a page or two.
pub const LARGEST: u64 = 1 << 20;

/// The user's file, after `XDG_CONFIG_HOME` and `HOME`.
pub fn user_path() -> Option<PathBuf> {
    Some(users_folder("XDG_CONFIG_HOME", ".config")?.join("fender/policy.toml"))
}

/// One file, if it is there and may be used.
fn read_layer(path: &Path, owners: Owners) -> Result<Option<PolicyLayer>, PolicyProblem> {
    let problem = |reason: String| PolicyProblem { path: path.to_path_buf(), at: None, reason };
    let Some(bytes) = owned::read(path, owners, LARGEST).map_err(|error| problem(error.to_string()))? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|error| problem(error.utf8_error().to_string()))?;
    let mut layer = parse(path, owners == Owners::System, &text)?;
    layer.is_others = matches!(owners, Owners::User(_));
    Ok(Some(layer))
}

fn read_system() -> Result<Option<PolicyLayer>, PolicyProblem> {
    read_layer(Path::new(SYSTEM), Owners::System)
}

/// The system's further files, in the order of their names.
fn read_parts() -> Result<Vec<PolicyLayer>, PolicyProblem> {
    let folder = Path::new(SYSTEM_PARTS);
    let problem = |path: &Path, reason: String| PolicyProblem { path: path.to_path_buf(), at: None, reason };
    let names = match Folder::open(folder, Owners::System) {
        Ok(Some(held)) => match held.takes_files_of_others() {
            Ok(Some(mode)) => {
                let path = folder.to_path_buf();
                return Err(problem(folder, Distrust::Writable { path, mode }.to_string()));
            }
            Ok(None) => held.names(),
            Err(error) => Err(error),
        },
        Ok(None) => return Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let mut names = names.map_err(|error| problem(folder, error.to_string()))?;
    // What an editor or a package manager leaves beside them has another end.
    names.retain(|name| name.ends_with(".toml") && !name.starts_with('.'));
    names.put_in_order();
    let mut layers = Vec::new();
    for path in names.iter().map(|name| folder.join(name)) {
        // One that went away in between may have been the strictest.
        let missing = || problem(&path, "it was there a moment ago".to_owned());
        let layer = read_layer(&path, Owners::System)?.ok_or_else(missing)?;
        if let Some(docker) = &layer.file.docker {
            let reason = format!("docker is set in {SYSTEM} only ({})", layer.at(docker.span().start));
            return Err(problem(&path, reason));
        }
        layers.push(layer);
    }
    Ok(layers)
}

fn read_user() -> Result<Option<PolicyLayer>, PolicyProblem> {
    let Some(path) = user_path() else { return Ok(None) };
    let owners = match owned::standing(&path) {
        // Root with the home of somebody else.
        Ok(Some(Distrust::Belongs { uid, .. })) if owned::caller() == 0 => Owners::User(uid),
        _ => Owners::Caller,
    };
    read_layer(&path, owners)
}

/// The system's files and the user's, where they exist.
pub fn read_layers() -> Result<Vec<PolicyLayer>, PolicyProblem> {
    let mut layers: Vec<PolicyLayer> = read_system()?.into_iter().collect();
    layers.extend(read_parts()?);
    layers.extend(read_user()?);
    Ok(layers)
}

/// Only the real client's path, for commands that need no policy: a reading command runs whatever the policy's state. A
/// system's file that cannot be used may name a client: then no other file does.
pub fn read_client() -> Option<PathBuf> {
    let named = |layer: PolicyLayer| layer.file.docker.filter(|_| !layer.is_others).map(|docker| docker.into_inner());
    match read_system() {
        Ok(system) => system.and_then(named).or_else(|| match read_user() {
            Ok(user) => user.and_then(named),
            Err(_) => None,
        }),
        Err(_) => None,
    }
}
