//! `fender explain`: what a command would do and what fender would say, for a reader or as JSON. Runs nothing.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};
use std::rc::Rc;

use clap::{Arg, Args, Command, ValueEnum};
use serde_json::{Map, Value, json};

use crate::apply::{goes_unasked, only_new_contexts};
use crate::engine::Offline;
use crate::environment::caller;
use crate::environment::host::{Surroundings, hostname, ids, today};
use crate::environment::policy::read_layers;
use crate::exit::DONE;
use crate::failure::Failure;
use crate::ui::screen::{Screen, command_line, list, shown};
use crate::ui::{report, snippet};
use crate::{session, trash};
use fender_core::files::mask;
use fender_core::grammar::{HELP, root};
use fender_core::judge::fixes::{Fixes, fixes};
use fender_core::judge::{Judgement, JudgementContext, judge};
use fender_core::lower::tell;
use fender_core::lower::{Effect, Request};
use fender_core::plan::Facts;
use fender_core::policy::{Action, CallerKind, Environment, Policy};
use fender_core::target::Target;
use fender_core::text::{did_you_mean, nearest};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ExplainFormat {
    Text,
    Json,
}

/// For whom a command is judged.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CallerName {
    /// Somebody at a terminal
    Person,
    /// A program without a terminal
    Script,
    /// A coding agent
    Agent,
}

impl CallerName {
    /// The kind of caller.
    pub fn kind(self) -> CallerKind {
        match self {
            CallerName::Person => CallerKind::Person,
            CallerName::Script => CallerKind::Script,
            CallerName::Agent => CallerKind::Agent,
        }
    }
}

#[derive(Args, Debug)]
pub struct Explain {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: ExplainFormat,
    /// Judge for this environment: dev, ci, prod, or one that the policy names
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Judge for this caller; the environment's markers do not count
    #[arg(long, value_enum, default_value = "person")]
    caller: CallerName,
    /// Show passwords and tokens as *** in JSON too
    #[arg(long)]
    mask: bool,
    /// Do not ask the engine
    #[arg(long)]
    offline: bool,
    /// The command, with or without docker in front; a single argument is split as a shell would split it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "WORDS")]
    words: Vec<OsString>,
}

impl Explain {
    pub fn run(self) -> Result<u8, Failure> {
        stdout().write_all(self.explained()?.as_bytes())?;
        Ok(DONE)
    }

    fn explained(&self) -> Result<String, Failure> {
        let words = docker_words(&self.words, Explain::augment_args)?;
        let host = Surroundings { assume_terminal: true };
        let policy = Policy { layers: read_layers()? };
        let environment = match &self.environment {
            Some(name) => Some(environment_named(&policy, name)?),
            None => None,
        };
        let facts = |target: &Target| -> Rc<dyn Facts> {
            if self.offline {
                Rc::new(Offline { printer: session::printer(&policy) })
            } else {
                session::facts_without_client(target, &policy)
            }
        };
        let context = JudgementContext {
            host: &host,
            policy: &policy,
            facts: &facts,
            hostname: hostname(),
            today: today(),
            ids: ids(),
            caller: caller::here(self.caller.kind(), &policy),
            environment,
        };
        let mut judgement = judge(&words, &context);
        let goes_on = || {
            only_new_contexts(&judgement, &host, trash::now())
                || !self.offline && is_all_kept(&judgement, &host, &policy)
        };
        if self.caller.kind() == CallerKind::Script && goes_on() {
            judgement.noted();
        }
        match self.format {
            ExplainFormat::Json => {
                let mut value = as_json(&judgement);
                if self.mask {
                    mask::json(&mut value);
                }
                Ok(serde_json::to_string_pretty(&value)? + "\n")
            }
            ExplainFormat::Text => {
                let screen = Screen { height: usize::MAX, ..Screen::new(stdout().is_terminal()) };
                let fixes = fixes(&words, &judgement, &context);
                Ok(as_text(&judgement, &fixes, &screen, &context.hostname))
            }
        }
    }
}

/// Whether the shim would find that all of a script's deletion is kept.
fn is_all_kept(judgement: &Judgement, host: &Surroundings, policy: &Policy) -> bool {
    if !fender_core::plan::deletes(&judgement.lowered) {
        return false;
    }
    let engine = session::engine_without_client(&judgement.target, policy);
    let Ok(connection) = engine.connection() else { return false };
    let Ok(plan) = judgement.facts.plan(judgement.deletions(host)) else { return false };
    let mut plan = (*plan).clone();
    trash::fit(&mut plan, &policy.trash());
    trash::foresee(connection, &mut plan, engine.is_local(), trash::SettingsRead::Now);
    goes_unasked(judgement, &plan, trash::now())
}

/// The environment of this name.
pub fn environment_named(policy: &Policy, name: &str) -> Result<Environment, Failure> {
    let known = policy.environment_names();
    let meant = did_you_mean(name, known.iter().map(String::as_str), &known.join(", "));
    policy.named(name).ok_or_else(|| Failure::user(format!("there is no environment {name:?}")).hint(meant))
}

/// Without `docker` in front; a single word with blanks in it is a line as a shell would read it. `own` adds the options of
/// fender's command: one of them that was mistyped stands before docker's words.
pub fn docker_words(typed: &[OsString], own: fn(Command) -> Command) -> Result<Vec<OsString>, Failure> {
    let mut words = typed.to_vec();
    if let [line] = words.as_slice()
        && let Some(text) = line.to_str().filter(|text| text.contains(char::is_whitespace))
    {
        let split = shell_words::split(text)
            .map_err(|error| Failure::user(format!("{text:?} is not a command line: {error}")))?;
        words = split.into_iter().map(OsString::from).collect();
    }
    if let Some(option) = words.first().and_then(|word| word.to_str()?.strip_prefix("--")) {
        let name = option.split('=').next().unwrap_or_default();
        let own = own(Command::new("fender"));
        let known: Vec<&str> = own.get_arguments().filter_map(Arg::get_long).collect();
        if root().long(name).is_none()
            && name != HELP.name
            && let Some(meant) = nearest(name, known)
        {
            let what = format!("there is no option {:?}", format!("--{name}"));
            return Err(Failure::user(what).hint(format!("did you mean --{meant}?")));
        }
    }
    if words.first().is_some_and(|word| word == "docker") {
        words.remove(0);
    }
    Ok(words)
}

fn as_json(judgement: &Judgement) -> Value {
    let invocation = &judgement.invocation;
    let refusal = judgement.lowered.refusal.as_ref();
    let command = invocation.command.map(|command| command.canonical).filter(|name| !name.is_empty());
    let findings = judgement.complaints.iter().map(|complaint| {
        let finding = &complaint.finding;
        json!({
            "rule": finding.rule.id, "action": complaint.decision.action, "title": finding.title,
            "words": finding.args(), "why": finding.why, "instead": finding.instead,
            "places": finding.places.iter().map(snippet::as_json).collect::<Vec<_>>(),
            "exception": complaint.decision.exception,
        })
    });
    json!({
        "argv": invocation.words,
        "command": command,
        "understood": !refusal.is_some_and(|refusal| refusal.unknown) && !judgement.lowered.blind,
        "refusal": refusal.map(|refusal| &refusal.text),
        "engine": {
            "host": judgement.target.host, "context": judgement.target.context,
            "environment": judgement.environment.name, "because": judgement.environment.because,
        },
        "effects": judgement.lowered.effects.iter().filter_map(effect).collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "action": judgement.action,
        "caller": judgement.caller,
        "rewrite": judgement.rewrite.as_ref().map(|words| texts(words)),
    })
}

fn texts(words: &[OsString]) -> Vec<String> {
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

fn effect(effect: &Effect) -> Option<Value> {
    match effect {
        Effect::Request(request) => Some(json!({
            "kind": "request", "method": request.method, "path": request.path, "query": query(request), "body": request.body_json(),
        })),
        Effect::ReadsFile { path, .. } => Some(json!({"kind": "reads-file", "path": path})),
        Effect::WritesFile { path, .. } | Effect::KeepsFile { path, .. } => {
            Some(json!({"kind": "writes-file", "path": path}))
        }
        Effect::Runs(runs) => Some(json!({"kind": "runs", "program": runs.program})),
        Effect::Builds(build) => Some(json!({
            "kind": "builds",
            "dockerfile": build.dockerfile.as_ref().map(|dockerfile| &dockerfile.text.path),
            "context": build.context.as_ref().map(|wanted| &wanted.folder),
        })),
        Effect::Does { .. } | Effect::Describes(_) => None,
    }
}

/// Name to text; a name that is sent several times has a list of texts.
fn query(request: &Request) -> Value {
    let mut map: Map<String, Value> = Map::new();
    for (name, text) in &request.query {
        match map.get_mut(name) {
            None => {
                map.insert(name.clone(), text.clone().into());
            }
            Some(Value::Array(several)) => several.push(text.clone().into()),
            Some(one) => *one = json!([one.clone(), text]),
        }
    }
    Value::Object(map)
}

fn as_text(judgement: &Judgement, fixes: &Fixes, screen: &Screen, hostname: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", screen.bold(&command_line(&judgement.invocation.words)));
    let environment = &judgement.environment;
    let because = format!("{} ({})", environment.name, shown(&environment.because));
    let _ = writeln!(
        out,
        "  on {}, context {}: {because}\n",
        shown(&judgement.target.host),
        shown(&judgement.target.context)
    );
    if let Some(refusal) = &judgement.lowered.refusal {
        out.push_str(&screen.filled("  docker says      ", &shown(refusal.text.lines().next().unwrap_or_default())));
    }
    for line in judgement.lowered.effects.iter().filter_map(tell) {
        for line in line.lines() {
            let _ = writeln!(out, "  {}", shown(line.trim_start()));
        }
    }
    if judgement.lowered.effects.is_empty() && judgement.lowered.refusal.is_none() {
        out.push_str("  changes nothing\n");
    }
    if judgement.action >= Action::Ask {
        out.push_str(&report::stopping(judgement, fixes, screen, hostname));
    }
    let notes: Vec<_> = judgement.with(Action::Note).chain(judgement.with(Action::Fix)).collect();
    if !notes.is_empty() {
        out.push('\n');
        for complaint in notes {
            let id = format!("  {:<22}", complaint.finding.rule.id);
            out.push_str(&screen.filled(&id, &report::titled(&complaint.finding)));
        }
    }
    let excepted = judgement.with(Action::Allow).filter_map(|it| Some((it, it.decision.exception.as_ref()?)));
    for (complaint, by) in excepted.filter(|(_, by)| !by.has_ended()) {
        let id = format!("\n  {:<22}", complaint.finding.rule.id);
        let said = format!("{}: {}", report::titled(&complaint.finding), shown(&by.said()));
        out.push_str(&screen.filled(&id, &said));
    }
    // What stops has its difference above, where one clears it.
    if let Some(words) = judgement.rewrite.as_ref().filter(|_| judgement.action < Action::Ask) {
        out.push('\n');
        out.push_str(&report::difference(judgement, &texts(words), screen));
    }
    let _ = writeln!(out, "\n  {}", verdict(judgement));
    out
}

pub(super) fn verdict(judgement: &Judgement) -> String {
    let mut ids: Vec<&str> = judgement.with(judgement.action).map(|complaint| complaint.finding.rule.id).collect();
    ids.dedup();
    let ids = list(&ids);
    let who = match judgement.caller {
        CallerKind::Person => "",
        CallerKind::Script => ": a script cannot answer",
        CallerKind::Agent => ": an agent cannot answer",
    };
    match judgement.action {
        Action::Refuse if judgement.wanted != Action::Refuse => format!("fender would refuse it ({ids}){who}"),
        Action::Allow => "fender would run it and print nothing".to_owned(),
        Action::Note => "fender would run it and print a note".to_owned(),
        Action::Fix => format!("fender would run the fixed command ({ids})"),
        Action::Ask => format!("fender would ask ({ids})"),
        Action::Type => format!("fender would ask for the engine's name ({ids})"),
        Action::Refuse => format!("fender would refuse it ({ids})"),
    }
}
