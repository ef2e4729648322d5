//! `fender plan`: what a command would change on the engine: what it deletes, replaces, creates, starts and stops. Changes nothing.

use std::ffi::OsString;
use std::io::{IsTerminal, Write, stdout};
use std::rc::Rc;

use clap::{Args, ValueEnum};

use super::explain::{CallerName, docker_words, verdict};
use crate::engine::Engine;
use crate::environment::caller;
use crate::environment::host::{Surroundings, hostname, ids, today};
use crate::environment::policy::read_layers;
use crate::exit::DONE;
use crate::failure::Failure;
use crate::ui::plan as shown;
use crate::ui::screen::{Screen, command_line};
use crate::{session, trash};
use fender_core::api::EngineProblem;
use fender_core::engine::Lookup;
use fender_core::grammar::parse::Invocation;
use fender_core::host::Host;
use fender_core::judge::{Judgement, JudgementContext, change_steps_of, deletions, judge, unknown_changes_of};
use fender_core::lower::read;
use fender_core::lower::{Effect, Lowered, Workload, lower, with_files};
use fender_core::plan::Facts;
use fender_core::plan::Plan;
use fender_core::policy::Policy;
use fender_core::target::{Target, choose};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PlanFormat {
    Text,
    Json,
}

#[derive(Args, Debug)]
pub struct PlanCommand {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: PlanFormat,
    /// Judge for this caller; the environment's markers do not count
    #[arg(long, value_enum, default_value = "person")]
    caller: CallerName,
    /// Show passwords and tokens as *** in JSON too
    #[arg(long)]
    mask: bool,
    /// The command, with or without docker in front; a single argument is split as a shell would split it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "WORDS")]
    words: Vec<OsString>,
}

impl PlanCommand {
    pub fn run(self) -> Result<u8, Failure> {
        stdout().write_all(self.planned()?.as_bytes())?;
        Ok(DONE)
    }

    fn planned(&self) -> Result<String, Failure> {
        let words = docker_words(&self.words, PlanCommand::augment_args)?;
        let policy = Policy { layers: read_layers()? };
        let host = Surroundings { assume_terminal: true };
        let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let invocation = read(&texts, &host);
        let mut lowered = lower(&invocation, &host);
        if let Some(refusal) = &lowered.refusal {
            let said = refusal.text.lines().next().unwrap_or_default();
            return Err(Failure::user(format!("docker would refuse this: {said}")));
        }
        let engine = session::engine_without_client(&choose(&invocation, &host), &policy);
        with_files(&invocation, &mut lowered, &engine, &host);
        let plan = of(&invocation, &lowered, &engine, &host, &policy)?;
        let judgement = self.judged(&words, &host, &policy);
        match self.format {
            PlanFormat::Json => {
                let mut value = serde_json::to_value(&plan)?;
                value["caller"] = serde_json::to_value(judgement.caller)?;
                value["action"] = serde_json::to_value(judgement.action)?;
                value["changes"] = serde_json::to_value(plan.all_changes())?;
                if self.mask {
                    fender_core::files::mask::json(&mut value);
                }
                Ok(serde_json::to_string_pretty(&value)? + "\n")
            }
            PlanFormat::Text => {
                let screen = Screen::new(stdout().is_terminal());
                let mut out = format!("{}\n\n", screen.bold(&command_line(&texts)));
                out.push_str(&shown::whole(&plan, &screen, trash::now()));
                out.push_str(&format!("\n  {}\n", verdict(&judgement)));
                Ok(out)
            }
        }
    }
}

impl PlanCommand {
    /// What fender would say of the command, for the caller that was named.
    fn judged(&self, words: &[OsString], host: &dyn Host, policy: &Policy) -> Judgement {
        let facts = |target: &Target| -> Rc<dyn Facts> { Rc::new(session::engine_without_client(target, policy)) };
        let context = JudgementContext {
            host,
            policy,
            facts: &facts,
            hostname: hostname(),
            today: today(),
            ids: ids(),
            caller: caller::here(self.caller.kind(), policy),
            environment: None,
        };
        judge(words, &context)
    }
}

/// The plan of a command that was read, with what the trash would keep.
fn of(
    invocation: &Invocation,
    lowered: &Lowered,
    engine: &Engine,
    host: &dyn Host,
    policy: &Policy,
) -> Result<Plan, EngineProblem> {
    let steps = deletions(invocation, lowered, engine, host);
    let changes = change_steps_of(invocation, lowered, engine, host);
    let mut plan = Plan::default();
    if !steps.is_empty() {
        plan = (*engine.plan(&steps)?).clone();
        trash::fit(&mut plan, &policy.trash());
        if let Ok(connection) = engine.connection() {
            trash::foresee(connection, &mut plan, engine.is_local(), trash::SettingsRead::Now);
        }
    }
    if !changes.is_empty() {
        plan.add_changes(engine.changes(&changes)?);
    }
    let unknown = unknown_changes_of(invocation, engine, host).filter(|why| !plan.unclear.contains(why));
    plan.unclear.extend(unknown);
    plan.warnings.extend(ends_with_its_volumes(lowered, engine));
    Ok(plan)
}

/// `run --rm`: the container's anonymous volumes go when it ends.
pub fn ends_with_its_volumes(lowered: &Lowered, facts: &dyn Facts) -> Option<String> {
    let workload = lowered.effects.iter().find_map(|effect| match effect {
        Effect::Request(request) => Workload::of(request).filter(|workload| workload.auto_remove),
        _ => None,
    })?;
    let mut paths: Vec<String> = workload
        .mounts
        .iter()
        .filter(|mount| mount.source.is_empty() && mount.kind == fender_core::lower::workload::MountKind::Volume)
        .map(|mount| mount.target.clone())
        .collect();
    if let Some(Lookup::Found(image)) = workload.image.as_deref().map(|name| facts.image(name)) {
        let mounted = |path: &String| workload.mounts.iter().any(|mount| mount.target == *path);
        paths.extend(image.volumes.into_iter().filter(|path| !mounted(path)));
    }
    if paths.is_empty() {
        return None;
    }
    Some(format!(
        "--rm also deletes the anonymous volumes of this container when it ends: {}",
        fender_core::text::named(&paths)
    ))
}
