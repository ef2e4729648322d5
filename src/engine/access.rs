//! How somebody gets access to a socket that is there and that they may not open.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::unistd::{Group, Uid, User, geteuid, getgroups};

use super::reach::is_denied;

/// What gives this user access to a socket that is denied to them; None where it is not.
pub fn how_to_get(socket: &str) -> Option<String> {
    // Everything is open to root.
    if geteuid().is_root() || !is_denied(socket) {
        return None;
    }
    let other = "sudo or rootless Docker";
    let Ok(metadata) = fs::metadata(socket) else {
        return Some(format!("this user may not look into the folder of {socket}. For access: {other}"));
    };
    let owner = name_of(metadata.uid());
    let opens_for_group = metadata.mode() & 0o020 != 0;
    let (true, Ok(Some(group))) = (opens_for_group, Group::from_gid(metadata.gid().into())) else {
        return Some(format!("only {owner} may open {socket}. For access: {other}"));
    };
    let user = name_of(geteuid().as_raw());
    let name = group.name;
    let is_in_session = getgroups().is_ok_and(|groups| groups.contains(&group.gid));
    Some(if group.mem.contains(&user) && !is_in_session {
        format!(
            "{user} is in the group {name}, which may open {socket}, but this session began before: log in again, or run newgrp {name}"
        )
    } else {
        format!(
            "only {owner} and the group {name} may open {socket}. For access: sudo usermod -aG {name} {user}, then log in \
             again (members of {name} are as good as root on this host); or {other}"
        )
    })
}

fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => format!("user {uid}"),
    }
}
