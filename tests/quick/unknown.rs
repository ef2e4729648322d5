//! Unknown is not harmless: whatever goes wrong while fender looks, nothing protected goes, and nothing dangerous runs on an
//! engine whose labels say production.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::faulty::{At, Fault, Faulty};
use crate::support::place::{Place, error, script, unwrapped};
use crate::support::process::without_terminal;

pub const PRODUCTION: &[&str] = &["tier=prod"];
/// Each deletes something protected.
pub const DELETIONS: &[&[&str]] =
    &[&["volume", "rm", "data"], &["rm", "-fv", "web"], &["rmi", "-f", "x:1"], &["network", "rm", "net"]];
/// What must not run unasked on production; without labels, `CI` would only note the second one.
pub const ON_PRODUCTION: &[&[&str]] = &[&["run", "--privileged", "x:1"], &["volume", "rm", "spare"]];

/// Every fault that is over at once.
const FAULTS: &[Fault] = &[
    Fault::Closed,
    Fault::Cut,
    Fault::Garbage,
    Fault::Malformed,
    Fault::WrongShape,
    Fault::WrongLists,
    Fault::Empty,
    Fault::Page(403),
    Fault::Page(404),
    Fault::Page(302),
    Fault::Reason(404),
    Fault::Page(503),
];
/// Faults that take as long as fender goes on reading: tried at each request of the first command of a list.
const LONG_FAULTS: &[Fault] = &[Fault::Endless(" "), Fault::Endless("\"a")];

/// The words that docker was run with; to be asked for its help is not to be run.
fn ran(place: &Place) -> Option<Vec<OsString>> {
    place.reached().filter(|words| !words.iter().any(|word| word == "--help"))
}

/// A place with an engine, and the command in it; CI notes deletions and asks about the rest.
fn at(place: &Place, words: &[&str]) -> Command {
    let mut command = place.docker();
    command.args(words).env("CI", "1").env("DOCKER_HOST", format!("unix://{}", place.path("sock").display()));
    command
}

/// How many requests a command makes where nothing goes wrong.
pub fn requests(words: &[&str], labels: &'static [&'static str]) -> usize {
    let place = Place::new();
    let engine = Faulty::start(&place.path("sock"), labels, At::Never, Fault::Closed);
    let output = at(&place, words).output().unwrap();
    assert_eq!(ran(&place), None, "docker {words:?}: {}", error(&output));
    assert_eq!(engine.changes(), Vec::<String>::new(), "docker {words:?}");
    engine.count()
}

/// The command with one fault: it must not run, and it must end in time.
pub fn does_not_run(words: &[&str], labels: &'static [&'static str], where_to: At, fault: Fault) {
    let place = Place::new();
    let engine = Faulty::start(&place.path("sock"), labels, where_to, fault);
    let started = Instant::now();
    let output = at(&place, words).output().unwrap();
    let about = format!("docker {words:?}, {fault:?} at {where_to:?}: {}", error(&output));
    assert_eq!(ran(&place), None, "{about}");
    assert_eq!(engine.changes(), Vec::<String>::new(), "{about}");
    assert_eq!(output.status.code(), Some(125), "{about}");
    assert!(started.elapsed() < Duration::from_secs(55), "{:?}: {about}", started.elapsed());
}

/// Runs all of these, so many at once.
pub fn at_once(workers: usize, work: Vec<Box<dyn FnOnce() + Send>>) {
    let work = Mutex::new(work);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().pop();
                    let Some(next) = next else { return };
                    next();
                }
            });
        }
    });
}

#[test]
fn no_fault_at_any_request_lets_a_protected_object_go() {
    let mut work: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
    for (commands, labels) in [(DELETIONS, &[] as &[&str]), (ON_PRODUCTION, PRODUCTION)] {
        for (at, words) in commands.iter().enumerate() {
            let faults: Vec<Fault> = FAULTS.iter().chain(LONG_FAULTS.iter().filter(|_| at == 0)).copied().collect();
            let count = requests(words, labels);
            assert!(count > 0, "docker {words:?} asks nothing");
            for number in 1..=count {
                for fault in faults.clone() {
                    work.push(Box::new(move || does_not_run(words, labels, At::Number(number), fault)));
                }
            }
            for fault in faults {
                work.push(Box::new(move || does_not_run(words, labels, At::From(1), fault)));
            }
        }
    }
    at_once(4, work);
}

#[test]
fn labels_are_waited_for_and_remembered() {
    let place = Place::new();
    let socket = place.path("sock");
    let slow = Faulty::start(&socket, PRODUCTION, At::From(1), Fault::Late(2500));
    let output = at(&place, &["run", "--privileged", "x:1"]).output().unwrap();
    assert!(unwrapped(&output).contains("the engine's label tier=prod has \"prod\""), "{}", error(&output));
    assert!(error(&output).contains("fender: waiting for the engine at unix://"), "{}", error(&output));
    assert!(slow.count() > 0);
    // The next command need not wait until a silent engine answers.
    fs::remove_file(&socket).unwrap();
    let _silent = Faulty::start(&socket, PRODUCTION, At::From(1), Fault::Silence);
    let started = Instant::now();
    let output = at(&place, &["run", "--privileged", "x:1"]).output().unwrap();
    let said = unwrapped(&output);
    assert!(said.contains("the engine's label tier=prod has \"prod\", as it said a moment ago"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(ran(&place), None);
}

#[test]
fn labels_that_are_not_known_are_said_and_ask() {
    let place = Place::new();
    let _engine = Faulty::start(&place.path("sock"), &[], At::From(1), Fault::Page(503));
    let output = at(&place, &["network", "disconnect", "-f", "net", "web"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "an outage is noted in CI: {}", error(&output));
    // --rm makes an escape a note; not where it could be production.
    fs::remove_file(place.path("out/words")).unwrap();
    let output = at(&place, &["run", "--rm", "--privileged", "x:1"]).output().unwrap();
    assert_eq!((output.status.code(), ran(&place)), (Some(125), None), "{}", error(&output));
    assert!(unwrapped(&output).contains("but the engine's labels are not known"), "{}", error(&output));
    // A policy's labels could fit: the strictest environment holds.
    place.policy("[environments.lab]\npreset = \"dev\"\nlabels = \"lab\"\n[environments.vault]\npreset = \"prod\"\nlabels = \"vault\"\n");
    let output = at(&place, &["run", "--privileged", "x:1"]).output().unwrap();
    assert_eq!((output.status.code(), ran(&place)), (Some(125), None), "{}", error(&output));
    let said = unwrapped(&output);
    assert!(said.contains("vault") && said.contains("refused by policy"), "{}", error(&output));
}

/// A shell line in front of the guarded command.
fn through_shell(place: &Place, before: &str, words: &str) -> Output {
    let mut command = without_terminal("sh");
    place.surround(&mut command);
    let line = format!("{before}; exec {} {words}", place.path("front/docker").display());
    command.args(["-c", &line]).current_dir(place.path("home")).env("CI", "1");
    command.env("DOCKER_HOST", format!("unix://{}", place.path("sock").display())).output().unwrap()
}

#[test]
fn few_file_descriptors_change_nothing() {
    for limit in 3..16 {
        let place = Place::new();
        let engine = Faulty::start(&place.path("sock"), &[], At::Never, Fault::Closed);
        let output = through_shell(&place, &format!("ulimit -n {limit}"), "volume rm data");
        assert_eq!(ran(&place), None, "ulimit -n {limit}: {}", error(&output));
        assert_eq!(engine.changes(), Vec::<String>::new());
        assert!(!output.status.success(), "ulimit -n {limit}");
    }
}

#[test]
fn what_docker_is_expected_to_refuse_is_judged_all_the_same() {
    for words in [
        "run --env-file e --privileged x",
        "run --privileged --env-file e x",
        "run --label-file e -v /:/h x",
        "run -it --privileged x",
        "run --memory-swappiness 101 --privileged x",
        "run --memory lots --privileged x",
        "run --restart always --rm --privileged x",
        "create --security-opt seccomp=nosuch.json --pid host --privileged x",
        "run --newer-flag --env-file e --privileged x",
    ] {
        let place = Place::new();
        place.policy("[rules]\nprivileged = \"refuse\"\nhost-mount = \"refuse\"\n");
        let output = through_shell(&place, ":", words);
        assert_eq!((output.status.code(), ran(&place)), (Some(125), None), "docker {words}: {}", error(&output));
    }
}

#[test]
fn a_file_that_appears_hides_nothing() {
    for milliseconds in [0, 5, 10, 20, 40, 80] {
        let place = Place::new();
        place.policy("[rules]\nprivileged = \"refuse\"\n");
        let before = format!("(sleep 0.0{milliseconds:02}; touch e) &");
        let output = through_shell(&place, &format!("{before} :"), "run --env-file e --privileged x");
        assert_eq!(ran(&place), None, "after {milliseconds} ms: {}", error(&output));
    }
}

#[test]
fn files_are_looked_at_again_before_docker_runs() {
    // The client that is asked for compose's model changes a file that was read before.
    let place = Place::new();
    let home = place.path("home");
    fs::write(home.join("compose.yaml"), "services:\n  a:\n    image: x\n").unwrap();
    let out = place.path("out");
    let client = format!(
        "#!/bin/sh\ncase \"$*\" in\n--version) echo 'Docker version 28.5.2, build x' ;;\n*config*) echo >>{out}/asked; echo '# changed' >>compose.yaml; echo '{{\"name\":\"p\",\"services\":{{}}}}' ;;\n*) : >{out}/words ;;\nesac\n",
        out = out.display()
    );
    script(&place.path("real/docker"), &client);
    let output = through_shell(&place, ":", "compose up");
    let asked = fs::read_to_string(out.join("asked")).unwrap_or_default().lines().count();
    assert_eq!(asked, 1, "the file is read after compose: {}", error(&output));
    assert!(out.join("words").exists(), "{}", error(&output));
}

/// Only docker can say something about an engine that is not there.
#[test]
fn where_there_is_no_engine_docker_speaks_alone() {
    let place = Place::new();
    let refused = place.path("home/refused.sock");
    drop(std::os::unix::net::UnixListener::bind(&refused).unwrap());
    for host in ["unix:///nonexistent/docker.sock".to_owned(), format!("unix://{}", refused.display())] {
        for words in [
            &["volume", "rm", "data"][..],
            &["rm", "-fv", "web"],
            &["system", "prune", "-af", "--volumes"],
            &["compose", "-p", "shop", "down", "-v"],
            &["compose", "down", "-v"],
            &["exec", "--privileged", "web", "sh"],
            &["swarm", "leave", "--force"],
            &["stop", "web"],
        ] {
            let _ = fs::remove_file(place.path("out/words"));
            let mut command = place.docker();
            command.args(words).env("DOCKER_HOST", &host).env("FENDER_NOTES", "always");
            let output = command.current_dir(place.path("home")).output().unwrap();
            assert_eq!(
                ran(&place).as_deref().map(<[_]>::len),
                Some(words.len()),
                "docker {words:?}: {}",
                error(&output)
            );
            assert_eq!(error(&output), "to-error\n", "docker {words:?}");
        }
        // It may be there in a moment: what the words alone give away is asked about, what is not the engine's is lost all the same.
        for words in [&["run", "--privileged", "x"][..], &["context", "rm", "here"]] {
            let _ = fs::remove_file(place.path("out/words"));
            let id = fender_core::docker_files::context_folder("here");
            let context = place.path("home/.docker/contexts/meta").join(&id);
            fs::create_dir_all(&context).unwrap();
            fs::create_dir_all(place.path("home/.docker/contexts/tls").join(&id)).unwrap();
            fs::write(context.join("meta.json"), "{}").unwrap();
            let output = place.docker().args(words).env("DOCKER_HOST", &host).output().unwrap();
            assert_eq!((output.status.code(), ran(&place)), (Some(125), None), "docker {words:?}: {}", error(&output));
        }
    }
    place.policy("[rules]\nremoves-volume = \"refuse\"\n");
    let _ = fs::remove_file(place.path("out/words"));
    let output = place.run(&["volume", "rm", "data"]);
    assert_eq!((output.status.code(), ran(&place)), (Some(125), None), "{}", error(&output));
}

#[test]
fn an_endless_answer_costs_no_memory() {
    for text in [" ", "\"a", "{\"Id\":\"x\",\"Names\":[],\"Labels\":{}},"] {
        let place = Place::new();
        let _engine = Faulty::start(&place.path("sock"), &[], At::From(2), Fault::Endless(text));
        let started = Instant::now();
        // Kilobytes: an address space in which 256 MiB of text do not fit twice.
        let output = through_shell(&place, "ulimit -v 600000", "volume rm data");
        assert_eq!(ran(&place), None, "{text:?}: {}", error(&output));
        assert_eq!(output.status.code(), Some(125), "{text:?}: {}", error(&output));
        assert!(unwrapped(&output).contains("fender cannot tell what is protected"), "{text:?}: {}", error(&output));
        assert!(started.elapsed() < Duration::from_secs(30), "{text:?}: {:?}", started.elapsed());
    }
}

/// The parts that hear what an engine, a policy file or docker's configuration say: no default stands for an answer there.
#[test]
fn no_default_stands_for_an_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let defaults = ["unwrap_or_default()", "unwrap_or(false)", "unwrap_or(true)", ".ok()"];
    let parts = [
        "src/engine/mod.rs",
        "src/engine/answers.rs",
        "src/engine/body.rs",
        "src/engine/changes.rs",
        "src/engine/connection.rs",
        "src/engine/list.rs",
        "src/engine/other.rs",
        "src/engine/reach.rs",
        "src/engine/access.rs",
        "src/engine/compose_project.rs",
        "src/engine/inventory.rs",
        "src/engine/containers.rs",
        "src/engine/labelled.rs",
        "src/engine/later.rs",
        "src/engine/plans.rs",
        "src/engine/layers.rs",
        "src/engine/many.rs",
        "src/engine/named.rs",
        "src/apply/mod.rs",
        "src/apply/guarded.rs",
        "src/apply/new_contexts.rs",
        "src/apply/allow_here.rs",
        "src/apply/docker_output.rs",
        "crates/core/src/engine.rs",
        "crates/core/src/lookup.rs",
        "crates/core/src/rules/protected.rs",
        "crates/core/src/rules/touches_protected.rs",
        "crates/core/src/rules/inherits_mounts.rs",
        "crates/core/src/policy/environment.rs",
        "src/environment/policy.rs",
    ];
    let whole_folders = ["src/engine", "src/apply"];
    for folder in whole_folders {
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let name = format!("{folder}/{}", file.unwrap().file_name().to_string_lossy());
            assert!(
                parts.contains(&name.as_str())
                    || ["src/engine/offline.rs", "src/engine/paths.rs"].contains(&name.as_str()),
                "{name} is not looked at"
            );
        }
    }
    let mut found = Vec::new();
    for part in parts {
        let text = fs::read_to_string(root.join(part)).unwrap_or_else(|error| panic!("{part}: {error}"));
        for (at, line) in text.lines().enumerate().take_while(|(_, line)| !line.contains("#[cfg(test)]")) {
            if !line.trim_start().starts_with("//") && defaults.iter().any(|it| line.contains(it)) {
                found.push(format!("{part}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "a default stands for an answer:\n{}", found.join("\n"));
}
