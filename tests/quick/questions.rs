//! A question has a time, a place and an answer of its own: on pseudo-terminals.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::place::{Place, script};
use crate::support::process;
use crate::support::recorder::{Answers, Recorder};
use crate::support::terminal::Terminal;

/// Asks in every environment: an escape, which has no fix.
const ESCAPE: [&str; 8] = ["run", "-v", "/:/h", "-m1g", "--init", "-u5", "--memory-swap=1g", "alpine:3"];

/// A command with fender in front, on a terminal.
fn command(place: &Place, program: &str, args: &[&str]) -> Command {
    // Whatever this machine is called.
    if !place.path("home/.config/fender/policy.toml").exists() {
        place.policy("[environments.dev]\nhostname = \"*\"\n");
    }
    let mut command = process::program(program);
    place.surround(&mut command);
    command.args(args).env("TERM", "xterm").env("NO_COLOR", "1");
    command
}

fn docker(place: &Place, args: &[&str]) -> Command {
    let front = place.path("front/docker");
    command(place, front.to_str().unwrap(), args)
}

/// On production everything that deletes or gives away wants the name typed.
fn production(place: &Place) {
    place.policy("[environments.prod]\nhostname = \"*\"\n[environments.prod.rules]\nhost-mount = \"type\"\n");
}

fn this_machine() -> String {
    nix::sys::utsname::uname().unwrap().nodename().to_str().unwrap().to_owned()
}

fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// The command starts after a while, as when an engine is slow: what is written meanwhile was typed before the question.
fn later(place: &Place, args: &[&str]) -> Command {
    let mut words = vec!["-c", "sleep 0.3; exec docker \"$@\"", "sh"];
    words.extend(args);
    command(place, "sh", &words)
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    for typed in
        ["y\n", "y\ny\ny\n", "yes\n", "y", "y\ndocker ps\n", "\n\ny\n", "\u{1b}[200~y\n\u{1b}[201~", "f\n", "1\n"]
    {
        let place = Place::new();
        let mut terminal = Terminal::start(&later(&place, &ESCAPE), None);
        pause(50);
        terminal.send_now(typed);
        terminal.expect_question();
        pause(350);
        assert!(place.reached().is_none(), "{typed:?}\n{}", terminal.seen());
        // It still stands, and what is typed now counts alone.
        terminal.send("n\n");
        assert_eq!(terminal.wait().code(), Some(125), "{typed:?}\n{}", terminal.seen());
        assert!(place.reached().is_none(), "{typed:?}\n{}", terminal.seen());
    }
}

#[test]
fn a_name_typed_before_the_question_confirms_nothing() {
    let place = Place::new();
    production(&place);
    let mut terminal = Terminal::start(&later(&place, &ESCAPE), None);
    pause(50);
    terminal.send_now(&format!("{}\n", this_machine()));
    terminal.expect_question();
    pause(350);
    assert!(place.reached().is_none(), "{}", terminal.seen());
    terminal.send(&format!("{}\n", this_machine()));
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(place.reached().is_some());
}

#[test]
fn an_answer_that_comes_at_once_is_asked_for_again() {
    let place = Place::new();
    let mut terminal = Terminal::start(&docker(&place, &ESCAPE), None);
    terminal.expect_question();
    terminal.send_now("y\n");
    terminal.expect("this answer came before the question could be read");
    terminal.expect_questions(2);
    assert!(place.reached().is_none());
    terminal.send("y\n");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(place.reached().is_some());
}

/// A program that writes yes for ever does not get its way by being asked again.
#[test]
fn a_stream_of_answers_is_a_no() {
    let place = Place::new();
    let mut terminal = Terminal::start(&docker(&place, &ESCAPE), None);
    for _ in 0..40 {
        terminal.send_now("y\n");
        pause(20);
    }
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    assert!(place.reached().is_none());
}

#[test]
fn several_lines_at_once_are_a_no() {
    for typed in ["y\ndocker ps\n", "y\ny\n", "y\n\n", "\u{1b}[200~y\ndocker ps\n\u{1b}[201~", "\u{1b}[200~y\n"] {
        let place = Place::new();
        let mut terminal = Terminal::start(&docker(&place, &ESCAPE), None);
        terminal.expect_question();
        terminal.send(typed);
        assert_eq!(terminal.wait().code(), Some(125), "{typed:?}\n{}", terminal.seen());
        assert!(terminal.seen().contains("several lines came at once"), "{}", terminal.seen());
        assert!(place.reached().is_none(), "{typed:?}");
    }
}

/// A name that was pasted and ended with the Enter key was meant.
#[test]
fn a_pasted_name_counts_with_an_enter_of_its_own() {
    let place = Place::new();
    production(&place);
    let mut terminal = Terminal::start(&docker(&place, &ESCAPE), None);
    terminal.expect_question();
    terminal.send(&format!("\u{1b}[200~{}\u{1b}[201~", this_machine()));
    pause(200);
    terminal.send_now("\n");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
}

/// The shell reads the first line of a paste, and the rest stands in the terminal when fender asks.
#[test]
fn a_paste_into_a_shell_confirms_nothing() {
    let place = Place::new();
    let shell = command(&place, "bash", &["--norc", "--noprofile", "-i"]);
    let mut terminal = Terminal::start(&shell, None);
    pause(300);
    terminal.send_now(&format!("docker {}\ny\ndocker ps\n", ESCAPE.join(" ")));
    terminal.expect_question();
    pause(400);
    assert!(place.reached().is_none(), "{}", terminal.seen());
    terminal.send("n\n");
    terminal.expect("fender: not run (host-mount, dev): not confirmed; to allow: ");
    assert!(place.reached().is_none(), "{}", terminal.seen());
    terminal.send("exit\n");
    terminal.wait();
}

/// A stand-in for the client that writes a line for each call.
fn many(place: &Place) {
    let text = "#!/bin/sh\ncase \"$*\" in *dial-stdio*) exit 1 ;; --version) exec echo Docker version 28.5.2, build x ;; esac\necho \"$*\" >>\"$STAND_IN_OUT/all\"\n";
    script(&place.path("real/docker"), text);
}

fn all(place: &Place) -> Vec<String> {
    let mut lines: Vec<String> =
        fs::read_to_string(place.path("out/all")).unwrap_or_default().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Which of two commands a question is about.
fn asked_about(seen: &str) -> &'static str {
    let last = |name: &str| seen.rfind(&format!("alpine:{name}")).map_or(0, |at| at + 1);
    if last("one") > last("two") { "one" } else { "two" }
}

/// Each of two commands at once gets the answer to its own question.
fn one_each(start: &str, args: &[&str]) {
    for keep in ["one", "two"] {
        let place = Place::new();
        many(&place);
        fs::write(place.path("home/Makefile"), "all: one two\none two:\n\t@docker run -v /:/h alpine:$@\n").unwrap();
        let mut command = command(&place, start, args);
        command.current_dir(place.path("home"));
        let mut terminal = Terminal::start(&command, None);
        terminal.expect("this one waits for its answer");
        for _ in 0..2 {
            pause(400);
            let seen = terminal.seen();
            let name = asked_about(&seen);
            let questions = seen.matches("[y/N] ").count();
            terminal.send(if name == keep { "n\n" } else { "y\n" });
            if questions == 1 {
                terminal.expect_questions(2);
            }
        }
        terminal.wait();
        let seen = terminal.seen();
        let other = if keep == "one" { "two" } else { "one" };
        assert_eq!(all(&place), [format!("run -v /:/h alpine:{other}")], "{start}: keep {keep}\n{seen}");
        assert_eq!(seen.matches("fender: not run (host-mount, dev): not confirmed").count(), 1, "{seen}");
    }
}

#[test]
fn xargs_with_two_at_once() {
    one_each("sh", &["-c", "printf 'one\\ntwo\\n' | xargs -n1 -P2 sh -c 'docker run -v /:/h \"alpine:$0\"'"]);
}

#[test]
fn a_shell_with_two_at_once() {
    one_each("sh", &["-c", "docker run -v /:/h alpine:one & docker run -v /:/h alpine:two & wait"]);
}

#[test]
fn make_with_two_at_once() {
    one_each("make", &["-j2", "-k"]);
}

/// Eight at once, each answered in its turn, as asked.
#[test]
fn many_at_once_are_asked_one_after_the_other() {
    let place = Place::new();
    many(&place);
    let line = "seq 1 8 | xargs -n1 -P8 sh -c 'docker run -v /:/h \"alpine:3.$0\"'";
    let mut terminal = Terminal::start(&command(&place, "sh", &["-c", line]), None);
    let mut expected = Vec::new();
    for number in 1..=8 {
        terminal.expect_questions(number);
        pause(300);
        let seen = terminal.seen();
        let at = seen.rfind("  docker run -v /:/h alpine:3.").unwrap();
        let version = &seen[at..].lines().next().unwrap()["  docker run -v /:/h alpine:".len()..];
        let even = version.ends_with(['2', '4', '6', '8']);
        if even {
            expected.push(format!("run -v /:/h alpine:{version}"));
        }
        terminal.send(if even { "y\n" } else { "n\n" });
    }
    terminal.wait();
    expected.sort();
    let seen = terminal.seen();
    assert_eq!(all(&place), expected, "{seen}");
    // What is said of an answer stands in a line of its own, before the next question.
    let endings = seen.lines().filter(|line| line.contains("fender: not run")).count();
    assert_eq!(endings, seen.lines().filter(|line| line.starts_with("fender: not run")).count(), "{seen}");
    assert_eq!(endings, 4, "{seen}");
}

/// Two terminals do not wait for each other.
#[test]
fn another_terminal_has_a_question_of_its_own() {
    let (one, two) = (Place::new(), Place::new());
    let mut first = Terminal::start(&docker(&one, &ESCAPE), None);
    first.expect_question();
    let mut second = Terminal::start(&docker(&two, &ESCAPE), None);
    second.expect_question();
    second.send("y\n");
    assert_eq!(second.wait().code(), Some(0));
    first.send("n\n");
    assert_eq!(first.wait().code(), Some(125));
    assert!(one.reached().is_none() && two.reached().is_some());
}

/// A command that ends while it asks leaves no lock behind.
#[test]
fn a_killed_question_holds_nobody_up() {
    let place = Place::new();
    let line = "docker run -v /:/h alpine:one & one=$!; sleep 0.6; kill -9 $one; exec docker run -v /:/h alpine:two";
    let mut terminal = Terminal::start(&command(&place, "sh", &["-c", line]), None);
    terminal.expect_questions(2);
    terminal.send("y\n");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
}

#[test]
fn control_d_ends_the_line() {
    let place = Place::new();
    production(&place);
    let mut terminal = Terminal::start(&docker(&place, &ESCAPE), None);
    terminal.expect_question();
    terminal.send("\u{4}");
    assert_eq!(terminal.wait().code(), Some(125));
    let seen = terminal.seen();
    let (_, last) = seen.rsplit_once("Enter to cancel: \n").unwrap_or_default();
    assert!(last.starts_with("fender: not run (host-mount, prod): not confirmed; "), "{seen:?}");
    assert_eq!(last.lines().count(), 1, "{seen:?}");
}

/// Ctrl-Z and fg: the screen holds something else by then, so the whole question is shown again.
#[test]
fn after_control_z_the_question_is_shown_again() {
    let place = Place::new();
    let shell = command(&place, "bash", &["--norc", "--noprofile", "-i"]);
    let mut terminal = Terminal::start(&shell, None);
    pause(300);
    terminal.send_now(&format!("docker {}\n", ESCAPE.join(" ")));
    terminal.expect_question();
    terminal.send("\u{1a}");
    terminal.expect("Stopped");
    // Another question may be answered meanwhile: the stopped one holds nothing.
    terminal.send("docker run -v /:/h alpine:other\n");
    terminal.expect_questions(2);
    terminal.send("n\n");
    terminal.expect("fender: not run (host-mount, dev): not confirmed; to allow: ");
    terminal.send("fg\n");
    terminal.expect_questions(3);
    let seen = terminal.seen();
    assert!(seen[seen.rfind("fg\n").unwrap()..].contains("host-mount"), "{seen}");
    assert!(place.reached().is_none());
    terminal.send("y\n");
    terminal.expect("to-output");
    assert!(place.reached().is_some());
    terminal.send("exit\n");
    terminal.wait();
}

/// A job in the background has no question on the screen and holds up nobody's: not one that was started there, nor one that was
/// sent there.
#[test]
fn a_job_in_the_background_waits_without_the_terminal() {
    let place = Place::new();
    let shell = command(&place, "bash", &["--norc", "--noprofile", "-i"]);
    let mut terminal = Terminal::start(&shell, None);
    pause(300);
    terminal.send_now("docker run -v /:/h alpine:background &\n");
    terminal.expect("to see the question: fg");
    for (number, before) in [(1, "fg"), (3, "bg")] {
        // Another one is asked and answered meanwhile.
        terminal.send("docker run -v /:/h alpine:other\n");
        terminal.expect_questions(number);
        let seen = terminal.seen();
        assert!(!seen.contains("this one waits"), "{seen}");
        assert_eq!(asked_last(&seen), "other", "{seen}");
        terminal.send("n\n");
        while terminal.seen().matches("not confirmed").count() < number.div_ceil(2) {
            pause(10);
        }
        if before == "fg" {
            terminal.send("fg\n");
            terminal.expect_questions(2);
            assert_eq!(asked_last(&terminal.seen()), "background");
            terminal.send("\u{1a}");
            terminal.expect("Stopped");
            terminal.send("bg\n");
        }
    }
    terminal.send("fg\n");
    terminal.expect_questions(4);
    assert!(place.reached().is_none(), "{}", terminal.seen());
    terminal.send("y\n");
    terminal.expect("to-output");
    assert!(place.reached().is_some());
    terminal.send("exit\n");
    terminal.wait();
}

/// The tag in the command of the last question.
fn asked_last(seen: &str) -> &str {
    let tag = seen.rsplit_once("    docker run -v /:/h alpine:").unwrap_or_default().1;
    tag.lines().next().unwrap_or_default()
}

/// Who cannot be stopped and is in the background cannot ask: `setsid` without a terminal, and a shell that ignores the signal.
#[test]
fn who_cannot_come_to_the_foreground_is_not_asked() {
    let place = Place::new();
    let line = "trap '' TTOU; set -m; docker run -v /:/h alpine:one & wait; echo ended";
    let mut terminal = Terminal::start(&command(&place, "bash", &["-c", line]), None);
    terminal.expect("ended");
    let seen = terminal.seen();
    assert!(seen.contains("fender: not run (host-mount, dev): no terminal to ask on; "), "{seen}");
    assert!(place.reached().is_none() && !seen.contains("[y/N]"), "{seen}");
    terminal.wait();
}

/// The client gets the signal mask that the caller had, whatever was asked before.
#[test]
fn the_client_finds_the_signals_as_they_were() {
    let place = Place::new();
    let text = "#!/bin/sh\ncase \"$*\" in *dial-stdio*) exit 1 ;; --version) exec echo Docker version 28.5.2, build x ;; esac\ngrep ^Sig /proc/self/status >\"$STAND_IN_OUT/signals\"\n";
    script(&place.path("real/docker"), text);
    let signals = |args: &[&str]| {
        let mut terminal = Terminal::start(&docker(&place, args), None);
        if args.len() > 1 {
            terminal.expect_question();
            terminal.send("y\n");
        }
        terminal.wait();
        let text = fs::read_to_string(place.path("out/signals")).unwrap();
        text.lines().filter(|line| !line.starts_with("SigQ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(signals(&ESCAPE), signals(&["ps"]));
}

/// One name counts: what else stands on the screen is answered with the reason.
#[test]
fn only_the_engines_own_name_counts() {
    let folder = &format!("home/.docker/contexts/meta/{}", fender_core::docker_files::context_folder("prod"));
    for (typed, runs, says) in [
        ("db-1.example.com", true, ""),
        ("prod", false, "prod is the context's name; the engine's name is db-1.example.com"),
        ("y", false, "\"y\" is not the engine's name, which is db-1.example.com"),
        ("DB-1.example.com", false, "is not the engine's name"),
        ("db-1.example.com:2375", false, "is not the engine's name"),
        ("", false, ""),
    ] {
        let place = Place::new();
        place.policy("[environments.prod.rules]\nhost-mount = \"type\"\n");
        fs::create_dir_all(place.path(folder)).unwrap();
        let meta = r#"{"Name":"prod","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://db-1.example.com:1"}}}"#;
        fs::write(place.path(folder).join("meta.json"), meta).unwrap();
        let mut words = vec!["--context", "prod"];
        words.extend(ESCAPE);
        let mut command = docker(&place, &words);
        command.env_remove("DOCKER_HOST");
        let mut terminal = Terminal::start(&command, None);
        terminal.expect("Type db-1.example.com to run, Enter to cancel: ");
        terminal.send(&format!("{typed}\n"));
        let code = terminal.wait().code();
        assert_eq!(place.reached().is_some(), runs, "{typed:?}\n{}", terminal.seen());
        assert_eq!(code, Some(if runs { 0 } else { 125 }));
        assert!(terminal.unwrapped().contains(says), "{}", terminal.seen());
    }
}

/// Everything fender says of a command that stops.
fn asked(line: &[&str], size: (u16, u16), policy: &str) -> String {
    let place = Place::new();
    place.policy(policy);
    let mut terminal = Terminal::sized(&docker(&place, line), None, size);
    terminal.expect_question();
    terminal.send("n\n");
    terminal.wait();
    terminal.seen()
}

const STRICT: &str = "[environments.dev]\nhostname = \"*\"\n[environments.dev.rules]\nroot-user = \"ask\"\nno-memory-limit = \"ask\"\npublished-port = \"ask\"\npid1-signals = \"ask\"\n";

/// The key stands there only where nothing is left to ask, and what is left is named.
#[test]
fn f_is_offered_only_where_it_clears() {
    for (line, offered, says) in [
        (&["run", "-d", "example.com/api:1"][..], true, ""),
        (&["run", "-d", "-p", "8080:80", "example.com/api:1"], true, "127.0.0.1:8080:80"),
        (&["run", "-d", "-p", "80:80", "example.com/api:1"], false, "not fixed published-port"),
        (&["run", "-d", "-p", "443:443", "-m", "1g", "example.com/api:1"], false, "not fixed published-port"),
        (&["run", "-d", "nginx:1.29.3"], false, "not fixed root-user"),
        (&["run", "--privileged", "example.com/api:1"], false, "no fix for privileged"),
        (&["run", "-v", "/var/run/docker.sock:/s", "example.com/api:1"], false, "no fix for docker-socket"),
        (&["run", "-v", "/:/h", "example.com/api:1"], false, "no fix for host-mount"),
    ] {
        let seen = asked(line, (40, 80), STRICT);
        assert_eq!(seen.contains("f: run the fixed command"), offered, "{line:?}\n{seen}");
        let flat = seen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(says), "{line:?}\n{seen}");
        // No fixed command is shown that still has what was warned about.
        assert!(!says.starts_with("no fix") || !seen.contains("    + docker"), "{seen}");
    }
}

#[test]
fn no_init_is_offered_where_the_engine_has_none() {
    for (commit, has_init) in [
        (json!({"ID": "N/A", "Expected": ""}), false),
        (Value::Null, false),
        (json!({"ID": "", "Expected": ""}), true),
        (json!({"ID": "de40ad0", "Expected": "de40ad0"}), true),
    ] {
        let place = Place::new();
        place.policy(STRICT);
        let mut answers = Answers::default();
        answers.info["InitCommit"] = commit.clone();
        answers.image["Config"] = json!({"Cmd": ["/bin/sh", "-c", "serve; true"]});
        let socket = place.path("engine.sock");
        let _recorder = Recorder::start(&socket, answers);
        let mut command = docker(&place, &["run", "-d", "example.com/api:1"]);
        command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        let mut terminal = Terminal::start(&command, None);
        terminal.expect_question();
        let seen = terminal.seen();
        assert!(seen.contains("pid1-signals"), "{commit}: {seen}");
        assert_eq!(seen.contains("--init"), has_init, "{commit}: {seen}");
        terminal.send("\n");
        terminal.wait();
    }
}

#[test]
fn fixes_are_chosen_by_their_numbers() {
    let line = ["run", "-d", "example.com/api:1"];
    for (answer, has) in [
        ("1\n", &["--user"][..]),
        ("2\n", &["--memory"]),
        ("2 3\n", &["--memory", "--init"]),
        ("f\n", &["--user", "--memory", "--init"]),
    ] {
        let place = Place::new();
        place.policy(STRICT);
        let mut terminal = Terminal::start(&docker(&place, &line), None);
        terminal.expect("f: run the fixed command   1 3: only these fixes");
        terminal.send(answer);
        assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
        let reached: Vec<String> =
            place.reached().unwrap().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        for flag in ["--user", "--memory", "--init"] {
            assert_eq!(reached.iter().any(|word| word == flag), has.contains(&flag), "{answer:?}: {reached:?}");
        }
    }
}

/// Many findings, many names, wide letters, narrow terminals.
#[test]
fn any_question_fits_on_the_screen() {
    let mut mounts = vec!["run".to_owned()];
    let mut capabilities = vec!["run".to_owned(), "--privileged".to_owned(), "--pid=host".to_owned()];
    for at in 0..65 {
        mounts.extend(["-v".to_owned(), format!("/etc/서비스-{at}:/e\u{301}{at}")]);
        capabilities.push(format!("--cap-add=SYS_{at}"));
        capabilities.push("--device=/dev/sda".to_owned());
    }
    mounts.extend(["-v".to_owned(), "/:/h".to_owned(), "alpine:3".to_owned()]);
    capabilities.extend(["-v".to_owned(), "/:/h".to_owned(), "alpine:3".to_owned()]);
    // Everything in it can be fixed, so that the changed command is shown below it.
    let mut fixable = vec!["run".to_owned()];
    for at in 0..200 {
        fixable.extend(["-e".to_owned(), format!("VARIABLE_{at}=값")]);
    }
    fixable.push("example.com/api:1".to_owned());
    for line in [mounts, capabilities, fixable] {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        for (rows, columns) in [(24, 80), (50, 200), (24, 60)] {
            let seen = asked(&line, (rows, columns), STRICT);
            let question = &seen[..seen.find("[y/N]").unwrap()];
            assert!(question.lines().count() <= 27, "{rows}x{columns}: {}\n{seen}", question.lines().count());
            // Only the path of this test's own policy is longer than a line.
            let wide = question
                .lines()
                .find(|line| fender::ui::screen::width(line) > usize::from(columns) && !line.contains("policy.toml"));
            assert!(wide.is_none(), "{columns}: {wide:?}");
        }
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    for secret in [
        &["-e", "A_TOKEN=hunter2x"][..],
        &["--env=DB_PASSWORD=hunter2x"],
        &["-e", "URL=https://me:hunter2x@h/"],
        &["--label", "api-key=hunter2x"],
    ] {
        let mut line = vec!["run", "--privileged", "-m", "1g"];
        line.extend(secret);
        line.push("example.com/api:1");
        assert!(!asked(&line, (40, 80), STRICT).contains("hunter2"), "{line:?}");
        // A refusal, as on a CI log.
        let place = Place::new();
        place.policy("[environments.dev]\nhostname = \"*\"\n[environments.dev.rules]\nprivileged = \"refuse\"\n");
        let output = place.run(&line);
        assert_eq!(output.status.code(), Some(125));
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"), "{output:?}");
        let explained = |more: &[&str]| {
            let mut command = process::fender();
            place.surround(&mut command);
            let output = command.arg("explain").args(more).arg("--").args(&line).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert!(!explained(&[]).contains("hunter2"), "{}", explained(&[]));
        assert!(explained(&["--format", "json"]).contains("hunter2"));
        assert!(
            !explained(&["--mask", "--format", "json"]).contains("hunter2"),
            "{}",
            explained(&["--mask", "--format", "json"])
        );
    }
}
