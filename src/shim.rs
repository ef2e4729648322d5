//! One guarded command from start to end: find the real client, parse the arguments, judge what they would do, ask if a rule
//! needs an answer, and become the client.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::apply::{AllowedHere, Guard, Next, allow_here, only_new_contexts};
use crate::ending::{Ending, LastLine};
use crate::engine::access;
use crate::engine::reach::NO_ADDRESS;
use crate::environment::host::{Surroundings, hostname, ids, notes_wanted, today};
use crate::environment::last_command::{CommandOutcome, JudgedCommand, Recorder};
use crate::environment::policy::{read_client, read_layers};
use crate::environment::replace::replace;
use crate::environment::watched::Watched;
use crate::environment::{caller, client, product};
use crate::exit::{CANNOT_RUN, NO_CLIENT, NOT_RUN};
use crate::process::become_program;
use crate::session;
use crate::trash;
use crate::ui::question::Reply;
use crate::ui::screen::{Screen, command_line, shown};
use crate::ui::{notes, report};
use fender_core::engine::ClientProduct;
use fender_core::grammar::parse::Invocation;
use fender_core::host::Host;
use fender_core::judge::fixes::{Fixes, chosen, needs_no_second_question, offered};
use fender_core::judge::ignoring::IgnoreAddition;
use fender_core::judge::rewrite::{asked_once, rewrite};
use fender_core::judge::{Judgement, JudgementContext, changes_nothing, judge_parsed, parsed};
use fender_core::plan::Facts;
use fender_core::policy::{Action, Policy, PolicyProblem};
use fender_core::target::{Target, choose};

/// How often fender may be found in front of itself in one chain of calls. Plugins and scripts call docker again, a few
/// levels deep; a loop of two wrappers passes any number.
const DEEPEST: u32 = 16;
/// Counts the calls, and names the client that the last one found. It is looked at for loops only: no check is skipped
/// because of it.
const CHAIN: &str = "FENDER_CHAIN";

/// Under which of docker's names fender was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Docker,
    /// `docker-compose`: compose without docker in front.
    Compose,
}

impl Face {
    fn find(self, named: Option<&Path>) -> client::ClientSearch {
        match self {
            Face::Docker => client::find(named),
            Face::Compose => client::find_program("docker-compose", None),
        }
    }
}

/// Guards `docker` with these words.
pub fn run(words: &[OsString]) -> u8 {
    guard(Face::Docker, words).code()
}

/// Guards `docker-compose`, whose words are those of `docker compose`.
pub fn run_compose(words: &[OsString]) -> u8 {
    let words: Vec<OsString> = std::iter::once("compose".into()).chain(words.iter().cloned()).collect();
    guard(Face::Compose, &words).code()
}

/// How often a command is judged whose files change while it is.
const LOOKS: usize = 3;

/// What came of one judgement.
enum ShimOutcome {
    /// To become this client, with these words.
    Docker(PathBuf, Vec<OsString>),
    /// It is done, or was left.
    Ended(Ending),
}

fn guard(face: Face, words: &[OsString]) -> Ending {
    for look in 0..LOOKS {
        let host = Watched::new(Surroundings { assume_terminal: false });
        let invocation = parsed(words, &host);
        let socket = socket_asked(&invocation, &host);
        if changes_nothing(&invocation) {
            say_how_to_get_access(socket.as_deref());
            return become_client(face, read_client().as_deref(), words);
        }
        if look > 0 {
            say("fender: a file that this command reads has just changed; the command is judged again\n");
        }
        match judged(face, invocation, words, &host) {
            ShimOutcome::Ended(ending) => return ending,
            ShimOutcome::Docker(client, words) if host.is_unchanged() => {
                say_how_to_get_access(socket.as_deref());
                return become_client(face, Some(&client), &words);
            }
            ShimOutcome::Docker(..) => {}
        }
    }
    let line = LastLine {
        reason: "changing files".to_owned(),
        environment: None,
        why: "the files that this command reads keep changing, so it cannot be judged".to_owned(),
        remedy: "to run it: wait until nothing writes them, and run it again".to_owned(),
    };
    Ending::not_run(NOT_RUN, &line)
}

/// The local socket that docker would open for these arguments, if any.
fn socket_asked(invocation: &Invocation, host: &dyn Host) -> Option<String> {
    let asks = invocation.asks_an_engine();
    asks.then(|| choose(invocation, host).socket().map(str::to_owned)).flatten()
}

/// If this user may not open the engine's socket, docker prints its error, and this line before it says how to get access.
fn say_how_to_get_access(socket: Option<&str>) {
    if let Some(line) = socket.and_then(access::how_to_get) {
        say(&format!("fender: {}\n", shown(&line)));
    }
}

/// Judges, shows and asks; runs nothing but a deletion that was answered.
fn judged(face: Face, invocation: Invocation, words: &[OsString], host: &Watched) -> ShimOutcome {
    let policy = match read_layers() {
        Ok(layers) => Policy { layers },
        Err(problem) => return ShimOutcome::Ended(refuse_for_policy(&problem)),
    };
    let named = policy.client();
    let real = match face.find(named.as_deref()) {
        Ok(client) => client,
        Err(places) => return ShimOutcome::Ended(no_client(face, &places)),
    };
    // Who has compose alone has nobody else to ask.
    let client = client::find(named.as_deref()).unwrap_or_else(|_| real.clone());
    let caller = caller::find(&policy);
    let kind = caller.kind;
    let facts = |target: &Target| -> Rc<dyn Facts> { session::facts(target, &real, &client, &policy, kind) };
    let hostname = hostname();
    let context = JudgementContext {
        host,
        policy: &policy,
        facts: &facts,
        hostname: hostname.clone(),
        today: today(),
        ids: ids(),
        caller,
        environment: None,
    };
    let recorder = Recorder::default();
    let way = Way { face, real: &real, client: &client, recorder: &recorder };
    let decision = decided(invocation, words, &context, &way, None);
    recorder.ended(outcome(&decision, words, host));
    match decision {
        ShimDecision::Run(words) => ShimOutcome::Docker(real, words),
        ShimDecision::Ended(ending) => ShimOutcome::Ended(ending),
    }
}

/// The programs that a command leads to.
struct Way<'a> {
    face: Face,
    /// What the command is handed to.
    real: &'a Path,
    /// What asks the engine.
    client: &'a Path,
    /// Remembers for `fender why` what was said.
    recorder: &'a Recorder,
}

/// What `fender why` says became of a command.
fn outcome(decision: &ShimDecision, typed: &[OsString], host: &dyn Host) -> CommandOutcome {
    match decision {
        ShimDecision::Run(words) if words == typed => CommandOutcome::Ran,
        // Docker's own question is not asked a second time.
        ShimDecision::Run(words) if *words == asked_once(&parsed(typed, host), typed.to_vec()) => CommandOutcome::Ran,
        ShimDecision::Run(words) => CommandOutcome::RanAs(texts(words)),
        ShimDecision::Ended(ending) if ending.is_not_run() => CommandOutcome::NotRun,
        ShimDecision::Ended(ending) => CommandOutcome::CarriedOut(ending.code()),
    }
}

/// What becomes of a command.
enum ShimDecision {
    Run(Vec<OsString>),
    Ended(Ending),
}

/// Judges a command and has it answered. `before` is the judgement of the command that this one was chosen instead of.
fn decided(
    invocation: Invocation,
    words: &[OsString],
    context: &JudgementContext,
    way: &Way,
    before: Option<(&Judgement, Chosen)>,
) -> ShimDecision {
    let (policy, host, hostname) = (context.policy, context.host, context.hostname.as_str());
    let judgement = judge_parsed(invocation, words, context);
    if judgement.action >= Action::Ask
        && judgement.lowered.refusal.is_some()
        && refused_by(way.real, way.face, &judgement)
    {
        return ShimDecision::Run(words.to_vec());
    }
    if let Some((before, Chosen::Fixes)) = &before
        && needs_no_second_question(before, &judgement)
    {
        return ShimDecision::Run(asked_once(&judgement.invocation, words.to_vec()));
    }
    let remembered = is_said(&judgement)
        && JudgedCommand::of(&judgement, &host.directory()).is_some_and(|command| way.recorder.judged(command));
    let always = matches!(before, Some((_, Chosen::Smaller)));
    let guard = Guard { words, judgement: &judgement, policy, client: way.client, hostname, host, context, always };
    match guard.run() {
        Next::Usual if always => return ShimDecision::Ended(not_planned(&judgement)),
        Next::Usual => {}
        Next::Docker(words) => return ShimDecision::Run(words),
        Next::Instead(words) => {
            return decided(parsed(&words, host), &words, context, way, Some((&judgement, Chosen::Smaller)));
        }
        Next::Ended(ending) => return ShimDecision::Ended(ending),
    }
    match judgement.wanted {
        Action::Allow => ShimDecision::Run(words.to_vec()),
        Action::Note => {
            tell_notes(&judgement, remembered, context);
            ShimDecision::Run(words.to_vec())
        }
        Action::Fix => {
            fixed(words, &judgement, remembered, context).map_or_else(ShimDecision::Ended, ShimDecision::Run)
        }
        Action::Ask | Action::Type if only_new_contexts(&judgement, host, trash::now()) => {
            say(NEW_CONTEXTS);
            ShimDecision::Run(words.to_vec())
        }
        Action::Ask | Action::Type => match ask(words, &judgement, context, way) {
            Asked::Typed => ShimDecision::Run(asked_once(&judgement.invocation, words.to_vec())),
            Asked::Fixed(words) => ShimDecision::Run(asked_once(&parsed(&words, host), words)),
            Asked::Changed(words) => {
                decided(parsed(&words, host), &words, context, way, Some((&judgement, Chosen::Fixes)))
            }
            Asked::No(ending) => ShimDecision::Ended(ending),
        },
        Action::Refuse => {
            say(&report::stopping(&judgement, &Fixes::default(), &screen(), hostname));
            ShimDecision::Ended(Ending::not_run(NOT_RUN, &report::not_run(&judgement, "refused by policy")))
        }
    }
}

/// The note of a script that removes such contexts.
const NEW_CONTEXTS: &str =
    "fender: removes contexts that were made within the hour and hold no keys (removes-context)\n";

/// How a person chose another command than the one that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen {
    /// Some of its fixes.
    Fixes,
    /// A deletion that takes less.
    Smaller,
}

fn not_planned(judgement: &Judgement) -> Ending {
    let why = "what it would delete could not be read again";
    Ending::not_run(NOT_RUN, &report::ended(judgement, "engine", why, "to run it: type it again"))
}

/// Whether the real client refuses these words as it reads them, whatever files and engines say: then its own error is all that
/// comes of them. It is asked for help, for which it reads the words and runs nothing.
fn refused_by(client: &Path, face: Face, judgement: &Judgement) -> bool {
    // Another program than docker's client may take words with --help for what they say without.
    face == Face::Docker
        && product::of(client) == ClientProduct::Docker
        && (words_for_help(judgement).is_some_and(|words| client::error_of(client, &words).is_some())
            || has_no_address(client, judgement))
}

/// Whether `-H` is followed by what fender and the real client both cannot read as an address.
fn has_no_address(client: &Path, judgement: &Judgement) -> bool {
    let Judgement { invocation, lowered, .. } = judgement;
    let refusal = lowered.refusal.as_ref().filter(|refusal| !refusal.unknown && invocation.named_by.is_empty());
    let Some(globals) = refusal.and_then(|refusal| invocation.words.get(..=refusal.word?)) else { return false };
    let words: Vec<String> = globals.iter().cloned().chain(["system", "dial-stdio"].map(str::to_owned)).collect();
    client::error_of(client, &words).is_some_and(|error| error.contains(NO_ADDRESS))
}

/// The words with which the client reads these and shows help: `docker help NAME` for a name that it may not know, or `--help` in
/// front of the command's flags, or of docker's own. None where that would not be certain.
fn words_for_help(judgement: &Judgement) -> Option<Vec<String>> {
    let Judgement { invocation, lowered, .. } = judgement;
    let refusal = lowered.refusal.as_ref()?;
    let words = &invocation.words;
    let is_name = |at: &usize| words.get(*at).is_some_and(|word| !word.starts_with('-'));
    if let Some(at) = refusal.word.filter(is_name).filter(|_| refusal.unknown) {
        let names: Vec<usize> = invocation.named_by.iter().copied().filter(|name| *name < at).chain([at]).collect();
        let globals = words.get(..*names.first()?)?.iter().cloned();
        let names = names.iter().filter_map(|name| words.get(*name).cloned());
        return Some(globals.chain(["help".to_owned()]).chain(names).collect());
    }
    invocation.refusal.as_ref()?;
    // A later word could switch the help off again.
    let could_switch = |word: &String| word.starts_with("--help") || word.starts_with('-') && word.contains("h=");
    if words.iter().any(could_switch) {
        return None;
    }
    let mut words = words.clone();
    words.insert(invocation.named_by.last().map_or(0, |at| at + 1), "--help".to_owned());
    Some(words)
}

fn texts(words: &[OsString]) -> Vec<String> {
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

fn screen() -> Screen {
    Screen::new(stderr().is_terminal())
}

/// A closed standard error never stops a command.
fn say(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

/// Whether fender says anything about a command. Docker's own error needs no notes on what will not be.
fn is_said(judgement: &Judgement) -> bool {
    match judgement.wanted {
        Action::Note => judgement.lowered.refusal.is_none() && report::notes_are_printed(judgement, notes_wanted()),
        wanted => wanted > Action::Note,
    }
}

fn tell_notes(judgement: &Judgement, remembered: bool, context: &JudgementContext) {
    if !is_said(judgement) || !report::notes_are_printed(judgement, notes_wanted()) {
        return;
    }
    let fresh = notes::fresh(judgement, context.policy, context.host);
    if let Some(line) = report::note(judgement, &fresh.complaints, remembered, &screen()) {
        say(&line);
        fresh.printed();
    }
}

/// By policy: changed, shown, run.
fn fixed(
    words: &[OsString],
    judgement: &Judgement,
    remembered: bool,
    context: &JudgementContext,
) -> Result<Vec<OsString>, Ending> {
    let host = Surroundings { assume_terminal: false };
    let wanted: Vec<_> = judgement.with(Action::Fix).map(|complaint| &complaint.finding).collect();
    let Some(changed) = rewrite(&judgement.invocation, words, &judgement.lowered, &wanted, &host) else {
        let ids: Vec<&str> = wanted.iter().map(|finding| finding.rule.id).collect();
        let why = "the policy says fix, but this command cannot be fixed without changing more";
        let remedy = format!("to run it: change it as fender rules {} shows", ids.first().unwrap_or(&"ID"));
        return Err(Ending::not_run(NOT_RUN, &report::ended(judgement, &ids.join(", "), why, &remedy)));
    };
    let mut ids: Vec<&str> = wanted.iter().map(|finding| finding.rule.id).collect();
    ids.dedup();
    say(&format!("fender: fixed ({}): {}\n", ids.join(", "), command_line(&texts(&changed))));
    tell_notes(judgement, remembered, context);
    Ok(changed)
}

/// What a person answered.
enum Asked {
    /// The command as it was typed.
    Typed,
    /// With all fixes: nothing is left to ask.
    Fixed(Vec<OsString>),
    /// With some fixes of the command or of files, which may leave something to ask.
    Changed(Vec<OsString>),
    No(Ending),
}

fn ask(words: &[OsString], judgement: &Judgement, context: &JudgementContext, way: &Way) -> Asked {
    let hostname = context.hostname.as_str();
    let screen = Screen::of_questions();
    let fixes = offered(words, judgement, context);
    way.recorder.offered(fixes.all().map(|words| texts(words)).as_deref());
    let why = match report::question(judgement, &fixes, &screen, hostname).ask(&screen, judgement.caller) {
        Ok(answer) => match (answer.reply(), fixes.all()) {
            (Reply::Yes, _) => return Asked::Typed,
            (Reply::Key('f'), Some(all)) => return Asked::Fixed(all.clone()),
            (Reply::Key('a'), _) => match allow_here(&fixes.exceptions, judgement, hostname, context.today) {
                Ok(AllowedHere::Written) => {
                    say("fender: allowed; fender doctor says when it ends\n");
                    return Asked::Typed;
                }
                Ok(AllowedHere::Cancelled) => "not confirmed",
                Err(problem) => {
                    say(&format!("fender: {}\n", shown(&format!("{problem:#}"))));
                    "the exception could not be written"
                }
            },
            (Reply::Key('m'), _) => match added(&fixes.ignored) {
                Ok(()) => return Asked::Changed(words.to_vec()),
                Err(problem) => {
                    say(&format!("fender: {}\n", shown(&format!("{problem:#}"))));
                    "the ignore file could not be changed"
                }
            },
            (Reply::Fixes(numbers), _) => match chosen(words, judgement, &fixes, numbers, context) {
                Some(changed) => return Asked::Changed(changed),
                None => "these fixes cannot be combined",
            },
            _ => "not confirmed",
        },
        Err(nobody) => {
            say(&report::stopping(judgement, &Fixes::default(), &self::screen(), hostname));
            nobody.why()
        }
    };
    Asked::No(Ending::not_run(NOT_RUN, &report::not_run(judgement, why)))
}

/// Adds lines to ignore files, and says which. A file that is no longer the one that was judged is left as it is.
fn added(additions: &[IgnoreAddition]) -> anyhow::Result<()> {
    for addition in additions {
        let before = addition.before.as_deref().map(str::as_bytes);
        replace(Path::new(&addition.path), before, addition.after.as_bytes())?;
        let lines: Vec<String> = addition.lines.iter().map(|line| shown(line)).collect();
        say(&format!("fender: added to {}: {}\n", shown(&addition.path), lines.join(", ")));
    }
    Ok(())
}

fn refuse_for_policy(problem: &PolicyProblem) -> Ending {
    let problem = shown(&problem.to_string());
    let line = LastLine {
        reason: "policy".to_owned(),
        environment: None,
        why: format!("the policy cannot be read, and until this is fixed, only read-only commands run: {problem}"),
        remedy: "to fix: correct the file (fender doctor checks it)".to_owned(),
    };
    Ending::not_run(NOT_RUN, &line)
}

fn no_client(face: Face, places: &[PathBuf]) -> Ending {
    let name = if face == Face::Docker { "docker" } else { "docker-compose" };
    let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    let places = if places.is_empty() { "an empty PATH".to_owned() } else { places.join(", ") };
    let line = LastLine {
        reason: format!("no {name}"),
        environment: None,
        why: format!("there is no {name} other than fender in {}", shown(&places)),
        remedy: "to fix: install docker's client, or name it in the policy: docker = \"/path/to/docker\"".to_owned(),
    };
    Ending::not_run(NO_CLIENT, &line)
}

/// Becomes the real client: the same words, environment, streams, signals and folder. The client gets its own path as
/// its name, because it tells its plugins by which name to call back, and what they ask was judged already.
fn become_client(face: Face, named: Option<&Path>, words: &[OsString]) -> Ending {
    let found = match (face, named) {
        // It was found before.
        (Face::Compose, Some(path)) if path.file_name().is_some_and(|name| name == "docker-compose") => {
            Ok(path.to_path_buf())
        }
        _ => face.find(named),
    };
    let client = match found {
        Ok(client) => client,
        Err(places) => return no_client(face, &places),
    };
    let words = if face == Face::Compose { words.get(1..).unwrap_or_default() } else { words };
    let chain = match deeper(&client) {
        Ok(chain) => chain,
        Err(ending) => return ending,
    };
    let error = become_program(&client, words, (CHAIN, &chain));
    let line = LastLine {
        reason: "docker's client".to_owned(),
        environment: None,
        why: format!("{}: {error}", shown(&client.display().to_string())),
        remedy: "to fix: see what fender doctor says of this program".to_owned(),
    };
    let missing = error.kind() == std::io::ErrorKind::NotFound;
    Ending::not_run(if missing { NO_CLIENT } else { CANNOT_RUN }, &line)
}

/// The counter for the next in the chain, or the end of a loop.
fn deeper(client: &Path) -> Result<OsString, Ending> {
    let before = env::var_os(CHAIN).unwrap_or_default();
    let text = before.to_string_lossy();
    let depth = text.split(':').next().and_then(|count| count.parse::<u32>().ok()).unwrap_or(0) + 1;
    if depth > DEEPEST {
        let own = env::current_exe().unwrap_or_else(|_| PathBuf::from("fender"));
        let line = LastLine {
            reason: "loop of wrappers".to_owned(),
            environment: None,
            why: format!(
                "{} and {} find each other for docker, {DEEPEST} times over",
                shown(&own.display().to_string()),
                shown(&client.display().to_string())
            ),
            remedy: "to fix: take one of them from PATH, or name the real client in the policy: \
                     docker = \"/path/to/docker\""
                .to_owned(),
        };
        return Err(Ending::not_run(NOT_RUN, &line));
    }
    let mut chain = OsString::from(format!("{depth}:"));
    chain.push(OsStr::new(client));
    Ok(chain)
}
