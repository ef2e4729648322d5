//! What `fender trash` and `fender undo` have in common.

use std::io::{Write, stdout};

use anyhow::Context as _;

use crate::environment::policy::read_layers;
use crate::failure::Failure;
use crate::trash::{Entry, Locked, TrashStore, folder, now};
use crate::ui::plan::ago;
use crate::ui::progress::after_two_seconds;
use crate::ui::screen::{command_line, shown};
use fender_core::plan::Recoverable;
use fender_core::policy::Policy;
use fender_core::text::count;

/// One entry in one line.
pub fn line(entry: &Entry) -> String {
    let kept = entry.objects.iter().filter(|object| object.recoverable == Recoverable::Trash).count();
    let noted = if entry.noted { ", settings only" } else { "" };
    let undone = if entry.undone { ", undone" } else { "" };
    format!(
        "{:>4}  {:<16}  {}  on {}: {}, {} kept{noted}{undone}\n",
        entry.id,
        ago(now() - entry.time),
        command_line(&entry.command),
        shown(&entry.engine_name),
        count(entry.objects.len(), "object"),
        kept
    )
}

/// The trash, once no other fender has it.
pub fn locked() -> Result<Locked, Failure> {
    let _waiting = after_two_seconds("waiting for another fender that uses the trash".to_owned());
    let store = TrashStore::at(folder());
    Ok(store.lock().context("the trash cannot be used")?)
}

/// The policy of this host and this user.
pub fn policy() -> Result<Policy, Failure> {
    Ok(Policy { layers: read_layers()? })
}

/// Writes to standard output; a reader that went away is no error.
pub fn say(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
}
