//! Every rule's own examples, and the page that is made from the rules.

use crate::support::example::judged;
use fender_core::policy::Action;
use fender_core::rules::{Class, RULES};

fn finds(line: &str, rule: &str) -> bool {
    judged(line, "dev").complaints.iter().any(|complaint| complaint.finding.rule.id == rule)
}

#[test]
fn every_rule_finds_its_examples_and_leaves_the_others() {
    let mut wrong = Vec::new();
    for rule in RULES {
        assert!(!rule.fires.is_empty() && !rule.quiet.is_empty(), "{} needs examples", rule.id);
        for line in rule.fires.iter().filter(|line| !finds(line, rule.id)) {
            wrong.push(format!("{} does not find: docker {line}", rule.id));
        }
        for line in rule.quiet.iter().filter(|line| finds(line, rule.id)) {
            wrong.push(format!("{} finds: docker {line}", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_finds_its_examples_in_files() {
    let mut wrong = Vec::new();
    for rule in RULES {
        for (number, example) in rule.files.iter().enumerate() {
            let words = if example.name == "compose.yaml" { continue } else { "build" };
            for (kind, expected) in [("bad", true), ("good", false)] {
                let line = format!("{words} examples/{}/{number}/{kind}", rule.id);
                let found = finds(&line, rule.id);
                if found != expected {
                    wrong.push(format!("{} in {number}/{kind}: {found}", rule.id));
                }
                // A better file has nothing else wrong with it.
                let others = judged(&line, "dev").complaints;
                let others: Vec<&str> =
                    others.iter().filter(|it| !it.finding.places.is_empty()).map(|it| it.finding.rule.id).collect();
                if !expected && !others.is_empty() {
                    wrong.push(format!("{} in {number}/{kind}: {others:?}", rule.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_are_well_formed() {
    let mut ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    for rule in RULES {
        assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", rule.id);
        assert!(rule.why.ends_with('.') && rule.why.len() > 60, "{}: why", rule.id);
        assert!(!rule.title.ends_with('.'), "{}: title", rule.id);
    }
}

#[test]
fn the_page_of_rules_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    let made = fender::commands::rules::markdown();
    if std::env::var_os("FENDER_UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let is_current = std::fs::read_to_string(path).unwrap_or_default() == made;
    assert!(is_current, "docs/rules.md is stale: FENDER_UPDATE=1 cargo test --test quick makes it again");
}

#[test]
fn the_presets_hold() {
    let action = |line: &str, environment: &str| judged(line, environment).action;
    for (line, dev, ci, prod) in [
        ("run -v /:/h safe:1", Action::Ask, Action::Ask, Action::Refuse),
        ("volume rm pg", Action::Ask, Action::Note, Action::Type),
        ("rm -f web", Action::Note, Action::Note, Action::Ask),
        ("run tools:1.4", Action::Note, Action::Note, Action::Ask),
        ("ps -a", Action::Allow, Action::Allow, Action::Allow),
        ("run --rm -m 1g safe:1", Action::Allow, Action::Allow, Action::Allow),
        // Away with its command: one step milder in class hygiene.
        ("run --rm tools:1.4", Action::Allow, Action::Allow, Action::Note),
        ("run --rm -d tools:1.4", Action::Note, Action::Note, Action::Ask),
        ("run --rm --privileged tools:1.4", Action::Ask, Action::Ask, Action::Refuse),
    ] {
        assert_eq!([action(line, "dev"), action(line, "ci"), action(line, "prod")], [dev, ci, prod], "docker {line}");
    }
}

#[test]
fn a_refusal_of_dockers_own_is_left_to_docker() {
    for line in ["run", "run --privileged", "ps extra", "-H x --context y run safe:1", "volume rm"] {
        let judgement = judged(line, "prod");
        assert_eq!(judgement.action, Action::Allow, "docker {line}");
        assert!(judgement.lowered.refusal.is_some(), "docker {line}");
    }
    // What docker may take after all is judged: another version may know the value, a file may appear.
    for line in ["run -m x --privileged safe:1", "run --memory-swappiness 101 --privileged safe:1"] {
        let judgement = judged(line, "prod");
        assert!(judgement.lowered.refusal.is_some(), "docker {line}");
        assert_eq!(judgement.action, Action::Refuse, "docker {line}");
    }
}

#[test]
fn unknown_words_hide_nothing() {
    for line in [
        "run --shiny --privileged tools:1.4",
        "run --shiny x --privileged tools:1.4",
        "run -Zv/:/h tools:1.4",
        "run --mount type=bind,src=/,dst=/h,shiny=1 tools:1.4",
        "run --shiny --mount type=bind,src=/etc,dst=/h tools:1.4",
    ] {
        let judgement = judged(line, "dev");
        let escapes = judgement.complaints.iter().any(|complaint| complaint.finding.class == Class::Escape);
        assert!(escapes && judgement.action >= Action::Ask, "docker {line}: {:?}", judgement.action);
    }
}

#[test]
fn one_cause_one_complaint() {
    for (line, once) in [
        ("system prune -a", &["prune-all"][..]),
        ("system prune --volumes", &["removes-anonymous-volumes", "prune", "unsaved-data"]),
        ("rm -f web", &["removes-running"]),
        ("compose down -v", &["removes-volume", "removes-running"]),
        ("run -m 1g -v /var/run/docker.sock:/s safe:1", &["docker-socket"]),
        ("run -m 1g -p 80:80 -p 81:81 safe:1", &["published-port"]),
    ] {
        let judgement = judged(line, "dev");
        let ids: Vec<&str> = judgement.complaints.iter().map(|complaint| complaint.finding.rule.id).collect();
        assert_eq!(ids, once, "docker {line}");
    }
}

#[test]
fn volumes_from_is_judged_by_what_the_other_mounts() {
    assert!(finds("run --volumes-from unknown tools:1.4", "inherits-mounts"));
    assert!(!finds("run --volumes-from plain tools:1.4", "inherits-mounts"));
}

/// The lines of a file of commands.
pub fn corpus(name: &str) -> Vec<String> {
    let path = format!("{}/tests/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn dangerous_commands_are_caught_in_every_spelling() {
    let lines = corpus("dangerous.txt");
    let missed: Vec<&String> = lines
        .iter()
        .filter(|line| judged(line, "dev").action < Action::Ask || judged(line, "prod").action < Action::Type)
        .collect();
    assert!(missed.is_empty(), "{} of {} missed: {missed:#?}", missed.len(), lines.len());
    let lines = corpus("outage.txt");
    let missed: Vec<&String> = lines
        .iter()
        .filter(|line| judged(line, "dev").action < Action::Note || judged(line, "prod").action < Action::Ask)
        .collect();
    assert!(missed.is_empty(), "{} of {} missed: {missed:#?}", missed.len(), lines.len());
}

/// Each line of `verdicts.txt` says what is done about its command in dev, in ci and in prod.
#[test]
fn commands_have_their_verdicts() {
    let lines = corpus("verdicts.txt");
    let mut wrong = Vec::new();
    for line in &lines {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let [dev, ci, prod, command] = words[..] else { panic!("{line}: three verdicts and a command") };
        for (environment, wanted) in [("dev", dev), ("ci", ci), ("prod", prod)] {
            let judgement = judged(command, environment);
            let action = judgement.action.name();
            if action != wanted {
                let ids: Vec<&str> = judgement.complaints.iter().map(|it| it.finding.rule.id).collect();
                wrong.push(format!("{environment}: {action}, not {wanted}: docker {command} {ids:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} verdicts of {} lines:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
    assert!(lines.len() > 70, "{} lines were judged", lines.len());
}

#[test]
fn plain_commands_interrupt_nobody() {
    let lines = corpus("plain.txt");
    let stopped: Vec<&String> = lines.iter().filter(|line| judged(line, "dev").action > Action::Note).collect();
    assert!(stopped.is_empty(), "{} of {} stop: {stopped:#?}", stopped.len(), lines.len());
}

/// Ids that are also words of docker's: as strings they may mean docker's flag, command or value.
const DOCKERS_WORDS: &[&str] = &["privileged", "prune", "unconfined", "volume-driver", "protected"];

/// A rule is named in one place; who must name it elsewhere takes the constant, so that a renamed rule changes nothing silently.
#[test]
fn rule_ids_are_strings_only_in_their_own_files() {
    fn sources(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("crates"), &mut files);
    assert!(files.len() > 100, "the sources are where the test looks");
    let mut wrong = Vec::new();
    for path in files.iter().filter(|path| !path.to_string_lossy().contains("/src/rules/")) {
        let text = std::fs::read_to_string(path).unwrap();
        // Unit tests stand at the end of a file and may write what a person would write.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            for rule in RULES.iter().filter(|rule| !DOCKERS_WORDS.contains(&rule.id)) {
                if line.contains(&format!("\"{}\"", rule.id)) && !line.trim_start().starts_with("//") {
                    wrong.push(format!("{}:{}: {}", path.display(), number + 1, rule.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "rule ids as strings:\n{}", wrong.join("\n"));
}

/// The docker commands in an advice, as far as they are commands: flags, names in capitals, and all of a `run`.
fn commands_in(advice: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for part in advice.split([';', '>']).flat_map(|part| part.split(", ")).flat_map(|part| part.split(". ")) {
        let Some((_, rest)) = part.split_once("docker ") else { continue };
        let typed: Vec<String> = shell_words::split(rest).unwrap_or_default();
        let path = (1..=typed.len().min(3)).rev().find(|len| {
            let name = typed[..*len].join(" ");
            fender_core::grammar::find(&name).is_some_and(|command| !command.canonical.is_empty())
        });
        let Some(len) = path else { continue };
        let is_part = |word: &&String| {
            word.starts_with('-')
                || word.contains(['=', '/', ':'])
                || word.chars().all(|letter| letter.is_ascii_uppercase())
        };
        let more = typed[len..].iter().take_while(|word| typed[0] == "run" || is_part(word)).cloned();
        found.push(typed[..len].iter().cloned().chain(more).collect());
    }
    found
}

/// What fender advises passes fender: in dev it is not asked about, and on production it is not worse than a question.
#[test]
fn every_advice_passes_fender() {
    assert_eq!(commands_in("make a copy first: docker run --rm -v V:/v:ro alpine tar c /v > x.tar").len(), 1);
    assert_eq!(commands_in("docker stop sends SIGTERM; docker context export NAME saves it")[1].len(), 3);
    let (mut wrong, mut judged_all) = (Vec::new(), 0);
    for rule in RULES {
        let found = rule.fires.iter().flat_map(|line| {
            let complaints = judged(line, "dev").complaints;
            complaints.into_iter().filter(|it| it.finding.rule.id == rule.id).map(|it| it.finding.instead)
        });
        let mut advice: Vec<String> = found.chain([rule.instead.to_owned()]).collect();
        advice.sort_unstable();
        advice.dedup();
        for advice in advice {
            // From wherever it is typed: the home of root too.
            if advice.contains("$PWD") {
                wrong.push(format!("{}: mounts the folder in which it is typed: {advice}", rule.id));
            }
            for command in commands_in(&advice) {
                judged_all += 1;
                let line = shell_words::join(&command);
                for (environment, most) in [("dev", Action::Note), ("ci", Action::Note), ("prod", Action::Ask)] {
                    let action = judged(&line, environment).action;
                    if action > most {
                        wrong.push(format!("{}: {environment}: {action}: docker {line}", rule.id));
                    }
                }
            }
            if advice.contains("--filter until=") {
                for line in
                    rule.fires.iter().filter(|line| line.contains("image prune") || line.contains("system prune -a"))
                {
                    let narrower = format!("{line} --filter until=240h");
                    let action = judged(&narrower, "prod").action;
                    if judged(&narrower, "prod").lowered.refusal.is_none() && action > Action::Ask {
                        wrong.push(format!("{}: prod: {action}: docker {narrower}", rule.id));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged_all > 30, "{judged_all} commands were found in the advice");
}

/// A fix of a command is judged no more strictly than the command, and finds nothing new.
#[test]
fn every_fix_passes_fender() {
    let (mut wrong, mut fixed) = (Vec::new(), 0);
    for rule in RULES {
        for line in rule.fires {
            for environment in ["dev", "ci", "prod"] {
                let before = judged(line, environment);
                let Some(words) = &before.rewrite else { continue };
                fixed += 1;
                let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                let after = judged(&shell_words::join(&texts), environment);
                let known = |id: &str| before.complaints.iter().any(|it| it.finding.rule.id == id);
                // A smaller prune in place of a larger one has a rule of its own.
                let new: Vec<&str> = after
                    .complaints
                    .iter()
                    .filter(|it| !known(it.finding.rule.id) && !it.finding.rule.about_deletion)
                    .map(|it| it.finding.rule.id)
                    .collect();
                if after.action > before.action || !new.is_empty() || after.lowered.refusal.is_some() {
                    wrong.push(format!("{environment}: {line}: {}: {new:?} {}", texts.join(" "), after.action));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(fixed > 60, "{fixed} fixes were judged");
}
