//! What commands change besides deletions, on a real engine: what compose replaces is said, kept and brought back.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hyper::Method;
use serde_json::Value;

use crate::support::api::{Api, tar};
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::place::error;
use crate::support::process::client;
use crate::support::terminal::Terminal;

/// A folder with a project in it.
struct Project<'a> {
    guarded: Guarded<'a>,
}

/// Nothing that a rule has something to say about.
const SERVICE: &str = "image: \"stand-in:1\", init: true, user: \"1000\", mem_limit: 100m, stop_grace_period: 0s";

impl Project<'_> {
    fn folder(&self) -> PathBuf {
        self.guarded.place.path("home")
    }

    /// `db` and what stands on it, with these seconds to sleep.
    fn write(&self, db: u32, more: &str) {
        let text = format!(
            "name: shop\nservices:\n  db: {{{SERVICE}, command: sleep {db}, volumes: [\"data:/data\", /anon]}}\n  \
             web: {{{SERVICE}, command: sleep 9999, depends_on: [db]}}\n{more}volumes: {{data: {{}}}}\n"
        );
        fs::write(self.folder().join("compose.yaml"), text).unwrap();
    }

    fn plain(&self, words: &[&str]) {
        let output = client(&self.guarded.engine.host()).args(words).current_dir(self.folder()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", error(&output));
    }

    fn api(&self) -> Api {
        Api::new(&self.guarded.engine.socket)
    }

    /// Empty for one that is not there.
    fn id(&self, name: &str) -> String {
        let found = self.api().try_call(Method::GET, &format!("/containers/{name}/json"), None);
        found.ok().and_then(|it| it["Id"].as_str().map(str::to_owned)).unwrap_or_default()
    }

    fn fill(&self, name: &str) {
        let path = format!("/containers/{}/archive?path=/var/lib", self.id(name));
        self.api().send(Method::PUT, &path, tar(&[("state", 30_000_000)]));
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.guarded.docker(words);
        command.env("FENDER_NOTES", "always");
        command
    }

    fn plan(&self, words: &[&str]) -> Value {
        let output = self.guarded.fender(&[&["plan", "--format", "json", "--"][..], words].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {}", error(&output)))
    }
}

/// Answers the question that stands on the terminal with what it asks for.
fn agree(terminal: &mut Terminal, name: &str) {
    let typed = terminal.seen().contains("Type ");
    terminal.send(&if typed { format!("{name}\n") } else { "y\n".to_owned() });
}

#[test]
fn compose_up_says_what_it_replaces_and_undo_brings_it_back() {
    let engine = Engine::start("compose-changes", "new", "");
    engine.image("stand-in:1", &["USER 1000"]);
    let project = Project { guarded: Guarded::new(&engine) };
    project.write(9999, "");
    project.plain(&["compose", "up", "-d"]);
    project.fill("shop-db-1");
    nothing_to_do_is_quiet(&project);
    only_what_is_made_is_judged(&project);
    what_is_replaced_is_said_and_comes_back(&project);
    another_change_is_asked_about_again(&project);
    a_protected_container_is_not_replaced(&project);
    orphans_by_a_variable_are_foreseen(&project);
    orphans_of_down_by_a_variable(&project);
    volumes_that_are_left_behind_are_named(&project);
    a_volume_that_differs_is_not_lost_unseen(&project);
    a_configuration_in_the_file_hides_nothing(&project);
    the_worst_is_said_first(&project);
    a_name_that_is_typed_goes_by_labels(&project);
}

/// `down` of one service takes what belongs to it and to what it needs; the images, networks and volumes of the others stay. What `run` left
/// behind is not started by `up`. What is down while a container is stopped or replaced is said.
#[test]
fn a_service_alone_and_what_is_down() {
    let engine = Engine::start("compose-service", "new", "");
    for name in ["a", "b", "c"] {
        engine.image(&format!("{name}:1"), &[&format!("LABEL of={name}"), "USER 1000"]);
    }
    let project = Project { guarded: Guarded::new(&engine) };
    let service = |name: &str, more: &str| {
        format!("  {name}: {{image: \"{name}:1\", command: sleep 9999, stop_grace_period: 0s, {more}}}\n")
    };
    let write = |command: &str| {
        let text = format!(
            "name: shop\nservices:\n{}{}{}networks: {{net-a: {{}}, net-b: {{}}, net-c: {{}}}}\nvolumes: {{vol-a: {{}}, vol-b: {{}}, vol-c: {{}}}}\n",
            service("a", "volumes: [\"vol-a:/v\"], networks: [net-a], depends_on: [b]"),
            service("b", "volumes: [\"vol-b:/v\"], networks: [net-b]"),
            service(
                "c",
                &format!(
                    "volumes: [\"vol-c:/v\"], networks: [net-c], ports: [\"127.0.0.1:18080:80\", \"18081:81\", \"18053:53/udp\"], \
                     healthcheck: {{test: \"true\", start_period: 1500ms}}, labels: {{x: \"{command}\"}}"
                )
            ),
        );
        fs::write(project.folder().join("compose.yaml"), text).unwrap();
    };
    write("1");
    project.plain(&["compose", "up", "-d"]);
    project.plain(&["compose", "run", "-d", "--no-deps", "--name", "one", "b", "true"]);
    engine.is_listed_as("one", "exited");
    assert_eq!(project.plan(&["compose", "up", "-d"])["changes"], serde_json::json!([]));
    let taken = |words: &[&str]| -> Vec<String> {
        let plan = project.plan(words);
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        let mut out: Vec<String> = plan["deletes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| format!("{} {}", text(it, "type"), text(it, "name")))
            .collect();
        out.sort();
        out
    };
    let images = |found: &[String]| {
        found.iter().filter(|it| it.starts_with("image") || it.starts_with("tag")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(images(&taken(&["compose", "down", "c", "--rmi", "all"])), ["image c:1"]);
    let all = taken(&["compose", "down", "c", "--rmi", "all", "-v"]);
    assert_eq!(all, ["container shop-c-1", "image c:1", "network shop_net-c", "volume shop_vol-c"]);
    // Another service's containers keep what it needs.
    let all = taken(&["compose", "down", "a", "--rmi", "all", "-v"]);
    assert_eq!(all, ["container shop-a-1", "image a:1", "network shop_net-a", "volume shop_vol-a"]);

    let down = |words: &[&str]| -> Value {
        let plan = project.plan(words);
        let of_c = plan["changes"].as_array().unwrap().iter().find(|it| it["name"] == "shop-c-1").cloned();
        of_c.unwrap_or_else(|| panic!("{words:?}: {plan}"))["downtime"].clone()
    };
    let expected = serde_json::json!({ "ports": ["18053/udp", "127.0.0.1:18080", "18081"], "start_seconds": 2 });
    for words in
        [&["stop", "shop-c-1"][..], &["restart", "shop-c-1"], &["compose", "stop", "c"], &["compose", "restart", "c"]]
    {
        assert_eq!(down(words), expected, "docker {words:?}");
    }
    assert_eq!(down(&["rm", "-f", "shop-c-1"]), Value::Null);
    assert_eq!(down(&["rename", "shop-c-1", "other"]), Value::Null);
    write("2");
    assert_eq!(down(&["compose", "up", "-d"]), expected);
    for (words, sentence) in [
        (&["compose", "up", "-d"][..], "until the new one runs (its healthcheck allows 2 s for the start)"),
        (&["stop", "shop-c-1"], "until it is started again (its healthcheck allows 2 s for the start)"),
    ] {
        let said = project.guarded.fender(&[&["plan", "--"], words].concat());
        let said = String::from_utf8_lossy(&said.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        let sentence = format!("ports 18053/udp, 127.0.0.1:18080, 18081 are unreachable {sentence}");
        assert!(said.contains(&sentence), "{sentence}\n{said}");
    }
    let said = project.guarded.fender(&["plan", "--", "stop", "shop-a-1"]);
    let said = String::from_utf8_lossy(&said.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("down until it is started again"), "{said}");
    // A tag that an image in use has may move: which one the registry has shows only the pull.
    let plan = project.plan(&["compose", "pull", "c"]);
    let moved: Vec<&Value> = plan["changes"].as_array().unwrap().iter().collect();
    assert_eq!(moved.len(), 1, "{plan}");
    assert_eq!(
        (&moved[0]["name"], &moved[0]["change"], &moved[0]["certain"]),
        (&"c:1".into(), &"retag".into(), &false.into())
    );
    assert!(moved[0]["reason"].as_str().unwrap().contains("known only after the pull"), "{plan}");
    assert_eq!(project.plan(&["compose", "pull", "--policy", "missing", "c"])["changes"], serde_json::json!([]));
}

/// Where a name is typed and no file, commands that make nothing do not read the files of the folder they are typed in.
fn a_name_that_is_typed_goes_by_labels(project: &Project) {
    let text = "name: other\nservices:\n  unrelated: {image: \"stand-in:1\"}\n";
    fs::write(project.folder().join("compose.yaml"), text).unwrap();
    let changed = |words: &[&str]| -> Vec<String> {
        let plan = project.plan(words);
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        let of_containers = plan["changes"].as_array().unwrap().iter().filter(|it| it["type"] == "container");
        let mut out: Vec<String> =
            of_containers.map(|it| format!("{} {}", text(it, "change"), text(it, "name"))).collect();
        out.sort();
        out
    };
    for words in [&["compose", "-p", "shop", "down"][..], &["compose", "--project-name=shop", "rm", "-fs"]] {
        assert_eq!(changed(words), ["delete shop-db-1", "delete shop-web-1"], "docker {words:?}");
    }
    assert_eq!(changed(&["compose", "-p", "shop", "wait", "--down-project", "db"]).len(), 2);
    assert_eq!(changed(&["compose", "-p", "shop", "stop"]), ["stop shop-db-1", "stop shop-web-1"]);
    assert_eq!(changed(&["compose", "-p", "shop", "-f", "compose.yaml", "rm", "-fs"]), [""; 0]);
    let terminal = Terminal::start(&project.command(&["compose", "-p", "shop", "down", "-v"]), None);
    terminal.expect_question();
    assert!(terminal.unwrapped().contains("shop-db-1"), "{}", terminal.seen());
    drop(terminal);
    project.plain(&["compose", "-p", "shop", "stop", "-t", "0"]);
    assert_eq!(changed(&["compose", "-p", "shop", "start"]), ["start shop-db-1", "start shop-web-1"]);
    assert_eq!(changed(&["compose", "-p", "shop", "start", "db"]), ["start shop-db-1"]);
}

/// What is lost stands above careless defaults, and the same advice is given once.
fn the_worst_is_said_first(project: &Project) {
    let careless = "image: \"stand-in:1\", user: root, logging: {driver: local}, stop_grace_period: 0s, command";
    let write = |seconds: u32| {
        let text = format!(
            "name: shop\nservices:\n  db: {{{careless}: sleep {seconds}}}\n  web: {{{careless}: sleep {seconds}}}\n"
        );
        fs::write(project.folder().join("compose.yaml"), text).unwrap();
    };
    write(9000);
    project.plain(&["compose", "up", "-d", "--remove-orphans"]);
    project.fill("shop-db-1");
    write(9001);
    // Wide enough for the whole question: above 25 lines it is shortened.
    let mut terminal = Terminal::sized(&project.command(&["compose", "up", "-d"]), None, (40, 120));
    terminal.expect_question();
    let seen = terminal.unwrapped();
    let at = |text: &str| seen.find(text).unwrap_or_else(|| panic!("{text:?}\n{seen}"));
    assert!(at("unsaved-data") < at("root-user"), "{seen}");
    assert_eq!(seen.matches("instead user with an id").count(), 1, "{seen}");
    terminal.send("n\n");
    terminal.wait();
}

fn nothing_to_do_is_quiet(project: &Project) {
    // There are no orphans.
    for more in [&[][..], &["--remove-orphans"]] {
        let mut terminal = Terminal::start(&project.command(&[&["compose", "up", "-d"], more].concat()), None);
        assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
        assert!(!terminal.seen().contains("fender"), "{}", terminal.seen());
    }
    assert_eq!(project.plan(&["compose", "up", "-d"])["changes"], serde_json::json!([]));
}

/// Careless defaults are said of what is created or replaced, and of nothing else.
fn only_what_is_made_is_judged(project: &Project) {
    let file = project.folder().join("compose.yaml");
    let before = fs::read_to_string(&file).unwrap();
    let careless =
        "  bare: {image: \"stand-in:1\", init: true, user: \"1000\", stop_grace_period: 0s, command: sleep 9999}\n";
    project.write(9999, careless);
    let mut terminal = Terminal::start(&project.command(&["compose", "up", "-d"]), None);
    terminal.expect_question();
    assert!(terminal.unwrapped().contains("no-memory-limit"), "{}", terminal.seen());
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    project.plain(&["compose", "up", "-d"]);
    nothing_to_do_is_quiet(project);
    // A second one of it is new.
    let mut terminal = Terminal::start(&project.command(&["compose", "up", "-d", "--scale", "bare=2"]), None);
    terminal.expect_question();
    assert!(terminal.unwrapped().contains("no-memory-limit"), "{}", terminal.seen());
    terminal.send("\n");
    terminal.wait();
    // What gives the host away is said each time.
    project.write(9999, &careless.replace("init: true", "init: true, privileged: true"));
    project.plain(&["compose", "up", "-d"]);
    let mut terminal = Terminal::start(&project.command(&["compose", "up", "-d"]), None);
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    assert!(terminal.unwrapped().contains("privileged"), "{}", terminal.seen());
    fs::write(&file, before).unwrap();
    project.plain(&["compose", "up", "-d", "--remove-orphans"]);
}

fn what_is_replaced_is_said_and_comes_back(project: &Project) {
    let (old, web) = (project.id("shop-db-1"), project.id("shop-web-1"));
    project.write(9998, "");
    let plan = project.plan(&["compose", "up", "-d"]);
    let changes = plan["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{plan}");
    let change = &changes[0];
    assert_eq!(
        (&change["type"], &change["change"], &change["id"], &change["recoverable"], &change["certain"]),
        (&"container".into(), &"replace".into(), &Value::from(old.as_str()), &"trash".into(), &true.into())
    );
    assert!(change["layer_bytes"].as_i64().unwrap() >= 30_000_000 && change["since"].as_i64().unwrap() > 0, "{plan}");
    assert_eq!(plan["deletes"], serde_json::json!([]));

    let mut terminal = Terminal::start(&project.command(&["compose", "up", "-d"]), None);
    terminal.expect_question();
    let seen = terminal.unwrapped();
    for text in
        ["replaces 1 container", "shop-db-1 30 MB", "/var/lib/state 30 MB", "up ", "its configuration changed", "Type "]
    {
        assert!(seen.contains(text), "{text:?}\n{seen}");
    }
    assert!(seen.contains("keeps shop-db-1 for 7 days"), "{seen}");
    agree(&mut terminal, &project.guarded.name);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    let new = project.id("shop-db-1");
    assert!(new != old && project.id("shop-web-1") == web, "{}", terminal.seen());

    let undone = project.guarded.undo();
    assert!(undone.contains("shop-db-1-restored"), "{undone}");
    let back = project.api().get("/containers/shop-db-1-restored/json?size=1");
    assert!(back["SizeRw"].as_i64().unwrap() >= 30_000_000, "{back}");
    assert_eq!(back["State"]["Running"], false);
    assert!(!back["Config"]["Labels"].to_string().contains("com.docker.compose"), "{back}");
    // The new one stays, and compose sees no change.
    assert_eq!(project.id("shop-db-1"), new);
    assert_eq!(project.plan(&["compose", "up", "-d"])["changes"], serde_json::json!([]));
    // The old one of the next replacement comes back beside both.
    project.fill("shop-db-1");
    project.write(9997, "");
    let mut terminal = Terminal::start(&project.command(&["compose", "up", "-d"]), None);
    terminal.expect_question();
    agree(&mut terminal, &project.guarded.name);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    let undone = project.guarded.undo();
    assert!(undone.contains("shop-db-1-restored-2"), "{undone}");
    let again = project.api().get("/containers/shop-db-1-restored-2/json?size=1");
    assert!(again["SizeRw"].as_i64().unwrap() >= 30_000_000, "{again}");
    // Where the new one is gone, the old one comes back in its place.
    project.plain(&["rm", "-f", "shop-db-1", "shop-db-1-restored", "shop-db-1-restored-2"]);
    project.guarded.undo_again();
    let back = project.api().get("/containers/shop-db-1/json?size=1");
    assert!(back["SizeRw"].as_i64().unwrap() >= 30_000_000 && back["State"]["Running"] == true, "{back}");
    assert!(back["Config"]["Labels"].to_string().contains("com.docker.compose"), "{back}");
}

fn another_change_is_asked_about_again(project: &Project) {
    project.write(9997, "");
    let mut terminal = Terminal::start(&project.command(&["compose", "up", "-d"]), None);
    terminal.expect_question();
    assert!(!terminal.seen().contains("shop-web-1"), "{}", terminal.seen());
    // While the question stands, the image of both means another one.
    let web = project.id("shop-web-1");
    project.guarded.engine.image("stand-in:1", &["USER 1000", "LABEL another=1"]);
    agree(&mut terminal, &project.guarded.name);
    terminal.expect_questions(2);
    let seen = terminal.unwrapped();
    assert!(seen.contains("it is judged again") && seen.contains("replaces 2 containers"), "{seen}");
    assert_eq!(project.id("shop-web-1"), web);
    agree(&mut terminal, &project.guarded.name);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert_ne!(project.id("shop-web-1"), web);
}

fn a_protected_container_is_not_replaced(project: &Project) {
    let db = project.id("shop-db-1");
    project.guarded.place.policy("[environments.dev]\nhostname = \"*\"\n[protect]\ncontainers = [\"shop-db-*\"]\n");
    project.write(9996, "");
    for words in [
        &["compose", "up", "-d"][..],
        &["compose", "up", "-d", "--scale", "db=0"],
        &["compose", "create", "--force-recreate"],
        &["compose", "run", "web", "true"],
    ] {
        let mut terminal = Terminal::start(&project.command(words), None);
        assert_eq!(terminal.wait().code(), Some(125), "{words:?}: {}", terminal.seen());
        assert!(terminal.unwrapped().contains("shop-db-1 is protected"), "{words:?}: {}", terminal.seen());
        assert_eq!(project.id("shop-db-1"), db);
    }
    // What does not touch it runs.
    let mut terminal = Terminal::start(&project.command(&["compose", "up", "-d", "--no-recreate"]), None);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    project.guarded.place.policy("[environments.prod]\nhostname = \"*\"\n");
}

fn orphans_by_a_variable_are_foreseen(project: &Project) {
    project.write(9997, &format!("  old: {{{SERVICE}, command: sleep 9999}}\n"));
    project.plain(&["compose", "up", "-d"]);
    project.fill("shop-old-1");
    let old = project.id("shop-old-1");
    project.write(9997, "");
    assert_eq!(project.plan(&["compose", "up", "-d"])["deletes"], serde_json::json!([]));
    fs::write(project.folder().join(".env"), "COMPOSE_REMOVE_ORPHANS=1\n").unwrap();
    let plan = project.plan(&["compose", "up", "-d"]);
    assert_eq!(plan["deletes"][0]["id"], Value::from(old), "{plan}");
    let mut terminal = Terminal::start(&project.command(&["compose", "up", "-d"]), None);
    terminal.expect_question();
    assert!(terminal.unwrapped().contains("30 MB of data in the own layer of shop-old-1"), "{}", terminal.seen());
    agree(&mut terminal, &project.guarded.name);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    fs::remove_file(project.folder().join(".env")).unwrap();
    assert_eq!(project.id("shop-old-1"), "");
    project.guarded.undo();
    assert_ne!(project.id("shop-old-1"), "");
    project.plain(&["rm", "-f", "shop-old-1"]);
}

/// The variable is the default of the flag of `down`, too; there `.env` does not count.
fn orphans_of_down_by_a_variable(project: &Project) {
    project.write(9997, &format!("  old: {{{SERVICE}, command: sleep 9999}}\n"));
    project.plain(&["compose", "up", "-d"]);
    project.write(9997, "");
    let old = project.id("shop-old-1");
    let taken = |set: &[(&str, &str)], words: &[&str]| {
        let mut command = project.guarded.fender_command(&[&["plan", "--format", "json", "--"][..], words].concat());
        command.envs(set.iter().copied());
        let plan: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        plan["deletes"].as_array().unwrap().iter().any(|it| it["id"] == old.as_str())
    };
    for (set, words, wanted) in [
        (&[][..], &["compose", "down"][..], false),
        (&[("COMPOSE_REMOVE_ORPHANS", "True")], &["compose", "down"], true),
        (&[("COMPOSE_REMOVE_ORPHANS", "True")], &["compose", "down", "--remove-orphans=false"], false),
        (&[("COMPOSE_REMOVE_ORPHANS", "0")], &["compose", "down"], false),
        (&[("COMPOSE_REMOVE_ORPHANS", "1")], &["compose", "up", "-d"], true),
    ] {
        assert_eq!(taken(set, words), wanted, "{set:?} {words:?}");
    }
    let mut down = client(&project.guarded.engine.host());
    down.args(["compose", "down"]).env("COMPOSE_REMOVE_ORPHANS", "True").current_dir(project.folder());
    assert!(down.output().unwrap().status.success());
    assert_eq!(project.id("shop-old-1"), "", "compose does not take the variable for down");
    project.plain(&["compose", "up", "-d"]);
}

/// An anonymous volume whose container is removed stays, and no later container gets it.
fn volumes_that_are_left_behind_are_named(project: &Project) {
    let mounts = project.api().get("/containers/shop-db-1/json")["Mounts"].clone();
    let mut names = mounts.as_array().unwrap().iter().filter_map(|it| it["Name"].as_str());
    let anonymous = names.find(|name| name.len() == 64).unwrap().get(..12).unwrap().to_owned();
    let left = |words: &[&str]| project.plan(words)["warnings"].to_string().contains(&anonymous);
    assert!(
        left(&["compose", "down"]) && left(&["compose", "rm", "-fs", "db"]) && left(&["compose", "up", "-d", "-V"])
    );
    assert!(!left(&["compose", "down", "-v"]) && !left(&["compose", "rm", "-fs", "web"]));
    assert!(!left(&["compose", "up", "-d", "--force-recreate"]));
}

/// Compose asks whether to remove a volume whose settings differ, or removes it at once (`--yes`).
fn a_volume_that_differs_is_not_lost_unseen(project: &Project) {
    let text = fs::read_to_string(project.folder().join("compose.yaml")).unwrap();
    let text = text.replace("data: {}", "data: {driver_opts: {type: tmpfs, device: tmpfs}}");
    fs::write(project.folder().join("compose.yaml"), text).unwrap();
    for (words, certain) in [(&["compose", "up", "-d"][..], false), (&["compose", "up", "-d", "--yes"], true)] {
        let plan = project.plan(words);
        let volume = plan["changes"].as_array().unwrap().iter().find(|it| it["type"] == "volume").cloned();
        let volume = volume.unwrap_or_else(|| panic!("{words:?}: {plan}"));
        assert_eq!(
            (&volume["name"], &volume["change"], &volume["certain"], &volume["recoverable"]),
            (&"shop_data".into(), &"replace".into(), &certain.into(), &"trash".into())
        );
    }
    project.write(9997, "");
}

/// The dry run fails where a new container gets a file whose content is in the compose file, and has shown everything but some starts by then.
fn a_configuration_in_the_file_hides_nothing(project: &Project) {
    let write = |seconds: u32, side: &str, content: &str| {
        let service = |more: &str| format!("{{{SERVICE}, configs: [settings], networks: [default, side], {more}}}");
        let text = format!(
            "name: conf\nservices:\n  one: {}\n  two: {}\n  three: {{{SERVICE}, command: sleep 9999}}\n\
             networks: {{side: {side}}}\nconfigs: {{settings: {{content: \"{content}\"}}}}\n",
            service(&format!("command: sleep {seconds}")),
            service("command: sleep 9999"),
        );
        fs::write(project.folder().join("compose.yaml"), text).unwrap();
    };
    let planned = || -> Vec<String> {
        let plan = project.plan(&["compose", "up", "-d"]);
        assert_eq!(plan["unclear"], Value::Array(Vec::new()), "{plan}");
        let changes = plan["changes"].as_array().unwrap().iter();
        let mut said: Vec<String> = changes
            .map(|it| {
                let text = |key: &str| it[key].as_str().unwrap();
                let perhaps = if it["certain"] == true { "" } else { " perhaps" };
                format!("{} {} {}{perhaps}", text("change"), text("type"), text("name"))
            })
            .collect();
        said.sort();
        said
    };
    write(9999, "{}", "1");
    project.plain(&["compose", "up", "-d"]);
    assert_eq!(planned(), [""; 0], "nothing has changed");
    write(9998, "{}", "1");
    assert_eq!(planned(), ["replace container conf-one-1"]);
    project.plain(&["stop", "-t", "0", "conf-three-1"]);
    assert_eq!(planned()[0], "replace container conf-one-1");
    assert!(planned()[1].starts_with("start container conf-three-1"), "{:?}", planned());
    write(9999, "{internal: true}", "1");
    let said = planned();
    for line in ["restart container conf-one-1", "restart container conf-two-1", "replace network conf_side"] {
        assert!(said.iter().any(|known| known == line), "{line}: {said:?}");
    }
    project.plain(&["compose", "down"]);
    project.write(9997, "");
}
