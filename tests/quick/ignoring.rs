//! The question about secrets in a build context: the key m excludes them in the ignore file that decides, and the build runs.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::lint::write;
use crate::support::place::{Place, error};
use crate::support::terminal::Terminal;

const COPIES_ALL: &str = "FROM alpine:3.22\nCOPY . /app\nUSER 1\nCMD [\"/app/run\"]\n";

/// A folder that is built, with a token in `.env`.
struct Built {
    place: Place,
}

impl Built {
    fn new(dockerfile: &str, more: &[(&str, &str)]) -> Built {
        let place = Place::new();
        place.policy("[environments.dev]\nhostname = \"*\"\n");
        let files = [("Dockerfile", dockerfile), (".env", "API_TOKEN=s3cr3t-value-of-ours\n"), ("run", "x")];
        write(&place.path("app"), &files);
        // Buildx is installed as far as the client's folders say.
        write(&place.path("home"), &[(".docker/cli-plugins/docker-buildx", "")]);
        write(&place.path("app"), more);
        Built { place }
    }

    fn command(&self, words: &[&str], buildkit: &str) -> Command {
        let mut command = self.place.typed(words);
        command.current_dir(self.place.path("app")).env("DOCKER_BUILDKIT", buildkit);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        command
    }

    /// The question of a build, as soon as it stands.
    fn asked(&self, words: &[&str], buildkit: &str) -> Terminal {
        let terminal = Terminal::start(&self.command(words, buildkit), None);
        terminal.expect_question();
        std::thread::sleep(Duration::from_millis(350));
        terminal
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.place.path("app").join(name)).ok()
    }

    fn ran(&self) -> Option<Vec<String>> {
        Some(self.place.reached()?.iter().map(|word| word.to_string_lossy().into_owned()).collect())
    }
}

#[test]
fn lines_are_added_to_the_ignore_file_that_decides_and_the_build_runs() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n";
    // The ignore file, its bytes before (nothing: there is none) and after, other files, and the builder.
    for (name, before, after, more, buildkit) in [
        (".dockerignore", None, ".env\n", &[][..], "1"),
        (".dockerignore", None, ".env\n", &[], "0"),
        (".dockerignore", Some(""), ".env\n", &[], "1"),
        (".dockerignore", Some("*.md\n"), "*.md\n.env\n", &[], "1"),
        (".dockerignore", Some("*.md"), "*.md\n.env\n", &[], "0"),
        (".dockerignore", Some("*.md\r\n# x\r\n"), "*.md\r\n# x\r\n.env\r\n", &[], "1"),
        (".dockerignore", Some("*.md\r\n# x"), "*.md\r\n# x\r\n.env\r\n", &[], "1"),
        (".dockerignore", Some("\u{feff}*.md\n"), "\u{feff}*.md\n.env\n", &[], "1"),
        // A line that is there does not help where a later one takes it back.
        (".dockerignore", Some(".env\n!.env\n"), ".env\n!.env\n.env\n", &[], "1"),
        (".dockerignore", Some("*\n!.env\n!run\n"), "*\n!.env\n!run\n.env\n", &[], "0"),
        ("Dockerfile.dockerignore", Some("*.md\n"), "*.md\n.env\n", &[], "1"),
        ("Dockerfile.dockerignore", Some("*.md\n"), "*.md\n.env\n", &[(".dockerignore", ".env\n")], "1"),
        (".dockerignore", Some("x\n"), "x\n.env\n", &[("Dockerfile.dockerignore", ".env\n")], "0"),
        (".dockerignore", None, ".env\nkeys/\\[a\\]\\*/id_rsa\n", &[("keys/[a]*/id_rsa", key)], "1"),
        (".dockerignore", None, ".env\nü/deploy key\n", &[("ü/deploy key", key)], "1"),
    ] {
        let built = Built::new(COPIES_ALL, more);
        if let Some(text) = before {
            write(&built.place.path("app"), &[(name, text)]);
        }
        let case = format!("{name} {before:?} {more:?} {buildkit}");
        let mut terminal = built.asked(&["build", "-t", "a:1", "."], buildkit);
        let said = terminal.unwrapped();
        assert!(said.contains(&format!("m: add to {name} and build")), "{case}\n{said}");
        let is_new = if before.is_none() { " (a new file)" } else { "" };
        assert!(said.contains(&format!("m adds to {name}{is_new}: .env")), "{case}\n{said}");
        terminal.send("m\n");
        assert_eq!(terminal.wait().code(), Some(0), "{case}\n{}", terminal.seen());
        assert_eq!(built.file(name).map(|it| String::from_utf8(it).unwrap()), Some(after.to_owned()), "{case}");
        for (other, text) in more {
            assert_eq!(built.file(other).as_deref(), Some(text.as_bytes()), "{case}");
        }
        assert!(terminal.unwrapped().contains(&format!("added to {name}: .env")), "{case}\n{}", terminal.seen());
        assert_eq!(built.ran().unwrap(), ["build", "-t", "a:1", "."], "{case}");
        // From now on there is nothing to ask.
        fs::remove_file(built.place.path("out/words")).unwrap();
        let output = built.command(&["build", "-t", "a:1", "."], buildkit).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{case}\n{}", error(&output));
    }
}

#[test]
fn nothing_is_offered_that_would_not_let_the_build_run() {
    let token = "ENV NPM_TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ012345\n";
    for (dockerfile, ignore) in [
        // It is copied by its name, and without it the build would fail.
        ("FROM alpine:3.22\nCOPY .env run /app/\nUSER 1\nCMD [\"/app/run\"]\n".to_owned(), &b"*.md\n"[..]),
        ("FROM alpine:3.22\nCOPY .e* /app/\nUSER 1\nCMD [\"/app/run\"]\n".to_owned(), b"*.md\n"),
        // Something else stops the build, too.
        (COPIES_ALL.replace("USER", &format!("{token}USER")), b"*.md\n"),
        // What is no text is not written over.
        (COPIES_ALL.to_owned(), b"\xff\xfe\n"),
    ] {
        let built = Built::new(&dockerfile, &[]);
        fs::write(built.place.path("app/.dockerignore"), ignore).unwrap();
        let mut terminal = built.asked(&["build", "."], "1");
        assert!(!terminal.unwrapped().contains("m: add"), "{dockerfile}\n{}", terminal.seen());
        terminal.send("m\n");
        assert_eq!(terminal.wait().code(), Some(125), "{dockerfile}\n{}", terminal.seen());
        assert_eq!(built.file(".dockerignore").as_deref(), Some(ignore));
        assert_eq!(built.ran(), None);
    }
}

#[test]
fn no_other_answer_changes_a_file() {
    for answer in ["\n", "n\n", "y\n", "\u{4}", "m m\n"] {
        let built = Built::new(COPIES_ALL, &[(".dockerignore", "*.md\n")]);
        let mut terminal = built.asked(&["build", "."], "1");
        terminal.send(answer);
        let expected = if answer == "y\n" { 0 } else { 125 };
        assert_eq!(terminal.wait().code(), Some(expected), "{answer:?}\n{}", terminal.seen());
        assert_eq!(built.file(".dockerignore").as_deref(), Some(&b"*.md\n"[..]), "{answer:?}");
    }
    // Nobody is asked without a terminal, and nothing is offered there.
    let built = Built::new(COPIES_ALL, &[]);
    let mut command = built.place.docker();
    command.args(["build", "."]).current_dir(built.place.path("app")).env("DOCKER_BUILDKIT", "1");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(!error(&output).contains("m adds"), "{}", error(&output));
    assert_eq!(built.file(".dockerignore"), None);
}

/// What somebody else wrote while the question stood is not written over, and the build does not run.
#[test]
fn a_file_that_changed_meanwhile_stays() {
    for before in [None, Some("*.md\n")] {
        let built = Built::new(COPIES_ALL, &[]);
        if let Some(text) = before {
            write(&built.place.path("app"), &[(".dockerignore", text)]);
        }
        let mut terminal = built.asked(&["build", "."], "1");
        write(&built.place.path("app"), &[(".dockerignore", "theirs\n")]);
        terminal.send("m\n");
        assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
        assert!(terminal.unwrapped().contains(".dockerignore is not changed"), "{}", terminal.seen());
        assert_eq!(built.file(".dockerignore").as_deref(), Some(&b"theirs\n"[..]));
        assert_eq!(built.ran(), None);
    }
}

/// After the lines were added the build is judged again: what came meanwhile is asked about.
#[test]
fn the_build_is_judged_again_with_the_new_file() {
    let built = Built::new(COPIES_ALL, &[]);
    let mut terminal = built.asked(&["build", "."], "1");
    write(&built.place.path("app"), &[("id_rsa", "x")]);
    terminal.send("m\n");
    terminal.expect_questions(2);
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(built.ran(), None);
    terminal.send("m\n");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert_eq!(built.file(".dockerignore").as_deref(), Some(&b".env\nid_rsa\n"[..]));
}

/// Where the engine's name has to be typed, the key is one all the same: it makes the command harmless.
#[test]
fn the_key_counts_on_production() {
    let built = Built::new(COPIES_ALL, &[]);
    let rules = "[environments.prod.rules]\nbuild-context-leak = \"type\"\n";
    built.place.policy(&format!("[environments.prod]\nhostname = \"*\"\n{rules}"));
    let mut terminal = Terminal::start(&built.command(&["build", "."], "1"), None);
    terminal.expect("Enter to cancel:");
    std::thread::sleep(Duration::from_millis(350));
    terminal.send("m\n");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert_eq!(built.file(".dockerignore").as_deref(), Some(&b".env\n"[..]));
}
