//! What fender says of itself: its help, what it suggests for mistyped words, its variables and its exit codes.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::{env, fs};

use crate::support::place::{Place, error, script};
use crate::support::process::{fender, program, root, without_terminal};
use fender::commands::command;
use fender::environment::variables::VARIABLES;
use fender::exit::CODES;

const HELP: &str = "\
fender stands in front of docker. It works out what a command would do, and then
allows it, prints a note, rewrites it, asks or refuses.

Usage: fender COMMAND [ARGS]

Judge a command or a file; nothing is run
  explain      Show what a docker command would do, and what fender would say
  why          Explain the last command that fender had something to say about
  plan         Show what a docker command would delete, and what is lost
  lint         Find and fix problems in Dockerfiles, compose and bake files
  context      Show which files a build would send, and which are secrets

Delete and undo
  undo         Restore what the last deletion on this engine took
  trash        List, restore or remove what was kept of deletions
  protect      Protect something from deletion; alone: list what is protected
  unprotect    Allow deletion again of something that is protected

Set up
  doctor       Check the installation, and say how to fix what is not right
  policy       Test a policy by the examples that it contains
  completions  Print completions for a shell
  docker       Guard one docker command, whatever fender's file is called

Learn
  rules        List the rules, or explain one and how to allow it
  help         Show the options of a command

Variables that fender reads
  FENDER_NOTES=always            print notes without a terminal, too
  CI                             set, and not false or 0: a local engine is ci
  CLAUDECODE, CURSOR_AGENT       set by a coding agent: no question is answered
  CODEX_SANDBOX, CODEX_THREAD_ID the same
  GEMINI_CLI, OPENCODE, AI_AGENT the same
  COPILOT_*                      the same, where there is no terminal
  NO_COLOR, TERM=dumb            no colours
  PAGER                          the program that shows long lists (less -R)
  XDG_CONFIG_HOME, HOME          your policy: ~/.config/fender/policy.toml
  XDG_STATE_HOME                 trash, locks, fender why: ~/.local/state/fender
  PATH                           where the real docker client is looked for
  SHELL                          the shell that doctor checks
  SUDO_UID, SUDO_GID             whose ids --user is offered with under sudo
  DOCKER_*, BUILDX_*, COMPOSE_*  as docker, buildx and compose read them
  FENDER_CHAIN                   set by fender, to end loops of wrappers

Exit codes; every other one is docker's own
  0    done; lint and doctor: nothing found
  1    lint: problems found; doctor: something to fix; others: it could not be
       done, or only a part of it
  2    fender cannot use its arguments, a file or a policy
  125  not run: refused, answered no, nobody to ask, or fender itself failed
  126  the real client is there and cannot be started
  127  there is no real client

Read on
  fender help COMMAND   the options of a command
  fender rules ID       why a rule exists, an example, and how to allow it
  README.md, docs/      in fender's source: policies, deletion, limits, rules
";

fn run(words: &[&str]) -> Output {
    let place = tempfile::tempdir().unwrap();
    let host = "unix:///nonexistent/docker.sock";
    fender().args(words).env("HOME", place.path()).env("DOCKER_HOST", host).current_dir(place.path()).output().unwrap()
}

fn output(words: &[&str]) -> String {
    String::from_utf8(run(words).stdout).unwrap()
}

#[test]
fn the_help_is_this() {
    assert_eq!(output(&["--help"]), HELP);
    for words in [&["-h"][..], &["help"]] {
        assert_eq!(output(words), HELP, "{words:?}");
    }
    let alone = run(&[]);
    assert_eq!((error(&alone).as_str(), alone.status.code()), (HELP, Some(2)));
    assert!(HELP.lines().all(|line| line.chars().count() <= 80));
}

/// Every command below one, as args.
fn all_commands(command: &clap::Command, above: &[String], all: &mut Vec<Vec<String>>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let words: Vec<String> = above.iter().cloned().chain([below.get_name().to_owned()]).collect();
        all_commands(below, &words, all);
        all.push(words);
    }
}

#[test]
fn every_command_is_listed_once_and_has_a_page() {
    let command = command();
    let listed: Vec<&str> = HELP
        .lines()
        .take_while(|line| !line.starts_with("Variables"))
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next())
        .collect();
    let mut names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).chain(["help"]).collect();
    let mut once = listed.clone();
    once.sort_unstable();
    names.sort_unstable();
    names.dedup();
    assert_eq!(once, names);
    let mut all = Vec::new();
    all_commands(&command, &[], &mut all);
    assert!(all.len() > 15, "{all:?}");
    // `fender docker --help` is docker's own help: what follows is docker's.
    for words in all.iter().filter(|words| *words != &["docker"]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let by_help = output(&[&["help"], words.as_slice()].concat());
        assert_eq!(by_help, output(&[words.as_slice(), &["--help"]].concat()), "{words:?}");
        assert!(by_help.contains(&format!("Usage: fender {}", words.join(" "))), "{words:?}: {by_help}");
    }
}

#[test]
fn a_mistyped_word_is_answered_with_the_one_that_was_meant() {
    for (words, said) in [
        (&["explan", "docker ps"][..], "fender: there is no command \"explan\": did you mean explain?\n"),
        (&["dcotor"], "fender: there is no command \"dcotor\": did you mean doctor?\n"),
        (&["help", "unprotct"], "fender: there is no command \"unprotct\": did you mean unprotect?\n"),
        (&["trash", "lst"], "fender: there is no command \"lst\": did you mean list?\n"),
        (&["zzz"], "fender: there is no command \"zzz\": fender --help lists them\n"),
        (&["run", "nginx"], "fender: there is no command \"run\": fender docker run guards docker's\n"),
        (&["rules", "privilegd"], "fender: there is no rule \"privilegd\": did you mean privileged?\n"),
        (&["rules", "socket"], "fender: there is no rule \"socket\": did you mean docker-socket?\n"),
        (&["rules", "zzz"], "fender: there is no rule \"zzz\": fender rules lists them\n"),
        (&["lint", "--fix=root-usr"], "fender: there is no rule \"root-usr\" with a fix: did you mean root-user?\n"),
        (&["explain", "--offlin", "docker ps"], "fender: there is no option \"--offlin\": did you mean --offline?\n"),
        (&["plan", "--formt=json", "docker ps"], "fender: there is no option \"--formt\": did you mean --format?\n"),
        (
            &["explain", "--environment", "prd", "docker ps"],
            "fender: there is no environment \"prd\": did you mean prod?\n",
        ),
        (
            &["rules", "privileged", "--environment", "prd"],
            "fender: there is no environment \"prd\": did you mean prod?\n",
        ),
        (&["explain", "--environment", "zzz", "docker ps"], "fender: there is no environment \"zzz\": dev, ci, prod\n"),
    ] {
        let output = run(words);
        assert_eq!((error(&output).as_str(), output.status.code()), (said, Some(2)), "{words:?}");
    }
    for (words, said) in [
        (&["lint", "--formt", "json"][..], "fender: there is no option \"--formt\" here: did you mean --format?\n"),
        (&["lint", "--format", "jsn"], "fender: \"jsn\" is not a value of --format <FORMAT>: did you mean json?\n"),
        (&["protect", "volum", "pg"], "fender: \"volum\" is not a value of [WHAT]: did you mean volume?\n"),
        (&["lint", "--zzz"], "fender: there is no option \"--zzz\" here\n"),
        (&["undo", "zzz"], "fender: there is no argument \"zzz\" here\n"),
    ] {
        let output = run(words);
        let text = error(&output);
        assert!(text.starts_with(said), "{words:?}: {text}");
        assert!(text.contains("Usage: fender ") || text.contains("is not a value"), "{words:?}: {text}");
        assert_eq!(output.status.code(), Some(2));
    }
    // What may be docker's own option is docker's to refuse.
    let text = output(&["explain", "--offline", "--lgo-level", "x", "ps"]);
    assert!(text.contains("docker says") && text.contains("--lgo-level"), "{text}");
}

#[test]
fn a_mistyped_policy_key_and_rule_in_a_file_too() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join(".config/fender")).unwrap();
    let policy = place.path().join(".config/fender/policy.toml");
    fs::write(&policy, "[rules]\nprune = \"ask\"\nprivilegd = \"ask\"\n").unwrap();
    let ask = || fender().args(["explain", "docker ps"]).env("HOME", place.path()).output().unwrap();
    assert_eq!(
        error(&ask()),
        format!(
            "fender: the policy cannot be read: {}:3:1: there is no rule \"privilegd\": did you mean privileged?\n",
            policy.display()
        )
    );
    fs::write(&policy, "[enviroments.prod]\n").unwrap();
    let text = error(&ask());
    assert!(text.ends_with(":1:2: there is no key \"enviroments\" here: did you mean environments?\n"), "{text}");
    fs::remove_file(&policy).unwrap();
    let file = "# fender: allow root-usr because of a test\nFROM alpine\n";
    fs::write(place.path().join("Dockerfile"), file).unwrap();
    let output = fender().arg("lint").env("HOME", place.path()).current_dir(place.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("there is no rule \"root-usr\": did you mean root-user?"), "{text}");
}

/// Upper-case words in the source that name something else than a variable that fender reads.
const NO_VARIABLES: &[&str] = &[
    "CARGO_PKG_VERSION",
    "OUT_DIR",
    "SCMP_ACT_ALLOW",
    // Set for a plugin that fender starts.
    "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND",
    // Variables in which images are told where they keep their data.
    "ETCD_DATA_DIR",
    "GF_PATHS_DATA",
    "INFLUXDB3_DB_DIR",
    "INFLUXDB_IOX_DB_DIR",
    "MINIO_VOLUMES",
    "QDRANT__STORAGE__STORAGE_PATH",
    "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
    // Names of variables and build arguments that a command sets.
    "BUILDKIT_SYNTAX",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    // Variables of containers, which say where a program keeps its data.
    "INFLUXDB3_DB_DIR",
    "INFLUXDB_IOX_DB_DIR",
    "ETCD_DATA_DIR",
    "GF_PATHS_DATA",
    "MINIO_VOLUMES",
    "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
    "QDRANT__STORAGE__STORAGE_PATH",
];

/// Calls that read a variable, or hand its name to one that does.
const READING: &[&str] = &["env(", "var(", "var_os(", "set(", "number(", "users_folder("];

fn sources(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("environment/variables.rs") {
            let text = fs::read_to_string(path).unwrap();
            texts.push(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned());
        }
    }
}

/// The variables that a source reads: whole texts in capitals that have a `_`, and any in a call that reads one.
fn variables_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, part) in text.split('"').enumerate() {
        let is_name = part.len() > 1
            && part.starts_with(|letter: char| letter.is_ascii_uppercase())
            && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_name || part.starts_with("CAP_") || NO_VARIABLES.contains(&part) {
            continue;
        }
        let before = text.split('"').nth(at.saturating_sub(1)).unwrap_or_default().trim_end();
        if part.contains('_') || READING.iter().any(|call| before.ends_with(call)) {
            found.insert(part.to_owned());
        }
    }
    found
}

#[test]
fn every_variable_that_is_read_is_listed_and_the_other_way_round() {
    let made =
        "let a = env::var(\"NEW\"); host.env(\n    \"OTHER_ONE\"); let b = \"GET\"; const C: &str = \"FENDER_X\";";
    assert_eq!(variables_in(made).into_iter().collect::<Vec<_>>(), ["FENDER_X", "NEW", "OTHER_ONE"]);
    let mut texts = Vec::new();
    sources(&root().join("src"), &mut texts);
    sources(&root().join("crates/core/src"), &mut texts);
    let read: BTreeSet<String> = texts.iter().flat_map(|text| variables_in(text)).collect();
    let listed: BTreeSet<String> =
        VARIABLES.iter().flat_map(|variable| variable.names).map(|name| (*name).to_owned()).collect();
    assert_eq!(read, listed);
    for variable in VARIABLES {
        for name in variable.names {
            let shown = variable.shown.split([',', ' ', '=']).map(|shown| shown.trim_end_matches('*'));
            let is_shown = shown.filter(|shown| !shown.is_empty()).any(|shown| name.starts_with(shown));
            assert!(is_shown && HELP.contains(variable.shown), "{name}");
        }
    }
}

#[test]
fn the_readme_has_the_exit_codes() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- exit codes: made by tests/quick/help.rs -->\n", "<!-- exit codes end -->");
    let (before, rest) = readme.split_once(begin).expect("the README has the table's mark");
    let (_, after) = rest.split_once(end).expect("the README has the table's end");
    let rows: String = CODES.iter().map(|(code, meaning)| format!("| {code} | {meaning} |\n")).collect();
    let made = format!("{before}{begin}| code | meaning |\n| --- | --- |\n{rows}{end}{after}");
    if env::var_os("FENDER_UPDATE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert_eq!(readme, made, "FENDER_UPDATE=1 cargo test --test quick makes it again");
}

#[test]
fn each_exit_code_occurs_and_no_other() {
    let place = Place::new();
    let folder = place.path("home");
    fs::write(folder.join("Dockerfile"), "FROM alpine\n").unwrap();
    fs::write(folder.join("notes.txt"), "nothing\n").unwrap();
    let own = |words: &[&str]| {
        let mut command = without_terminal(env!("CARGO_BIN_EXE_fender"));
        place.surround(&mut command);
        command.args(words).current_dir(&folder).output().unwrap()
    };
    let docker = |words: &[&str]| place.docker().args(words).current_dir(&folder).output().unwrap();
    let mut seen: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    let mut check = |what: &str, output: Output, code: i32| {
        assert_eq!(output.status.code(), Some(code), "{what}: {}", error(&output));
        seen.entry(u8::try_from(code).unwrap()).or_default().push(what.to_owned());
    };
    for (words, code) in [
        (&["--version"][..], 0),
        (&["--help"], 0),
        (&["rules"], 0),
        (&["explain", "docker ps"], 0),
        (&["context"], 0),
        (&["trash", "list"], 0),
        (&["completions", "bash"], 0),
        (&["lint"], 1),
        (&["plan", "docker volume rm pg"], 1),
        (&["undo"], 1),
        (&["trash", "show", "7"], 1),
        (&["trash", "empty", "7"], 1),
        (&["protect"], 1),
        (&["unprotect", "volume", "pg"], 1),
        (&[], 2),
        (&["zzz"], 2),
        (&["rules", "zzz"], 2),
        (&["context", "nosuch"], 2),
        (&["lint", "nosuch"], 2),
        (&["lint", "notes.txt"], 2),
        (&["plan", "docker run"], 2),
        (&["explain", "docker 'ps"], 2),
    ] {
        check(&format!("fender {words:?}"), own(words), code);
    }
    check("docker ps", docker(&["ps"]), 0);
    check("docker run --privileged", docker(&["run", "--privileged", "safe:1"]), 125);
    // A policy that cannot be read.
    fs::create_dir_all(folder.join(".config/fender")).unwrap();
    fs::write(folder.join(".config/fender/policy.toml"), "zzz = 1\n").unwrap();
    check("explain with a wrong policy", own(&["explain", "docker ps"]), 2);
    check("docker rm with a wrong policy", docker(&["rm", "-f", "web"]), 125);
    fs::remove_file(folder.join(".config/fender/policy.toml")).unwrap();
    // A client that is no program, and none.
    let client = place.path("real/docker");
    fs::write(&client, [0x7f, b'E', b'L', b'F', 0, 0]).unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    check("a client that is no program", docker(&["ps"]), 126);
    script(&client, "#!/nonexistent/interpreter\n");
    check("a client whose interpreter is missing", docker(&["ps"]), 127);
    fs::remove_file(&client).unwrap();
    let mut without = program(place.path("front/docker"));
    place.surround(&mut without);
    let without = without.env("PATH", place.path("front")).arg("ps").output().unwrap();
    assert_eq!(without.status.code(), Some(127), "{}", error(&without));
    let codes: BTreeSet<u8> = CODES.iter().map(|(code, _)| *code).collect();
    assert_eq!(seen.keys().copied().collect::<BTreeSet<u8>>(), codes, "{seen:?}");
}

/// Where an exit code is chosen, it is one of the names in `exit.rs`.
#[test]
fn no_exit_code_is_a_bare_number() {
    let mut texts = Vec::new();
    for folder in ["src/commands", "src/apply"] {
        sources(&root().join(folder), &mut texts);
    }
    texts.extend(
        ["src/shim.rs", "src/failure.rs", "src/main.rs"].map(|file| fs::read_to_string(root().join(file)).unwrap()),
    );
    for line in texts.iter().flat_map(|text| text.lines()) {
        let bare = ["Ok(", "Ended(", "return ", "Err("].iter().any(|start| {
            let rest = line.trim().split_once(start).map_or("", |(_, rest)| rest);
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            !number.is_empty()
                && rest[number.len()..].trim_end_matches(',').trim_end_matches(';').trim_matches(')').is_empty()
        });
        assert!(!bare, "{line}");
    }
}
