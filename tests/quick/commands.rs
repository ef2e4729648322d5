//! The page of all commands: which rules judge each of them, or why none does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::rules::corpus;
use crate::support::example::judged;
use fender_core::grammar::{COMMANDS, only_reads};
use fender_core::rules::RULES;

/// Lines for commands, and for dangers of commands, that stand in no rule's example and in no corpus.
const MORE: &[&str] = &[
    "attach --sig-proxy web",
    "buildx dap build --allow security.insecure .",
    "buildx debug build --allow security.insecure .",
    "buildx history import -f /etc/shadow",
    "compose -f compose.prod.yaml alpha watch",
    "compose -f compose.prod.yaml create",
    "compose -f compose.prod.yaml run worker",
    "compose -f compose.prod.yaml scale worker=2",
    "compose -f compose.prod.yaml up",
    "compose -f compose.prod.yaml watch",
    "compose -p shop create",
    "compose -p shop kill",
    "compose -p shop pause",
    "compose -p shop restart",
    "compose -p shop rm -fs",
    "compose -p shop scale web=2",
    "compose -p shop start",
    "compose -p shop unpause",
    "compose -p shop wait --down-project web",
    "compose -p shop watch",
    "compose alpha publish registry.example.com/shop",
    "compose alpha scale web=0",
    "compose bridge convert -o /etc/x",
    "compose bridge transformations create /etc/x",
    "compose commit web app:1",
    "compose config -o /etc/x",
    "compose convert -o /etc/x",
    "compose export -o /etc/x web",
    "compose publish registry.example.com/shop",
    "context export prod-web /etc/cron.d/x",
    "context import staging /etc/shadow",
    "plugin push ann/sshfs",
    "trust key generate --dir /etc ann",
    "trust key load /etc/shadow",
    "trust sign ann/app:1",
    "trust signer add --key /etc/shadow ann registry.example.com/app",
];

/// Why no rule judges a command that does something.
const REASONS: &[(&str, &str)] = &[
    ("buildx history inspect attachment", "only reads"),
    ("buildx history open", "shows a record in Docker Desktop"),
    ("buildx history trace", "shows a record in a browser, through a server of its own on this machine"),
    ("buildx policy eval", "only reads: it shows what a policy says of a source"),
    ("buildx policy test", "only reads: it runs the tests of a policy"),
    ("buildx stop", "the next build starts the builder again, with its cache"),
    ("compose alpha dry-run", "changes nothing: compose shows what it would do"),
    ("compose alpha generate", "prints a compose file for containers that run"),
    ("compose alpha viz", "only reads"),
    ("compose attach", "connects the terminal to a process that runs already"),
    ("compose bridge transformations list", "only reads"),
    ("container attach", "connects the terminal to a process that runs already"),
    ("container start", "starts what was judged when it was made"),
    ("container unpause", "lets a container go on"),
    ("context create", "a new name for an engine; over one that is in use it is judged by `context-switch`"),
    ("logout", "deletes credentials of the client, which a new login brings back"),
    ("manifest annotate", "changes a list on this machine, which nothing uses before it is pushed"),
    ("manifest create", "makes a list on this machine, which nothing uses before it is pushed"),
    ("manifest rm", "deletes a list on this machine that was not pushed yet"),
    ("network connect", "adds a network to a container; what it had it keeps"),
    ("node promote", "a node of the swarm becomes a manager; nothing stops"),
    ("plugin create", "makes a plugin from a folder; to enable it is judged by `plugin-install`"),
    ("stack config", "only reads: it prints the files of a stack"),
    ("swarm join", "the engine becomes a node; what runs on it goes on"),
    ("swarm unlock", "starts a manager that waits for its key"),
    ("trust signer remove", "takes a signer's name out of a repository; its signatures stay until they are revoked"),
    ("volume update", "moves a cluster volume only after its containers have ended"),
];

/// The rules that find something on lines of each command.
fn found() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut lines: Vec<String> = RULES.iter().flat_map(|rule| rule.fires).map(|line| (*line).to_owned()).collect();
    lines.extend(corpus("dangerous.txt").into_iter().chain(corpus("outage.txt")));
    lines.extend(corpus("verdicts.txt").iter().filter_map(|line| Some(line.splitn(4, ' ').nth(3)?.to_owned())));
    lines.extend(MORE.iter().map(|line| (*line).to_owned()));
    // Commands that take the same flags.
    let also = |line: &String| {
        let pairs = [("run ", "create "), ("build ", "buildx build "), ("build ", "builder build ")];
        let same = pairs.into_iter().filter_map(|(one, other)| Some(format!("{other}{}", line.strip_prefix(one)?)));
        same.collect::<Vec<_>>()
    };
    lines.extend(lines.iter().flat_map(also).collect::<Vec<_>>());
    let mut found: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for line in lines {
        let judgement = judged(&line, "prod");
        let rules = judgement.complaints.iter().map(|complaint| complaint.finding.rule.id);
        found.entry(judgement.invocation.canonical().to_owned()).or_default().extend(rules);
    }
    found
}

/// One line of the page: the command, its other names, and what judges it.
fn lines() -> BTreeMap<&'static str, (BTreeSet<&'static str>, String)> {
    let found = found();
    let mut lines: BTreeMap<&'static str, (BTreeSet<&'static str>, String)> = BTreeMap::new();
    for command in COMMANDS.iter().filter(|command| !command.path.is_empty()) {
        let name = command.canonical;
        let (others, text) = lines.entry(name).or_default();
        if command.path != name {
            others.insert(command.path);
        }
        let reason = REASONS.iter().find(|(known, _)| *known == name).map(|(_, reason)| *reason);
        let rules = found.get(name).filter(|rules| !rules.is_empty());
        *text = match (rules, reason) {
            (Some(rules), None) => rules.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(" "),
            (None, Some(reason)) => reason.to_owned(),
            (None, None) if command.group => "only groups other commands".to_owned(),
            (None, None) if only_reads(name) => "only reads".to_owned(),
            (Some(rules), Some(_)) => panic!("docker {name} has rules and a reason why it has none: {rules:?}"),
            (None, None) => panic!("docker {name}: no rule judges it, and there is no reason why"),
        };
    }
    lines
}

#[test]
fn the_page_of_commands_is_current() {
    let lines = lines();
    for (name, _) in REASONS {
        assert!(lines.contains_key(name), "there is no command docker {name}");
    }
    let mut made = String::from(
        "# All commands, and what judges each of them\n\nMade by `tests/quick/commands.rs` from the tables of docker's, compose's and buildx's commands: the rules that \
         find\nsomething on one of the lines of the rules' examples and of the corpora, or the reason why no rule does. `not-understood` judges\nwords of any command \
         that fender does not know, `unknown-program` what is no command of docker's.\n",
    );
    let of = |family: &str| -> Vec<_> {
        let first = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
        let belongs = |name: &str| match family {
            "docker" => !matches!(first(name).as_str(), "compose" | "buildx"),
            family => first(name) == family,
        };
        lines.iter().filter(|(name, _)| belongs(name)).collect()
    };
    for family in ["docker", "compose", "buildx"] {
        let rows = of(family);
        write!(made, "\n## {family}: {} commands\n\n| command | also | judged by |\n| --- | --- | --- |\n", rows.len())
            .unwrap();
        for (name, (others, text)) in rows {
            let others: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
            writeln!(made, "| `{name}` | {} | {text} |", others.join(" ")).unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");
    if std::env::var_os("FENDER_UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let is_current = std::fs::read_to_string(path).unwrap_or_default() == made;
    assert!(is_current, "docs/commands.md is stale: FENDER_UPDATE=1 cargo test --test quick commands:: makes it again");
}
