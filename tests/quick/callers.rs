//! Who runs a command decides who is asked: a person at a terminal, a script without one, a coding agent.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::example::{judged, judged_for};
use crate::support::place::{Place, error, script};
use crate::support::process::{fender, program};
use crate::support::terminal::Terminal;
use fender_core::policy::{Action, CallerKind};

/// What agents set, with values that count and values that look as if they did not.
const MARKS: [(&str, &str); 8] = [
    ("CLAUDECODE", "1"),
    ("CURSOR_AGENT", "1"),
    ("CODEX_SANDBOX", "seatbelt"),
    ("CODEX_THREAD_ID", "7"),
    ("GEMINI_CLI", "1"),
    ("OPENCODE", "1"),
    ("AI_AGENT", "0"),
    ("AI_AGENT", ""),
];

const PRODUCTION: &str = "[environments.prod]\nhostname = \"*\"\n";

fn corpus(name: &str) -> Vec<String> {
    let path = format!("{}/tests/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn a_mark_of_an_agent_makes_no_command_milder() {
    let lines: Vec<String> = ["dangerous.txt", "outage.txt", "plain.txt"].into_iter().flat_map(corpus).collect();
    for line in &lines {
        for environment in ["dev", "ci", "prod"] {
            let of = |kind| judged_for(line, environment, kind).action;
            let agent = of(CallerKind::Agent);
            assert!(agent >= of(CallerKind::Person) && agent >= of(CallerKind::Script), "{environment}: docker {line}");
            assert!(!matches!(agent, Action::Ask | Action::Type), "{environment}: docker {line}");
        }
    }
}

/// What may not come back, and what gives the host away, is not run unasked by a script either.
#[test]
fn a_script_is_refused_what_a_person_is_asked() {
    for line in corpus("dangerous.txt") {
        for environment in ["dev", "prod"] {
            let script = judged_for(&line, environment, CallerKind::Script).action;
            assert_eq!(script, Action::Refuse, "{environment}: docker {line}");
        }
    }
}

#[test]
fn on_production_a_script_gets_notes_for_hygiene_and_outage() {
    for (line, person, script, agent) in [
        ("run -d tools:1.4", Action::Ask, Action::Note, Action::Refuse),
        ("rm -f web", Action::Ask, Action::Note, Action::Refuse),
        ("run --rm tools:1.4", Action::Note, Action::Allow, Action::Note),
        ("run -d -p 8080:80 nginx", Action::Ask, Action::Note, Action::Refuse),
        ("volume rm pg", Action::Type, Action::Refuse, Action::Refuse),
        ("run -v /:/h safe:1", Action::Refuse, Action::Refuse, Action::Refuse),
        ("ps -a", Action::Allow, Action::Allow, Action::Allow),
    ] {
        let of = |kind| judged_for(line, "prod", kind).action;
        let found = [CallerKind::Person, CallerKind::Script, CallerKind::Agent].map(of);
        assert_eq!(found, [person, script, agent], "docker {line}");
        assert_eq!(judged(line, "prod").action, person, "docker {line}");
    }
}

/// An `ssh://` context of another machine starts it on this one, without a terminal.
#[test]
fn an_ssh_context_arrives_without_a_terminal() {
    for (environment, person) in [("dev", Action::Ask), ("ci", Action::Ask), ("prod", Action::Refuse)] {
        let of = |kind| judged_for("system dial-stdio", environment, kind).action;
        let found = CallerKind::ALL.map(of);
        assert_eq!(found, [person, Action::Note, Action::Refuse], "{environment}");
        assert_eq!(judged_for("buildx dial-stdio", environment, CallerKind::Script).action, Action::Refuse);
    }
    let place = Place::new();
    assert_ne!(place.run(&["system", "dial-stdio"]).status.code(), Some(125));
    // The policy of a bastion.
    place.policy("[rules]\nraw-api = \"refuse\"\n");
    assert_eq!(place.run(&["system", "dial-stdio"]).status.code(), Some(125));
}

#[test]
fn a_deployment_on_production_passes_with_notes() {
    let place = Place::new();
    place.policy(PRODUCTION);
    for words in [
        &["stop", "api"][..],
        &["rm", "api"],
        &["run", "-d", "--name", "api", "-p", "8080:80", "registry.example.com/api:1.4"],
    ] {
        let output = place.run(words);
        assert_eq!(output.status.code(), Some(0), "docker {words:?}: {}", error(&output));
    }
    let said = error(&place.run(&["run", "-d", "--name", "api", "nginx"]));
    assert!(said.starts_with("fender: ") && said.contains("no memory limit"), "notes without a terminal: {said}");
    let output = place.run(&["run", "--privileged", "alpine"]);
    assert_eq!(output.status.code(), Some(125));
}

/// Answers a question, where one comes before the program ends.
fn yes_if_asked(terminal: &mut Terminal) {
    for _ in 0..300 {
        if terminal.seen().contains("[y/N] ") {
            std::thread::sleep(Duration::from_millis(300));
            terminal.send("y\n");
            break;
        }
        if terminal.ended().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn answered(place: &Place, words: &[&str], set: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut command = place.typed(words);
    command.env("TERM", "xterm").env("NO_COLOR", "1").envs(set.iter().copied());
    let mut terminal = Terminal::start(&command, None);
    yes_if_asked(&mut terminal);
    let code = terminal.wait().code();
    (terminal.seen(), code)
}

#[test]
fn an_agents_terminal_answers_nothing() {
    let line = &["run", "--privileged", "alpine"];
    let place = Place::new();
    assert_eq!(answered(&place, line, &[]).1, Some(0), "a person is asked");
    for mark in MARKS {
        let place = Place::new();
        let (seen, code) = answered(&place, line, &[mark]);
        assert_eq!((code, place.reached()), (Some(125), None), "{mark:?}: {seen}");
        assert!(!seen.contains("[y/N]"), "{mark:?}: {seen}");
        let last = seen.lines().last().unwrap();
        let wanted =
            "fender: not run (privileged, dev): an agent cannot answer questions; see: fender rules privileged";
        assert!(last.starts_with(wanted), "{mark:?}: {seen}");
        // Without a terminal it is the same.
        let output = place.docker().args(line).env(mark.0, mark.1).output().unwrap();
        assert_eq!(output.status.code(), Some(125), "{mark:?}");
        assert!(error(&output).contains("an agent cannot answer questions"), "{mark:?}: {}", error(&output));
    }
}

/// An editor sets such names in the terminal at which a person sits.
#[test]
fn a_prefix_is_a_mark_without_a_terminal_only() {
    let place = Place::new();
    let mark = ("COPILOT_SESSION_ID", "1");
    assert_eq!(answered(&place, &["run", "--privileged", "alpine"], &[mark]).1, Some(0));
    let output = place.docker().args(["run", "--privileged", "alpine"]).env(mark.0, mark.1).output().unwrap();
    assert!(error(&output).contains("an agent cannot answer questions"), "{}", error(&output));
    // On production it is not a script's deployment any more.
    place.policy(PRODUCTION);
    let run = |set: &[(&str, &str)]| {
        place.docker().args(["run", "-d", "nginx"]).envs(set.iter().copied()).output().unwrap().status.code()
    };
    assert_eq!((run(&[]), run(&[mark])), (Some(0), Some(125)));
}

#[test]
fn redirected_streams_do_not_make_a_script() {
    let place = Place::new();
    place.policy(PRODUCTION);
    let line = format!("{} run -d nginx </dev/null >/dev/null 2>&1", place.path("front/docker").display());
    let mut command = program("sh");
    place.surround(&mut command);
    command.args(["-c", &line]).env("TERM", "xterm");
    let mut terminal = Terminal::start(&command, Some(Stdio::null()));
    terminal.expect_question();
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125));
    assert_eq!(place.reached(), None);
}

/// fender's own questions too: what is kept is not removed because an agent typed y.
#[test]
fn no_question_of_fenders_own_is_answered_by_an_agent() {
    let place = Place::new();
    std::fs::write(place.path("home/Dockerfile"), "FROM alpine:3.22\nADD x /x\nUSER 5\n").unwrap();
    std::fs::write(place.path("home/x"), "x").unwrap();
    let written = |set: &[(&str, &str)]| {
        let mut command = fender();
        place.surround(&mut command);
        command.args(["lint", "--fix"]).envs(set.iter().copied()).current_dir(place.path("home"));
        let mut terminal = Terminal::start(&command, None);
        yes_if_asked(&mut terminal);
        terminal.wait();
        std::fs::read_to_string(place.path("home/Dockerfile")).unwrap().contains("COPY x")
    };
    assert!(!written(&[MARKS[0]]));
    assert!(written(&[]));
}

fn explained(place: &Place, words: &[&str], set: &[(&str, &str)]) -> Value {
    let mut command = fender();
    place.surround(&mut command);
    let output = command.arg("explain").args(words).envs(set.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", error(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn explain_judges_for_a_person_unless_another_caller_is_named() {
    let place = Place::new();
    let line = ["--offline", "--environment", "prod", "--format", "json", "docker run -d nginx"];
    for set in [&[][..], &[MARKS[0]], &[("COPILOT_X", "1")]] {
        let judged = explained(&place, &line, set);
        assert_eq!((judged["caller"].as_str(), judged["action"].as_str()), (Some("person"), Some("ask")), "{set:?}");
    }
    for (caller, action) in [("person", "ask"), ("script", "note"), ("agent", "refuse")] {
        let judged = explained(&place, &[&["--caller", caller], &line[..]].concat(), &[MARKS[0]]);
        assert_eq!((judged["caller"].as_str(), judged["action"].as_str()), (Some(caller), Some(action)));
    }
    let mut command = fender();
    place.surround(&mut command);
    let words = ["explain", "--offline", "--caller", "agent", "docker run --privileged alpine"];
    let text = command.args(words).output().unwrap();
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.ends_with("\n  fender would refuse it (privileged): an agent cannot answer\n"), "{text}");
}

/// A table of the policy for callers by their user or program, and for a kind of caller.
#[test]
fn a_policy_has_a_table_for_a_caller() {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let place = Place::new();
    let removes = |output: &Output| output.status.code();
    let run =
        |set: &[(&str, &str)]| place.docker().args(["run", "-d", "nginx"]).envs(set.iter().copied()).output().unwrap();
    let table = |keys: &str, action: &str| {
        format!("{PRODUCTION}[callers.deployer]\n{keys}\n[callers.deployer.presets.prod]\nhygiene = \"{action}\"\n")
    };
    place.policy(&table(&format!("user = {user:?}"), "ask"));
    assert_eq!(removes(&run(&[])), Some(125), "a script is asked, and cannot answer");
    place.policy(&table("user = \"somebody-else\"", "ask"));
    assert_eq!(removes(&run(&[])), Some(0));
    // Both keys have to fit.
    place.policy(&table(&format!("user = {user:?}\nprogram = \"/nowhere\""), "ask"));
    assert_eq!(removes(&run(&[])), Some(0));
    // The program that starts docker: here a shell.
    let shell = std::fs::canonicalize("/bin/sh").unwrap();
    let by_shell = || {
        let mut command = program("setsid");
        place.surround(&mut command);
        let line = format!("{} run -d nginx; exit $?", place.path("front/docker").display());
        command.args(["--wait", "sh", "-c", &line]).output().unwrap().status.code()
    };
    assert_eq!(by_shell(), Some(0));
    place.policy(&table(&format!("program = {shell:?}"), "ask"));
    assert_eq!((by_shell(), removes(&run(&[]))), (Some(125), Some(0)));
    // A rule's own line comes before its class.
    place.policy(&format!("{}[callers.deployer.rules]\nno-memory-limit = \"refuse\"\n", table("user = \"*\"", "note")));
    assert_eq!(removes(&run(&[])), Some(125));
    // What a table allows, it does not allow an agent.
    place.policy("[callers.deployer]\nuser = \"*\"\n[callers.deployer.rules]\nprivileged = \"note\"\n");
    let privileged = |set: &[(&str, &str)]| {
        place.docker().args(["run", "--privileged", "alpine"]).envs(set.iter().copied()).output().unwrap().status.code()
    };
    assert_eq!((privileged(&[]), privileged(&[MARKS[0]])), (Some(0), Some(125)));
    // One kind of caller.
    place.policy(&format!("{PRODUCTION}[presets.prod.script]\nhygiene = \"refuse\"\n"));
    assert_eq!(removes(&run(&[])), Some(125));
    place.policy(&format!("{PRODUCTION}[presets.prod.agent]\nhygiene = \"note\"\n"));
    assert_eq!(removes(&run(&[MARKS[0]])), Some(125), "an agent is judged no milder than a person");
}

/// A script that deletes what may be there still runs where nothing is.
#[test]
fn what_is_not_there_stops_no_script() {
    let place = Place::new();
    place.policy(PRODUCTION);
    script(
        &place.path("real/docker"),
        "#!/bin/sh\n[ \"$*\" = --version ] && exec echo Docker version 28.5.2, build x\necho \"$@\" >\"$STAND_IN_OUT/words\"\n",
    );
    let socket = format!("unix://{}", place.path("none.sock").display());
    let output = place.docker().args(["volume", "rm", "scratch"]).env("DOCKER_HOST", socket).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
}

/// A context that a script has just made without keys; where no file system says when a folder was made, it is refused as before.
#[test]
fn a_script_removes_the_contexts_that_it_has_just_made() {
    use std::fs;
    let says_when = |folder: &&str| fs::metadata(folder).is_ok_and(|it| it.created().is_ok());
    let base = ["/dev/shm", "/tmp", "/var/tmp"].into_iter().find(says_when);
    let folder = base.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    let make = |name: &str, has_keys: bool| {
        let id = fender_core::docker_files::context_folder(name);
        let meta = folder.path().join("contexts/meta").join(&id);
        fs::create_dir_all(&meta).unwrap();
        let text =
            format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"tcp://10.0.0.1:2376"}}}}}}"#);
        fs::write(meta.join("meta.json"), text).unwrap();
        if has_keys {
            fs::create_dir_all(folder.path().join("contexts/tls").join(&id).join("docker")).unwrap();
        }
    };
    make("scratch", false);
    make("other", false);
    make("keys", true);
    let new = if base.is_some() { Some(0) } else { Some(125) };
    for (environment, code) in [("dev", new), ("prod", Some(125))] {
        let place = Place::new();
        place.policy(&format!("[environments.{environment}]\nhostname = \"*\"\n"));
        let run = |words: &[&str], set: &[(&str, &str)]| {
            let mut command = place.docker();
            command.args(words).env("DOCKER_CONFIG", folder.path()).envs(set.iter().copied());
            command.output().unwrap()
        };
        for (words, wanted) in [
            (&["context", "rm", "scratch"][..], code),
            (&["context", "rm", "-f", "scratch", "other"], code),
            (&["context", "rm", "keys"], Some(125)),
            (&["context", "rm", "scratch", "keys"], Some(125)),
        ] {
            let output = run(words, &[]);
            assert_eq!(output.status.code(), wanted, "{environment} {words:?}: {}", error(&output));
            if wanted == Some(0) {
                assert!(
                    error(&output).contains("made within the hour and hold no keys"),
                    "{environment} {words:?}: {}",
                    error(&output)
                );
            }
        }
        let agent = run(&["context", "rm", "scratch"], &[MARKS[0]]);
        assert_eq!(agent.status.code(), Some(125), "an agent is no script: {}", error(&agent));
        let said = fender()
            .args(["explain", "--offline", "--caller", "script", "--format", "json", "--", "context", "rm", "scratch"])
            .env("DOCKER_CONFIG", folder.path())
            .env("HOME", place.path("home"))
            .output()
            .unwrap();
        let value: Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(value["action"], if code == Some(0) { "note" } else { "refuse" }, "{environment}: {value}");
        // What a policy asks for is asked.
        place.policy(&format!("[environments.{environment}]\nhostname = \"*\"\n[rules]\nremoves-context = \"ask\"\n"));
        assert_eq!(run(&["context", "rm", "scratch"], &[]).status.code(), Some(125));
    }
}

/// Harmless commands: few stop a person in dev, or a script anywhere.
#[test]
fn few_plain_commands_are_interrupted() {
    let lines = corpus("plain.txt");
    for (environment, kind, most) in [
        ("dev", CallerKind::Person, 3),
        ("dev", CallerKind::Script, 3),
        ("ci", CallerKind::Script, 3),
        ("prod", CallerKind::Script, 4),
    ] {
        let is_stopped = |line: &&String| judged_for(line, environment, kind).action > Action::Note;
        let stopped: Vec<&String> = lines.iter().filter(is_stopped).collect();
        let share = 100 * stopped.len() / lines.len();
        assert!(share < most, "{environment} {}: {share} %: {stopped:#?}", kind.name());
    }
}

/// Commands as the documentation of well-known images gives them, without an engine, so that the strictest case counts. Fewer than so many
/// tenths of a percent stop somebody; `--nocapture` lists which ones and why.
#[test]
fn few_published_commands_are_interrupted() {
    let lines = corpus("published.txt");
    assert!(lines.len() >= 400, "{}", lines.len());
    for (environment, kind, most) in [
        ("dev", CallerKind::Person, 30),
        ("dev", CallerKind::Script, 30),
        ("ci", CallerKind::Script, 30),
        ("prod", CallerKind::Script, 40),
    ] {
        let judged = lines.iter().map(|line| (line, judged_for(line, environment, kind)));
        let stopped: Vec<String> = judged
            .filter(|(_, judgement)| judgement.action > Action::Note)
            .map(|(line, judgement)| {
                let mut rules: Vec<&str> = judgement.stopping().map(|complaint| complaint.finding.rule.id).collect();
                rules.dedup();
                format!("{}: docker {line}", rules.join(", "))
            })
            .collect();
        let share = 1000 * stopped.len() / lines.len();
        println!("{environment}, {}: {} of {}\n{}", kind.name(), stopped.len(), lines.len(), stopped.join("\n"));
        assert!(share < most, "{environment} {}: {share} of 1000: {stopped:#?}", kind.name());
    }
}

/// Docker knows every word of them: otherwise the verdict would be a guess.
#[test]
fn every_published_command_is_understood() {
    let misread: Vec<String> = corpus("published.txt")
        .into_iter()
        .filter(|line| {
            judged_for(line, "dev", CallerKind::Person).lowered.refusal.as_ref().is_some_and(|it| it.unknown)
        })
        .collect();
    assert!(misread.is_empty(), "{misread:#?}");
}
