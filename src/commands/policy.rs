//! `fender policy test`: judges the examples of the policy files without an engine, and says which verdicts differ.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::explain::{CallerName, environment_named};
use crate::engine::Offline;
use crate::environment::host::{Surroundings, hostname, ids, read_regular, today};
use crate::environment::policy::{LARGEST, SYSTEM, read_layers};
use crate::exit::{DONE, FAILED};
use crate::failure::Failure;
use crate::session;
use crate::ui::screen::{Screen, list, shown};
use fender_core::files::mask;
use fender_core::judge::{Judgement, JudgementContext, judge};
use fender_core::plan::Facts;
use fender_core::policy::{Action, CallerKind, ExampleFile, Policy, PolicyLayer, PolicyProblem, parse_layer};
use fender_core::target::Target;
use fender_core::text::count;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PolicyFormat {
    Text,
    Json,
}

#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    /// Judge the examples ([[example]]) of the policy files, and say which verdicts differ
    Test(PolicyTest),
}

impl PolicyCommand {
    pub fn run(self) -> Result<u8, Failure> {
        let PolicyCommand::Test(test) = self;
        test.run()
    }
}

#[derive(Args, Debug)]
pub struct PolicyTest {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: PolicyFormat,
    /// The caller of the examples that name none
    #[arg(long, value_enum, default_value = "person")]
    caller: CallerName,
    /// A policy file that is not installed: it is judged as the system's, without any other
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// One example and what came of it.
#[derive(Serialize)]
struct TestedExample {
    /// `path:line`.
    place: String,
    run: String,
    environment: String,
    caller: CallerKind,
    expect: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    because_rule: Option<String>,
    /// What fender would do; None where the example cannot be judged.
    action: Option<Action>,
    /// The rules with this action.
    rules: Vec<&'static str>,
    /// Why it is not as expected; None where it is.
    differs: Option<String>,
}

impl PolicyTest {
    pub fn run(self) -> Result<u8, Failure> {
        let layers = match &self.file {
            Some(path) => vec![read_named(path)?],
            None => read_layers()?,
        };
        let policy = Policy { layers };
        let tested: Vec<TestedExample> =
            policy.examples().map(|(place, example)| self.tested(place, example, &policy)).collect();
        let differ = tested.iter().filter(|it| it.differs.is_some()).count();
        let text = match self.format {
            PolicyFormat::Json => {
                let value = serde_json::json!({"examples": tested, "count": tested.len(), "differ": differ});
                serde_json::to_string_pretty(&value)? + "\n"
            }
            PolicyFormat::Text => self.as_text(&tested, differ, &policy, &Screen::new(stdout().is_terminal())),
        };
        stdout().write_all(text.as_bytes())?;
        Ok(if differ > 0 { FAILED } else { DONE })
    }

    fn tested(&self, place: String, example: &ExampleFile, policy: &Policy) -> TestedExample {
        let mut tested = TestedExample {
            place,
            run: mask::text(&example.run),
            environment: example.environment().to_owned(),
            caller: example.caller(self.caller.kind()).kind,
            expect: example.expect,
            because_rule: example.because_rule().map(str::to_owned),
            action: None,
            rules: Vec::new(),
            differs: None,
        };
        match self.judged(example, policy) {
            Err(why) => tested.differs = Some(why),
            Ok(judgement) => {
                tested.action = Some(judgement.action);
                for complaint in judgement.with(judgement.action) {
                    if !tested.rules.contains(&complaint.finding.rule.id) {
                        tested.rules.push(complaint.finding.rule.id);
                    }
                }
                tested.differs = differs(&tested, judgement.action);
            }
        }
        tested
    }

    /// The judgement of an example, or why there is none.
    fn judged(&self, example: &ExampleFile, policy: &Policy) -> Result<Judgement, String> {
        let words = shell_words::split(&example.run).map_err(|error| format!("this is no command line: {error}"))?;
        let words: Vec<OsString> = match words.split_first() {
            Some((first, rest)) if first == "docker" => rest.iter().map(OsString::from).collect(),
            Some((first, rest)) if first == "docker-compose" => {
                std::iter::once("compose").chain(rest.iter().map(String::as_str)).map(OsString::from).collect()
            }
            _ => return Err("this is no command of docker's: it has to begin with docker or docker-compose".to_owned()),
        };
        let environment = environment_named(policy, example.environment()).map_err(|failure| failure.to_string())?;
        let host = Surroundings { assume_terminal: true };
        let facts = |_: &Target| -> Rc<dyn Facts> { Rc::new(Offline { printer: session::printer(policy) }) };
        let context = JudgementContext {
            host: &host,
            policy,
            facts: &facts,
            hostname: hostname(),
            today: today(),
            ids: ids(),
            caller: example.caller(self.caller.kind()),
            environment: Some(environment),
        };
        let judgement = judge(&words, &context);
        match &judgement.lowered.refusal {
            // A mistyped command is allowed because docker refuses it: that proves nothing.
            Some(refusal) => {
                Err(format!("docker would refuse this: {}", refusal.text.lines().next().unwrap_or_default()))
            }
            None => Ok(judgement),
        }
    }

    fn as_text(&self, tested: &[TestedExample], differ: usize, policy: &Policy, screen: &Screen) -> String {
        let mut out = String::new();
        for (example, why) in tested.iter().filter_map(|it| Some((it, it.differs.as_ref()?))) {
            let _ = writeln!(out, "{}  {}", screen.marked(&shown(&example.place)), shown(&example.run));
            let TestedExample { environment, caller, .. } = example;
            let text = format!("in {environment}, for {}: {why}", an(*caller));
            out.push_str(&screen.filled("    ", &shown(&text)));
        }
        let total = count(tested.len(), "example");
        let _ = match (tested.len(), differ) {
            (0, _) => {
                let mut files: Vec<String> =
                    policy.layers.iter().map(|layer| shown(&layer.path.display().to_string())).collect();
                if files.is_empty() {
                    files.push(format!("{SYSTEM} and your own policy, which are not there"));
                }
                let files: Vec<&str> = files.iter().map(String::as_str).collect();
                writeln!(out, "no [[example]] in {}", list(&files))
            }
            (1, 0) => writeln!(out, "1 example, as expected"),
            (_, 0) => writeln!(out, "{total}, all as expected"),
            (_, 1) => writeln!(out, "{total}, 1 differs"),
            _ => writeln!(out, "{total}, {differ} differ"),
        };
        out
    }
}

/// A file that is not installed, as if it were the system's. Whoever names it decides that it counts.
fn read_named(path: &Path) -> Result<PolicyLayer, PolicyProblem> {
    let problem = |reason: String| PolicyProblem { path: path.to_path_buf(), at: None, reason };
    // A FIFO that nobody writes would be waited for without end.
    let bytes = read_regular(path, LARGEST).map_err(|error| problem(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| problem("it is not UTF-8".to_owned()))?;
    parse_layer(path, true, &text)
}

fn an(caller: CallerKind) -> &'static str {
    match caller {
        CallerKind::Person => "a person",
        CallerKind::Script => "a script",
        CallerKind::Agent => "an agent",
    }
}

/// Why a verdict is not what the example expects.
fn differs(tested: &TestedExample, action: Action) -> Option<String> {
    let because = |ids: &[&str]| if ids.is_empty() { String::new() } else { format!(" ({})", list(ids)) };
    let found = because(&tested.rules);
    let rule = tested.because_rule.as_deref();
    if action != tested.expect {
        let wanted: Vec<&str> = rule.into_iter().collect();
        return Some(format!("expected {}{}, got {action}{found}", tested.expect, because(&wanted)));
    }
    let rule = rule.filter(|rule| !tested.rules.contains(rule))?;
    Some(match tested.rules.is_empty() {
        true => format!("expected {action} because of {rule}, got {action} without any rule"),
        false => format!("expected {action} because of {rule}, got {action} because of {}", list(&tested.rules)),
    })
}
