//! What a person reads before answering: what is wrong and why it matters here, the command with the arguments marked,
//! what to do instead, and how to allow it. At most about 25 lines.

use fender_core::order::PutInOrder as _;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;

use super::command;
use super::offers;
use super::question::Question;
use super::screen::{Screen, command_line, cut, quoted, quoted_masked, shown, width};
use super::snippet::snippet;
use crate::ending::LastLine;
use fender_core::engine::Lookup;
use fender_core::files::mask;
use fender_core::grammar::parse::Invocation;
use fender_core::judge::fixes::Fixes;
use fender_core::judge::{Complaint, Judgement};
use fender_core::plan::Plan;
use fender_core::policy::{Action, AllowedBy, CallerKind, toml_key};
use fender_core::rules::{Class, Decided, Finding, NO_MEMORY_LIMIT};
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

/// The last line of a command that rules stopped: the rules, the environment, and how to allow it there.
pub fn not_run(judgement: &Judgement, why: &str) -> LastLine {
    let mut ids: Vec<&str> = Vec::new();
    // What a policy refuses is the reason, and not what would only have been asked.
    let refuses = judgement.wanted == Action::Refuse;
    let stopping = || judgement.stopping().filter(move |complaint| !refuses || complaint.decision.is_refused());
    for complaint in stopping() {
        if !ids.contains(&complaint.finding.rule.id) {
            ids.push(complaint.finding.rule.id);
        }
    }
    if let Some(rule) = judgement.stopping().find_map(never_allowed) {
        let is_unanswered = |complaint: &&Complaint| complaint.finding.unanswered;
        if let Some(complaint) = judgement.stopping().find(is_unanswered) {
            let why = complaint.finding.why.trim_end_matches('.');
            return ended(judgement, &ids.join(", "), why, "to delete: run it again when this can be read");
        }
        return ended(judgement, &ids.join(", "), "nothing allows it", &format!("see: fender rules {rule}"));
    }
    let Some(first) = ids.first().copied() else {
        return ended(judgement, "deletion", why, "to delete: run it again, and answer its question");
    };
    // What a policy file says, and what it refuses, a line in another file may not undo.
    let fixed = |complaint: &Complaint| complaint.decision.is_refused() || complaint.decision.source.is_some();
    let name = &judgement.environment.name;
    let table = match name.as_str() {
        "dev" => "[rules]".to_owned(),
        name => format!("[environments.{}.rules]", toml_key(name)),
    };
    let remedy = match ids.len() {
        // Nobody writes a policy because an agent was told how.
        1..=3 if !stopping().any(fixed) && judgement.caller != CallerKind::Agent => {
            let lines: Vec<String> = ids.iter().map(|id| format!("{id} = \"note\"")).collect();
            format!("to allow: {table} {}", lines.join(", "))
        }
        _ => format!("see: fender rules {first} --environment {}", quoted(name)),
    };
    let more = ids.len().saturating_sub(3);
    ids.truncate(3);
    let named = if more > 0 { format!("{} and {more} more", ids.join(", ")) } else { ids.join(", ") };
    ended(judgement, &named, why, &remedy)
}

/// The rule of a complaint that neither a policy nor an answer allows.
fn never_allowed(complaint: &Complaint) -> Option<&'static str> {
    Some(complaint.finding.rule).filter(|rule| rule.decided == Decided::AlwaysRefused).map(|rule| rule.id)
}

/// The last line of a command that ends for another `reason` than a rule, once it is known where it would have run.
pub fn ended(judgement: &Judgement, reason: &str, why: &str, remedy: &str) -> LastLine {
    LastLine {
        reason: reason.to_owned(),
        environment: Some(shown(&judgement.environment.name)),
        why: shown(why),
        remedy: shown(remedy),
    }
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

/// The question about a command that stops.
pub fn question(judgement: &Judgement, fixes: &Fixes, screen: &Screen, hostname: &str) -> Question {
    let has_fix = fixes.choices() > 0 || fixes.all().is_some() || !fixes.ignored.is_empty();
    let mut question = match judgement.wanted {
        Action::Type => typed(judgement, hostname, if has_fix { "run as typed" } else { "run" }),
        _ => Question::yes_or_no(if has_fix { "Run as typed?" } else { "Run it?" }),
    };
    if fixes.all().is_some() {
        question = question.key('f', "run the fixed command");
    }
    if !fixes.exceptions.is_empty() {
        question = question.key('a', "allow it here for 90 days");
    }
    let file = match fixes.ignored.as_slice() {
        [] => None,
        [one] => Some(cut(&shown(last_name(&one.path)), 40)),
        several => Some(count(several.len(), "ignore file")),
    };
    if let Some(file) = file {
        let builds = ["build", "bake"].iter().any(|name| judgement.invocation.canonical().ends_with(name));
        question = question.key('m', &format!("add to {file} and {}", if builds { "build" } else { "run" }));
    }
    placed(question, judgement, hostname).fixes(fixes.choices()).text(stopping(judgement, fixes, screen, hostname))
}

fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether notes about a command are printed: where `wanted` says so, and wherever a person would have been asked and a script is not.
pub fn notes_are_printed(judgement: &Judgement, wanted: bool) -> bool {
    wanted || judgement.caller == CallerKind::Script && judgement.environment.preset == "prod"
}

/// One dim line for each file with problems, and one for all other notes of a command.
/// `notes` are the complaints to print; `remembered` says that `fender why` knows this command.
pub fn note(judgement: &Judgement, notes: &[&Complaint], remembered: bool, screen: &Screen) -> Option<String> {
    let in_full = notes.iter().map(|complaint| &complaint.finding).filter(|it| it.rule.said_in_full);
    let in_full = in_full.map(|finding| format!("fender: {}", shown(&finding.title)));
    let lines: Vec<String> =
        in_full.chain(notes_on_files(notes)).chain(notes_on_words(judgement, notes, remembered)).collect();
    (!lines.is_empty()).then(|| lines.iter().map(|line| format!("{}\n", screen.dim(line))).collect())
}

/// `3 problems in Dockerfile (run: fender lint)`. Findings about services are printed like findings about arguments.
fn notes_on_files(notes: &[&Complaint]) -> Vec<String> {
    let mut files: Vec<(&str, usize)> = Vec::new();
    let note_only = notes.iter().filter(|complaint| complaint.finding.note_only);
    for place in note_only.filter_map(|complaint| complaint.finding.places.first()) {
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
            format!("fender: {} in {path} (run: {how})", count(number, "problem"))
        })
        .collect()
}

/// What a note says of a finding: the rule's own short words for careless defaults, else what it is about here.
fn in_a_note(finding: &Finding) -> String {
    match finding.class {
        Class::Hygiene if finding.image_unknown => format!("perhaps {}", finding.rule.title),
        Class::Hygiene => finding.rule.title.to_owned(),
        _ => titled(finding),
    }
}

fn notes_on_words(judgement: &Judgement, notes: &[&Complaint], remembered: bool) -> Option<String> {
    let mut titles: Vec<String> = Vec::new();
    for complaint in notes.iter().filter(|complaint| !complaint.finding.note_only) {
        let title = in_a_note(&complaint.finding);
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    if titles.is_empty() {
        return None;
    }
    let (mut named, mut columns) = (0, 0);
    while titles.get(named).is_some_and(|title| named == 0 || columns + width(title) <= NOTE) {
        columns += width(&titles[named]) + 2;
        named += 1;
    }
    let left = titles.split_off(named).len();
    if left > 0 {
        titles.push(format!("{left} more"));
    }
    // What a script prints is read later, and by somebody else.
    let how = match remembered && judgement.caller == CallerKind::Person {
        true => "fender why".to_owned(),
        false => format!("fender explain -- {}", beginning(&judgement.invocation.words)),
    };
    Some(format!("fender: {} ({how})", titles.join(", ")))
}

/// The command's words as far as one line takes them.
fn beginning(words: &[String]) -> String {
    let mut out = String::new();
    // No more than these fit.
    for word in &mask::args(words.get(..24).unwrap_or(words)) {
        let word = quoted_masked(word);
        if width(&out) + width(&word) > 40 {
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

/// How much is said. The longest that fits on the screen is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Whole,
    /// What it is and what to do instead; why only for the first.
    Brief,
    /// A line for each rule.
    Lines,
}

/// So many columns of titles are a note; a title is never cut.
const NOTE: usize = 120;
/// Together with the question no text is much longer than this, in lines.
const LINES: usize = 25;
/// What the question itself takes, in lines.
const QUESTION: usize = 4;
/// So many rules are named one by one.
const NAMED: usize = 8;

/// The longest of the three that fits.
fn fitting(screen: &Screen, make: impl Fn(Detail) -> String) -> String {
    let room = LINES.min(screen.height).max(12) - QUESTION;
    let fits = |text: &String| screen.height == usize::MAX || text.lines().count() <= room;
    let longer = [Detail::Whole, Detail::Brief].into_iter().map(&make).find(fits);
    longer.unwrap_or_else(|| make(Detail::Lines))
}

/// The whole text for an action that stops the command: what it is and why, then the command, then what to do instead.
pub fn stopping(judgement: &Judgement, fixes: &Fixes, screen: &Screen, hostname: &str) -> String {
    let complaints = one_for_each_cause(judgement.stopping().collect());
    if complaints.is_empty() {
        return String::new();
    }
    fitting(screen, |detail| stopping_in(judgement, &complaints, fixes, screen, hostname, detail))
}

fn stopping_in(
    judgement: &Judgement,
    complaints: &[&Complaint],
    fixes: &Fixes,
    screen: &Screen,
    hostname: &str,
    detail: Detail,
) -> String {
    let place = place(judgement, &engine_name(judgement, hostname));
    let mut out = String::from("\n");
    let mut instead: Vec<&str> = Vec::new();
    if let [complaint] = complaints {
        let finding = &complaint.finding;
        out.push_str(&headline(complaint, screen));
        out.push_str(&screen.filled("    ", &why(complaint, judgement)));
        out.push_str(&places(finding, screen));
        instead.push(&finding.instead);
    } else {
        out.push_str(&screen.filled("  ", &format!("{} on {place}", count(complaints.len(), "problem"))));
        out.push_str(&problems(judgement, complaints, fixes, screen, detail));
    }
    out.push('\n');
    match &fixes.joint {
        Some(words) => out.push_str(&difference(judgement, &texts(words), screen)),
        None => {
            let marked: Vec<usize> = complaints.iter().flat_map(|complaint| complaint.finding.args()).collect();
            out.push_str(&command::underlined(&judgement.invocation.words, &marked, screen, 4));
        }
    }
    for text in instead {
        out.push_str(&row(screen, "instead", &shown(text)));
    }
    if complaints.len() == 1 {
        out.push_str(&row(screen, "where", &place));
    }
    if !fixes.left.is_empty() && (fixes.joint.is_some() || fixes.choices() > 0) {
        out.push_str(&row(screen, "not fixed", &fixes.left.join(", ")));
    } else if !fixes.left.is_empty() {
        out.push_str(&row(screen, "no fix for", &fixes.left.join(", ")));
    }
    out.push_str(&offers::additions(fixes, screen));
    out.push_str(&offers::exceptions(fixes, screen));
    out.push_str(&allowing(judgement, complaints, screen, detail));
    let ids: Vec<&str> = complaints.iter().map(|complaint| complaint.finding.rule.id).collect();
    let mut notes: Vec<&str> = judgement.with(Action::Note).map(|complaint| complaint.finding.rule.id).collect();
    notes.dedup();
    notes.retain(|id| !ids.contains(id));
    if !notes.is_empty() && detail != Detail::Lines {
        out.push_str(&screen.dim(&row(screen, "also", &notes.join(", "))));
    }
    out
}

/// Several problems: one line for each, and why it matters where the host or data are at stake.
fn problems(
    judgement: &Judgement,
    complaints: &[&Complaint],
    fixes: &Fixes,
    screen: &Screen,
    detail: Detail,
) -> String {
    let mut out = String::new();
    let longest = complaints.iter().map(|complaint| complaint.finding.rule.id.len()).max().unwrap_or(0);
    let mut seen: HashSet<(&str, &str)> = HashSet::new();
    let mut of_rule: HashMap<&str, usize> = HashMap::new();
    let mut explained: Vec<&str> = Vec::new();
    let mut left = 0;
    let mut alike: HashMap<(&str, &str), Vec<&Complaint>> = HashMap::new();
    for complaint in complaints {
        let finding = &complaint.finding;
        alike.entry((finding.rule.id, finding.title.as_str())).or_default().push(complaint);
    }
    for complaint in complaints {
        let finding = &complaint.finding;
        let id = finding.rule.id;
        let is_severe = finding.class.is_severe();
        // One line for the same thing in several places; of one rule only so many.
        let key = (id, finding.title.as_str());
        if seen.contains(&key) && (!is_severe || detail == Detail::Lines) {
            continue;
        }
        let of_rule = of_rule.entry(id).or_default();
        if screen.height < usize::MAX && (seen.len() >= NAMED || *of_rule >= 3) {
            left += 1;
            continue;
        }
        seen.insert(key);
        *of_rule += 1;
        let number = fixes.number(judgement, complaint).map_or_else(String::new, |number| format!("{number}"));
        let numbers = if fixes.choices() > 0 { format!("{number:<3}") } else { String::new() };
        let text = brief(complaint, alike.get(&key).filter(|_| !is_severe).map_or(&[], Vec::as_slice), judgement);
        let text = if detail == Detail::Lines { cut(&text, room_behind(screen, longest + 9)) } else { text };
        let line = screen.filled(&format!("    {numbers}{id:<longest$}  "), &text);
        out.push_str(&line.replacen(id, &screen.marked(id), 1));
        if !is_severe || detail == Detail::Lines {
            continue;
        }
        out.push_str(&places(finding, screen));
        // Where several are of one kind, it is explained once.
        if !explained.contains(&id) && (detail == Detail::Whole || explained.is_empty()) {
            out.push_str(&screen.filled("      ", &why(complaint, judgement)));
            out.push_str(&screen.filled("      instead    ", &shown(&finding.instead)));
        }
        explained.push(id);
    }
    if left > 0 {
        out.push_str(&format!("    and {left} more: fender explain lists them all\n"));
    }
    out
}

/// How many columns a line has for a text: behind so many, or below where these are too many.
fn room_behind(screen: &Screen, columns: usize) -> usize {
    let taken = if screen.is_narrow_behind(columns) { 6 } else { columns };
    screen.width.saturating_sub(taken)
}

/// A row of the lower part: what it is in the margin.
pub(super) fn row(screen: &Screen, name: &str, text: &str) -> String {
    screen.filled(&format!("    {name:<9}  "), text)
}

/// How this can be allowed, and which line of a policy decided.
fn allowing(judgement: &Judgement, complaints: &[&Complaint], screen: &Screen, detail: Detail) -> String {
    let mut out = String::new();
    let Some(first) = complaints.first().map(|complaint| complaint.finding.rule.id) else { return out };
    let fixed = complaints.iter().find_map(|complaint| never_allowed(complaint));
    let allow = match judgement.wanted {
        Action::Refuse if let Some(rule) = fixed => format!("nothing allows it: fender rules {rule}"),
        Action::Refuse => format!("an entry in a policy: fender rules {first}"),
        _ => format!("fender rules {first}"),
    };
    // What waits for an answer is not allowed by anything else.
    if !complaints.iter().any(|complaint| complaint.finding.unanswered) {
        out.push_str(&screen.dim(&row(screen, "to allow", &allow)));
    }
    let mut lines: Vec<String> = Vec::new();
    for complaint in complaints {
        let (id, decision) = (complaint.finding.rule.id, &complaint.decision);
        let ended = decision.exception.as_ref().filter(|by| by.has_ended()).map(AllowedBy::said);
        let decides = decision.source.as_ref().map(|source| format!("{source} decides: {id} {}", decision.wanted()));
        for line in ended.into_iter().chain(decides) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    let most = if detail == Detail::Lines { 1 } else { 3 };
    for line in lines.iter().take(most) {
        out.push_str(&screen.dim(&row(screen, "policy", &shown(line))));
    }
    if let Some(help) = &judgement.help {
        out.push_str(&row(screen, "help", &shown(help)));
    }
    out
}

/// What a person reads before a deletion: the rules that stop it in a line each, the command, then the plan.
pub fn deletion(judgement: &Judgement, plan: &Plan, screen: &Screen, hostname: &str, now: i64) -> String {
    let mut complaints = one_for_each_cause(judgement.stopping().collect());
    // Where there is room for a few only, these are the worst.
    complaints.put_in_order_by_key(|complaint| (Reverse(complaint.decision.wanted()), complaint.finding.class));
    fitting(screen, |detail| {
        let mut out = String::from("\n");
        let place = place(judgement, &engine_name(judgement, hostname));
        let most = if detail == Detail::Whole { NAMED } else { 3 };
        let mut seen: HashSet<(&str, &str)> = HashSet::new();
        for complaint in &complaints {
            let key = (complaint.finding.rule.id, complaint.finding.title.as_str());
            if seen.insert(key) && seen.len() <= most {
                out.push_str(&headline(complaint, screen));
            }
        }
        if seen.len() > most {
            out.push_str(&format!("    and {} more\n", seen.len() - most));
        }
        let marked: Vec<usize> = complaints.iter().flat_map(|complaint| complaint.finding.args()).collect();
        let args = &judgement.invocation.words;
        out.push_str(&command::underlined(args, &marked, screen, 4));
        // What a deletion itself could be instead is offered below; of other problems it is said here.
        let other = complaints.iter().map(|it| &it.finding).filter(|it| !it.rule.about_deletion);
        let mut advice: Vec<&str> = other.map(|it| it.instead.as_str()).filter(|text| !text.is_empty()).collect();
        let mut said = HashSet::new();
        advice.retain(|text| said.insert(*text));
        for text in advice.iter().filter(|_| detail == Detail::Whole).take(2) {
            out.push_str(&row(screen, "instead", &shown(text)));
        }
        out.push_str(&row(screen, "where", &place));
        out.push('\n');
        let rows = match detail {
            Detail::Whole => super::plan::SHOWN,
            Detail::Brief => 5,
            Detail::Lines => 2,
        };
        out.push_str(&super::plan::some(plan, screen, now, rows));
        out.push_str(&allowing(judgement, &complaints, screen, detail));
        out
    })
}

/// The smaller command, and how much it frees.
pub fn smaller(invocation: &Invocation, plan: &Plan, screen: &Screen) -> String {
    let what = match plan.deletes.len() {
        0 => "nothing to delete".to_owned(),
        number if plan.unmeasured => count(number, "object"),
        number => format!("{}, {}", count(number, "object"), super::plan::frees(plan)),
    };
    row(screen, "smaller", &format!("{} ({what})", command_line(&invocation.words)))
}

/// Two rules that point at the same words for the same reason are one complaint: the first.
fn one_for_each_cause(complaints: Vec<&Complaint>) -> Vec<&Complaint> {
    let mut kept: Vec<&Complaint> = Vec::new();
    // What an earlier finding of the same class said about the same words, so that these rules need not say it again.
    let mut said = HashSet::new();
    for complaint in complaints {
        let finding = &complaint.finding;
        let args = finding.args();
        let cause = |id: &'static str| (finding.class, args.clone(), id);
        if said.contains(&cause(finding.rule.id)) {
            continue;
        }
        if !args.is_empty() {
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

/// One complaint among several: a line.
fn brief(complaint: &Complaint, alike: &[&Complaint], judgement: &Judgement) -> String {
    let finding = &complaint.finding;
    let text = match memory_of_host(judgement).filter(|_| *finding.rule == NO_MEMORY_LIMIT) {
        Some(size) => format!("can use all {size} of this host; the kernel may then kill other containers"),
        None => titled(finding),
    };
    let mut names: Vec<String> =
        alike.iter().flat_map(|other| &other.finding.places).map(|place| shown(&place.name())).collect();
    if names.len() > 3 {
        let more = names.len() - 3;
        names.truncate(3);
        names.push(format!("{more} more"));
    }
    if names.is_empty() { text } else { format!("{text}: {}", names.join(", ")) }
}

fn memory_of_host(judgement: &Judgement) -> Option<String> {
    match judgement.facts.engine() {
        Lookup::Found(engine) if engine.memory > 0 => Some(bytes(engine.memory)),
        _ => None,
    }
}

fn why(complaint: &Complaint, judgement: &Judgement) -> String {
    // A number says more than "all".
    if *complaint.finding.rule == NO_MEMORY_LIMIT
        && let Some(size) = memory_of_host(judgement)
    {
        return format!(
            "It can use all {size} of this host. The kernel then kills processes, also in other containers."
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

/// The command as typed and as changed, one under the other. Of a long one what differs is shown.
pub fn difference(judgement: &Judgement, rewritten: &[String], screen: &Screen) -> String {
    let typed = &judgement.invocation.words;
    let only_in = |these: &[String], others: &[String]| -> Vec<usize> {
        let others: HashSet<&String> = others.iter().collect();
        these.iter().enumerate().filter(|(_, word)| !others.contains(word)).map(|(at, _)| at).collect()
    };
    let before = command::plain(typed, &only_in(typed, rewritten), screen, "    - ");
    let after = command::plain(rewritten, &only_in(rewritten, typed), screen, "    + ");
    format!("{}{}", screen.dim(&before), screen.good(&after))
}

fn texts(words: &[OsString]) -> Vec<String> {
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}
