//! What a question asks of a real engine, and what it does not wait for. Counted, not timed: the times are in `benches/question.rs`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::api::{Api, tar};
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::proxy::EngineProxy;
use crate::support::terminal::Terminal;

/// How long the engine takes to measure its volumes here.
const MEASURES: Duration = Duration::from_secs(8);

/// How long it takes where somebody reads the question meanwhile.
const READ_FOR: Duration = Duration::from_secs(2);

/// An engine on production with the volumes `small`, which can be kept, and `large`, which cannot.
fn with_two_volumes(engine: &Engine) -> (Guarded<'_>, Api) {
    engine.image("stand-in:1", &[]);
    let guarded = Guarded::new(engine);
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n[trash]\neach = \"100kB\"\n");
    let api = Api::new(&engine.socket);
    for (name, bytes) in [("small", 1000), ("large", 300_000)] {
        let mounted = json!({"Image": "stand-in:1", "Cmd": ["true"], "HostConfig": {"Binds": [format!("{name}:/v")]}});
        let made = api.call(hyper::Method::POST, "/containers/create", Some(&mounted));
        let id = made["Id"].as_str().unwrap().to_owned();
        api.send(hyper::Method::PUT, &format!("/containers/{id}/archive?path=/v"), tar(&[("data", bytes)]));
        api.call(hyper::Method::DELETE, &format!("/containers/{id}"), None);
    }
    (guarded, api)
}

/// An engine takes as long to measure its volumes as it has files. The question does not wait for that, and what it promises stays true.
#[test]
fn a_question_does_not_wait_for_the_sizes_of_volumes() {
    let engine = Engine::start("speed-sizes", "new", "");
    let (guarded, api) = with_two_volumes(&engine);
    let is_there = |name: &str| api.try_call(hyper::Method::GET, &format!("/volumes/{name}"), None).is_ok();
    let slow = EngineProxy::start(&guarded.place.path("slow.sock"), &engine.socket, Some(("/system/df", MEASURES)));
    let asked = |name: &str| {
        let started = Instant::now();
        let mut command = guarded.docker(&["volume", "rm", name]);
        command.env("DOCKER_HOST", slow.host());
        let terminal = Terminal::start(&command, None);
        terminal.expect_question();
        assert!(started.elapsed() < MEASURES, "the question waited: {:?}", started.elapsed());
        let seen = terminal.unwrapped();
        assert!(seen.contains("size not known yet") && seen.contains("measured before anything is deleted"), "{seen}");
        assert!(seen.contains(&format!("keeps {name} for 7 days")) && !seen.contains("frees"), "{seen}");
        terminal
    };
    let answer = format!("{}\n", guarded.name);

    // What fits is kept and deleted, with one question.
    let mut terminal = asked("small");
    terminal.send(&answer);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(!is_there("small") && !terminal.unwrapped().contains("not all of this can be kept"), "{}", terminal.seen());
    guarded.undo();
    assert!(is_there("small"));

    // What turns out to be too large is asked about again, with what is known then; nothing goes before.
    let mut terminal = asked("large");
    terminal.send(&answer);
    terminal.expect_questions(2);
    let seen = terminal.unwrapped();
    assert!(seen.contains("not all of this can be kept") && seen.contains("it is larger than 100 kB"), "{seen}");
    assert!(is_there("large"));
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    assert!(is_there("large"));

    // A plan that nobody waits for has the size.
    let plan = guarded.fender(&["plan", "--format", "json", "--", "volume", "rm", "large"]);
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert!(plan["deletes"][0]["size"].as_i64() >= Some(300_000), "{plan}");
}

/// What the question leaves open is filled in while it stands. What was typed by then and not ended with Enter does not count, and where not all can be
/// kept, the whole question stands anew.
#[test]
fn sizes_are_filled_in_while_a_person_reads() {
    let engine = Engine::start("speed-late", "new", "");
    let (guarded, api) = with_two_volumes(&engine);
    let is_there = |name: &str| api.try_call(hyper::Method::GET, &format!("/volumes/{name}"), None).is_ok();
    let slow = EngineProxy::start(&guarded.place.path("slow.sock"), &engine.socket, Some(("/system/df", READ_FOR)));
    let asked = |name: &str| {
        let mut command = guarded.docker(&["volume", "rm", name]);
        command.env("DOCKER_HOST", slow.host());
        let terminal = Terminal::start(&command, None);
        terminal.expect_question();
        assert!(terminal.unwrapped().contains("size not known yet"), "{}", terminal.unwrapped());
        terminal
    };
    let answer = format!("{}\n", guarded.name);

    // The name that was begun before the size came is not half of an answer: what follows is all there is.
    let mut terminal = asked("small");
    terminal.send(&guarded.name);
    terminal.expect_questions(2);
    assert!(terminal.unwrapped().contains("fender: volume small is 1 kB; this frees 1 kB"), "{}", terminal.unwrapped());
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    assert!(is_there("small"));

    // Nothing is asked a third time where the size was shown, and what was shown as kept comes back.
    let mut terminal = asked("small");
    terminal.expect_questions(2);
    terminal.send(&answer);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(!is_there("small") && terminal.seen().matches("Enter to cancel").count() == 2, "{}", terminal.seen());
    guarded.undo();
    assert!(is_there("small"));

    // What cannot be kept is in the new question, and its answer is one.
    let mut terminal = asked("large");
    terminal.send(&guarded.name);
    terminal.expect_questions(2);
    let seen = terminal.unwrapped();
    let (_, new) = seen.split_once("not all of this can be kept").unwrap_or_else(|| panic!("{seen}"));
    assert!(new.contains("not kept: it is larger than 100 kB") || new.contains("it is larger than 100 kB"), "{seen}");
    assert!(new.contains("cannot be brought back"), "{seen}");
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    assert!(is_there("large"));
    let mut terminal = asked("large");
    terminal.expect_questions(2);
    terminal.send(&answer);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(!is_there("large"));
}

/// An engine that lists its volumes and never says how large they are: what cannot be kept without a size is said before the answer counts. Where it
/// does not answer at all nothing is deleted.
#[test]
fn sizes_that_the_engine_never_says_are_asked_about_again() {
    let engine = Engine::start("speed-never", "new", "");
    let (guarded, api) = with_two_volumes(&engine);
    let is_there = |name: &str| api.try_call(hyper::Method::GET, &format!("/volumes/{name}"), None).is_ok();
    let asked = |proxy: &EngineProxy| {
        let mut command = guarded.docker(&["volume", "rm", "small"]);
        command.env("DOCKER_HOST", proxy.host());
        let terminal = Terminal::start(&command, None);
        terminal.expect_question();
        let seen = terminal.unwrapped();
        assert!(seen.contains("size not known yet") && seen.contains("keeps small for 7 days"), "{seen}");
        terminal
    };
    let answer = format!("{}\n", guarded.name);
    let without = concat!(
        r#"{"Volumes":[{"Name":"small","Driver":"local","Mountpoint":"/x","Labels":null,"Options":null,"#,
        r#""Scope":"local","CreatedAt":"2026-01-01T00:00:00Z","UsageData":null}]}"#
    );
    for (number, (body, is_read)) in [(r#"{"Volumes":null}"#, false), (without, true)].into_iter().enumerate() {
        let socket = guarded.place.path(&format!("never-{number}.sock"));
        let proxy = EngineProxy::answering(&socket, &engine.socket, ("/system/df", READ_FOR), ("200 OK", body));
        let mut terminal = asked(&proxy);
        // Answered before the engine has said it, or read until then.
        if !is_read {
            terminal.send(&answer);
        }
        terminal.expect_questions(2);
        let seen = terminal.unwrapped();
        let (before, new) = seen.split_once("not all of this can be kept").unwrap_or_else(|| panic!("{seen}"));
        assert!(before.contains("the engine does not say how large the volumes are"), "{seen}");
        assert!(new.contains("cannot be brought back") && !new.contains("keeps small"), "{seen}");
        assert!(is_there("small"), "{seen}");
        terminal.send("\n");
        assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
        assert!(is_there("small"));
    }

    // No answer is no size either, and whoever answered did so in the belief that it is kept.
    let socket = guarded.place.path("refuses.sock");
    let refusal = ("500 Internal Server Error", r#"{"message":"no space left on device"}"#);
    let proxy = EngineProxy::answering(&socket, &engine.socket, ("/system/df", READ_FOR), refusal);
    let mut terminal = asked(&proxy);
    terminal.send(&answer);
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    let seen = terminal.unwrapped();
    assert!(seen.contains("nothing was deleted") && seen.contains("no space left on device"), "{seen}");
    assert!(is_there("small"));
}

/// What many containers share is read after the answer, and a person who was not told that one of them does not come back is asked again.
#[test]
fn what_many_containers_share_is_read_before_anything_is_deleted() {
    let engine = Engine::start("speed-shared", "new", "");
    engine.image("stand-in:1", &[]);
    let guarded = Guarded::new(&engine);
    let api = Api::new(&engine.socket);
    let create = |name: &str, host: serde_json::Value| {
        let body = json!({"Image": "stand-in:1", "Cmd": ["true"], "HostConfig": host});
        api.call(hyper::Method::POST, &format!("/containers/create?name={name}"), Some(&body));
    };
    for number in 0..55 {
        create(&format!("box-{number}"), json!({}));
    }
    create("gone", json!({}));
    create("shares", json!({"PidMode": "container:gone"}));
    api.call(hyper::Method::DELETE, "/containers/gone", None);
    let answer = format!("{}\n", guarded.name);
    let is_there = |name: &str| api.try_call(hyper::Method::GET, &format!("/containers/{name}/json"), None).is_ok();

    let mut terminal = Terminal::start(&guarded.docker(&["container", "prune"]), None);
    terminal.expect_question();
    let seen = terminal.unwrapped();
    assert!(
        seen.contains("is read before anything is deleted") && !seen.contains("a container that is gone"),
        "{seen}"
    );
    terminal.send(if seen.contains("[y/N]") { "y\n" } else { &answer });
    terminal.expect_questions(2);
    let seen = terminal.unwrapped();
    assert!(seen.contains("uses the PID namespace of a container that is gone"), "{seen}");
    assert!(is_there("shares") && is_there("box-1"));
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    assert!(is_there("shares") && is_there("box-1"));

    // Without it there is one question, and everything is kept and comes back.
    api.call(hyper::Method::DELETE, "/containers/shares", None);
    let mut terminal = Terminal::start(&guarded.docker(&["container", "prune"]), None);
    terminal.expect_question();
    terminal.send(if terminal.unwrapped().contains("[y/N]") { "y\n" } else { &answer });
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(!is_there("box-1") && !terminal.unwrapped().contains("not all that was shown"), "{}", terminal.seen());
    guarded.undo();
    assert!(is_there("box-1") && is_there("box-54"));
}

/// One reading of the engine for what protects, for the plan, for what is kept and for the smaller plan.
#[test]
fn nothing_is_asked_twice_for_a_question() {
    let engine = Engine::start("speed-requests", "new", "");
    engine.image("stand-in:1", &[]);
    let guarded = Guarded::new(&engine);
    let api = Api::new(&engine.socket);
    for number in 0..60 {
        let body = json!({"Image": "stand-in:1", "Cmd": ["true"], "HostConfig": {"Binds": [format!("v{number}:/v")]}});
        let made = api.call(hyper::Method::POST, &format!("/containers/create?name=c{number}"), Some(&body));
        let id = made["Id"].as_str().unwrap();
        let label = json!({"Labels": {"number": number.to_string()}});
        api.call(hyper::Method::POST, &format!("/commit?container={id}&repo=made{number}&tag=1"), Some(&label));
    }
    api.call(hyper::Method::POST, "/volumes/create", Some(&json!({"Name": "spare"})));
    let proxy =
        EngineProxy::start(&guarded.place.path("proxy.sock"), &engine.socket, Some(("/", Duration::from_millis(40))));
    // Most requests in all, and most of them one after the other. The settings of more than 50 containers are read after the answer, and the
    // layers of more than 50 images while the question stands.
    for (words, most, phases) in [
        (&["system", "prune", "-a"][..], 8, 3),
        (&["volume", "rm", "spare"], 5, 4),
        (&["container", "prune"], 4, 3),
        (&["container", "rm", "-f", "c7"], 6, 5),
        (&["image", "rm", "-f", "made59:1"], 6, 4),
    ] {
        let mut command = guarded.docker(words);
        command.env("DOCKER_HOST", proxy.host());
        proxy.take();
        let mut terminal = Terminal::start(&command, None);
        terminal.expect_question();
        let (mut requests, passed) = proxy.take();
        terminal.send("\n");
        terminal.wait();
        // One more is the image's, which is asked while the question stands.
        requests.retain(|request| !request.ends_with("/_ping") && !is_of_one_image(request));
        requests.sort();
        let twice: Vec<&String> = requests.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
        assert!(twice.is_empty(), "{words:?} asks twice: {twice:#?}");
        assert!(requests.len() <= most && passed <= phases, "{words:?}: {} in {passed}: {requests:#?}", requests.len());
    }
}

fn is_of_one_image(request: &str) -> bool {
    request.contains("/images/sha256:")
}

/// What many images free together is not waited for: the question says the least of it, then the number, and docker's own words have it, too.
#[test]
fn what_many_images_free_is_filled_in() {
    let engine = Engine::start("speed-frees", "new", "");
    engine.image("stand-in:1", &[]);
    let guarded = Guarded::new(&engine);
    let api = Api::new(&engine.socket);
    for number in 0..60 {
        let body = json!({"Image": "stand-in:1", "Cmd": ["true"]});
        let made = api.call(hyper::Method::POST, "/containers/create", Some(&body));
        let id = made["Id"].as_str().unwrap();
        api.send(hyper::Method::PUT, &format!("/containers/{id}/archive?path=/"), tar(&[("data", 1000 + number)]));
        api.call(hyper::Method::POST, &format!("/commit?container={id}&repo=made{number}&tag=1"), Some(&json!({})));
        api.call(hyper::Method::DELETE, &format!("/containers/{id}"), None);
    }
    let plan = guarded.fender(&["plan", "--format", "json", "--", "image", "prune", "-a"]);
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
    let frees = plan["frees"].as_i64().unwrap();
    // Docker writes the unit without a space and with more digits.
    let docker = format!("Total reclaimed space: {:.3}MB", frees as f64 / 1e6);
    let frees = fender_core::text::bytes(frees);
    let slow = EngineProxy::start(
        &guarded.place.path("slow.sock"),
        &engine.socket,
        Some(("/images/sha256:", Duration::from_millis(50))),
    );
    let mut command = guarded.docker(&["image", "prune", "-a"]);
    command.env("DOCKER_HOST", slow.host());
    let mut terminal = Terminal::start(&command, None);
    terminal.expect_question();
    assert!(terminal.unwrapped().contains("frees at least"), "{}", terminal.unwrapped());
    terminal.expect_questions(2);
    assert!(terminal.unwrapped().contains(&format!("fender: this frees {frees}")), "{frees}: {}", terminal.unwrapped());
    let seen = terminal.unwrapped();
    terminal.send(if seen.contains("[y/N]") { "y\n".to_owned() } else { format!("{}\n", guarded.name) }.as_str());
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(terminal.unwrapped().contains(&docker), "{docker}: {}", terminal.unwrapped());
}
