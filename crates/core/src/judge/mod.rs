//! From the arguments to the judgement: parse, lower, check, decide. Nothing is run and nothing is shown here.

mod absent;
mod complaint;
mod exceptions;
pub mod fixes;
pub mod ignoring;
pub mod narrowest;
pub mod rewrite;
mod unchanged;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::rc::Rc;

use crate::engine::Labels;
use crate::files::text::Place;
use crate::grammar::parse::{Builder, Invocation, Unknown, parse};
use crate::host::Host;
use crate::lower::{Effect, Lowered, Origin, Request, builder, buildkit_is_off, despite, lower, read, with_files};
use crate::plan::{Facts, Step, steps_of};
use crate::policy::{
    Action, AllowedBy, Caller, CallerKind, DecidedAt, Decision, EnginePlace, Environment, Exception,
    ExceptionConditions, Policy, is_ci, strictness,
};
use crate::rules::{Case, Class, Elsewhere, Finding, NOT_UNDERSTOOD, Offers, Seen, Strictness, check};
use crate::target::{Target, choose};
pub use complaint::{Complaint, change_steps_of, deletions, unknown_changes_of};
use rewrite::rewrite;
use unchanged::{without_orphans, without_unchanged};

/// Everything a judgement needs besides the words.
pub struct JudgementContext<'a> {
    /// The machine on which the command is typed.
    pub host: &'a dyn Host,
    /// The policy.
    pub policy: &'a Policy,
    /// Makes the way to ask the engine that was chosen.
    pub facts: &'a dyn Fn(&Target) -> Rc<dyn Facts>,
    /// This machine's name.
    pub hostname: String,
    /// The caller's own ids.
    pub ids: (u32, u32),
    /// Who runs the command.
    pub caller: Caller,
    /// An environment named by hand, which stands for the one that would be found.
    pub environment: Option<Environment>,
    /// Days since 1970-01-01 in UTC, for exceptions that end.
    pub today: i64,
}

/// The verdict on one command line.
pub struct Judgement {
    /// The args, parsed.
    pub invocation: Invocation,
    /// What they would do.
    pub lowered: Lowered,
    /// The engine that they reach.
    pub target: Target,
    /// The environment of that engine.
    pub environment: Environment,
    /// What was found, with the policy's decision on each.
    pub complaints: Vec<Complaint>,
    /// Who runs it.
    pub caller: CallerKind,
    /// The strictest action of all complaints.
    pub action: Action,
    /// The same before it was known whether the caller can answer: a question that became a refusal is one here.
    pub wanted: Action,
    /// The words with every offered change made.
    pub rewrite: Option<Vec<OsString>>,
    /// What the policy says to whoever is refused.
    pub help: Option<String>,
    /// To ask the engine again, for a screen that is shown.
    pub facts: Rc<dyn Facts>,
    steps: OnceCell<Vec<Step>>,
}

impl Judgement {
    /// What the command deletes, in docker's order: worked out once, for the rules, the question and the deletion.
    pub fn deletions(&self, host: &dyn Host) -> &[Step] {
        self.steps.get_or_init(|| deletions(&self.invocation, &self.lowered, &*self.facts, host))
    }

    /// The same where what stops the command is a note after all: the edge knows that all of the deletion is kept.
    pub fn noted(&mut self) {
        for complaint in self.complaints.iter_mut().filter(|complaint| complaint.decision.action >= Action::Ask) {
            complaint.decision.action = Action::Note;
            complaint.decision.question = None;
        }
        (self.action, self.wanted) = (Action::Note, Action::Note);
    }

    /// The complaints with this action.
    pub fn with(&self, action: Action) -> impl Iterator<Item = &Complaint> {
        self.complaints.iter().filter(move |complaint| complaint.decision.action == action)
    }

    /// Complaints that stop the command until somebody answers.
    pub fn stopping(&self) -> impl Iterator<Item = &Complaint> {
        self.complaints.iter().filter(|complaint| complaint.decision.action >= Action::Ask)
    }
}

/// Arguments, parsed as docker on this host would read them.
pub fn parsed(words: &[OsString], host: &dyn Host) -> Invocation {
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    read(&texts, host)
}

/// Judges a command line.
pub fn judge(words: &[OsString], context: &JudgementContext) -> Judgement {
    judge_parsed(parsed(words, context.host), words, context)
}

/// Judges a command line that was parsed before ([`parsed`]).
pub fn judge_parsed(invocation: Invocation, words: &[OsString], context: &JudgementContext) -> Judgement {
    let typed = lower(&invocation, context.host);
    let target = choose(&invocation, context.host);
    let facts = (context.facts)(&target);
    let offers = context.policy.offers();
    let mut lowered = typed.clone();
    with_files(&invocation, &mut lowered, &*facts, context.host);
    without_orphans(&invocation, &mut lowered, &*facts, context.host);
    let steps = OnceCell::new();
    let deletions_of = |of: &Lowered| deletions(&invocation, of, &*facts, context.host);
    let deletions = || -> Vec<Step> { steps.get_or_init(|| deletions_of(&lowered)).clone() };
    // An exception asks about parts of the effects.
    let of_part = |of: &Lowered| if std::ptr::eq(of, &raw const lowered) { deletions() } else { deletions_of(of) };
    let mut findings = look(&lowered, &target, &*facts, context, &offers, &of_part);
    if let Some(changed) = without_unchanged(&findings, &invocation, &lowered, &*facts, context.host) {
        let mut seen = Seen::default();
        for finding in look(&changed, &target, &*facts, context, &offers, &|_| deletions()) {
            seen.is_new(&finding);
        }
        findings.retain(|finding| finding.class != Class::Hygiene || !seen.is_new(finding));
    }
    if lowered.refusal.as_ref().is_some_and(|refusal| refusal.unknown) {
        findings.extend(whatever_they_mean(&invocation.words, &target, &*facts, context, &offers));
    }
    if lowered.refusal.is_some() && invocation.canonical() == "image build" && !buildkit_is_off(context.host) {
        findings = if_buildx_is_there(&invocation.words, &target, &*facts, context, &offers).unwrap_or(findings);
    }
    if lowered.refusal.as_ref().is_some_and(|refusal| !refusal.unknown) {
        // Docker words the error, if it is one. What the words would do if it took them is judged all the same.
        let mut seen = Seen::default();
        for finding in &findings {
            seen.is_new_by_origin(finding);
        }
        let more = if_docker_takes_them(&invocation.words, &target, &*facts, context, &offers);
        findings.extend(more.into_iter().filter(|finding| seen.is_new_by_origin(finding)));
    }
    let place = place(&target, &*facts, context, &findings);
    let complaints = decide(findings, invocation.canonical(), &place, context);
    let noted_for_script = context.caller.kind == CallerKind::Script && {
        let named = context.environment.as_ref().map(|named| named.preset.clone());
        !complaints.is_empty() && named.unwrap_or_else(|| context.policy.environment(&place).preset) == "prod"
    };
    let complaints = absent::about_what_is_there(
        complaints,
        noted_for_script,
        &invocation,
        &lowered,
        &*facts,
        context.host,
        &deletions,
    );
    let environment = match &context.environment {
        Some(named) => named.clone(),
        // Where nothing was found the engine is not asked for its labels either.
        None if complaints.is_empty() => context.policy.environment(&place_without_labels(&target, context)),
        None => context.policy.environment(&place),
    };
    let complaints = limited(complaints, context.caller.kind);
    let strictest = |of: fn(&Decision) -> Action| {
        complaints.iter().map(|complaint| of(&complaint.decision)).max().unwrap_or(Action::Allow)
    };
    let (action, wanted) = (strictest(|decision| decision.action), strictest(Decision::wanted));
    let fixable: Vec<&Finding> = complaints
        .iter()
        .filter(|complaint| complaint.decision.action != Action::Allow && !complaint.finding.only_alone)
        .map(|complaint| &complaint.finding)
        .collect();
    let rewrite = rewrite(&invocation, words, &typed, &fixable, context.host);
    drop(place);
    let caller = context.caller.kind;
    let help = if action == Action::Refuse { context.policy.help() } else { None };
    Judgement {
        invocation,
        lowered,
        target,
        environment,
        complaints,
        caller,
        action,
        wanted,
        rewrite,
        help,
        facts,
        steps,
    }
}

/// Judges other words, or the same under another policy, on the reading of the engine that a judgement stands on.
pub fn judge_again(words: &[OsString], before: &Judgement, context: &JudgementContext, policy: &Policy) -> Judgement {
    let facts = |wanted: &Target| if *wanted == before.target { before.facts.clone() } else { (context.facts)(wanted) };
    let JudgementContext { host, ids, today, .. } = *context;
    let (hostname, caller) = (context.hostname.clone(), context.caller.clone());
    let environment = context.environment.clone();
    judge(words, &JudgementContext { host, policy, facts: &facts, hostname, ids, caller, environment, today })
}

/// Judges requests behind which there is no command line: what an undo would make again. The rules are the same.
pub fn judge_requests(
    requests: Vec<Request>,
    target: &Target,
    facts: &dyn Facts,
    context: &JudgementContext,
) -> Vec<Complaint> {
    let whole = |mut request: Request| {
        if request.origins.is_empty() {
            request.origins = vec![Origin::Request("".into())];
        }
        Effect::Request(request)
    };
    let effects = requests.into_iter().map(whole).collect();
    judge_effects(&Lowered { effects, ..Lowered::default() }, target, facts, context)
}

/// Judges effects behind which there is no command line, such as those of a raw request ([`crate::lower::lower_http`]).
pub fn judge_effects(
    lowered: &Lowered,
    target: &Target,
    facts: &dyn Facts,
    context: &JudgementContext,
) -> Vec<Complaint> {
    let deletions = |of: &Lowered| steps_of(&of.effects);
    let findings = look(lowered, target, facts, context, &context.policy.offers(), &deletions);
    let place = place(target, facts, context, &findings);
    limited(decide(findings, "", &place, context), context.caller.kind)
}

/// The complaints for a caller who can answer, or cannot.
fn limited(complaints: Vec<Complaint>, caller: CallerKind) -> Vec<Complaint> {
    let limited = |it: Complaint| Complaint { decision: it.decision.limited(caller), ..it };
    complaints.into_iter().map(limited).collect()
}

/// The environment of an engine, as a command on it would be judged.
pub fn environment_of(target: &Target, facts: &dyn Facts, context: &JudgementContext) -> Environment {
    context.policy.environment(&place(target, facts, context, &[]))
}

/// What the rules find.
fn look(
    lowered: &Lowered,
    target: &Target,
    facts: &dyn Facts,
    context: &JudgementContext,
    offers: &Offers,
    deletions: &dyn Fn(&Lowered) -> Vec<Step>,
) -> Vec<Finding> {
    let all = || deletions(lowered);
    let case = Case::new(lowered, target, facts, context.host, offers, context.ids, &all);
    let mut found = check(&case);
    if context.policy.has_exception(|_| true) && !found.is_empty() {
        let exceptions: Vec<Exception> = context.policy.exceptions().collect();
        exceptions::mark(&mut found, &exceptions, &case, deletions);
    }
    let mut seen = Seen::default();
    // Replicas of a service have the same to say.
    found.into_iter().filter(|finding| finding.places.is_empty() || seen.is_new(finding)).collect()
}

/// Words that the legacy builder refuses, where no buildx was found: docker may look for it in places of its own, and what
/// buildx would make of them is judged. None where buildx does not know the words either.
fn if_buildx_is_there(
    texts: &[String],
    target: &Target,
    facts: &dyn Facts,
    context: &JudgementContext,
    offers: &Offers,
) -> Option<Vec<Finding>> {
    let invocation = parse(texts, Unknown::Refuse, &|| Builder::Buildx);
    let lowered = lower(&invocation, context.host);
    if lowered.refusal.is_some() {
        return None;
    }
    let deletes = |lowered: &Lowered| deletions(&invocation, lowered, facts, context.host);
    let findings = look(&lowered, target, facts, context, offers, &deletes);
    // It is a guess which command it would be: no fix is offered for it.
    Some(findings.into_iter().map(|finding| Finding { edits: Vec::new(), ..finding }).collect())
}

/// Words that docker is expected to refuse: a file that is not there yet, a value that it may know after all. No fix is offered,
/// for what would be run is a guess.
fn if_docker_takes_them(
    texts: &[String],
    target: &Target,
    facts: &dyn Facts,
    context: &JudgementContext,
    offers: &Offers,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (invocation, mut lowered) in despite(texts, Unknown::Despite, &|| builder(context.host), context.host) {
        with_files(&invocation, &mut lowered, facts, context.host);
        let deletes = |lowered: &Lowered| deletions(&invocation, lowered, facts, context.host);
        findings.extend(look(&lowered, target, facts, context, offers, &deletes));
    }
    findings.into_iter().map(|finding| Finding { edits: Vec::new(), ..finding }).collect()
}

/// Words that docker's tables do not have may be a newer docker's: what the rest says is judged for both things that an
/// unknown flag can be, one that stands alone and one that takes the next word.
fn whatever_they_mean(
    texts: &[String],
    target: &Target,
    facts: &dyn Facts,
    context: &JudgementContext,
    offers: &Offers,
) -> Vec<Finding> {
    let (mut findings, mut seen) = (Vec::new(), Seen::default());
    let builder = || if buildkit_is_off(context.host) { Builder::Legacy } else { Builder::Buildx };
    let read = [Unknown::Despite, Unknown::TakesValue]
        .into_iter()
        .flat_map(|unknown| despite(texts, unknown, &builder, context.host));
    for (invocation, mut lowered) in read {
        with_files(&invocation, &mut lowered, facts, context.host);
        let deletes = |lowered: &Lowered| deletions(&invocation, lowered, facts, context.host);
        for finding in look(&lowered, target, facts, context, offers, &deletes) {
            // What the command would be is a guess: no fix is offered for it.
            if *finding.rule != NOT_UNDERSTOOD && seen.is_new_by_origin(&finding) {
                findings.push(Finding { edits: Vec::new(), ..finding });
            }
        }
    }
    findings
}

/// The engine's place. If a finding would stop the command on production, this waits for the engine's labels.
fn place<'a>(
    target: &Target,
    facts: &'a dyn Facts,
    context: &'a JudgementContext,
    findings: &[Finding],
) -> EnginePlace<'a> {
    let is_severe = |finding: &Finding| finding.class.is_severe();
    let stops = context.policy.looks_at_labels() || findings.iter().any(is_severe);
    let id = move || {
        // Waits as long as the labels do: both come with one answer.
        facts.labels(stops);
        facts.engine().map(|engine| engine.id)
    };
    place_with(target, context, move || facts.labels(stops)).with_id(id)
}

fn place_without_labels<'a>(target: &Target, context: &'a JudgementContext) -> EnginePlace<'a> {
    place_with(target, context, || Labels::NoEngine)
}

fn place_with<'a>(target: &Target, context: &'a JudgementContext, labels: impl Fn() -> Labels + 'a) -> EnginePlace<'a> {
    let set = |name: &str| context.host.env(name).unwrap_or_default();
    let ci = is_ci(&set("CI"));
    let address = if target.is_local() { "" } else { target.address() };
    EnginePlace::new(&target.context, &target.host, address, &context.hostname, ci, labels)
        .unclear(target.unclear.clone())
        .resolving(|path| context.host.resolve(path))
}

/// What the policy says of each finding; `command` is docker's command, empty where there is none.
fn decide(findings: Vec<Finding>, command: &str, place: &EnginePlace, context: &JudgementContext) -> Vec<Complaint> {
    let exceptions: Vec<Exception> = match findings.iter().any(|finding| !finding.exceptions.is_empty()) {
        true => context.policy.exceptions().collect(),
        false => Vec::new(),
    };
    let environments = || match &context.environment {
        Some(named) => vec![named.clone()],
        None => context.policy.environments(place),
    };
    let conditions = ExceptionConditions {
        command,
        caller: &context.caller,
        environments: &environments,
        engine: &|| place.id().clone(),
        today: context.today,
    };
    // A policy may be long, and so may the list of findings: each rule is looked up once for each class.
    let mut decided: HashMap<(&str, Class), Decision> = HashMap::new();
    let is_mild = |finding: &Finding| finding.strictness == Strictness::NotedAloneInDev;
    let alone = findings.iter().filter(|finding| finding.class == Class::Escape).all(is_mild);
    let dev = OnceCell::new();
    let in_dev = || {
        *dev.get_or_init(|| match &context.environment {
            Some(named) => named.preset == "dev",
            None => context.policy.environment(place).preset == "dev",
        })
    };
    findings
        .into_iter()
        .map(|mut finding| {
            let is_milder = match finding.strictness {
                Strictness::NotedAloneInDev => alone && in_dev(),
                Strictness::NotedForScripts => context.caller.kind == CallerKind::Script,
                _ => false,
            };
            if is_milder {
                finding = finding.at_most_noted();
            }
            if let Some(elsewhere) = finding.elsewhere.clone()
                && context.environment.is_none()
            {
                let decision = decide_elsewhere(&mut finding, &elsewhere, place, context);
                return Complaint { finding, decision };
            }
            let decide = || match &context.environment {
                Some(named) => context.policy.decide_in(finding.rule, finding.class, named, &context.caller),
                None => context.policy.decide(finding.rule, finding.class, place, &context.caller),
            };
            let mut decision = decided.entry((finding.rule.id, finding.class)).or_insert_with(decide).clone();
            apply_strictness(&finding, &mut decision);
            if let Some(by) = allowed_by(&finding, &exceptions, &conditions) {
                let at = match &context.environment {
                    Some(named) => DecidedAt::Environment(named),
                    None => DecidedAt::Place(place),
                };
                if !by.has_ended() {
                    let (rule, class) = (finding.rule, finding.class);
                    let mut left = context.policy.decide_excepted(rule, class, &at, &context.caller, by.is_system);
                    if left.action > Action::Allow {
                        apply_strictness(&finding, &mut left);
                    }
                    // What an exception leaves is never more than what there was.
                    if left.action < decision.action {
                        decision = left;
                    }
                }
                decision.exception = Some(by);
            }
            // A rule that a comment in the Dockerfile allows is not reported for the build.
            let allowed = |place: &Place| place.is_allowed(finding.rule.id);
            if finding.note_only && finding.places.first().is_some_and(allowed) {
                decision.action = Action::Allow;
            }
            // A finding in a Dockerfile is a note. It stops a build only if a policy names the rule.
            if finding.note_only && decision.source.is_none() {
                decision.action = decision.action.min(Action::Note);
            }
            // Without an edit there is nothing to fix, so fender asks.
            if decision.action == Action::Fix && (finding.edits.is_empty() || finding.only_alone) {
                decision.action = Action::Ask;
            }
            Complaint { finding, decision }
        })
        .collect()
}

/// The exception that is about a finding and holds here: one that has not ended before one that has.
fn allowed_by(finding: &Finding, exceptions: &[Exception], conditions: &ExceptionConditions) -> Option<AllowedBy> {
    let about = finding.exceptions.iter().filter_map(|number| exceptions.get(*number));
    let all = about.filter(|exception| exception.fits(conditions)).map(|it| it.allowed_by(conditions.today));
    // The system's stand first, and lift more.
    all.min_by_key(AllowedBy::has_ended)
}

fn apply_strictness(finding: &Finding, decision: &mut Decision) {
    // An action that a policy file sets for this rule applies unchanged.
    if decision.source.is_some() {
        return;
    }
    decision.action = match finding.strictness {
        Strictness::Full => decision.action,
        Strictness::OneLess => decision.action.less_strict().max(decision.least),
        Strictness::WithoutNotes if decision.action == Action::Note => Action::Allow.max(decision.least),
        Strictness::WithoutNotes => decision.action,
        Strictness::WithoutTyping if decision.action == Action::Type => Action::Ask.max(decision.least),
        Strictness::WithoutTyping => decision.action,
        Strictness::AtMostNoted => decision.action.min(Action::Note).max(decision.least),
        Strictness::AtLeastAsked => decision.action.max(Action::Ask),
        // Where they are milder, they were made at most a note.
        Strictness::NotedAloneInDev | Strictness::NotedForScripts => decision.action,
    };
}

/// The decision on what leads to other engines: the strictest of theirs. To leave an engine for one that is judged less strictly is
/// allowed.
fn decide_elsewhere(
    finding: &mut Finding,
    elsewhere: &Elsewhere,
    here: &EnginePlace,
    context: &JudgementContext,
) -> Decision {
    let at = |target: &Target| {
        let facts = (context.facts)(target);
        let place = place_with(target, context, || facts.labels_at_hand());
        (
            context.policy.environment(&place),
            context.policy.decide(finding.rule, finding.class, &place, &context.caller),
        )
    };
    let before = match &elsewhere.from {
        Some(from) => at(from).0,
        None => context.policy.environment(here),
    };
    let decided = elsewhere.to.iter().map(at);
    let strictest = decided.max_by_key(|(environment, decision)| (strictness(&environment.preset), decision.action));
    let Some((environment, mut decision)) = strictest else { return Decision::preset(Action::Allow) };
    if strictness(&environment.preset) < strictness(&before.preset) {
        return Decision::preset(Action::Allow);
    }
    apply_strictness(finding, &mut decision);
    if environment.preset == "prod" {
        finding.title = format!("{}, which is production ({})", finding.title, environment.because);
    }
    decision
}

/// Whether the command changes nothing, so that it can go straight to the real client.
pub fn changes_nothing(invocation: &Invocation) -> bool {
    if invocation.refusal.is_some() || invocation.plugin.is_some() {
        return false;
    }
    invocation.shows.is_some()
        || invocation.command.is_some_and(|command| crate::grammar::only_reads(command.canonical))
}
