//! The last command of each terminal that fender had something to say about: what `fender why` explains. One small file for each terminal
//! in the state folder, for its user alone, with secrets masked. A command about which nothing is said writes nothing.

use fender_core::order::PutInOrder as _;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::host::terminal;
use super::owned::Owners;
use super::state;
use fender_core::files::mask;
use fender_core::judge::{Complaint, Judgement};
use fender_core::policy::{Action, CallerKind};

const FOLDER: &str = "last";
/// Bytes of one file.
const MOST: u64 = 1 << 20;
/// So many terminals are remembered.
const TERMINALS: usize = 64;
/// So many findings of one command.
const FINDINGS: usize = 40;
/// So many arguments of it.
const ARGS: usize = 200;
/// So many letters of one text.
const LETTERS: usize = 1000;
/// All callers without a terminal share one file: each run of a script is a session of its own.
const NO_TERMINAL: &str = "no-terminal";

/// One command, as it was judged. Every text is masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedCommand {
    /// Seconds since 1970.
    pub time: u64,
    /// Nanoseconds after that second: several commands of a script are judged in one.
    #[serde(default)]
    pub nanoseconds: u32,
    /// The folder in which it was typed.
    pub folder: String,
    /// docker's arguments.
    pub argv: Vec<String>,
    /// Who ran it.
    pub caller: CallerKind,
    /// The engine that it reached, and as what that was judged.
    pub engine: JudgedEngine,
    /// The strictest action.
    pub action: Action,
    /// The same before it was known whether the caller can answer.
    pub wanted: Action,
    /// What was found, but for what a policy allows.
    pub findings: Vec<JudgedFinding>,
    /// So many more findings were left out.
    pub more: usize,
    /// The arguments with the changes that fender offered.
    pub better: Option<Vec<String>>,
    /// What became of it; None where fender ended before an answer.
    pub outcome: Option<CommandOutcome>,
}

/// The engine that a command reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedEngine {
    /// Its endpoint.
    pub host: String,
    /// docker's context.
    pub context: String,
    /// The environment's name.
    pub environment: String,
    /// The preset that the environment stands on.
    pub preset: String,
    /// Why it is this environment.
    pub because: String,
}

/// One finding with the decision about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedFinding {
    /// The rule's id.
    pub rule: String,
    /// Its class.
    pub class: String,
    /// What was done about it.
    pub action: Action,
    /// The same before it was known whether the caller can answer.
    pub wanted: Action,
    /// What it is.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// What to do instead.
    pub instead: String,
    /// `path:line` of the policy file that decided; None for a built-in preset.
    pub source: Option<String>,
    /// Places in files, `path:line:column`.
    pub places: Vec<String>,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandOutcome {
    /// Docker was started with the arguments as they were typed.
    Ran,
    /// Docker was started with these.
    RanAs(Vec<String>),
    /// It was not run.
    NotRun,
    /// Fender did it, with this exit code.
    CarriedOut(u8),
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Masked, and no longer than is of use.
fn kept(text: &str) -> String {
    let text = mask::text(text);
    match text.char_indices().nth(LETTERS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn kept_args(args: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = mask::args(args).iter().take(ARGS).map(|arg| self::kept(arg)).collect();
    if args.len() > ARGS {
        kept.push(format!("… {} more", args.len() - ARGS));
    }
    kept
}

impl JudgedCommand {
    /// A command and what was found; `folder` is where it was typed. None where there is nothing to say.
    pub fn of(judgement: &Judgement, folder: &str) -> Option<JudgedCommand> {
        if judgement.wanted == Action::Allow {
            return None;
        }
        let mut complaints: Vec<&Complaint> =
            judgement.complaints.iter().filter(|it| it.decision.action > Action::Allow).collect();
        // Where there is room for some only, these are the worst; the rules' order stays among equals.
        complaints.put_in_order_by_key(|complaint| Reverse(complaint.decision.wanted()));
        let (target, environment) = (&judgement.target, &judgement.environment);
        let better = judgement.rewrite.as_ref().map(|words| {
            let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            kept_args(&words)
        });
        let now = now();
        Some(JudgedCommand {
            time: now.as_secs(),
            nanoseconds: now.subsec_nanos(),
            folder: kept(folder),
            argv: kept_args(&judgement.invocation.words),
            caller: judgement.caller,
            engine: JudgedEngine {
                host: kept(&target.host),
                context: kept(&target.context),
                environment: environment.name.clone(),
                preset: environment.preset.clone(),
                because: kept(&environment.because),
            },
            action: judgement.action,
            wanted: judgement.wanted,
            findings: complaints.iter().take(FINDINGS).map(|complaint| JudgedFinding::of(complaint)).collect(),
            more: complaints.len().saturating_sub(FINDINGS),
            better,
            outcome: None,
        })
    }

    /// When it was judged, to compare.
    fn moment(&self) -> (u64, u32) {
        (self.time, self.nanoseconds)
    }

    /// Seconds since then; none where the clock was set back.
    pub fn age(&self) -> u64 {
        now().as_secs().saturating_sub(self.time)
    }
}

impl JudgedFinding {
    fn of(complaint: &Complaint) -> JudgedFinding {
        let (finding, decision) = (&complaint.finding, &complaint.decision);
        let title = match finding.places.first().and_then(|place| place.of.as_ref()) {
            Some(of) => format!("{of}: {}", finding.title),
            None => finding.title.clone(),
        };
        JudgedFinding {
            rule: finding.rule.id.to_owned(),
            class: finding.class.name().to_owned(),
            action: decision.action,
            wanted: decision.wanted(),
            title: kept(&title),
            why: kept(&finding.why),
            instead: kept(&finding.instead),
            source: decision.source.clone(),
            places: finding.places.iter().take(3).map(|place| kept(&place.name())).collect(),
        }
    }
}

/// Remembers one command while it is answered.
#[derive(Debug, Default)]
pub struct Recorder {
    command: RefCell<Option<JudgedCommand>>,
}

impl Recorder {
    /// Remembers what was judged; whether that can be kept. What waits for an answer is written at once: fender may be ended before one comes.
    pub fn judged(&self, command: JudgedCommand) -> bool {
        let waits = command.wanted >= Action::Ask;
        let written = if waits { write(&command).is_some() } else { folder().is_some() };
        *self.command.borrow_mut() = Some(command);
        written
    }

    /// The changes that a question offered, all together; None where no change clears what is asked.
    pub fn offered(&self, better: Option<&[String]>) {
        if let Some(command) = self.command.borrow_mut().as_mut() {
            command.better = better.map(kept_args);
        }
    }

    /// Writes what became of it.
    pub fn ended(&self, outcome: CommandOutcome) {
        let Some(command) = self.command.take() else { return };
        let outcome = match outcome {
            CommandOutcome::RanAs(args) => CommandOutcome::RanAs(kept_args(&args)),
            outcome => outcome,
        };
        // Where it cannot be kept, `fender why` does not know it.
        let _ = write(&JudgedCommand { outcome: Some(outcome), ..command });
    }
}

fn folder() -> Option<Folder> {
    Folder::make(&state::folder()).and_then(|folder| folder.make_folder(FOLDER)).ok()
}

fn write(command: &JudgedCommand) -> Option<()> {
    let (folder, name) = (folder()?, file_of(terminal()));
    if !folder.has(&name).ok()? {
        forget(&folder);
    }
    folder.replace(&name, &serde_json::to_vec(command).ok()?).ok()
}

/// Makes room for one more: the oldest go first, and with them what cannot be read.
fn forget(folder: &Folder) {
    let names = folder.names().unwrap_or_default();
    if names.len() < TERMINALS {
        return;
    }
    let moment = |name: &str| read(folder, name).map_or((0, 0), |command| command.moment());
    let mut known: Vec<((u64, u32), String)> = names.into_iter().map(|name| (moment(&name), name)).collect();
    known.put_in_order();
    for (_, name) in known.iter().take(known.len() + 1 - TERMINALS) {
        // One that stays is found again the next time.
        let _ = folder.remove(name);
    }
}

fn read(folder: &Folder, name: &str) -> Option<JudgedCommand> {
    serde_json::from_slice(&folder.read(name, MOST).ok()??).ok()
}

fn file_of(terminal: Option<String>) -> String {
    format!("{}.json", terminal.as_deref().unwrap_or(NO_TERMINAL))
}

/// The last command of this terminal; else the last one of this user, and false.
pub fn last() -> Option<(JudgedCommand, bool)> {
    let folder = Folder::open(&state::folder(), Owners::Caller).ok()??.folder(FOLDER).ok()??;
    if let Some(command) = read(&folder, &file_of(terminal())) {
        return Some((command, true));
    }
    let all = folder.names().ok()?.into_iter().filter(|name| name.ends_with(".json"));
    all.filter_map(|name| read(&folder, &name)).max_by_key(JudgedCommand::moment).map(|command| (command, false))
}
