//! `[[allow]]`: an exception allows what it names, where and as long as it says, and nothing else.

use std::ffi::OsString;
use std::path::Path;

use crate::support::example::with_policy;
use crate::support::place::Place;
use crate::support::process::fender;
use fender_core::judge::{Judgement, judge};
use fender_core::policy::{Action, Caller, CallerKind, Policy, parse_layer};
use proptest::prelude::*;

/// 2026-11-27, the day of the judgements here, has this number.
const REASON: &str = "reason = \"known\"\n";

fn policy(system: &str, user: &str) -> Policy {
    let layer = |path: &str, is_system, text: &str| parse_layer(Path::new(path), is_system, text).unwrap();
    let mut layers = Vec::new();
    if !system.is_empty() {
        layers.push(layer("/etc/fender/policy.toml", true, system));
    }
    if !user.is_empty() {
        layers.push(layer("/home/u/policy.toml", false, user));
    }
    Policy { layers }
}

fn judged(policy: &Policy, line: &str, environment: &str, caller: Caller) -> Judgement {
    let words: Vec<OsString> = shell_words::split(line).unwrap().into_iter().map(OsString::from).collect();
    with_policy(policy, environment, caller, |context| judge(&words, context))
}

/// The actions on the findings of one rule.
fn actions(judgement: &Judgement, rule: &str) -> Vec<Action> {
    judgement.complaints.iter().filter(|it| it.finding.rule.id == rule).map(|it| it.decision.action).collect()
}

fn is_allowed(exception: &str, line: &str, rule: &str) -> bool {
    let text = format!("[[allow]]\nrule = \"{rule}\"\n{REASON}{exception}\n");
    let found = actions(&judged(&policy("", &text), line, "prod", Caller::of(CallerKind::Person)), rule);
    assert!(!found.is_empty(), "{rule} finds nothing in {line}");
    found.iter().all(|action| *action == Action::Allow)
}

const SOCKET: &str = "run -v /var/run/docker.sock:/var/run/docker.sock";

#[test]
fn what_is_named_is_allowed() {
    let digest = "a".repeat(64);
    for (exception, line, rule) in [
        ("image = \"traefik:3.1\"", format!("{SOCKET} traefik:3.1"), "docker-socket"),
        ("image = \"traefik:*\"", format!("{SOCKET} traefik:3.1"), "docker-socket"),
        ("image = \"traefik\"", format!("{SOCKET} traefik:3.1"), "docker-socket"),
        ("image = \"traefik\"", format!("{SOCKET} traefik@sha256:{digest}"), "docker-socket"),
        ("image = \"docker:*\"", format!("{SOCKET} docker:dind"), "docker-socket"),
        ("image = \"docker.io/library/traefik:3.1\"", format!("{SOCKET} traefik:3.1"), "docker-socket"),
        ("image = \"traefik:latest\"", format!("{SOCKET} traefik"), "docker-socket"),
        ("image = [\"a\", \"ghcr.io/x/*\"]", format!("{SOCKET} ghcr.io/x/agent:1"), "docker-socket"),
        (&format!("image = \"traefik@sha256:{digest}\""), format!("{SOCKET} traefik@sha256:{digest}"), "docker-socket"),
        (
            &format!("image = \"traefik@sha256:{digest}\""),
            format!("{SOCKET} traefik:3@sha256:{digest}"),
            "docker-socket",
        ),
        (
            &format!("image = \"docker.io/library/traefik@sha256:{digest}\""),
            format!("{SOCKET} traefik@sha256:{digest}"),
            "docker-socket",
        ),
        ("container = \"edge\"", format!("{SOCKET} --name edge traefik:3.1"), "docker-socket"),
        ("source = \"/var/run/docker.sock\"", format!("{SOCKET} traefik:3.1"), "docker-socket"),
        ("source = \"/root/.s*\"", "run -v /root/.ssh:/x a:1".to_owned(), "host-mount"),
        ("image = \"a:1\"\nsource = \"/etc\"", "run -v /etc:/x a:1".to_owned(), "host-mount"),
        ("command = \"run\"", "run --privileged a:1".to_owned(), "privileged"),
        ("command = \"container run\"", "run --privileged a:1".to_owned(), "privileged"),
        ("command = \"rmi\"", "image rm billing:2026-11-02".to_owned(), "removes-image"),
        ("command = \"system prune\"", "system prune -a".to_owned(), "prune-all"),
        ("environment = \"prod\"", "run --privileged a:1".to_owned(), "privileged"),
        ("volume = \"scratch*\"", "volume rm scratch-1".to_owned(), "removes-volume"),
        ("volume = \"scratch*\"", "volume rm scratch-1 scratch-2".to_owned(), "removes-volume"),
        ("image = \"a:1\"", "run --privileged --pid host a:1".to_owned(), "privileged"),
        ("source = \"/etc/shadow\"", "cp /etc/shadow web:/x".to_owned(), "reads-host-file"),
        ("until = 2026-11-27\nimage = \"a:1\"", "run --privileged a:1".to_owned(), "privileged"),
    ] {
        assert!(is_allowed(exception, &line, rule), "{exception}: {line}");
    }
}

#[test]
fn what_is_not_named_is_not_allowed() {
    let (digest, other) = ("a".repeat(64), "b".repeat(64));
    for (exception, line, rule) in [
        ("image = \"traefik:3.1\"", format!("{SOCKET} traefik:3.2"), "docker-socket"),
        ("image = \"traefik\"", format!("{SOCKET} evil/traefik"), "docker-socket"),
        ("image = \"traefik\"", format!("{SOCKET} localhost:5000/traefik"), "docker-socket"),
        ("image = \"traefik:*\"", format!("{SOCKET} ghcr.io/x/traefik:3"), "docker-socket"),
        (&format!("image = \"traefik@sha256:{digest}\""), format!("{SOCKET} traefik@sha256:{other}"), "docker-socket"),
        // Nothing says what the tag holds.
        (&format!("image = \"traefik@sha256:{digest}\""), format!("{SOCKET} traefik:3.1"), "docker-socket"),
        (&format!("image = \"traefik@sha256:{digest}\""), format!("{SOCKET} other@sha256:{digest}"), "docker-socket"),
        // A name that looks like a digest's.
        (&format!("image = \"sha256:{digest}\""), format!("{SOCKET} traefik@sha256:{digest}"), "docker-socket"),
        // Docker takes no notice of a tag beside a digest.
        ("image = \"traefik:3*\"", format!("{SOCKET} traefik:3.1@sha256:{digest}"), "docker-socket"),
        ("image = \"traefik:*\"", format!("{SOCKET} docker.io/library/traefik:3@sha256:{digest}"), "docker-socket"),
        // A wildcard is no part of a registry's name or of another repository's.
        ("image = \"docker*\"", format!("{SOCKET} evil/miner"), "docker-socket"),
        ("image = \"docker*\"", format!("{SOCKET} docker.evil.example/x"), "docker-socket"),
        ("image = \"*c*\"", format!("{SOCKET} a:1"), "docker-socket"),
        ("image = \"*traefik*\"", format!("{SOCKET} evil.example/traefik"), "docker-socket"),
        // Labels that somebody types are anybody's.
        ("service = \"web\"", format!("{SOCKET} -l com.docker.compose.service=web a:1"), "docker-socket"),
        ("project = \"shop\"", format!("{SOCKET} --label com.docker.compose.project=shop a:1"), "docker-socket"),
        ("container = \"edge\"", format!("{SOCKET} --name edge2 traefik:3.1"), "docker-socket"),
        ("container = \"edge\"", format!("{SOCKET} traefik:3.1"), "docker-socket"),
        ("service = \"web\"", format!("{SOCKET} traefik:3.1"), "docker-socket"),
        ("service = \"web\"", format!("{SOCKET} --label x=web traefik:3.1"), "docker-socket"),
        ("source = \"/etc/app\"", "run -v /etc/app:/x -v /root/.ssh:/y a:1".to_owned(), "host-mount"),
        ("source = \"/etc/app\"", "run -v /etc/app/..:/x a:1".to_owned(), "host-mount"),
        ("image = \"a:1\"\nsource = \"/etc\"", "run -v /etc:/x b:1".to_owned(), "host-mount"),
        (
            "source = \"/var/run/docker.sock\"",
            "run --privileged -v /var/run/docker.sock:/s a:1".to_owned(),
            "privileged",
        ),
        ("command = \"run\"", "create --privileged a:1".to_owned(), "privileged"),
        ("command = \"prune\"", "system prune -a".to_owned(), "prune-all"),
        ("environment = \"dev\"", "run --privileged a:1".to_owned(), "privileged"),
        ("engine = \"other-*\"", "run --privileged a:1".to_owned(), "privileged"),
        ("volume = \"scratch*\"", "volume rm scratch-1 pg-data".to_owned(), "removes-volume"),
        ("user = \"deploy\"", "run --privileged a:1".to_owned(), "privileged"),
        ("group = \"ops\"", "run --privileged a:1".to_owned(), "privileged"),
        ("until = 2026-11-26\nimage = \"a:1\"", "run --privileged a:1".to_owned(), "privileged"),
        ("image = \"a:1\"\ncontainer = \"x\"", "run --privileged a:1".to_owned(), "privileged"),
    ] {
        assert!(!is_allowed(exception, &line, rule), "{exception}: {line}");
    }
}

#[test]
fn user_and_group_are_those_of_the_caller() {
    let by = |user: &str, groups: &[&str]| Caller {
        user: user.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        ..Caller::of(CallerKind::Script)
    };
    let text = format!("[[allow]]\nrule = \"privileged\"\nuser = \"deploy\"\ngroup = [\"ops\", \"sre\"]\n{REASON}");
    let policy = policy("", &text);
    for (caller, expected) in [
        (by("deploy", &["users", "sre"]), Action::Allow),
        (by("deploy", &["users"]), Action::Refuse),
        (by("ann", &["ops"]), Action::Refuse),
    ] {
        let judgement = judged(&policy, "run --privileged a:1", "prod", caller.clone());
        assert_eq!(actions(&judgement, "privileged"), [expected], "{caller:?}");
    }
}

#[test]
fn an_exception_that_has_ended_is_named() {
    let text = format!("[[allow]]\nrule = \"privileged\"\nimage = \"a:1\"\nuntil = 2026-11-20\n{REASON}");
    let judgement = judged(&policy("", &text), "run --privileged a:1", "prod", Caller::of(CallerKind::Person));
    let complaint = judgement.complaints.iter().find(|it| it.finding.rule.id == "privileged").unwrap();
    let by = complaint.decision.exception.as_ref().unwrap();
    assert!(by.has_ended() && complaint.decision.action >= Action::Ask);
    assert_eq!((by.source.as_str(), by.until.as_deref()), ("/home/u/policy.toml:1", Some("2026-11-20")));
}

/// A system's file locks rules and classes that it does not set; its own exceptions count all the same.
#[test]
fn a_lock_holds_against_lower_layers() {
    let user = format!(
        "[environments.dev.rules]\nprivileged = \"allow\"\ndocker-socket = \"allow\"\n[[allow]]\nrule = \"privileged\"\nimage = \"*\"\n{REASON}"
    );
    let dev = |policy: &Policy| {
        let judgement = judged(policy, "run --privileged a:1", "dev", Caller::of(CallerKind::Person));
        actions(&judgement, "privileged")
    };
    assert_eq!(dev(&policy("", &user)), [Action::Allow]);
    assert_eq!(dev(&policy("repeat_notes = true\n", &user)), [Action::Allow]);
    for locks in ["rules = [\"privileged\"]", "classes = [\"escape\"]"] {
        assert_eq!(dev(&policy(&format!("[locks]\n{locks}\n"), &user)), [Action::Ask], "{locks}");
        let own = format!("[locks]\n{locks}\n[[allow]]\nrule = \"privileged\"\nimage = \"a:1\"\n{REASON}");
        assert_eq!(dev(&policy(&own, "")), [Action::Allow], "{locks}");
        // Whoever wants to be asked all the same is asked.
        assert_eq!(dev(&policy(&own, "[rules]\nprivileged = \"refuse\"\n")), [Action::Refuse], "{locks}");
    }
    assert_eq!(dev(&policy("[locks]\nclasses = [\"loss\"]\n", &user)), [Action::Allow]);
}

#[test]
fn problems_have_a_position() {
    for (text, said) in [
        ("rule = \"privileged\"\nreason = \"x\"\n", ":1:1: an exception for privileged has to say for what"),
        ("rule = \"privileged\"\nimage = \"a\"\n", "reason"),
        ("rule = \"privileged\"\nimage = \"a\"\nreason = \" \"\n", ":4:10: an exception needs a reason"),
        (
            "rule = \"privilegd\"\nimage = \"a\"\nreason = \"x\"\n",
            ":2:8: there is no rule \"privilegd\": did you mean privileged?",
        ),
        ("rule = \"privileged\"\nimages = \"a\"\nreason = \"x\"\n", "did you mean image?"),
        ("rule = \"privileged\"\nimage = \"\"\nreason = \"x\"\n", "has an empty pattern"),
        ("rule = \"host-mount\"\nsource = \"~/x\"\nreason = \"x\"\n", "is not an absolute path"),
        ("rule = \"protected\"\nvolume = \"a\"\nreason = \"x\"\n", "its action is always refuse"),
        (
            "rule = \"privileged\"\nimage = \"a\"\nreason = \"x\"\nuntil = 2027-01-31T10:00:00Z\n",
            ":5:9: until is a day, such as 2027-01-31",
        ),
        ("rule = \"privileged\"\nimage = \"a\"\nreason = \"x\"\nuntil = \"tomorrow\"\n", ":5:9:"),
    ] {
        let error = parse_layer(Path::new("p.toml"), false, &format!("[[allow]]\n{text}")).unwrap_err().to_string();
        assert!(error.starts_with("p.toml:") && error.contains(said), "{error}");
    }
    let error = parse_layer(Path::new("p.toml"), false, "[locks]\nrules = [\"prune\"]\n").unwrap_err().to_string();
    assert!(error.contains("p.toml:2:") && error.contains("the system's files only"), "{error}");
}

const LINES: [&str; 12] = [
    "run --privileged -v /:/host --pid host a:1",
    "run -v /var/run/docker.sock:/s -v /etc:/e --name one a:1",
    "run --cap-add SYS_ADMIN --device /dev/sda a:1",
    "create --privileged -v pg-data:/d b:2",
    "volume rm pg-data scratch",
    "rm -f web job",
    "system prune -a --volumes",
    "rmi billing:2026-11-02",
    "cp web:/x /etc/passwd",
    "exec --privileged web sh",
    "service create --mount type=bind,src=/,dst=/h --name s a:1",
    "stop web job",
];

fn exception() -> impl Strategy<Value = (String, String)> {
    let rules = vec![
        "privileged",
        "docker-socket",
        "host-mount",
        "host-namespace",
        "added-capability",
        "removes-volume",
        "prune-all",
    ];
    let values = vec![
        "image = \"a:1\"",
        "image = \"*\"",
        "container = \"web\"",
        "container = \"*\"",
        "source = \"/etc\"",
        "source = \"*\"",
        "volume = \"pg-data\"",
        "volume = \"*\"",
        "command = \"run\"",
        "environment = \"prod\"",
        "service = \"*\"",
        "project = \"*\"",
    ];
    let keys = proptest::sample::subsequence(values, 1..3);
    (proptest::sample::select(rules), keys).prop_filter_map("a key twice", |(rule, keys)| {
        let text = format!("[[allow]]\nrule = \"{rule}\"\n{REASON}{}\n", keys.join("\n"));
        parse_layer(Path::new("p.toml"), false, &text).ok()?;
        Some((rule.to_owned(), text))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// What one exception allows changes no finding of another rule, and adds none.
    #[test]
    fn an_exception_changes_no_other_finding((rule, text) in exception(), line in proptest::sample::select(&LINES[..])) {
        let of = |policy: &Policy| judged(policy, line, "prod", Caller::of(CallerKind::Person));
        let (before, after) = (of(&Policy::default()), of(&policy("", &text)));
        let all = |judgement: &Judgement| -> Vec<(&'static str, String)> {
            judgement.complaints.iter().map(|it| (it.finding.rule.id, it.finding.title.clone())).collect()
        };
        prop_assert_eq!(all(&before), all(&after));
        for (one, other) in before.complaints.iter().zip(&after.complaints) {
            if one.finding.rule.id != rule {
                prop_assert_eq!(&one.decision, &other.decision);
            } else {
                prop_assert!(other.decision == one.decision || other.decision.action == Action::Allow);
            }
        }
    }
}

#[test]
fn the_shim_and_explain_say_who_allows_it() {
    let place = Place::new();
    place.policy(&format!("[[allow]]\nrule = \"privileged\"\nimage = \"a:1\"\nuntil = 2099-01-31\n{REASON}"));
    let mut command = fender();
    place.surround(&mut command);
    command.args(["explain", "--environment", "prod", "--", "docker", "run", "--privileged", "a:1"]);
    let out = command.output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("allowed until 2099-01-31") && text.contains("known"), "{text}");
}
