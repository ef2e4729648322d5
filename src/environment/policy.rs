//! Reads the policy files: the system's and the user's.

use std::path::{Path, PathBuf};

use fender_core::policy::{PolicyLayer, PolicyProblem, parse_layer as parse};

use super::owned::{self, Distrust, Owners};
use super::state::users_folder;

/// The system's file.
pub const SYSTEM: &str = "/etc/fender/policy.toml";

/// A policy is a page or two.
const LARGEST: u64 = 1 << 20;

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

fn read_user() -> Result<Option<PolicyLayer>, PolicyProblem> {
    let Some(path) = user_path() else { return Ok(None) };
    let owners = match owned::standing(&path) {
        // Root with the home of somebody else.
        Ok(Some(Distrust::Belongs { uid, .. })) if owned::caller() == 0 => Owners::User(uid),
        _ => Owners::Caller,
    };
    read_layer(&path, owners)
}

/// The system's file and the user's, where they exist.
pub fn read_layers() -> Result<Vec<PolicyLayer>, PolicyProblem> {
    Ok([read_system()?, read_user()?].into_iter().flatten().collect())
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
