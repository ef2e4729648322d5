//! The shim as a process, in front of a stand-in docker that writes down what reaches it.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;

use crate::support::place::{Place, STAND_IN, error, script, unwrapped};
use crate::support::process::{program, without_terminal};
use crate::support::recorder::{Answers, Recorder};

#[test]
fn what_is_let_through_reaches_docker_as_it_was() {
    let place = Place::new();
    let words = ["run", "--rm", "-it", "", "a b", "--", "$HOME", "*", "ünï", "alpine"];
    let output = place
        .docker()
        .args(words)
        .env("SOME", "value")
        .env("STAND_IN_CODE", "3")
        .current_dir(place.path("home"))
        .output()
        .unwrap();
    assert_eq!(place.reached().unwrap(), words.map(OsString::from));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"to-output\n", "nothing is added to standard output");
    assert_eq!(error(&output), "to-error\n", "no notes where standard error is no terminal");
    let environment = fs::read_to_string(place.path("out/env")).unwrap();
    assert!(environment.contains("SOME=value\0"));
    let own: Vec<&str> = environment.split('\0').filter(|line| line.starts_with("FENDER")).collect();
    assert_eq!(own, [format!("FENDER_CHAIN=1:{}", place.path("real/docker").display())]);
    assert_eq!(fs::read_to_string(place.path("out/folder")).unwrap().trim(), place.path("home").to_str().unwrap());
}

#[test]
fn reading_commands_help_and_completions_go_straight_through() {
    for words in [
        &["ps", "-a"][..],
        &["--version"],
        &["-v"],
        &["--help"],
        &["run", "--help"],
        &["help", "run"],
        &[],
        &["logs", "-f", "web"],
        &["__complete", "run", ""],
        &["__completeNoDesc", "ps", ""],
        &["compose", "--help"],
        &["compose", "ps"],
        &["images"],
        &["system", "prune", "--help"],
        &["inspect", "x"],
        &["context", "ls"],
        &["compose", "--dry-run", "down", "-v"],
    ] {
        let place = Place::new();
        let output = place.run(words);
        assert_eq!(
            place.reached(),
            Some(words.iter().map(OsString::from).collect()),
            "docker {words:?}: {}",
            error(&output)
        );
        assert_eq!(error(&output), "to-error\n", "docker {words:?}");
    }
}

#[test]
fn standard_input_and_words_that_are_not_text_pass_unharmed() {
    let place = Place::new();
    let odd = OsString::from_vec(b"\xff\xfe\x80".to_vec());
    let mut child = place
        .docker()
        .arg("load")
        .arg("--quiet")
        .arg(&odd)
        .env("STAND_IN_READS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    child.wait().unwrap();
    assert_eq!(place.reached().unwrap()[2], odd);
    assert_eq!(fs::read(place.path("out/input")).unwrap(), bytes);
}

#[test]
fn a_hundred_kilobytes_of_words() {
    let place = Place::new();
    let long = "x".repeat(100_000);
    place.run(&["run", "-e", &format!("A={long}"), "alpine"]);
    assert_eq!(place.reached().unwrap()[2].len(), 100_002);
}

#[test]
fn without_a_terminal_a_question_is_a_no() {
    for words in [
        &["run", "-v", "/var/run/docker.sock:/s", "alpine"][..],
        &["run", "--privileged", "alpine"],
        &["create", "--privileged", "alpine"],
        &["run", "-v", "/:/h", "-v", "/etc:/e", "alpine"],
        &["--context", "box", "run", "--cap-add", "SYS_ADMIN", "alpine"],
        &["plugin", "install", "--grant-all-permissions", "vieux/sshfs"],
    ] {
        let place = Place::new();
        let output = place.docker().args(words).stdin(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(125), "docker {words:?}");
        assert_eq!(place.reached(), None, "docker {words:?}");
        assert!(output.stdout.is_empty());
        let said = error(&output);
        assert!(said.contains("instead"), "docker {words:?}: {said}");
        // Many programs show only the last line.
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("fender: not run ("), "docker {words:?}: {said}");
        assert!(last.contains(", dev): no terminal to ask on; "), "docker {words:?}: {said}");
        assert!(last.contains("to allow: [rules] ") || last.contains("see: fender rules "), "docker {words:?}: {said}");
    }
}

#[test]
fn what_only_buildx_knows_is_judged_without_it() {
    let place = Place::new();
    let secret = format!("id=a,src={}", place.path("home/.ssh/id_rsa").display());
    for words in [
        &["build", "--allow", "security.insecure", "."][..],
        &["build", "--secret", &secret, "."],
        &["build", "--secret", &secret, "--unknown-yet", "."],
    ] {
        assert_eq!(place.run(words).status.code(), Some(125), "{words:?}");
        assert_eq!(place.docker().env("DOCKER_BUILDKIT", "0").args(words).output().unwrap().status.code(), Some(0));
    }
}

#[test]
fn a_pipe_cannot_say_yes() {
    let place = Place::new();
    let mut child = place
        .docker()
        .args(["run", "--privileged", "alpine"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(b"y\ny\ny\n");
    assert_eq!(child.wait().unwrap().code(), Some(125));
    assert_eq!(place.reached(), None);
}

#[test]
fn notes_when_they_are_wanted() {
    let place = Place::new();
    let output = place.docker().args(["run", "-d", "nginx"]).env("FENDER_NOTES", "always").output().unwrap();
    let said = error(&output);
    let line = said.lines().next().unwrap();
    assert_eq!(
        line,
        "fender: perhaps runs as root, no memory limit, a tag that can move, perhaps PID 1 does not forward signals or reap children (fender explain -- run -d nginx)"
    );
    assert_eq!(output.stdout, b"to-output\n");
}

#[test]
fn closed_streams_stop_nothing() {
    let place = Place::new();
    for closed in [">&-", "2>&-", "<&-", ">&- 2>&- <&-"] {
        let _ = fs::remove_file(place.path("out/words"));
        let line = format!("exec {} run -d nginx {closed}", place.path("front/docker").display());
        let mut command = program("sh");
        place.surround(&mut command);
        command.args(["-c", &line]).env("FENDER_NOTES", "always").output().unwrap();
        assert_eq!(place.reached().map(|words| words.len()), Some(3), "{closed}");
    }
}

#[test]
fn signals_reach_the_client() {
    let place = Place::new();
    let mut command = place.docker();
    let mut child = command
        .args(["run", "alpine"])
        .env("STAND_IN_TRAP", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    for _ in 0..500 {
        if place.path("out/ready").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // fender became the client: there is one process, and it gets the signal. setsid waits for it in a group of its own.
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let client: i32 = children.split_whitespace().next().map_or(child.id() as i32, |id| id.parse().unwrap());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(client), nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(7), "{:?}", status.signal());
    assert_eq!(fs::read_to_string(place.path("out/signal")).unwrap(), "got\n");
}

#[test]
fn ignored_signals_stay_ignored() {
    let place = Place::new();
    script(&place.path("real/docker"), "#!/bin/sh\ngrep SigIgn /proc/$$/status >\"$STAND_IN_OUT/words\"\n");
    let line = format!("trap '' HUP PIPE; exec {} ps", place.path("front/docker").display());
    let mut command = program("sh");
    place.surround(&mut command);
    command.args(["-c", &line]).output().unwrap();
    let mask = fs::read_to_string(place.path("out/words")).unwrap();
    let mask = u64::from_str_radix(mask.split_whitespace().nth(1).unwrap(), 16).unwrap();
    assert_eq!(mask & 1, 1, "HUP is ignored still");
    assert_eq!(mask >> 12 & 1, 1, "PIPE is ignored still");
    // And what was not ignored is not.
    place.typed(&["ps"]).output().unwrap();
    let mask = fs::read_to_string(place.path("out/words")).unwrap();
    let mask = u64::from_str_radix(mask.split_whitespace().nth(1).unwrap(), 16).unwrap();
    assert_eq!(mask >> 12 & 1, 0, "PIPE is not ignored by fender's doing");
}

#[test]
fn the_real_client_is_the_first_that_is_not_fender() {
    let place = Place::new();
    // A copy of the link in another folder, a relative entry and an empty one are passed over.
    fs::create_dir(place.path("second")).unwrap();
    symlink(env!("CARGO_BIN_EXE_fender"), place.path("second/docker")).unwrap();
    fs::create_dir(place.path("home/relative")).unwrap();
    script(&place.path("home/relative/docker"), "#!/bin/sh\nexit 99\n");
    let path = format!(
        "{}::relative:{}:{}",
        place.path("front").display(),
        place.path("second").display(),
        place.client_path()
    );
    let output = place.docker().arg("ps").env("PATH", path).current_dir(place.path("home")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert_eq!(fs::read_to_string(place.path("out/name")).unwrap(), place.path("real/docker").to_str().unwrap());
}

#[test]
fn without_a_client_it_says_where_it_looked() {
    let place = Place::new();
    fs::remove_file(place.path("real/docker")).unwrap();
    let path = format!("{}:{}", place.path("front").display(), place.path("real").display());
    for words in [&["ps"][..], &["run", "alpine"]] {
        let output = program(place.path("front/docker")).args(words).env("PATH", &path).output().unwrap();
        assert_eq!(output.status.code(), Some(127));
        let said = error(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(place.path("real").to_str().unwrap()), "{said}");
    }
}

#[test]
fn a_loop_of_wrappers_ends_with_both_names() {
    let place = Place::new();
    let front = place.path("front/docker");
    // The other wrapper finds fender first, and fender finds it first.
    script(&place.path("real/docker"), &format!("#!/bin/sh\nexec {} \"$@\"\n", front.display()));
    for words in [&["ps"][..], &["run", "alpine"]] {
        let output = place.run(words);
        assert_eq!(output.status.code(), Some(125));
        let said = error(&output);
        assert!(said.contains(place.path("real/docker").to_str().unwrap()), "{said}");
        assert!(said.contains("find each other"), "{said}");
    }
    // The counter skips no check.
    let output = place.docker().args(["run", "--privileged", "alpine"]).env("FENDER_CHAIN", "3:x").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(error(&output).contains("privileged"));
}

#[test]
fn the_policy_may_name_the_client() {
    let place = Place::new();
    script(&place.path("home/client"), STAND_IN);
    place.policy(&format!("docker = {:?}\n", place.path("home/client")));
    for words in [&["ps"][..], &["run", "--rm", "alpine"]] {
        place.run(words);
        assert_eq!(fs::read_to_string(place.path("out/name")).unwrap(), place.path("home/client").to_str().unwrap());
    }
}

#[test]
fn a_policy_that_does_not_parse_lets_only_reading_commands_run() {
    let place = Place::new();
    place.policy("[rules]\nprivileged = \"perhaps\"\n");
    assert_eq!(place.run(&["ps"]).status.code(), Some(0));
    assert!(place.reached().is_some());
    fs::remove_file(place.path("out/words")).unwrap();
    for words in [&["run", "alpine"][..], &["network", "create", "x"]] {
        let output = place.run(words);
        assert_eq!(output.status.code(), Some(125));
        assert_eq!(place.reached(), None);
        let said = error(&output);
        assert!(said.contains("policy.toml:2:14:") && said.contains("perhaps"), "{said}");
    }
}

#[test]
fn the_users_policy_decides() {
    let place = Place::new();
    place.policy("[environments.dev.rules]\nprivileged = \"allow\"\nroot-user = \"refuse\"\n");
    assert_eq!(place.run(&["run", "--privileged", "-u", "5", "alpine"]).status.code(), Some(0));
    let output = place.run(&["run", "alpine"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(unwrapped(&output).contains("policy.toml:3 decides: root-user refuse"), "{}", error(&output));
}

#[test]
fn fix_by_policy_is_shown_and_run() {
    let place = Place::new();
    place.policy("[offer]\nmemory = \"256m\"\n[rules]\nno-memory-limit = \"fix\"\npid1-signals = \"fix\"\n");
    let output = place.run(&["run", "-d", "--name", "web", "nginx:1.29"]);
    let wanted = ["run", "-d", "--name", "web", "--memory", "256m", "--memory-swap", "256m", "--init", "nginx:1.29"];
    assert_eq!(place.reached().unwrap(), wanted.map(OsString::from));
    assert!(
        error(&output).starts_with("fender: fixed (no-memory-limit, pid1-signals): docker run"),
        "{}",
        error(&output)
    );
    // Put in place of what was typed, not beside it.
    place.run(&["run", "-dm0", "--init=false", "nginx:1.29"]);
    let wanted = ["run", "-dm256m", "--init=true", "--memory-swap", "256m", "nginx:1.29"];
    assert_eq!(place.reached().unwrap(), wanted.map(OsString::from));
}

#[test]
fn production_by_the_contexts_name() {
    let place = Place::new();
    let output = place
        .docker()
        .args(["--context", "web-prod", "run", "-v", "/:/h", "db"])
        .env_remove("DOCKER_HOST")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(unwrapped(&output).contains("prod (the context's name has \"prod\")"), "{}", error(&output));
    let output = place
        .docker()
        .args(["--context", "products", "run", "-v", "/:/h", "db"])
        .env_remove("DOCKER_HOST")
        .output()
        .unwrap();
    assert!(unwrapped(&output).contains("not run (host-mount, dev)"), "{}", error(&output));
}

#[test]
fn fender_docker_is_the_shim_too() {
    let place = Place::new();
    let mut command = without_terminal(env!("CARGO_BIN_EXE_fender"));
    place.surround(&mut command);
    command.env("PATH", place.client_path()).args(["docker", "run", "--privileged", "alpine"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(place.reached(), None);
}

#[test]
fn names_from_outside_are_shown_escaped() {
    let place = Place::new();
    let output = place.run(&["run", "--privileged", "-e", "a\u{1b}[2Kb\u{202e}c", "alpine"]);
    let said = error(&output);
    assert!(said.contains("\\u{1b}") && said.contains("\\u{202e}"), "{said}");
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'));
}

#[test]
fn a_file_of_dockers_that_cannot_be_read_may_mean_production() {
    let context = fender_core::docker_files::context_folder("box");
    let meta = format!(".docker/contexts/meta/{context}/meta.json");
    let cases: [(&str, &str, &str); 3] = [
        (".docker/config.json/", "", "config.json cannot be read: it is not a regular file"),
        (".docker/config.json", r#"{"currentContext":"box"}"#, "meta.json cannot be read: it is not a regular file"),
        (&meta, r#"{"Name":"box","Endpoints":{"docker":{"Host":5}}}"#, "meta.json: a value in it is of a wrong type"),
    ];
    for (file, text, why) in cases {
        let place = Place::new();
        let path = place.path("home").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if file.ends_with('/') {
            fs::create_dir(path).unwrap();
        } else {
            fs::write(path, text).unwrap();
        }
        let mut command = place.docker();
        command.env_remove("DOCKER_HOST");
        if file == meta {
            command.env("DOCKER_CONTEXT", "box");
        } else {
            fs::create_dir_all(place.path("home").join(&meta)).unwrap();
        }
        let output = command.args(["run", "--privileged", "alpine"]).output().unwrap();
        assert_eq!(output.status.code(), Some(125), "{file}");
        assert!(place.reached().is_none(), "{file}");
        assert!(unwrapped(&output).contains("prod"), "{}", error(&output));
        assert!(unwrapped(&output).contains(why), "{}", error(&output));
    }
}

/// A policy means an engine, however its address is spelt; by its id it cannot be spelt twice.
#[test]
fn a_policy_knows_an_engine_by_any_spelling_and_by_its_id() {
    let at = |host: &str| format!("[environments.vault]\npreset = \"prod\"\nhost = {host:?}\n");
    let by_id = |id: &str| format!("[environments.vault]\npreset = \"prod\"\nengine = {id:?}\n");
    let place = Place::new();
    let socket = place.path("out/engine.sock");
    let _recorder = Recorder::start(&socket, Answers::default());
    let link = place.path("home/link.sock");
    symlink(&socket, &link).unwrap();
    symlink(place.path("out"), place.path("home/folder")).unwrap();
    let (socket, link) = (socket.display().to_string(), link.display().to_string());
    let below = place.path("home/folder/../out/./engine.sock").display().to_string();
    let gone = place.path("home/gone.sock").display().to_string();
    let silent = place.path("home/silent.sock").display().to_string();
    let _nobody_answers = std::os::unix::net::UnixListener::bind(&silent).unwrap();
    for (policy, host, is_vault) in [
        (at(&format!("unix://{socket}")), &link, true),
        (at(&format!("unix://{socket}")), &below, true),
        (at(&format!("unix://{link}")), &socket, true),
        (at(&format!("UNIX://{}", place.path("home/folder/*.sock").display())), &socket, true),
        (at(&format!("unix://{gone}")), &socket, false),
        (by_id("x"), &link, true),
        (by_id("y"), &link, false),
        (by_id("x"), &gone, false),
        // An engine that does not say its id may be that one.
        (by_id("x"), &silent, true),
    ] {
        place.policy(&policy);
        let mut command = place.docker();
        command.env("DOCKER_HOST", format!("unix://{host}"));
        let output = command.args(["run", "--privileged", "alpine"]).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert_eq!(unwrapped(&output).contains("vault"), is_vault, "{policy}{host}\n{}", error(&output));
    }
}
