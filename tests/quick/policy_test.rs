//! `fender policy test`: examples in policy files, judged without an engine.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::support::place::{Place, error};
use crate::support::process::{fender, root};

fn run(place: &Place, words: &[&str]) -> Output {
    let mut command = fender();
    place.surround(&mut command);
    command.args(["policy", "test"]).args(words).current_dir(place.path("home")).output().unwrap()
}

fn output(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn tested(text: &str, words: &[&str]) -> (String, Option<i32>) {
    let place = Place::new();
    place.policy(text);
    let done = run(&place, words);
    let said = output(&done) + &error(&done);
    let path = place.path("home/.config/fender/").display().to_string();
    (said.replace(&format!("{path}/"), "").replace(&path, ""), done.status.code())
}

const POLICY: &str = r#"[rules]
published-port = "ask"

[[example]]
run = "docker run -p 80:80 web@sha256:0123456789012345678901234567890123456789012345678901234567890123"
expect = "ask"
because_rule = "published-port"

[[example]]
run = "docker run --privileged alpine"
environment = "prod"
caller = "script"
expect = "refuse"
because_rule = "privileged"

[[example]]
run = "docker ps"
expect = "allow"
"#;

#[test]
fn a_policy_that_does_what_its_examples_say_passes() {
    assert_eq!(tested(POLICY, &[]), ("3 examples, all as expected\n".to_owned(), Some(0)));
    let (json, code) = tested(POLICY, &["--format", "json"]);
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &value["count"], &value["differ"]), (Some(0), &Value::from(3), &Value::from(0)));
    let second = &value["examples"][1];
    assert_eq!(
        (&second["place"], &second["caller"], &second["action"], &second["differs"]),
        (&Value::from("policy.toml:9"), &Value::from("script"), &Value::from("refuse"), &Value::Null)
    );
    assert!(second["rules"].as_array().unwrap().contains(&Value::from("privileged")));
}

#[test]
fn what_differs_is_said_with_its_place() {
    let text = r#"
[[example]]
run = "docker run --privileged alpine"
expect = "refuse"

[[example]]
run = "docker volume rm pg"
environment = "prod"
expect = "type"
because_rule = "prune"

[[example]]
run = "docker volume rm pg"
environment = "staging"
expect = "ask"

[[example]]
run = "docker rn alpine"
expect = "allow"

[[example]]
run = "rm -rf /"
expect = "refuse"

[[example]]
run = "docker run 'alpine"
expect = "note"

[[example]]
run = "docker ps"
expect = "allow"
because_rule = "prune"

[[example]]
run = "docker ps"
expect = "allow"
"#;
    let (said, code) = tested(text, &[]);
    let lines = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "policy.toml:2 docker run --privileged alpine in dev, for a person: expected refuse, got ask (privileged)",
        "policy.toml:6 docker volume rm pg in prod, for a person: expected type because of prune, got type because of removes-volume",
        "policy.toml:12 docker volume rm pg in staging, for a person: there is no environment \"staging\": ",
        "policy.toml:17 docker rn alpine in dev, for a person: docker would refuse this: ",
        "policy.toml:21 rm -rf / in dev, for a person: this is no command of docker's",
        "policy.toml:25 docker run 'alpine in dev, for a person: this is no command line: ",
        "policy.toml:29 docker ps in dev, for a person: expected allow because of prune, got allow without any rule",
        "8 examples, 7 differ",
    ] {
        assert!(lines.contains(part), "{part}: {said}");
    }
    assert_eq!(code, Some(1));
}

#[test]
fn the_caller_is_a_person_unless_it_is_said() {
    let text = "[[example]]\nrun = \"docker run --privileged a\"\nexpect = \"ask\"\n";
    assert_eq!(tested(text, &[]).1, Some(0));
    // What is set where the test runs does not count.
    let place = Place::new();
    place.policy(text);
    let mut command = fender();
    place.surround(&mut command);
    let done = command.args(["policy", "test"]).env("AI_AGENT", "1").env("CI", "1").output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", output(&done));
    let (said, code) = tested(text, &["--caller", "script"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("for a script: expected ask, got refuse (privileged)"), "{said}");
    let named = "[[example]]\nrun = \"docker run --privileged a\"\ncaller = \"person\"\nexpect = \"ask\"\n";
    assert_eq!(tested(named, &["--caller", "script"]).1, Some(0));
}

#[test]
fn mistyped_keys_have_a_place_and_the_word_that_was_meant() {
    for (line, said) in [
        ("expecct = \"ask\"", "policy.toml:3:1: there is no key \"expecct\" here: did you mean expect?"),
        ("expect = \"asks\"", "policy.toml:3:10: there is no value \"asks\" here: did you mean ask?"),
        (
            "expect = \"ask\"\ncaller = \"scriptt\"",
            "policy.toml:4:10: there is no value \"scriptt\" here: did you mean script?",
        ),
        (
            "expect = \"ask\"\nbecause_rule = \"privilegd\"",
            "policy.toml:4:16: there is no rule \"privilegd\": did you mean privileged?",
        ),
        ("", "policy.toml:1:1: missing field `expect`"),
    ] {
        let (text, code) = tested(&format!("[[example]]\nrun = \"docker ps\"\n{line}\n"), &[]);
        assert!(text.contains(said) && code == Some(2), "{line}: {text}");
    }
    let (text, code) = tested("[[examples]]\nrun = \"docker ps\"\n", &[]);
    assert!(text.contains("there is no key \"examples\" here: did you mean example?") && code == Some(2), "{text}");
    assert_eq!(tested("", &[]), ("no [[example]] in policy.toml\n".to_owned(), Some(0)));
}

#[test]
fn a_file_that_is_not_installed_is_tested_alone() {
    let place = Place::new();
    place.policy("[rules]\nprivileged = \"refuse\"\n[[example]]\nrun = \"docker ps\"\nexpect = \"refuse\"\n");
    let file = place.path("home/new.toml");
    fs::write(&file, "[[example]]\nrun = \"docker run --privileged a\"\nexpect = \"ask\"\n").unwrap();
    let done = run(&place, &["new.toml"]);
    assert_eq!((output(&done).as_str(), done.status.code()), ("1 example, as expected\n", Some(0)));
    fs::write(&file, "rules = 1\n").unwrap();
    let done = run(&place, &["new.toml"]);
    assert!(error(&done).contains("new.toml:1:9: ") && done.status.code() == Some(2), "{}", error(&done));
    let done = run(&place, &["none.toml"]);
    assert!(error(&done).contains("none.toml: ") && done.status.code() == Some(2), "{}", error(&done));
    // A FIFO that nobody writes is not waited for.
    nix::unistd::mkfifo(&place.path("home/fifo"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let done = run(&place, &["fifo"]);
    assert!(error(&done).contains("fifo: it is not a regular file"), "{}", error(&done));
    fs::write(&file, [b'#', 0xff, b'\n']).unwrap();
    let done = run(&place, &["new.toml"]);
    assert!(error(&done).contains("new.toml: it is not UTF-8") && done.status.code() == Some(2), "{}", error(&done));
}

/// A policy with examples guards like one without: they decide nothing.
#[test]
fn examples_change_no_verdict() {
    let place = Place::new();
    place.policy("[[example]]\nrun = \"docker run --privileged alpine\"\nexpect = \"allow\"\n");
    assert_eq!(place.run(&["run", "--privileged", "alpine"]).status.code(), Some(125));
    assert_eq!(place.reached(), None);
}

/// The examples of docs/policy.md are as it says, for its own tables.
#[test]
fn the_examples_of_the_documentation_pass() {
    let text = fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let (_, rest) = text.split_once("<!-- examples: ").unwrap();
    let (_, rest) = rest.split_once("```toml\n").unwrap();
    let (policy, _) = rest.split_once("```").unwrap();
    assert_eq!(tested(policy, &[]), ("5 examples, all as expected\n".to_owned(), Some(0)));
}
