//! A guarded deletion from start to end: read what would be deleted, show it, ask, keep it, and delete exactly that.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::path::Path;

use super::{ItemOutcome, Outcome, RemovalMessages, carry_out, same_engine};
use crate::ending::Ending;
use crate::engine::later::{Later, LeftOpen};
use crate::environment::host::notes_wanted;
use crate::exit::NOT_RUN;
use crate::trash::{Entry, KeptNow, SettingsRead};
use crate::ui::progress::after_two_seconds;
use crate::ui::question::{Question, QuestionNews, Reply};
use crate::ui::screen::{Screen, list};
use crate::ui::{plan as shown, report};
use crate::{session, trash};
use fender_core::grammar::parse::Invocation;
use fender_core::host::Host;
use fender_core::judge::rewrite::asked_once;
use fender_core::judge::{Judgement, JudgementContext, change_steps_of, deletions, judge_again};
use fender_core::plan::{Facts, Item, ObjectKind, Plan, Recoverable, Step};
use fender_core::policy::{Action, CallerKind, Policy};
use fender_core::rules::Edit;

/// What the shim does next.
#[derive(Debug)]
pub enum Next {
    /// It is done, or was left.
    Ended(Ending),
    /// Docker does it, with these words.
    Docker(Vec<OsString>),
    /// Another deletion was chosen, which is judged and asked about like any other.
    Instead(Vec<OsString>),
    /// This deletes nothing, or nothing could be read: as with any other command.
    Usual,
}

/// Everything that is needed to ask and to do it.
pub struct Guard<'a> {
    /// docker's arguments as they were typed.
    pub words: &'a [OsString],
    /// What the rules and the policy say of them.
    pub judgement: &'a Judgement,
    /// The policy of this host and this user.
    pub policy: &'a Policy,
    /// The real client.
    pub client: &'a Path,
    /// This machine's name, by which a policy may know its environment.
    pub hostname: &'a str,
    /// This machine as docker's client sees it.
    pub host: &'a dyn Host,
    /// What another command is judged with, where one is chosen instead.
    pub context: &'a JudgementContext<'a>,
    /// It is asked about whatever the rules say: it was chosen instead of another one.
    pub always: bool,
}

impl Guard<'_> {
    /// Where something asks, or a prune has to leave something out.
    pub fn run(&self) -> Next {
        let judgement = self.judgement;
        let asks = self.always || matches!(judgement.wanted, Action::Ask | Action::Type);
        let deletes = fender_core::plan::deletes(&judgement.lowered);
        if !deletes || judgement.wanted == Action::Refuse {
            return Next::Usual;
        }
        let steps = judgement.deletions(self.host);
        if steps.is_empty() {
            return Next::Usual;
        }
        // The first question to the engine: one that is not there is docker's to complain about.
        match judgement.facts.protections_of(steps) {
            Ok(_) => {}
            _ => return Next::Usual,
        }
        let Ok(plan) = judgement.facts.plan(steps) else { return Next::Usual };
        let mut read = (*plan).clone();
        if !asks && read.skipped_protected().next().is_none() {
            self.note(&read);
            return Next::Usual;
        }
        let is_asked = asks || self.would_docker_ask();
        let mut plan = self.prepared(&read, if is_asked { self.reading() } else { SettingsRead::Now });
        let by_docker = plan.by_docker.is_some() || !plan.unclear.is_empty();
        if plan.deletes.is_empty() && plan.unclear.is_empty() {
            return self.nothing_to_delete(&plan);
        }
        let asked_by_docker = !asks && self.would_docker_ask();
        let unasked = !self.always && goes_unasked(judgement, &plan, trash::now());
        if unasked {
            say(&all_kept(judgement));
        }
        let mut reply = Ok(Reply::Yes);
        let mut later = None;
        if !unasked && (asks || asked_by_docker) {
            (reply, plan) = self.ask(plan, &mut read, Some(&mut later), asked_by_docker);
        }
        if plan.is_left_open() && matches!(reply, Ok(Reply::Yes)) {
            let measured = match self.measured(&mut read, later.as_ref()) {
                Ok(measured) => measured,
                Err(ending) => return Next::Ended(ending),
            };
            let says_all = plan.says_all_of(&measured);
            if !says_all {
                say(if plan.unread {
                    "fender: now it is known what can be kept and restored, and it is not all that was shown\n"
                } else {
                    sizes_changed_it(&measured)
                });
            }
            plan = measured;
            if !says_all {
                (reply, plan) = self.ask(plan, &mut read, None, asked_by_docker);
            }
        }
        match reply {
            Err(ending) => Next::Ended(ending),
            Ok(Reply::Yes) if by_docker => self.by_docker(&plan),
            Ok(Reply::Yes) => {
                Next::Ended(self.delete(&plan, &judgement.invocation, self.words).unwrap_or_else(|ending| ending))
            }
            Ok(Reply::Key('s')) => {
                self.smaller_words().map_or_else(|| Next::Ended(self.not_run("not confirmed")), Next::Instead)
            }
            Ok(Reply::Key(_) | Reply::Fixes(_) | Reply::Words(_) | Reply::No) => {
                Next::Ended(self.not_run("not confirmed"))
            }
        }
    }

    /// The plan with what can be kept, what that takes, and what else changes.
    fn prepared(&self, read: &Plan, reading: SettingsRead) -> Plan {
        let judgement = self.judgement;
        let mut plan = read.clone();
        trash::fit(&mut plan, &self.policy.trash());
        self.foresee(&mut plan, reading);
        if makes(&plan) {
            let others = change_steps_of(&judgement.invocation, &judgement.lowered, &*judgement.facts, self.host);
            match judgement.facts.changes(&others) {
                Ok(changes) => plan.add_changes(changes),
                Err(problem) => plan.unclear.push(format!("what else changes is not known: {problem}")),
            }
        }
        plan
    }

    /// A person waits for the question and not for the settings of many containers. For a script everything has to be kept, or it does not run.
    fn reading(&self) -> SettingsRead {
        if self.judgement.caller == CallerKind::Person { SettingsRead::Later } else { SettingsRead::Now }
    }

    /// Begins to ask what the question leaves open, for as long as it stands. Where that fails it is asked after the answer.
    fn begin_later(&self, plan: &Plan, later: &mut Option<Later>) {
        let Some(open) = LeftOpen::of(plan) else { return };
        let engine = session::engine(&self.judgement.target, self.client, self.policy);
        let Ok(connection) = engine.connection() else { return };
        if let Ok(begun) = Later::begin(connection.route(), open) {
            *later = Some(begun);
        }
    }

    /// Fills in what was not known in time for the question. What was begun while the question stood, and has failed, is asked once more.
    fn fill_in(&self, read: &mut Plan, later: Option<&Later>) -> Result<(), Ending> {
        let Some(open) = LeftOpen::of(read) else { return Ok(()) };
        if let Some(later) = later {
            let _waiting = after_two_seconds("waiting for the engine to say how large what is deleted is".to_owned());
            if let Ok(answers) = later.answer() {
                answers.fill(read);
                return Ok(());
            }
        }
        let engine = session::engine(&self.judgement.target, self.client, self.policy);
        let answers = engine.left_open(&open).map_err(|problem| self.engine_did_not_answer(&problem.to_string()))?;
        answers.fill(read);
        Ok(())
    }

    /// The plan with all that was not known in time for the question, and with what the containers share.
    fn measured(&self, read: &mut Plan, later: Option<&Later>) -> Result<Plan, Ending> {
        self.fill_in(read, later)?;
        Ok(self.prepared(read, SettingsRead::Now))
    }

    /// What the rules stopped, and nobody confirmed.
    fn not_run(&self, why: &str) -> Ending {
        Ending::not_run(NOT_RUN, &report::not_run(self.judgement, why))
    }

    /// What was confirmed, and could not be done as it was shown.
    fn nothing_deleted(&self, reason: &str, why: &str, remedy: &str) -> Ending {
        let why = format!("nothing was deleted: {why}");
        Ending::not_run(NOT_RUN, &report::ended(self.judgement, reason, &why, remedy))
    }

    fn engine_did_not_answer(&self, why: &str) -> Ending {
        self.nothing_deleted("engine", why, "to delete: run it again when the engine answers")
    }

    /// Adds to the plan how much space keeping needs and what cannot be restored.
    fn foresee(&self, plan: &mut Plan, reading: SettingsRead) {
        let engine = session::engine(&self.judgement.target, self.client, self.policy);
        if let Ok(connection) = engine.connection() {
            trash::foresee(connection, plan, self.judgement.target.is_local(), reading);
        }
    }

    /// Docker deletes what nobody is asked about. What costs nothing is kept all the same, and what is not kept is said.
    fn note(&self, plan: &Plan) {
        let engine = session::engine(&self.judgement.target, self.client, self.policy);
        let texts: Vec<String> = self.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let Ok(connection) = engine.connection() else { return };
        let text = match trash::note(connection, plan, &texts, &self.policy.trash()) {
            Ok(Some(entry)) => not_kept(&entry),
            Ok(None) => None,
            Err(why) => Some(format!("fender: nothing of this deletion is kept: {}", safe(&format!("{why:#}")))),
        };
        if let Some(text) = text.filter(|_| report::notes_are_printed(self.judgement, notes_wanted())) {
            say(&format!("{}\n", Screen::of_questions().dim(&text)));
        }
    }

    /// If nothing would be deleted, there is no question.
    fn nothing_to_delete(&self, plan: &Plan) -> Next {
        if self.judgement.invocation.canonical().starts_with("compose ") || !self.is_quiet_kind() {
            return Next::Usual;
        }
        self.tell_skipped(plan);
        let words = RemovalMessages::of(self.judgement.invocation.canonical(), plan, &Outcome::default());
        Next::Ended(Ending::carried_out(speak(&words)))
    }

    /// Every complaint is about what would be deleted.
    fn is_quiet_kind(&self) -> bool {
        self.judgement.stopping().all(|complaint| complaint.finding.rule.about_deletion)
    }

    /// docker asks before a prune without `--force`. If fender skips protected objects, it deletes the rest itself and so has to ask.
    fn would_docker_ask(&self) -> bool {
        let invocation = &self.judgement.invocation;
        invocation.canonical().ends_with(" prune") && !invocation.on("force")
    }

    /// Asks about the plan. What the question leaves open is asked of the engine in `later` while it stands; once it is known, the question is
    /// about the plan with that. Also the plan that was answered.
    fn ask(
        &self,
        mut plan: Plan,
        read: &mut Plan,
        later: Option<&mut Option<Later>>,
        docker_asks: bool,
    ) -> (Result<Reply, Ending>, Plan) {
        let screen = Screen::of_questions();
        let smaller = self.smaller_plan();
        let question = self.question(&plan, smaller.as_ref(), docker_asks);
        // Nothing more is asked of the engine before the question is whole.
        let later: Option<&Later> = later.and_then(|later| {
            self.begin_later(&plan, later);
            later.as_ref()
        });
        let mut tell = || {
            let before = plan.clone();
            let text = match later.map(Later::answer) {
                Some(Ok(answers)) => {
                    answers.fill(read);
                    plan = self.prepared(read, self.reading());
                    match before.says_all_of(&plan) {
                        true => shown::filled_in(&before, &plan, &screen),
                        false => sizes_changed_it(&plan).to_owned(),
                    }
                }
                _ => {
                    "fender: the engine has not said how large this is; it is asked again before anything is deleted\n"
                        .to_owned()
                }
            };
            let question = self.question(&plan, smaller.as_ref(), docker_asks);
            let whole = if before.says_all_of(&plan) { "" } else { question.whole_text() };
            (format!("{text}{whole}"), question)
        };
        let news = later.map(|later| QuestionNews { ready: later.ready(), read: &mut tell });
        let reply = match question.ask_beside(&screen, self.judgement.caller, news) {
            Ok(answer) => Ok(answer.reply().clone()),
            Err(nobody) => {
                let screen = Screen::new(false);
                say(&report::deletion(self.judgement, &plan, &screen, self.hostname, trash::now()));
                Err(self.not_run(nobody.why()))
            }
        };
        (reply, plan)
    }

    fn question(&self, plan: &Plan, smaller: Option<&(Invocation, Plan)>, docker_asks: bool) -> Question {
        let screen = Screen::of_questions();
        let now = trash::now();
        let mut text = report::deletion(self.judgement, plan, &screen, self.hostname, now);
        if let Some((invocation, smaller)) = smaller {
            text.push_str(&report::smaller(invocation, smaller, &screen));
        }
        let mut question = match (self.judgement.wanted, makes(plan)) {
            (Action::Type, false) if !docker_asks => report::typed(self.judgement, self.hostname, "delete"),
            (Action::Type, true) => report::typed(self.judgement, self.hostname, "run"),
            (_, true) => Question::yes_or_no("Run it?"),
            (_, false) => Question::yes_or_no("Delete these?"),
        };
        question = report::placed(question, self.judgement, self.hostname).text(text);
        question = match plan.lost().count() {
            0 => question,
            1 => question.warning("One of these is not kept and cannot be brought back."),
            lost => question.warning(format!("{lost} of these are not kept and cannot be brought back.")),
        };
        if shown::is_long(plan) {
            question = question.list(shown::whole(plan, &screen, now));
        }
        if smaller.is_some() {
            question = question.key('s', "show the smaller deletion");
        }
        question
    }

    /// The arguments of the smaller command that a rule offers.
    fn smaller_words(&self) -> Option<Vec<OsString>> {
        let edits = self.judgement.stopping().flat_map(|complaint| &complaint.finding.edits);
        let is_other = edits.into_iter().any(|edit| matches!(edit, Edit::Command { .. }));
        self.judgement.rewrite.clone().filter(|_| is_other)
    }

    /// The same with what it would delete: only where all of that can be had again, and where it would be asked about here.
    fn smaller_plan(&self) -> Option<(Invocation, Plan)> {
        // Both plans stand on one reading of the engine.
        let judgement = judge_again(&self.smaller_words()?, self.judgement, self.context, self.context.policy);
        if judgement.wanted == Action::Refuse {
            return None;
        }
        let steps = judgement.deletions(self.host);
        if steps.is_empty() {
            return None;
        }
        // What it would delete is not known: it is not offered.
        let Ok(plan) = judgement.facts.plan(steps) else { return None };
        let mut plan = (*plan).clone();
        trash::fit(&mut plan, &self.policy.trash());
        self.foresee(&mut plan, self.reading());
        let is_known = !plan.unknown && plan.unclear.is_empty() && plan.by_docker.is_none();
        (is_known && !plan.deletes.is_empty() && plan.lost().next().is_none()).then_some((judgement.invocation, plan))
    }

    fn tell_skipped(&self, plan: &Plan) {
        for it in plan.skipped_protected() {
            say(&format!("fender: skips {} {}, protected: {}\n", it.kind.name(), safe(&it.name), safe(&it.reason)));
        }
    }

    /// Keeps what would be lost, then lets docker do what only docker can do.
    fn by_docker(&self, plan: &Plan) -> Next {
        if plan.skipped_protected().next().is_some() {
            self.tell_skipped(plan);
            let why = "docker cannot skip the protected objects here";
            let remedy = "to delete the rest: name it (fender protect lists what is protected)";
            return Next::Ended(self.nothing_deleted("protected", why, remedy));
        }
        let kept = match self.keep(plan, self.words) {
            Ok(kept) => kept,
            Err(ending) => return Next::Ended(ending),
        };
        if makes(plan) && !self.is_still(plan) {
            if let Some(kept) = kept {
                kept.forget();
            }
            say("fender: this would change something else by now than what was shown; it is judged again\n");
            return Next::Instead(self.words.to_vec());
        }
        if let Some(kept) = kept {
            say(&format!("fender: kept in the trash as {}: fender undo\n", kept.id));
        }
        Next::Docker(asked_once(&self.judgement.invocation, self.words.to_vec()))
    }

    /// Whether compose would still replace and remove what was shown, and nothing else: it works that out anew when it runs.
    fn is_still(&self, shown: &Plan) -> bool {
        let engine = session::engine(&self.judgement.target, self.client, self.policy);
        let steps = deletions(&self.judgement.invocation, &self.judgement.lowered, &engine, self.host);
        let Ok(now) = engine.plan(&steps) else { return false };
        let objects = |plan: &Plan| -> BTreeSet<(ObjectKind, String)> {
            plan.deletes.iter().map(|item| (item.kind, item.id.clone())).collect()
        };
        now.engine == shown.engine && objects(&now) == objects(shown)
    }

    /// Keeps what the plan promises; Err where it cannot.
    fn keep(&self, plan: &Plan, words: &[OsString]) -> Result<Option<KeptNow>, Ending> {
        if !plan.deletes.iter().any(|item| item.recoverable == Recoverable::Trash) {
            return Ok(None);
        }
        let engine = session::engine(&self.judgement.target, self.client, self.policy);
        let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let connection = engine.connection().map_err(|problem| self.engine_did_not_answer(&problem.to_string()))?;
        let remedy = "to delete: fix this and run it again (fender trash list shows what is kept)";
        trash::keep(connection, plan, &texts, &self.policy.trash())
            .map(Some)
            .map_err(|why| self.nothing_deleted("trash", &format!("{why:#}"), remedy))
    }

    fn delete(&self, plan: &Plan, invocation: &Invocation, words: &[OsString]) -> Result<Ending, Ending> {
        let engine = session::engine(&self.judgement.target, self.client, self.policy);
        let connection = engine.connection().map_err(|problem| self.engine_did_not_answer(&problem.to_string()))?;
        same_engine(connection, plan).map_err(|why| self.engine_did_not_answer(&format!("{why:#}")))?;
        self.tell_skipped(plan);
        let kept = self.keep(plan, words)?;
        let compose = invocation.canonical().starts_with("compose ");
        let outcome = carry_out(connection, plan, &mut |item, item_outcome| {
            if compose && let Some(lines) = super::docker_output::compose_lines(item, item_outcome) {
                say(&lines);
            }
        });
        let words = RemovalMessages::of(invocation.canonical(), plan, &outcome);
        let mut code = speak(&words);
        for (item, item_outcome) in outcome.left(plan) {
            let Some(why) = item_outcome.why() else { continue };
            say(&format!("fender: not deleted: {} {}: {}\n", item.kind.name(), safe(&item.name), safe(why)));
            if matches!(item_outcome, ItemOutcome::Failed(_)) && !compose {
                code = code.max(1);
            }
        }
        if let Some(kept) = kept {
            // What another one took meanwhile, fender may be the only one to have.
            let was_gone = outcome.items.contains(&ItemOutcome::WasGone) && kept.has_kept();
            if outcome.items.contains(&ItemOutcome::Gone) {
                say(&format!("fender: kept in the trash as {}: fender undo\n", kept.id));
            } else if !was_gone {
                kept.forget();
            }
        }
        Ok(Ending::carried_out(code))
    }
}

/// Why it is asked again when the volumes' sizes were asked for once more.
fn sizes_changed_it(measured: &Plan) -> &'static str {
    if measured.of(ObjectKind::Volume).any(|item| item.size.is_none()) {
        "fender: the engine does not say how large the volumes are, and not all of this can be kept\n"
    } else {
        "fender: by now it is known how large the volumes are, and not all of this can be kept\n"
    }
}

/// Whether compose also makes containers, so that the command is more than a deletion.
fn makes(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step, Step::Compose(change) if change.makes.is_some()))
}

/// What was made less than so many seconds ago is nobody's work yet, if it is empty.
const NEW: i64 = 3600;

/// Whether a script's deletion goes without an answer: in dev and ci, if every object of it is kept for `fender undo`, or is empty and was made
/// within the hour. Nothing but the deletion may stop the command, no policy may have asked for the question, and nothing may be unknown.
pub fn goes_unasked(judgement: &Judgement, plan: &Plan, now: i64) -> bool {
    // What compose replaces is kept before compose does it.
    let is_ours = plan.by_docker.is_none() || makes(plan);
    let is_known = plan.unclear.is_empty() && !plan.unknown && plan.warnings.is_empty() && is_ours;
    let is_empty = |item: &Item| match item.kind {
        ObjectKind::Volume => item.size == Some(0),
        ObjectKind::Network => true,
        _ => false,
    };
    let comes_back =
        |item: &Item| item.recoverable == Recoverable::Trash || is_empty(item) && is_new(item.created, now);
    is_scripts_deletion(judgement)
        && is_known
        && plan.refused().next().is_none()
        && !plan.deletes.is_empty()
        && plan.deletes.iter().all(comes_back)
}

/// Whether something was made within the hour; both times are in seconds since 1970.
pub(super) fn is_new(made: Option<i64>, now: i64) -> bool {
    made.is_some_and(|made| (0..NEW).contains(&(now - made)))
}

/// Whether it is a script in dev or ci that would be asked, only because of what it deletes, and no policy asked for the question.
pub(super) fn is_scripts_deletion(judgement: &Judgement) -> bool {
    judgement.caller == CallerKind::Script
        && matches!(judgement.environment.preset.as_str(), "dev" | "ci")
        && !judgement.environment.open
        && matches!(judgement.wanted, Action::Ask | Action::Type)
        && judgement.stopping().all(|it| it.finding.rule.about_deletion && it.decision.source.is_none())
}

/// The note of a deletion that went without an answer; the line with its number follows when it is done.
fn all_kept(judgement: &Judgement) -> String {
    let mut titles: Vec<&str> = judgement.stopping().map(|complaint| complaint.finding.title.as_str()).collect();
    titles.dedup();
    let mut ids: Vec<&str> = judgement.stopping().map(|complaint| complaint.finding.rule.id).collect();
    ids.dedup();
    format!("fender: {}; fender undo brings it back ({})\n", safe(&titles.join(", ")), ids.join(", "))
}

/// What a deletion that was only noted does not keep; None where all of it can be had again.
fn not_kept(entry: &Entry) -> Option<String> {
    const NAMED: usize = 3;
    let lost: Vec<String> = entry
        .objects
        .iter()
        .filter(|object| object.kind != ObjectKind::BuildCache && object.recoverable != Recoverable::Pull)
        .filter(|object| !object.missing.is_empty())
        .map(|object| match object.recoverable {
            Recoverable::Trash => format!("of {} {} {}", object.kind.name(), object.name, object.missing),
            _ => format!("{} {}", object.kind.name(), object.name),
        })
        .collect();
    if lost.is_empty() {
        return None;
    }
    let mut named: Vec<&str> = lost.iter().map(String::as_str).take(NAMED).collect();
    let more = format!("{} more", lost.len().saturating_sub(NAMED));
    if lost.len() > NAMED {
        named.push(&more);
    }
    Some(format!("fender: not kept: {}", safe(&list(&named))))
}

/// A name or a reason from the engine, with control characters escaped.
fn safe(text: &str) -> String {
    crate::ui::screen::shown(text)
}

fn say(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

/// Docker's words on both streams; its code.
fn speak(words: &RemovalMessages) -> u8 {
    let _ = stdout().write_all(words.output.as_bytes());
    let _ = stdout().flush();
    say(&words.errors);
    words.code
}
