//! What a person reads before answering: the command with the words marked, what is wrong, why it matters here, what to
//! do instead, and how to allow it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::question::Question;
use super::screen::{Screen, command_line, quoted, shown};
use super::snippet::snippet;
use fender_core::engine::Lookup;
use fender_core::grammar::parse::Invocation;
use fender_core::judge::{Complaint, Judgement};
use fender_core::plan::Plan;
use fender_core::policy::Action;
use fender_core::rules::{Class, Finding, NO_MEMORY_LIMIT};
use fender_core::text::{bytes, count};

/// The one name of the engine for a person: what it calls itself, else the host in its endpoint. A local engine that does
/// not say is this machine's; only of one that is nowhere at all the context is left.
pub fn engine_name(judgement: &Judgement, hostname: &str) -> String {
    match judgement.facts.engine() {
        Lookup::Found(engine) if !engine.name.is_empty() => engine.name,
        _ if !judgement.target.is_local() && !judgement.target.address().is_empty() => {
            judgement.target.address().to_owned()
        }
        _ if !judgement.target.is_local() && judgement.target.context != "default" => judgement.target.context.clone(),
        _ => hostname.to_owned(),
    }
}

/// The last line of a refusal: many programs show only this one. It names the rules, the environment and the remedy.
pub fn not_run(judgement: &Judgement, why: &str) -> String {
    let mut ids: Vec<&str> = Vec::new();
    // What a policy refuses is the reason, and not what would only have been asked.
    let refuses = judgement.action == Action::Refuse;
    let stopping =
        || judgement.stopping().filter(move |complaint| !refuses || complaint.decision.action == Action::Refuse);
    for complaint in stopping() {
        if !ids.contains(&complaint.finding.rule.id) {
            ids.push(complaint.finding.rule.id);
        }
    }
    let environment = shown(&judgement.environment.name);
    let Some(first) = ids.first() else { return format!("fender: not run ({environment}): {}\n", shown(why)) };
    // What a policy file says, and what it refuses, a line in another file may not undo.
    let fixed =
        |complaint: &Complaint| complaint.decision.action == Action::Refuse || complaint.decision.source.is_some();
    let table = match environment.as_str() {
        "dev" => "[rules]".to_owned(),
        name => format!("[environments.{name}.rules]"),
    };
    let remedy = match ids.len() {
        1..=3 if !stopping().any(fixed) => {
            let lines: Vec<String> = ids.iter().map(|id| format!("{id} = \"note\"")).collect();
            format!("to allow: {table} {}", lines.join(", "))
        }
        _ => format!("see: fender rules {first}"),
    };
    let more = ids.len().saturating_sub(3);
    ids.truncate(3);
    let named = if more > 0 { format!("{} and {more} more", ids.join(", ")) } else { ids.join(", ") };
    format!("fender: not run ({named}, {environment}): {}; {remedy}\n", shown(why))
}

/// The question that wants the engine's name typed, for `to` = `run` or `delete`.
pub fn typed(judgement: &Judgement, hostname: &str, to: &str) -> Question {
    let context = &judgement.target.context;
    Question::name(&engine_name(judgement, hostname), to).not(context, "the context's name")
}

/// The question with the environment and the engine in front of its keys.
pub fn placed(question: Question, judgement: &Judgement, hostname: &str) -> Question {
    let environment = &judgement.environment;
    question.on(&environment.name, environment.preset == "prod", &engine_name(judgement, hostname))
}

/// One dim line for all notes of a command, and one for what is to be mended in each file.
pub fn note(judgement: &Judgement, screen: &Screen) -> Option<String> {
    let lines: Vec<String> = to_mend(judgement).into_iter().chain(notes_on_words(judgement)).collect();
    (!lines.is_empty()).then(|| lines.iter().map(|line| format!("{}\n", screen.dim(line))).collect())
}

/// `3 things to mend in Dockerfile: fender lint`; what services are careless about is said like what words are.
fn to_mend(judgement: &Judgement) -> Vec<String> {
    let mut files: Vec<(&str, usize)> = Vec::new();
    let calm = judgement.with(Action::Note).filter(|complaint| complaint.finding.calm);
    for place in calm.filter_map(|complaint| complaint.finding.places.first()) {
        match files.iter_mut().find(|(path, _)| *path == place.path()) {
            Some((_, count)) => *count += 1,
            None => files.push((place.path(), 1)),
        }
    }
    files
        .into_iter()
        .map(|(path, number)| {
            let path = shown(path);
            // Here is the folder that lint looks at by itself.
            let how =
                if path.contains('/') { format!("fender lint {}", quoted(&path)) } else { "fender lint".to_owned() };
            format!("fender: {} to mend in {path}: {how}", count(number, "thing"))
        })
        .collect()
}

fn notes_on_words(judgement: &Judgement) -> Option<String> {
    let mut ids: Vec<&str> = Vec::new();
    for complaint in judgement.with(Action::Note).filter(|complaint| !complaint.finding.calm) {
        if !ids.contains(&complaint.finding.rule.id) {
            ids.push(complaint.finding.rule.id);
        }
    }
    if ids.is_empty() {
        return None;
    }
    let line = format!("fender: {} (fender explain -- {})", ids.join(", "), brief(&judgement.invocation.words));
    Some(line)
}

/// The command's words as far as one line takes them.
fn brief(words: &[String]) -> String {
    let mut out = String::new();
    for word in words {
        let word = quoted(word);
        if out.chars().count() + word.chars().count() > 40 {
            out.push_str(if out.is_empty() { "…" } else { " …" });
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word);
    }
    out
}

/// The whole text for an action that stops the command.
pub fn stopping(judgement: &Judgement, screen: &Screen, hostname: &str) -> String {
    let complaints = one_for_each_cause(judgement.stopping().collect());
    let Some(first) = complaints.first() else { return String::new() };
    let first = first.finding.rule.id;
    let engine = engine_name(judgement, hostname);
    let mut out = String::from("\n");
    out.push_str(&underlined(judgement, &complaints, screen));
    let place = place(judgement, &engine);
    if let [complaint] = complaints.as_slice() {
        out.push('\n');
        out.push_str(&headline(complaint, screen));
        out.push_str(&places(&complaint.finding, screen));
        out.push_str(&screen.filled("  ", &why(complaint, judgement)));
        out.push_str(&screen.filled("  where    ", &place));
        out.push_str(&screen.filled("  instead  ", &complaint.finding.instead));
    } else {
        let (grave, careless): (Vec<&Complaint>, Vec<&Complaint>) =
            complaints.iter().partition(|complaint| matches!(complaint.finding.class, Class::Escape | Class::Loss));
        out.push('\n');
        let _ = writeln!(out, "  {} for {}:", count(complaints.len(), "thing"), judgement.environment.name);
        let mut explained = Vec::new();
        for complaint in grave {
            let finding = &complaint.finding;
            let _ = writeln!(out, "\n  {}  {}", screen.marked(finding.rule.id), titled(finding));
            out.push_str(&places(finding, screen));
            // Where several are of one kind, it is explained once.
            if !explained.contains(&finding.rule.id) {
                explained.push(finding.rule.id);
                out.push_str(&screen.filled("    ", &why(complaint, judgement)));
                out.push_str(&screen.filled("    instead  ", &finding.instead));
            }
        }
        out.push('\n');
        let mut alike: HashMap<(&str, &str), Vec<&Complaint>> = HashMap::new();
        for complaint in &careless {
            let what = (complaint.finding.rule.id, complaint.finding.title.as_str());
            alike.entry(what).or_default().push(complaint);
        }
        for complaint in careless {
            let what = (complaint.finding.rule.id, complaint.finding.title.as_str());
            // One line for the same thing in several places.
            let all = match complaint.finding.places.is_empty() {
                true => vec![complaint],
                false => alike.remove(&what).unwrap_or_default(),
            };
            if all.is_empty() {
                continue;
            }
            out.push_str(&brief_line(complaint, &all, judgement, screen));
        }
        out.push('\n');
        out.push_str(&screen.filled("  where    ", &place));
    }
    let mut ids: Vec<&str> = complaints.iter().map(|complaint| complaint.finding.rule.id).collect();
    ids.dedup();
    let allow = match judgement.action {
        Action::Refuse => format!("an entry in a policy: fender rules {first}"),
        _ => format!("fender rules {first}"),
    };
    out.push_str(&screen.dim(&screen.filled("  allow    ", &allow)));
    for complaint in &complaints {
        if let Some(source) = &complaint.decision.source {
            let line = format!("{} decides: {} {}", source, complaint.finding.rule.id, complaint.decision.action);
            out.push_str(&screen.dim(&screen.filled("  policy   ", &line)));
        }
    }
    let mut notes: Vec<&str> = judgement.with(Action::Note).map(|complaint| complaint.finding.rule.id).collect();
    notes.dedup();
    notes.retain(|id| !ids.contains(id));
    if !notes.is_empty() {
        out.push_str(&screen.dim(&screen.filled("  also     ", &notes.join(", "))));
    }
    out
}

/// What a person reads before a deletion: the rules that stop it in a line each, then the plan.
pub fn deletion(judgement: &Judgement, plan: &Plan, screen: &Screen, hostname: &str, now: i64) -> String {
    let complaints = one_for_each_cause(judgement.stopping().collect());
    let mut out = String::from("\n");
    out.push_str(&underlined(judgement, &complaints, screen));
    out.push('\n');
    for complaint in &complaints {
        out.push_str(&headline(complaint, screen));
    }
    out.push_str(&screen.filled("  where    ", &place(judgement, &engine_name(judgement, hostname))));
    out.push('\n');
    out.push_str(&super::plan::brief(plan, screen, now));
    if let Some(first) = complaints.first() {
        let allow = format!("fender rules {}", first.finding.rule.id);
        out.push_str(&screen.dim(&screen.filled("  allow    ", &allow)));
    }
    for complaint in &complaints {
        if let Some(source) = &complaint.decision.source {
            let line = format!("{} decides: {} {}", source, complaint.finding.rule.id, complaint.decision.action);
            out.push_str(&screen.dim(&screen.filled("  policy   ", &line)));
        }
    }
    out
}

/// A milder command, and what it frees.
pub fn smaller(invocation: &Invocation, plan: &Plan, screen: &Screen) -> String {
    let what = match plan.deletes.len() {
        0 => "nothing to delete".to_owned(),
        number => format!("{}, frees {}", count(number, "object"), bytes(plan.frees)),
    };
    screen.filled("  smaller  ", &format!("{} ({what})", command_line(&invocation.words)))
}

/// Two rules that point at the same words for the same reason are one complaint: the first.
fn one_for_each_cause(complaints: Vec<&Complaint>) -> Vec<&Complaint> {
    let mut kept: Vec<&Complaint> = Vec::new();
    // What an earlier finding of the same class said about the same words, so that these rules need not say it again.
    let mut said = HashSet::new();
    for complaint in complaints {
        let finding = &complaint.finding;
        let cause = |id: &'static str| (finding.class, finding.words.as_slice(), id);
        if said.contains(&cause(finding.rule.id)) {
            continue;
        }
        if !finding.words.is_empty() {
            said.extend(finding.rule.supersedes.iter().map(|rule| cause(rule.id)));
        }
        kept.push(complaint);
    }
    kept
}

/// The rule's id and what it is.
fn headline(complaint: &Complaint, screen: &Screen) -> String {
    let id = complaint.finding.rule.id;
    screen.filled(&format!("  {id}  "), &titled(&complaint.finding)).replacen(id, &screen.marked(id), 1)
}

/// What it is, and of what.
pub fn titled(finding: &Finding) -> String {
    match finding.places.first().and_then(|place| place.of.as_ref()) {
        Some(of) => shown(&format!("{of}: {}", finding.title)),
        None => shown(&finding.title),
    }
}

/// The places of a finding with their lines.
pub fn places(finding: &Finding, screen: &Screen) -> String {
    let secret = finding.rule.hides;
    finding.places.iter().take(3).map(|place| snippet(place, screen, secret)).collect()
}

/// One complaint among several that are careless rather than grave: a line.
fn brief_line(complaint: &Complaint, alike: &[&Complaint], judgement: &Judgement, screen: &Screen) -> String {
    let finding = &complaint.finding;
    let text = match memory_of_host(judgement).filter(|_| *finding.rule == NO_MEMORY_LIMIT) {
        Some(size) => format!("it can take all {size} of this host, and others are killed for it"),
        None => shown(&finding.title),
    };
    let names: Vec<String> =
        alike.iter().flat_map(|other| &other.finding.places).map(|place| shown(&place.name())).collect();
    let text = if names.is_empty() { text } else { format!("{text}: {}", names.join(", ")) };
    let line = screen.filled(&format!("  {:<19}", finding.rule.id), &text);
    line.replacen(finding.rule.id, &screen.marked(finding.rule.id), 1)
}

fn memory_of_host(judgement: &Judgement) -> Option<String> {
    match judgement.facts.engine() {
        Lookup::Found(engine) if engine.memory > 0 => Some(bytes(engine.memory)),
        _ => None,
    }
}

fn why(complaint: &Complaint, judgement: &Judgement) -> String {
    // The size of the host says more than a word for it.
    if *complaint.finding.rule == NO_MEMORY_LIMIT
        && let Some(size) = memory_of_host(judgement)
    {
        return format!(
            "It can take all {size} of this host, and then the kernel kills another program, of its own choice."
        );
    }
    shown(&complaint.finding.why)
}

fn place(judgement: &Judgement, engine: &str) -> String {
    let environment = &judgement.environment;
    let (engine, because) = (shown(engine), shown(&environment.because));
    match judgement.target.context.as_str() {
        "default" => format!("{engine}: {} ({because})", environment.name),
        context if context == engine => format!("{engine}: {} ({because})", environment.name),
        context => format!("{engine}, context {}: {} ({because})", shown(context), environment.name),
    }
}

/// The command in lines that fit, with the marked words underlined.
fn underlined(judgement: &Judgement, complaints: &[&Complaint], screen: &Screen) -> String {
    let marked: HashSet<usize> = complaints.iter().flat_map(|complaint| complaint.finding.words.clone()).collect();
    let mut words = vec![("docker".to_owned(), false)];
    for (at, word) in judgement.invocation.words.iter().enumerate() {
        words.push((quoted(word), marked.contains(&at)));
    }
    let (mut out, mut line, mut marks) = (String::new(), String::from("  "), String::from("  "));
    let mut flush = |line: &mut String, marks: &mut String| {
        let _ = writeln!(out, "{}", line.trim_end());
        if marks.contains('^') {
            let _ = writeln!(out, "{}", screen.marked(marks.trim_end()));
        }
        "    ".clone_into(line);
        "    ".clone_into(marks);
    };
    for (word, is_marked) in words {
        let width = console::measure_text_width(&word);
        if console::measure_text_width(&line) + width > screen.width && line.trim_start() != "" {
            flush(&mut line, &mut marks);
        }
        line.push_str(&word);
        line.push(' ');
        let mark = if is_marked { "^" } else { " " };
        marks.push_str(&mark.repeat(width));
        marks.push(' ');
    }
    flush(&mut line, &mut marks);
    out
}

/// The command as typed and as changed, one under the other.
pub fn difference(judgement: &Judgement, rewritten: &[String], screen: &Screen) -> String {
    let before = screen.filled("  - ", &command_line(&judgement.invocation.words));
    let after = screen.filled("  + ", &command_line(rewritten));
    format!("\n{}{}", screen.dim(&before), screen.good(&after))
}
