//! `fender undo` and `fender trash`: what was deleted, and how it comes back.

use std::io::{IsTerminal, Write, stderr, stdout};

use clap::Subcommand;

use crate::engine::inventory::Info;
use crate::environment::policy::read_layers;
use crate::session;
use crate::trash::{Back, Entry, Locked, Object, TrashStore, fits, folder, now, restore};
use crate::ui::plan::ago;
use crate::ui::question::Question;
use crate::ui::screen::{Screen, command_line, shown};
use fender_core::plan::{ObjectKind, Recoverable};
use fender_core::policy::Policy;
use fender_core::text::{bytes, count};

#[derive(Debug, Subcommand)]
pub enum TrashCommand {
    /// What is in the trash, the newest last
    List,
    /// One deletion with all its objects
    Show {
        /// The number that fender trash list shows
        id: u64,
    },
    /// Bring back one deletion, or one object of it
    Restore {
        /// The number that fender trash list shows
        id: u64,
        /// A name or id of one object
        name: Option<String>,
        /// Give that object this name
        #[arg(long = "as", value_name = "NAME", requires = "name")]
        new_name: Option<String>,
    },
    /// Delete what is in the trash, all of it or one deletion
    Empty {
        /// The number that fender trash list shows
        id: Option<u64>,
    },
}

impl TrashCommand {
    pub fn run(self) -> u8 {
        ended(match self {
            TrashCommand::List => list(),
            TrashCommand::Show { id } => show(id),
            TrashCommand::Restore { id, name, new_name } => bring_back(id, name.as_deref(), new_name.as_deref()),
            TrashCommand::Empty { id } => empty(id),
        })
    }
}

fn ended(outcome: Result<u8, String>) -> u8 {
    outcome.unwrap_or_else(|problem| {
        let _ = writeln!(stderr(), "fender: {}", shown(&problem));
        1
    })
}

fn locked() -> Result<Locked, String> {
    let store = TrashStore::at(folder());
    store.lock().map_err(|error| format!("the trash cannot be used: {error}"))
}

/// The trash without what is too old.
fn current() -> Result<Locked, String> {
    let policy = policy()?;
    let locked = locked()?;
    locked.expire(&policy.trash(), now(), 0).map_err(|error| error.to_string())?;
    Ok(locked)
}

fn policy() -> Result<Policy, String> {
    Ok(Policy { layers: read_layers().map_err(|problem| format!("the policy cannot be read: {problem}"))? })
}

fn say(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
}

fn list() -> Result<u8, String> {
    let locked = current()?;
    let entries = locked.store.entries();
    if entries.is_empty() {
        say("the trash is empty\n");
        return Ok(0);
    }
    for (id, entry) in entries {
        match entry {
            Ok(entry) => say(&line(&entry)),
            Err(problem) => say(&format!("{id:>4}  {}\n", shown(&problem))),
        }
    }
    let policy = policy()?;
    let room = i64::try_from(policy.trash().max).unwrap_or(i64::MAX);
    let size = i64::try_from(locked.store.bytes()).unwrap_or(i64::MAX);
    say(&format!("\n{} of {} in {}\n", bytes(size), bytes(room), folder().display()));
    Ok(0)
}

fn line(entry: &Entry) -> String {
    let kept = entry.objects.iter().filter(|object| object.recoverable == Recoverable::Trash).count();
    let undone = if entry.undone { ", undone" } else { "" };
    format!(
        "{:>4}  {:<16}  {}  on {}: {}, {} kept{undone}\n",
        entry.id,
        ago(now() - entry.time),
        command_line(&entry.command),
        shown(&entry.engine_name),
        count(entry.objects.len(), "object"),
        kept
    )
}

fn show(id: u64) -> Result<u8, String> {
    let entry = locked()?.store.entry(id)?;
    say(&line(&entry));
    for object in &entry.objects {
        let size = object.size.filter(|size| *size > 0).map(bytes).unwrap_or_default();
        let how = match object.recoverable {
            Recoverable::Trash => "kept",
            Recoverable::Pull => "docker pull brings it back",
            Recoverable::No => "not kept",
        };
        let also =
            if object.tags.len() > 1 { format!(", also {}", object.tags[1..].join(", ")) } else { String::new() };
        say(&format!("      {:<11}  {}{}  {size}  {how}\n", object.kind.name(), shown(&object.name), shown(&also)));
    }
    Ok(0)
}

/// `fender undo`: the last deletion on this engine that was not undone yet.
pub fn undo() -> u8 {
    ended(last().and_then(|id| match id {
        Some(id) => bring_back(id, None, None),
        None => {
            say("nothing to undo on this engine: fender trash list\n");
            Ok(1)
        }
    }))
}

fn last() -> Result<Option<u64>, String> {
    let policy = policy()?;
    let engine = session::engine_here(&policy);
    let wire = engine.line().map_err(|problem| problem.to_string())?;
    let info: Info = wire.block_on(wire.link.get("/info")).map_err(|problem| problem.to_string())?;
    let locked = current()?;
    for (id, entry) in locked.store.entries().into_iter().rev() {
        // A damaged one is not passed over: it may be the one that is meant.
        let Ok(entry) = entry else { return Ok(Some(id)) };
        if entry.engine == info.id && !entry.undone {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn bring_back(id: u64, name: Option<&str>, new_name: Option<&str>) -> Result<u8, String> {
    let policy = policy()?;
    let locked = locked()?;
    let entry = locked.store.entry(id)?;
    locked.store.verify(&entry)?;
    if let Some(name) = name
        && !entry.objects.iter().any(|object| fits(object, name))
    {
        return Err(format!("{name:?} is none of the objects of {id}: fender trash show {id}"));
    }
    let engine = session::engine_here(&policy);
    let wire = engine.line().map_err(|problem| problem.to_string())?;
    let info: Info = wire.block_on(wire.link.get("/info")).map_err(|problem| problem.to_string())?;
    if info.id != entry.engine {
        return Err(format!(
            "this was deleted on the engine {}, and this is {}: choose it with DOCKER_HOST or docker context use",
            shown(&entry.engine_name),
            shown(&info.name)
        ));
    }
    let screen = Screen::new(stdout().is_terminal());
    let kept = entry.objects.iter().filter(|object| object.recoverable == Recoverable::Trash).count();
    say(&screen.filled(
        "  ",
        &format!(
            "{} on {}, {}, took {}; {kept} {} kept",
            command_line(&entry.command),
            shown(&entry.engine_name),
            ago(now() - entry.time),
            count(entry.objects.len(), "object"),
            if kept == 1 { "was" } else { "were" }
        ),
    ));
    let mut not_kept: Vec<(Object, String)> = Vec::new();
    let mut taken: Vec<Object> = Vec::new();
    let rename = |_: &Object| new_name.map(str::to_owned);
    let mut failed = false;
    restore(wire, &locked, &entry, name, &rename, &mut |object, back| match back {
        Back::NotKept(how) => not_kept.push((object.clone(), how.clone())),
        Back::Taken => taken.push(object.clone()),
        back => {
            failed |= matches!(back, Back::Failed(_));
            say(&said(object, back, &screen, new_name));
        }
    });
    let mut complete = !failed;
    for object in &taken {
        complete &= settle(wire, &locked, &entry, object, &screen);
    }
    tell_not_kept(&not_kept, id, &screen);
    if name.is_none() && complete {
        locked.mark_undone(id).map_err(|error| error.to_string())?;
    }
    Ok(if complete { 0 } else { 1 })
}

fn said(object: &Object, back: &Back, screen: &Screen, new_name: Option<&str>) -> String {
    let name = new_name.unwrap_or(&object.name);
    let what = shown(&format!("{} {name}", object.kind.name()));
    let text = match back {
        Back::Is(note) if note.is_empty() => what,
        Back::Is(note) => format!("{what}, {}", shown(note)),
        Back::There => format!("{what} is there already"),
        Back::Failed(why) => format!("{what}: {}", shown(why)),
        Back::Taken | Back::NotKept(_) => what,
    };
    match back {
        Back::Failed(_) => screen.filled("  failed  ", &text).replacen("failed", &screen.marked("failed"), 1),
        Back::There => screen.filled("  there   ", &text),
        _ => screen.filled("  back    ", &text).replacen("back", &screen.good("back"), 1),
    }
}

/// A name that another object has by now: a person is offered another one.
fn settle(
    wire: &crate::engine::connection::Wire,
    locked: &Locked,
    entry: &Entry,
    object: &Object,
    screen: &Screen,
) -> bool {
    let what = shown(&format!("{} {}", object.kind.name(), object.name));
    if object.kind == ObjectKind::Tag {
        say(&screen.filled("  taken   ", &format!("{what} means another image now")));
        return false;
    }
    let offered = format!("{}-restored", object.name);
    let how = format!("fender trash restore {} {} --as {}", entry.id, shown(&object.name), shown(&offered));
    say(&screen.filled("  taken   ", &format!("there is another {what} now")));
    let question = Question::yes_or_no(&format!("Bring it back as {}?", shown(&offered)));
    let yes = stdout().is_terminal() && question.ask(&Screen::of_questions()).is_ok_and(|answer| answer.is_yes());
    if !yes {
        say(&screen.filled("          ", &format!("under another name: {how}")));
        return false;
    }
    let rename = |_: &Object| Some(offered.clone());
    restore(wire, locked, entry, Some(&object.id), &rename, &mut |object, back| {
        say(&said(object, back, screen, Some(&offered)));
    })
}

fn tell_not_kept(objects: &[(Object, String)], id: u64, screen: &Screen) {
    if objects.is_empty() {
        return;
    }
    if objects.len() <= 3 {
        for (object, how) in objects {
            say(&screen.filled("  gone    ", &shown(&format!("{} {}: {how}", object.kind.name(), object.name))));
        }
        return;
    }
    let pulled = objects.iter().filter(|(object, _)| object.recoverable == Recoverable::Pull).count();
    let mut parts = Vec::new();
    if pulled > 0 {
        parts.push(format!("{} that docker pull brings back", count(pulled, "image")));
    }
    if objects.len() > pulled {
        parts.push(format!("{} not kept", count(objects.len() - pulled, "object")));
    }
    say(&screen.filled("  gone    ", &format!("{}; fender trash show {id} lists them", parts.join(", "))));
}

fn empty(id: Option<u64>) -> Result<u8, String> {
    let locked = locked()?;
    let before = locked.store.bytes();
    let ids: Vec<u64> = match id {
        Some(id) if locked.store.has_entry(id) => vec![id],
        Some(id) => return Err(format!("there is no entry {id} in the trash: fender trash list")),
        None => locked.store.entries().into_iter().map(|(id, _)| id).collect(),
    };
    let failed = |error: std::io::Error| error.to_string();
    for id in &ids {
        locked.remove(*id).map_err(failed)?;
    }
    locked.sweep().map_err(failed)?;
    let freed = i64::try_from(before.saturating_sub(locked.store.bytes())).unwrap_or(i64::MAX);
    say(&format!("removed {}, {}\n", count(ids.len(), "deletion"), bytes(freed)));
    Ok(0)
}
