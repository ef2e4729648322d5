//! `fender trash`: lists, shows, restores and removes what was kept of deletions.

use std::io::{Write, stderr};
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;

use super::kept::{line, locked, policy, say};
use super::undo;
use crate::environment::caller;
use crate::exit::{DONE, NOT_RUN};
use crate::failure::Failure;
use crate::trash::{Entry, TrashStore, folder};
use crate::ui::question::Question;
use crate::ui::screen::{Screen, shown};
use fender_core::plan::Recoverable;
use fender_core::text::{bytes, count};

/// So many deletions are named before they are removed.
const LISTED: usize = 12;

#[derive(Debug, Subcommand)]
pub enum TrashCommand {
    /// List what is in the trash, the newest last
    List,
    /// Show one deletion with all its objects, or one container as a docker run command
    Show {
        /// The number that fender trash list shows
        id: u64,
        /// A name or id of one container
        name: Option<String>,
    },
    /// Restore one deletion, or one object of it; without a number, choose from a list
    Restore {
        /// The number that fender trash list shows
        id: Option<u64>,
        /// A name or id of one object
        name: Option<String>,
        /// Give that object this name
        #[arg(long = "as", value_name = "NAME", requires = "name")]
        new_name: Option<String>,
    },
    /// Load the files that a container wrote as an image, to create a container from it by hand
    Image {
        /// The number that fender trash list shows
        id: u64,
        /// A name or id of one container
        name: String,
        /// The image's name; without it, NAME-restored
        image: Option<String>,
    },
    /// Delete everything in the trash, or one deletion; asks first
    Empty {
        /// The number that fender trash list shows
        id: Option<u64>,
    },
}

impl TrashCommand {
    pub fn run(self) -> Result<u8, Failure> {
        match self {
            TrashCommand::List => list(),
            TrashCommand::Show { id, name: None } => show(id),
            TrashCommand::Show { id, name: Some(name) } => undo::show_container(id, &name),
            TrashCommand::Restore { id: None, .. } => undo::choose_and_bring_back(),
            TrashCommand::Restore { id: Some(id), name, new_name } => {
                undo::bring_back(id, name.as_deref(), new_name.as_deref(), &[])
            }
            TrashCommand::Image { id, name, image } => undo::load_image(id, &name, image),
            TrashCommand::Empty { id } => empty(id),
        }
    }
}

fn list() -> Result<u8, Failure> {
    // A trash that cannot be used is not an empty one. Who waits for nobody may read beside a deletion.
    let usable = TrashStore::at(folder()).lock_within(Duration::ZERO);
    drop(usable.context("the trash cannot be read")?);
    let store = TrashStore::at(folder());
    let entries = store.entries();
    if entries.is_empty() {
        say("the trash is empty\n");
        return Ok(DONE);
    }
    for (id, entry) in entries {
        match entry {
            Ok(entry) => say(&line(&entry)),
            Err(problem) => say(&format!("{id:>4}  {}\n", shown(&format!("{problem:#}")))),
        }
    }
    let policy = policy()?;
    let room = i64::try_from(policy.trash().max).unwrap_or(i64::MAX);
    let size = i64::try_from(store.bytes()).unwrap_or(i64::MAX);
    say(&format!("\n{} of {} in {}\n", bytes(size), bytes(room), folder().display()));
    Ok(DONE)
}

fn show(id: u64) -> Result<u8, Failure> {
    let entry = TrashStore::at(folder()).entry(id)?;
    say(&line(&entry));
    for object in &entry.objects {
        let size = object.size.filter(|size| *size > 0).map(bytes).unwrap_or_default();
        let how = match object.recoverable {
            Recoverable::Trash if object.missing.is_empty() => "kept".to_owned(),
            Recoverable::Trash => format!("its settings are kept, and not {}", object.missing),
            Recoverable::Pull => "docker pull gets it back".to_owned(),
            Recoverable::No if object.missing.is_empty() => "not kept".to_owned(),
            Recoverable::No => format!("not kept: {}", object.missing),
        };
        let how = shown(&how);
        let also =
            if object.tags.len() > 1 { format!(", also {}", object.tags[1..].join(", ")) } else { String::new() };
        say(&format!("      {:<11}  {}{}  {size}  {how}\n", object.kind.name(), shown(&object.name), shown(&also)));
    }
    Ok(DONE)
}

fn empty(id: Option<u64>) -> Result<u8, Failure> {
    let store = TrashStore::at(folder());
    let entries: Vec<_> = store.entries().into_iter().filter(|(known, _)| id.is_none_or(|id| id == *known)).collect();
    match (id, entries.is_empty()) {
        (Some(id), true) => {
            return Err(Failure::internal(format!("there is no entry {id} in the trash")).hint("fender trash list"));
        }
        (None, true) => {
            say("the trash is empty\n");
            return Ok(DONE);
        }
        _ => {}
    }
    let screen = Screen::of_questions();
    let mut text = String::new();
    for (id, entry) in entries.iter().rev().take(LISTED) {
        match entry {
            Ok(entry) => text.push_str(&line(entry)),
            Err(problem) => text.push_str(&screen.filled(&format!("{id:>4}  "), &shown(&format!("{problem:#}")))),
        }
    }
    if entries.len() > LISTED {
        text.push_str(&format!("      and {} more\n", entries.len() - LISTED));
    }
    let kept = |(_, entry): &(u64, anyhow::Result<Entry>)| {
        entry.as_ref().map_or(0, |it| it.objects.iter().filter(|it| it.recoverable == Recoverable::Trash).count())
    };
    let kept: usize = entries.iter().map(kept).sum();
    let size = if id.is_none() {
        format!(", {}", bytes(i64::try_from(store.bytes()).unwrap_or(i64::MAX)))
    } else {
        String::new()
    };
    let question = Question::yes_or_no(&format!("Remove {} from the trash?", count(entries.len(), "deletion")))
        .text(text)
        .warning(format!("{}{size}, cannot be brought back afterwards.", count(kept, "object")));
    match question.ask(&screen, caller::kind()) {
        Ok(answer) if answer.is_yes() => {}
        Ok(_) => {
            let _ = writeln!(stderr(), "fender: nothing was removed");
            return Ok(NOT_RUN);
        }
        Err(nobody) => {
            let _ = writeln!(stderr(), "fender: nothing was removed: this needs an answer, and {}", nobody.reason());
            return Ok(NOT_RUN);
        }
    }
    let locked = locked()?;
    let before = locked.store.bytes();
    let mut removed = 0;
    for (id, _) in entries {
        // Exactly what was shown; another fender may have removed some of it.
        if locked.store.has_entry(id) {
            locked.remove(id)?;
            removed += 1;
        }
    }
    locked.sweep()?;
    let freed = i64::try_from(before.saturating_sub(locked.store.bytes())).unwrap_or(i64::MAX);
    say(&format!("removed {}, {}\n", count(removed, "deletion"), bytes(freed)));
    Ok(DONE)
}
