//! Who runs this process: a person at a terminal, a script without one, or a coding agent, by the variables that agents set.

use std::env;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use fender_core::policy::{Caller, CallerKind, Policy};
use nix::errno::Errno;
use nix::fcntl::OFlag;

/// How the names of some variables of coding agents begin. An editor's terminal, at which a person sits, has such variables, too.
const BEGIN_OF_AGENTS: &str = "COPILOT_";

/// tty(4): the process has no terminal; or there is no such device in this container.
const NO_TERMINAL: [Errno; 3] = [Errno::ENXIO, Errno::ENOENT, Errno::ENODEV];

/// Finds out who runs this process, as far as a policy asks.
pub fn find(policy: &Policy) -> Caller {
    here(kind(), policy)
}

/// Finds out which kind of caller runs this process. Redirected streams do not matter.
pub fn kind() -> CallerKind {
    let terminal = has_terminal();
    match (is_agent(terminal), terminal) {
        (true, _) => CallerKind::Agent,
        (false, true) => CallerKind::Person,
        (false, false) => CallerKind::Script,
    }
}

/// A caller of this kind. The user and the program of this process are looked up only for a policy that has tables for callers: a user's name
/// may come from a directory server.
pub fn here(kind: CallerKind, policy: &Policy) -> Caller {
    let groups = if policy.knows_groups() { groups() } else { Vec::new() };
    match policy.knows_callers() {
        true => Caller { kind, user: user(), program: program(), groups },
        false => Caller { groups, ..Caller::of(kind) },
    }
}

/// The names of the process's own groups; the number of one without a name.
fn groups() -> Vec<String> {
    let mut all = nix::unistd::getgroups().unwrap_or_default();
    all.push(nix::unistd::getgid());
    let name = |gid: nix::unistd::Gid| match nix::unistd::Group::from_gid(gid) {
        Ok(Some(group)) => group.name,
        _ => gid.to_string(),
    };
    all.into_iter().map(name).collect()
}

/// Whether there is a terminal that controls this process. Where that cannot be found out there may be one: a person is asked, and
/// if nobody can be asked, the answer is no; a script would only get notes.
fn has_terminal() -> bool {
    let opened = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open("/dev/tty");
    !opened.is_err_and(|error| NO_TERMINAL.iter().any(|none| error.raw_os_error() == Some(*none as i32)))
}

fn is_agent(terminal: bool) -> bool {
    // An empty one is set, too: a mark only makes stricter.
    let set = |name: &str| env::var_os(name).is_some();
    if set("CLAUDECODE") || set("CURSOR_AGENT") || set("CODEX_SANDBOX") || set("CODEX_THREAD_ID") {
        return true;
    }
    if set("GEMINI_CLI") || set("OPENCODE") || set("AI_AGENT") {
        return true;
    }
    !terminal && env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with(BEGIN_OF_AGENTS))
}

fn user() -> String {
    let uid = nix::unistd::getuid();
    let known = nix::unistd::User::from_uid(uid).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

/// The program that started this one. One that is gone, or that this user may not look at, is not known.
fn program() -> String {
    let path = fs::read_link(format!("/proc/{}/exe", nix::unistd::getppid()));
    path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}
