//! What `fender trash` and `fender undo` have in common.

use std::io::{Write, stderr, stdout};

use crate::environment::policy::read_layers;
use crate::trash::{Entry, Locked, TrashStore, folder, now};
use crate::ui::plan::ago;
use crate::ui::progress::after_two_seconds;
use crate::ui::screen::{command_line, shown};
use fender_core::plan::Recoverable;
use fender_core::policy::Policy;
use fender_core::text::count;

pub fn ended(outcome: Result<u8, String>) -> u8 {
    outcome.unwrap_or_else(|problem| {
        let _ = writeln!(stderr(), "fender: {}", shown(&problem));
        1
    })
}

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

pub fn locked() -> Result<Locked, String> {
    let _waiting = after_two_seconds("waiting for another fender that uses the trash".to_owned());
    let store = TrashStore::at(folder());
    store.lock().map_err(|error| format!("the trash cannot be used: {error}"))
}

pub fn policy() -> Result<Policy, String> {
    Ok(Policy { layers: read_layers().map_err(|problem| format!("the policy cannot be read: {problem}"))? })
}

pub fn say(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
}
