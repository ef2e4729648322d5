//! `fender undo` and `fender trash restore`: what a deletion took comes back, after the rules have looked at it again.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::rc::Rc;

use super::kept::{line, locked, policy, say};
use crate::engine::Engine;
use crate::engine::connection::Connection;
use crate::engine::inventory::Info;
use crate::engine::paths;
use crate::environment::caller;
use crate::environment::host::{Surroundings, hostname, ids, today};
use crate::exit::{DONE, FAILED, NOT_RUN};
use crate::failure::Failure;
use crate::session;
use crate::trash::{
    Back, Entry, Locked, Object, TrashStore, fits, folder, layer_image, now, requests, restore, run_line,
};
use crate::ui::plan::ago;
use crate::ui::question::Question;
use crate::ui::screen::{Screen, command_line, list, shown};
use fender_core::api::EngineProblem;
use fender_core::judge::{Complaint, JudgementContext, environment_of, judge_requests};
use fender_core::plan::{Facts, ObjectKind, Recoverable};
use fender_core::policy::{Action, Caller, CallerKind, Environment, Policy};
use fender_core::target::{Target, choose};
use fender_core::text::count;

/// The engine that docker would reach here, and what it says of itself.
struct Here {
    policy: Policy,
    target: Target,
    engine: Engine,
    info: Info,
    caller: Caller,
}

impl Here {
    fn find() -> Result<Here, Failure> {
        let policy = policy()?;
        let host = Surroundings { assume_terminal: true };
        let target = choose(&fender_core::lower::read(&[], &host), &host);
        let engine = session::engine_without_client(&target, &policy);
        let connection = engine.connection()?;
        let info: Info = connection.block_on(connection.client.get(paths::INFO))?;
        let caller = caller::find(&policy);
        Ok(Here { policy, target, engine, info, caller })
    }

    fn connection(&self) -> Result<&Connection, EngineProblem> {
        self.engine.connection()
    }

    /// What today's rules say of the objects that would come back, and in which environment.
    fn judge(&self, objects: &[&Object]) -> anyhow::Result<(Vec<(String, Complaint)>, Environment)> {
        let host = Surroundings { assume_terminal: false };
        // Only for commands: requests are judged with the engine that is here.
        let facts =
            |target: &Target| -> Rc<dyn Facts> { Rc::new(session::engine_without_client(target, &self.policy)) };
        let context = JudgementContext {
            host: &host,
            policy: &self.policy,
            facts: &facts,
            hostname: hostname(),
            today: today(),
            ids: ids(),
            caller: self.caller.clone(),
            environment: None,
        };
        let mut all = Vec::new();
        for object in objects {
            let requests = requests(object, &self.info.defaults())?;
            if requests.is_empty() {
                continue;
            }
            let complaints = judge_requests(requests, &self.target, &self.engine, &context);
            let name = format!("{} {}", object.kind.name(), object.name);
            all.extend(complaints.into_iter().map(|complaint| (name.clone(), complaint)));
        }
        Ok((all, environment_of(&self.target, &self.engine, &context)))
    }
}

/// `fender undo`: the last deletion on this engine. What it did not keep it says, and asks before it goes further back.
pub fn undo() -> Result<u8, Failure> {
    let here = Here::find()?;
    let store = TrashStore::at(folder());
    let mut passed: Vec<String> = Vec::new();
    for (id, entry) in store.entries().into_iter().rev() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) => {
                // A trash that cannot be used as a whole has no number.
                let remedy = if id > 0 { format!("; fender trash empty {id} removes it") } else { String::new() };
                passed.push(format!("{why:#}{remedy}"));
                continue;
            }
        };
        if entry.engine != here.info.id {
            continue;
        }
        let what = format!("{}, {}", command_line(&entry.command), ago(now() - entry.time));
        if entry.undone {
            // Only the newest is worth a line: what came before it is older than what is found next.
            if passed.is_empty() {
                passed.push(format!("the last deletion, {what}, was brought back already"));
            }
        } else if !entry.has_kept() {
            passed.push(format!("{what}: nothing of it was kept ({})", why_not(&entry)));
        } else {
            return bring_back_here(&here, entry.id, None, None, &passed);
        }
    }
    for text in &passed {
        let _ = stderr().write_all(Screen::new(stderr().is_terminal()).filled("fender: ", &shown(text)).as_bytes());
    }
    say("nothing to undo on this engine: fender trash list\n");
    Ok(FAILED)
}

fn why_not(entry: &Entry) -> String {
    let mut names: Vec<String> =
        entry.objects.iter().take(3).map(|object| format!("{} {}", object.kind.name(), object.name)).collect();
    if entry.objects.len() > names.len() {
        names.push(format!("{} more", entry.objects.len() - names.len()));
    }
    let why = entry.objects.iter().map(|object| object.missing.as_str()).find(|why| !why.is_empty());
    format!("{}{}", names.join(", "), why.map(|why| format!(": {why}")).unwrap_or_default())
}

/// `fender trash restore` without a number: nothing is at stake in choosing.
pub fn choose_and_bring_back() -> Result<u8, Failure> {
    let here = Here::find()?;
    let entries: Vec<Entry> = TrashStore::at(folder())
        .entries()
        .into_iter()
        .rev()
        .filter_map(|(_, entry)| entry.ok())
        .filter(|entry| entry.engine == here.info.id && entry.has_kept())
        .collect();
    if entries.is_empty() {
        say("nothing in the trash can be brought back on this engine: fender trash list\n");
        return Ok(FAILED);
    }
    let nobody = match here.caller.kind {
        CallerKind::Agent => Some("an agent cannot choose an entry"),
        CallerKind::Person if stderr().is_terminal() && std::io::stdin().is_terminal() => None,
        _ => Some("there is no terminal to choose on"),
    };
    if let Some(why) = nobody {
        return Err(Failure::internal(why).hint("fender trash list shows the numbers, fender trash restore ID"));
    }
    let lines: Vec<String> = entries.iter().map(|entry| line(entry).trim_end().to_owned()).collect();
    let chosen = dialoguer::Select::new()
        .with_prompt("Which deletion? Enter to choose, Escape to cancel")
        .items(&lines)
        .default(0)
        .interact_opt()
        .map_err(anyhow::Error::from)?;
    match chosen.and_then(|at| entries.get(at)) {
        Some(entry) => bring_back_here(&here, entry.id, None, None, &[]),
        None => {
            let _ = writeln!(stderr(), "fender: nothing was restored");
            Ok(NOT_RUN)
        }
    }
}

/// Brings back an entry, or one object of it; `passed` says what lies between it and now.
pub fn bring_back(id: u64, name: Option<&str>, new_name: Option<&str>, passed: &[String]) -> Result<u8, Failure> {
    bring_back_here(&Here::find()?, id, name, new_name, passed)
}

fn bring_back_here(
    here: &Here,
    id: u64,
    name: Option<&str>,
    new_name: Option<&str>,
    passed: &[String],
) -> Result<u8, Failure> {
    let entry = TrashStore::at(folder()).entry(id)?;
    if let Some(name) = name
        && !entry.objects.iter().any(|object| fits(object, name))
    {
        return Err(Failure::internal(format!("{name:?} is none of the objects of {id}"))
            .hint(format!("fender trash show {id}")));
    }
    if here.info.id != entry.engine {
        let (then, now) = (shown(&entry.engine_name), shown(&here.info.name));
        return Err(Failure::internal(format!("this was deleted on the engine {then}, and this is {now}"))
            .hint("choose it with DOCKER_HOST or docker context use"));
    }
    let consent = may_come_back(here, &entry, name, passed)?;
    if consent == Consent::No {
        return Ok(NOT_RUN);
    }
    let locked = locked()?;
    // While the question stood, another fender may have changed it.
    let entry = locked.store.entry(id)?;
    if entry.undone && name.is_none() && passed.is_empty() && new_name.is_none() {
        say("  it was brought back already; what is missing of it comes back now\n");
    }
    locked.store.verify(&entry).map_err(|why| Failure::from(why).hint("other deletions: fender trash list"))?;
    let screen = Screen::new(stdout().is_terminal());
    if consent == Consent::NotNeeded {
        say(&screen.filled("  ", &heading(&entry)));
    }
    let connection = here.connection()?;
    let mut not_kept: Vec<(Object, String)> = Vec::new();
    let mut taken: Vec<Object> = Vec::new();
    let rename = |_: &Object| new_name.map(str::to_owned);
    let (mut failed, mut stopped) = (false, false);
    restore(connection, &locked, &entry, name, &rename, &mut |object, back| match back {
        Back::NotKept(how) => not_kept.push((object.clone(), how.clone())),
        Back::Taken => taken.push(object.clone()),
        back => {
            failed |= matches!(back, Back::Failed(_));
            stopped |= matches!(back, Back::Stopped(_));
            say(&said(object, back, &screen, new_name));
            if matches!(back, Back::Failed(_)) && object.kind == ObjectKind::Container {
                let by_hand = format!(
                    "it stays in the trash. By hand: fender trash image {id} {0} loads what it wrote as an image, fender trash \
                     show {id} {0} prints its settings as a docker run command",
                    shown(&object.name)
                );
                say(&screen.filled("          ", &by_hand));
            }
        }
    });
    let mut complete = !failed;
    for object in &taken {
        complete &= match new_name {
            // Whoever chose this name has to choose another one.
            Some(name) => {
                let what = shown(&format!("{} {name}", object.kind.name()));
                say(&screen.filled("  taken   ", &format!("there is another {what} now: choose another name for --as")));
                false
            }
            None => settle(connection, &locked, &entry, object, &screen, here.caller.kind),
        };
    }
    tell_not_kept(&not_kept, id, &screen);
    if name.is_none() && complete {
        locked.mark_undone(id)?;
    }
    Ok(if complete && !stopped { DONE } else { FAILED })
}

fn heading(entry: &Entry) -> String {
    let kept = entry.objects.iter().filter(|object| object.recoverable == Recoverable::Trash).count();
    format!(
        "{} on {}, {}, took {}; {kept} {} kept",
        command_line(&entry.command),
        shown(&entry.engine_name),
        ago(now() - entry.time),
        count(entry.objects.len(), "object"),
        if kept == 1 { "was" } else { "were" }
    )
}

/// So many findings are shown one by one.
const SHOWN: usize = 8;

/// Whether a restore may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Consent {
    /// The person said yes to a question, which named what comes back.
    Given,
    /// Nothing is to be asked.
    NotNeeded,
    /// The person or the policy said no, or nobody could be asked. This was said.
    No,
}

/// Judges what would come back, as any other way to the engine is judged, and asks where it takes an answer. What fender wrote
/// itself ran here before: a yes is enough for it, whatever the rule's action. An entry without a keyed checksum, which
/// versions before this one wrote, is judged like a command that somebody types.
fn may_come_back(here: &Here, entry: &Entry, name: Option<&str>, passed: &[String]) -> Result<Consent, Failure> {
    let objects: Vec<&Object> =
        entry.objects.iter().filter(|object| name.is_none_or(|name| fits(object, name))).collect();
    let (complaints, environment) = here.judge(&objects)?;
    let stopping: Vec<&(String, Complaint)> =
        complaints.iter().filter(|(_, complaint)| complaint.decision.action >= Action::Fix).collect();
    let strictest = stopping.iter().map(|(_, complaint)| complaint.decision.wanted()).max().unwrap_or(Action::Allow);
    if stopping.is_empty() && passed.is_empty() && entry.own {
        return Ok(Consent::NotNeeded);
    }
    let screen = Screen::of_questions();
    let mut text = String::new();
    for why in passed {
        text.push_str(&screen.filled("  passes over  ", &shown(why)));
    }
    if !passed.is_empty() {
        text.push('\n');
    }
    text.push_str(&screen.filled("  ", &heading(entry)));
    text.push_str(&findings(&stopping, &screen));
    if !entry.own {
        let why =
            "this entry has no keyed checksum: an older fender wrote it, or somebody else. It is judged like a command";
        text.push_str(&screen.filled("  note     ", why));
    }
    if !entry.own && strictest == Action::Refuse {
        let _ = stderr().write_all(text.as_bytes());
        let _ = writeln!(stderr(), "fender: nothing was restored: the policy refuses it here");
        return Ok(Consent::No);
    }
    let question = match strictest {
        Action::Type if !entry.own => Question::name(&here.info.name, "restore"),
        _ if objects.len() == 1 => Question::yes_or_no("Bring it back?"),
        _ => Question::yes_or_no("Bring these back?"),
    };
    let question = question.text(text.clone()).on(&environment.name, environment.preset == "prod", &here.info.name);
    match question.ask(&screen, here.caller.kind) {
        Ok(answer) if answer.is_yes() => Ok(Consent::Given),
        Ok(_) => {
            let _ = writeln!(stderr(), "fender: nothing was restored");
            Ok(Consent::No)
        }
        Err(nobody) => {
            let _ = stderr().write_all(text.as_bytes());
            let _ = writeln!(stderr(), "fender: nothing was restored: this needs an answer, and {}", nobody.reason());
            Ok(Consent::No)
        }
    }
}

/// One line for each rule: what it found, in which objects.
fn findings(stopping: &[&(String, Complaint)], screen: &Screen) -> String {
    let mut rules: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (name, complaint) in stopping {
        let id = complaint.finding.rule.id;
        match rules.iter_mut().find(|(known, _, _)| *known == id) {
            Some((_, _, names)) => {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            None => rules.push((id, &complaint.finding.title, vec![name])),
        }
    }
    let mut out = String::new();
    let width = rules.iter().map(|(id, _, _)| id.len()).max().unwrap_or(0);
    for (id, title, names) in rules.iter().take(SHOWN) {
        let mut shown_names: Vec<&str> = names.iter().copied().take(3).collect();
        let more = format!("{} more", names.len().saturating_sub(shown_names.len()));
        if names.len() > shown_names.len() {
            shown_names.push(&more);
        }
        out.push_str(
            &screen.filled(&format!("    {id:<width$}  "), &shown(&format!("{}: {title}", list(&shown_names)))),
        );
    }
    if rules.len() > SHOWN {
        out.push_str(&format!("    and {} more\n", count(rules.len() - SHOWN, "rule")));
    }
    out
}

/// `fender trash show ID NAME`: a container's settings as a command.
pub fn show_container(id: u64, name: &str) -> Result<u8, Failure> {
    let entry = TrashStore::at(folder()).entry(id)?;
    let object = container_of(&entry, name)?;
    let image = object.inspect.pointer("/Config/Image").and_then(serde_json::Value::as_str).unwrap_or_default();
    say(&format!("{}\n", run_line(&object.inspect, image)));
    Ok(DONE)
}

fn container_of<'a>(entry: &'a Entry, name: &str) -> Result<&'a Object, Failure> {
    let found = entry.objects.iter().find(|it| it.kind == ObjectKind::Container && fits(it, name));
    found.filter(|object| object.recoverable == Recoverable::Trash).ok_or_else(|| {
        Failure::internal(format!("no container {name:?} is kept in {}", entry.id))
            .hint(format!("fender trash show {}", entry.id))
    })
}

/// `fender trash image ID NAME`: what a container wrote, as an image.
pub fn load_image(id: u64, name: &str, image: Option<String>) -> Result<u8, Failure> {
    let here = Here::find()?;
    let locked = locked()?;
    let entry = locked.store.entry(id)?;
    locked.store.verify(&entry)?;
    let object = container_of(&entry, name)?;
    let image = image.unwrap_or_else(|| format!("{}-restored", object.name.to_lowercase()));
    layer_image(here.connection()?, &locked, &entry, object, &image)?;
    say(&format!("loaded {}\n{}\n", shown(&image), run_line(&object.inspect, &image)));
    Ok(DONE)
}

fn said(object: &Object, back: &Back, screen: &Screen, new_name: Option<&str>) -> String {
    let name = new_name.unwrap_or(&object.name);
    let what = shown(&format!("{} {name}", object.kind.name()));
    let text = match back {
        Back::Is(note) if note.is_empty() => what,
        Back::Is(note) => format!("{what}, {}", shown(note)),
        Back::There => format!("{what} is there already"),
        Back::Stopped(why) => format!("{what}, but it does not start: {}", shown(why)),
        Back::Failed(why) => format!("{what}: {}", shown(why)),
        Back::Taken => format!("{what}: there is another one of this name now"),
        Back::NotKept(how) => format!("{what}: {}", shown(how)),
    };
    match back {
        Back::Taken => screen.filled("  taken   ", &text),
        Back::NotKept(_) => screen.filled("  gone    ", &text),
        Back::Failed(_) => screen.filled("  failed  ", &text).replacen("failed", &screen.marked("failed"), 1),
        Back::There => screen.filled("  there   ", &text),
        _ => screen.filled("  back    ", &text).replacen("back", &screen.good("back"), 1),
    }
}

/// A name that another object has by now: a person is offered another one.
fn settle(
    connection: &Connection,
    locked: &Locked,
    entry: &Entry,
    object: &Object,
    screen: &Screen,
    caller: CallerKind,
) -> bool {
    let what = shown(&format!("{} {}", object.kind.name(), object.name));
    if object.kind == ObjectKind::Tag {
        say(&screen.filled("  taken   ", &format!("{what} means another image now")));
        return false;
    }
    if object.replaced && object.kind == ObjectKind::Network {
        say(&screen.filled("  there   ", &format!("{what} was made again")));
        return true;
    }
    let offered = format!("{}-restored", object.name);
    let how = format!("fender trash restore {} {} --as {}", entry.id, shown(&object.name), shown(&offered));
    // What was replaced comes back beside the new one, which has its name: nobody has to be asked for that.
    let beside = object.replaced && object.kind == ObjectKind::Container;
    if !beside {
        say(&screen.filled("  taken   ", &format!("there is another {what} now")));
    }
    let question = Question::yes_or_no(&format!("Bring it back as {}?", shown(&offered)));
    let yes = beside
        || stdout().is_terminal() && question.ask(&Screen::of_questions(), caller).is_ok_and(|answer| answer.is_yes());
    if !yes {
        say(&screen.filled("          ", &format!("under another name: {how}")));
        return false;
    }
    if !beside {
        let restored = restore_as(connection, locked, entry, object, &offered, screen);
        if restored.is_none() {
            say(&screen
                .filled("  taken   ", &format!("there is another {} {} now", object.kind.name(), shown(&offered))));
        }
        return restored == Some(true);
    }
    // An older one may have been brought back beside it already.
    let names = std::iter::once(offered.clone()).chain((2..=MOST_BESIDE).map(|number| format!("{offered}-{number}")));
    for name in names {
        if let Some(all) = restore_as(connection, locked, entry, object, &name, screen) {
            return all;
        }
    }
    say(&screen.filled("  taken   ", &format!("{what}: {MOST_BESIDE} older ones are there already")));
    false
}

/// So many older containers are brought back beside a new one, each under a name of its own.
const MOST_BESIDE: usize = 20;

/// Brings one object back under another name, and says what came of it. None, and nothing said, where that name is taken, too.
fn restore_as(
    connection: &Connection,
    locked: &Locked,
    entry: &Entry,
    object: &Object,
    name: &str,
    screen: &Screen,
) -> Option<bool> {
    let mut is_taken = false;
    let rename = |_: &Object| Some(name.to_owned());
    let all = restore(connection, locked, entry, Some(&object.id), &rename, &mut |object, back| {
        is_taken |= matches!(back, Back::Taken);
        if !is_taken {
            say(&said(object, back, screen, Some(name)));
        }
    });
    (!is_taken).then_some(all)
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
