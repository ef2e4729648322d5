//! Steps of a Dockerfile that fetch the list of packages and leave the installation to a later step.

use std::collections::HashMap;

use crate::files::dockerfile::{CommandForm, Directive, Dockerfile, Instruction};
use crate::files::script::{commands, shell_script};
use crate::text::has_one_of;

/// A step that only fetches the list, and how it is written: `apt-get update`.
pub struct ListStep<'a> {
    /// The step.
    pub run: &'a Instruction,
    /// The command in it.
    pub command: String,
    /// The command that installs with that list in a later step: `apt-get install`.
    pub later: String,
}

/// A package manager: its programs, the words by which it fetches its list, by which it installs, and by which it does both.
struct Manager {
    programs: &'static [&'static str],
    fetches: &'static [&'static str],
    installs: &'static [&'static str],
    /// Words that need the list, too, and install nothing new.
    upgrades: &'static [&'static str],
    /// Options by which an installation fetches the list by itself.
    fetching: &'static [&'static str],
}

static MANAGERS: &[Manager] = &[
    Manager {
        programs: &["apt-get", "apt", "aptitude"],
        fetches: &["update"],
        installs: &["install", "build-dep", "source", "satisfy", "reinstall"],
        upgrades: &["upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"],
        fetching: &["--update"],
    },
    Manager {
        programs: &["apk"],
        fetches: &["update"],
        installs: &["add"],
        upgrades: &["upgrade", "fix"],
        fetching: &["--no-cache", "--update", "--update-cache", "-U"],
    },
    Manager {
        programs: &["yum", "dnf", "dnf5", "microdnf", "tdnf"],
        fetches: &["makecache"],
        installs: &["install", "groupinstall", "localinstall", "builddep", "reinstall"],
        upgrades: &["update", "upgrade", "distro-sync"],
        fetching: &["--refresh"],
    },
    Manager {
        programs: &["zypper"],
        fetches: &["refresh", "ref"],
        installs: &["install", "in"],
        upgrades: &["update", "up", "dist-upgrade", "dup", "patch"],
        fetching: &[],
    },
    Manager {
        programs: &["opkg"],
        fetches: &["update"],
        installs: &["install"],
        upgrades: &["upgrade"],
        fetching: &[],
    },
];

/// What a command does with the list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Fetches,
    Installs,
    Upgrades,
}

/// Words that may stand in front of a program and run it.
const BEFORE: &[&str] = &[
    "sudo",
    "doas",
    "env",
    "exec",
    "command",
    "time",
    "nice",
    "ionice",
    "timeout",
    "eatmydata",
    "then",
    "else",
    "do",
    "if",
    "elif",
    "while",
    "until",
    "!",
    "{",
    "busybox",
    "fakeroot",
    "retry",
    "xargs",
    "yes",
];

/// What the commands of a step do with lists, in their order; the program and the word of each.
fn uses(run: &Instruction) -> Vec<(&'static Manager, Use, String)> {
    let Directive::Run(command) = &run.what else { return Vec::new() };
    let all = match command {
        CommandForm::Exec(words, _) => match shell_script(words).filter(|_| is_shell(words)) {
            Some(script) => commands(script),
            None => vec![words.clone()],
        },
        CommandForm::Shell(script, _) => commands(script),
    };
    all.iter().filter_map(|words| use_of(words)).collect()
}

fn is_shell(words: &[String]) -> bool {
    let name = words.first().and_then(|first| first.rsplit('/').next());
    name.is_some_and(|name| name.ends_with("sh"))
}

fn use_of(words: &[String]) -> Option<(&'static Manager, Use, String)> {
    let (at, manager) = words.iter().enumerate().find_map(|(at, word)| {
        let name = word.rsplit('/').next()?;
        Some((at, MANAGERS.iter().find(|it| it.programs.contains(&name))?))
    })?;
    let is_before = |word: &String| {
        let is_setting = word.contains('=') || word.starts_with('-') || word.bytes().all(|byte| byte.is_ascii_digit());
        is_setting || BEFORE.contains(&word.rsplit('/').next().unwrap_or_default())
    };
    let (before, rest) = words.split_at_checked(at)?;
    if !before.iter().all(is_before) {
        return None;
    }
    let (program, rest) = rest.split_first()?;
    let verb = rest.iter().find(|word| {
        [manager.fetches, manager.installs, manager.upgrades].iter().any(|list| list.contains(&word.as_str()))
    })?;
    let is_in = |list: &[&str]| list.contains(&verb.as_str());
    let fetches_itself = rest.iter().any(|word| manager.fetching.contains(&word.as_str()));
    let kind = match () {
        () if is_in(manager.fetches) || fetches_itself => Use::Fetches,
        () if is_in(manager.installs) => Use::Installs,
        () => Use::Upgrades,
    };
    // With both in one command there is nothing to wait for.
    let is_both = fetches_itself && !is_in(manager.fetches);
    let name = program.rsplit('/').next().unwrap_or_default();
    (!is_both).then(|| (manager, kind, format!("{name} {verb}")))
}

/// A step that fetched a list with which nothing was installed so far.
type FetchedList<'a> = (&'a Instruction, &'static Manager, String);

/// The steps of these stages that fetch a list and install nothing with it, where a later step installs with the old list.
pub fn list_steps<'a>(file: &'a Dockerfile, needed: &[usize]) -> Vec<ListStep<'a>> {
    let mut found: Vec<ListStep> = Vec::new();
    // Most files fetch no list in a step of its own, and need not be cut into words.
    let fetches = |run: &Instruction| match &run.what {
        Directive::Run(command) => MANAGERS.iter().any(|manager| has_one_of(&command.script(), manager.fetches)),
        _ => false,
    };
    if !needed.iter().filter_map(|at| file.stages.get(*at)).any(|stage| stage.instructions.iter().any(fetches)) {
        return found;
    }
    // What each stage leaves to those that are built from it.
    let mut left: HashMap<usize, Vec<FetchedList>> = HashMap::new();
    for at in needed {
        let Some(stage) = file.stages.get(*at) else { continue };
        let mut waiting = stage.parent.and_then(|parent| left.get(&parent)).cloned().unwrap_or_default();
        for run in stage.instructions.iter().filter(|it| !it.on_build) {
            step(run, &mut waiting, &mut found);
        }
        left.insert(*at, waiting);
    }
    found
}

fn step<'a>(run: &'a Instruction, waiting: &mut Vec<FetchedList<'a>>, found: &mut Vec<ListStep<'a>>) {
    let all = uses(run);
    for manager in MANAGERS {
        let own: Vec<_> = all.iter().filter(|(other, _, _)| std::ptr::eq(*other, manager)).collect();
        let Some((_, first, command)) = own.first() else { continue };
        let installs = own.iter().any(|(_, kind, _)| *kind == Use::Installs);
        let waited: Vec<FetchedList> = waiting.extract_if(.., |(_, other, _)| std::ptr::eq(*other, manager)).collect();
        if *first != Use::Fetches {
            for (run, _, fetching) in waited {
                if !found.iter().any(|it| std::ptr::eq(it.run, run)) {
                    found.push(ListStep { run, command: fetching, later: command.clone() });
                }
            }
        } else if !installs {
            waiting.push((run, manager, command.clone()));
        }
    }
}
