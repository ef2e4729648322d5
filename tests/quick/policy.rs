//! "What the system sets, the user can make stricter, never weaker", for every key of a policy.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::place::Place;
use crate::support::process::fender;
use fender_core::engine::{Labels, Lookup};
use fender_core::policy::{
    Action, Caller, CallerFile, CallerKind, ClassActions, DecidedAt, EnginePlace, EnvironmentFile, File, HelpFile,
    LevelSetting, LintFile, LintPathsFile, LocksFile, OfferFile, Policy, PolicyLayer, PresetFile, ProtectFile,
    RepositoryConfig, TrashFile, Values, parse_layer,
};
use fender_core::rules::{Class, Decided, RULES, rule};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const IDS: [&str; 5] = ["privileged", "removes-volume", "root-user", "stops-containers", "protected"];

/// Every key, and whether a file sets it. It names all fields of the policy's own types, so that a new key does not compile
/// here before it is generated below.
fn keys(file: &File) -> Vec<(&'static str, bool)> {
    let File {
        docker,
        repeat_notes,
        help,
        offer,
        protect,
        trash,
        presets,
        callers,
        environments,
        rules,
        example,
        lint,
        allow,
        locks,
    } = file;
    let LocksFile { rules: locked, classes } = locks;
    let HelpFile { text, url } = help;
    let LintFile { exclude, rules: lint_rules, paths, unsafe_fixes } = lint;
    let OfferFile { memory, memory_swap, pids_limit, user } = offer;
    let ProtectFile { containers, volumes, images, networks, services } = protect;
    let TrashFile { max, each, keep } = trash;
    let mut keys = vec![
        ("docker", docker.is_some()),
        ("repeat_notes", repeat_notes.is_some()),
        ("offer.memory", memory.is_some()),
        ("offer.memory_swap", memory_swap.is_some()),
        ("offer.pids_limit", pids_limit.is_some()),
        ("offer.user", user.is_some()),
        ("protect.containers", containers.is_some()),
        ("protect.volumes", volumes.is_some()),
        ("protect.images", images.is_some()),
        ("protect.networks", networks.is_some()),
        ("protect.services", services.is_some()),
        ("trash.max", max.is_some()),
        ("trash.each", each.is_some()),
        ("trash.keep", keep.is_some()),
        ("rules", !rules.is_empty()),
        ("example", !example.is_empty()),
        ("help.text", text.is_some()),
        ("help.url", url.is_some()),
        ("allow", !allow.is_empty()),
        ("locks.rules", locked.is_some()),
        ("locks.classes", classes.is_some()),
        ("lint.exclude", exclude.is_some()),
        ("lint.rules", !lint_rules.is_empty()),
        ("lint.unsafe-fixes", unsafe_fixes.is_some()),
    ];
    let any = |classes: &ClassActions| {
        let ClassActions { escape, loss, outage, hygiene } = classes;
        [escape, loss, outage, hygiene].iter().any(|set| set.is_some())
    };
    for PresetFile { escape, loss, outage, hygiene, person, script, agent } in presets.values() {
        keys.extend([
            ("presets.escape", escape.is_some()),
            ("presets.loss", loss.is_some()),
            ("presets.outage", outage.is_some()),
            ("presets.hygiene", hygiene.is_some()),
            ("presets.person", any(person)),
            ("presets.script", any(script)),
            ("presets.agent", any(agent)),
        ]);
    }
    for it in paths {
        let LintPathsFile { files: _, rules } = it.get_ref();
        keys.extend([("lint.paths.match", true), ("lint.paths.rules", !rules.is_empty())]);
    }
    for it in callers.values() {
        let CallerFile { user, program, presets, rules } = it.get_ref();
        keys.extend([
            ("callers.user", !user.0.is_empty()),
            ("callers.program", !program.0.is_empty()),
            ("callers.presets", presets.values().any(any)),
            ("callers.rules", !rules.is_empty()),
        ]);
    }
    for it in environments.values() {
        let EnvironmentFile { context, host, hostname, engine, labels, preset, rules } = it.get_ref();
        keys.extend([
            ("environments.context", !context.0.is_empty()),
            ("environments.host", !host.0.is_empty()),
            ("environments.hostname", !hostname.0.is_empty()),
            ("environments.engine", !engine.0.is_empty()),
            ("environments.labels", !labels.0.is_empty()),
            ("environments.preset", preset.is_some()),
            ("environments.rules", !rules.is_empty()),
        ]);
    }
    keys
}

fn action() -> impl Strategy<Value = Action> {
    proptest::sample::select(Action::ALL.to_vec())
}

/// `name = one of the values`, or nothing.
fn key(name: &'static str, values: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::option::weighted(0.4, proptest::sample::select(values))
        .prop_map(move |value| value.map_or(String::new(), |value| format!("{name} = {value}\n")))
        .boxed()
}

fn rules(table: String) -> BoxedStrategy<String> {
    let rules = proptest::collection::btree_map(proptest::sample::select(&IDS[..]), action(), 0..3);
    let text = rules.prop_map(move |rules| {
        let lines: String = rules.iter().map(|(id, action)| format!("{id} = \"{action}\"\n")).collect();
        if lines.is_empty() { lines } else { format!("[{table}]\n{lines}") }
    });
    text.boxed()
}

fn environment(name: &'static str) -> BoxedStrategy<String> {
    let keys = (
        key("context", &["\"*\"", "\"prod\"", "\"stage-*\""]),
        key("host", &["\"*\"", "\"unix://*\"", "\"nowhere\""]),
        key("hostname", &["\"*\"", "\"m\""]),
        key("engine", &["\"*\"", "\"id-1\"", "\"other\""]),
        key("labels", &["\"tier=*\"", "\"*\""]),
        key("preset", &["\"dev\"", "\"ci\"", "\"prod\""]),
        rules(format!("environments.{name}.rules")),
    );
    let text = keys.prop_map(move |(context, host, hostname, engine, labels, preset, rules)| {
        let preset = if preset.is_empty() && name == "mine" { "preset = \"dev\"\n".to_owned() } else { preset };
        format!("[environments.{name}]\n{context}{host}{hostname}{engine}{labels}{preset}{rules}")
    });
    proptest::option::weighted(0.4, text).prop_map(Option::unwrap_or_default).boxed()
}

fn preset(name: &'static str) -> BoxedStrategy<String> {
    let text = (of_classes(), proptest::option::of((proptest::sample::select(CallerKind::ALL.to_vec()), of_classes())))
        .prop_map(move |(lines, of_caller)| {
            let of_caller = of_caller.map(|(kind, lines)| format!("[presets.{name}.{}]\n{lines}", kind.name()));
            format!("[presets.{name}]\n{lines}{}", of_caller.unwrap_or_default())
        });
    text.boxed()
}

/// Lines with actions for classes.
fn of_classes() -> impl Strategy<Value = String> {
    let classes = proptest::collection::btree_map(
        proptest::sample::select(Class::ALL.map(|class| class.name()).to_vec()),
        action(),
        0..3,
    );
    classes.prop_map(|classes: BTreeMap<&str, Action>| {
        classes.iter().map(|(class, action)| format!("{class} = \"{action}\"\n")).collect()
    })
}

/// A table for callers with this name.
fn caller(name: &'static str) -> BoxedStrategy<String> {
    let keys = (
        key("user", &["\"deploy\"", "\"*\"", "[\"ann\", \"bob\"]"]),
        key("program", &["\"/usr/bin/ansible\"", "\"/*\""]),
        of_classes(),
        rules(format!("callers.{name}.rules")),
    );
    let text = keys.prop_map(move |(user, program, classes, rules)| {
        let user = if user.is_empty() && program.is_empty() { "user = \"deploy\"\n".to_owned() } else { user };
        format!("[callers.{name}]\n{user}{program}[callers.{name}.presets.prod]\n{classes}{rules}")
    });
    proptest::option::weighted(0.4, text).prop_map(Option::unwrap_or_default).boxed()
}

/// `[lint]` of a policy or of a repository.
fn lint() -> BoxedStrategy<String> {
    let levels = |table: &'static str| {
        let level = proptest::sample::select(vec!["off", "note", "warning", "error"]);
        let rules = proptest::collection::btree_map(proptest::sample::select(&IDS[..]), level, 0..3);
        rules.prop_map(move |rules| {
            let lines: String = rules.iter().map(|(id, level)| format!("{id} = \"{level}\"\n")).collect();
            if lines.is_empty() { lines } else { format!("[{table}]\n{lines}") }
        })
    };
    let paths = proptest::option::weighted(
        0.5,
        (proptest::sample::select(vec!["a/**", "[\"**/Dockerfile\"]", "**"]), levels("lint.paths.rules")),
    );
    let of_paths = |paths: Option<(&str, String)>| {
        paths.map_or_else(String::new, |(pattern, rules)| {
            let pattern = if pattern.starts_with('[') { pattern.to_owned() } else { format!("{pattern:?}") };
            format!("[[lint.paths]]\nmatch = {pattern}\n{rules}")
        })
    };
    let all = (
        key("exclude", &["\"a/**\"", "[\"b\", \"!b/c\"]", "[]"]),
        key("unsafe-fixes", &["true", "false"]),
        levels("lint.rules"),
        paths,
    );
    all.prop_map(move |(exclude, unsafe_fixes, rules, paths)| {
        format!("[lint]\n{exclude}{unsafe_fixes}{rules}{}", of_paths(paths))
    })
    .boxed()
}

/// A repository's own file, with any key set or not.
fn repository() -> impl Strategy<Value = RepositoryConfig> {
    lint().prop_map(|text| RepositoryConfig::parse(Path::new("/r/.fender.toml"), &text).unwrap())
}

/// A policy's text, any key set or not.
fn text() -> impl Strategy<Value = String> {
    let offer = (
        key("memory", &["\"6m\"", "\"64m\"", "\"1g\"", "\"1000g\""]),
        key("memory_swap", &["\"-1\"", "\"32m\"", "\"2000g\""]),
        key("pids_limit", &["1", "64", "100000"]),
        key("user", &["\"1:1\"", "\"app\""]),
    );
    let protect = (
        key("containers", &["\"db\"", "[\"a*\", \"b\"]"]),
        key("volumes", &["\"pg*\"", "[]"]),
        key("images", &["\"base:*\""]),
        key("networks", &["[\"backbone\"]"]),
        key("services", &["[\"shop_*\"]"]),
    );
    let trash = (
        key("max", &["0", "\"1GB\"", "\"100GB\""]),
        key("each", &["0", "\"500MB\"", "\"90GB\""]),
        key("keep", &["\"1s\"", "\"1h\"", "\"30d\""]),
    );
    let presets = (preset("dev"), preset("ci"), preset("prod"));
    let environments = (environment("dev"), environment("prod"), environment("mine"));
    let all = (
        (key("docker", &["\"/a/docker\"", "\"/b/docker\""]), key("repeat_notes", &["true", "false"])),
        offer,
        protect,
        trash,
        presets,
        environments,
        (caller("deployer"), caller("other")),
        (
            rules("rules".to_owned()),
            proptest::sample::select(vec![
                "",
                "[[example]]\nrun = \"docker ps\"\nexpect = \"allow\"\n",
                "[help]\ntext = \"ask #platform\"\nurl = \"https://example.com/a\"\n",
                "[help]\ntext = \"ask Ann\"\n",
                "[[allow]]\nrule = \"privileged\"\nimage = \"a*\"\nreason = \"known\"\n",
            ]),
            lint(),
        ),
    );
    all.prop_map(|((docker, repeat), o, p, t, presets, e, callers, (rules, example, lint))| {
        format!(
            "{docker}{repeat}[offer]\n{}{}{}{}[protect]\n{}{}{}{}{}[trash]\n{}{}{}{}{}{}{}{}{}{}{}{rules}{example}{lint}",
            o.0,
            o.1,
            o.2,
            o.3,
            p.0,
            p.1,
            p.2,
            p.3,
            p.4,
            t.0,
            t.1,
            t.2,
            presets.0,
            presets.1,
            presets.2,
            e.0,
            e.1,
            e.2,
            callers.0,
            callers.1
        )
    })
}

/// A policy's file; the few texts that contradict themselves are errors, and none.
fn layer(is_system: bool) -> impl Strategy<Value = PolicyLayer> {
    let path = if is_system { "/etc/fender/policy.toml" } else { "/home/u/policy.toml" };
    let locks = ["", "[locks]\nrules = [\"root-user\"]\n", "[locks]\nclasses = [\"loss\", \"escape\"]\n"];
    let locks = proptest::sample::select(if is_system { locks.to_vec() } else { vec![""] });
    (text(), locks).prop_filter_map("memory_swap under memory", move |(text, locks)| {
        parse_layer(Path::new(path), is_system, &format!("{text}{locks}")).ok()
    })
}

fn callers() -> impl Strategy<Value = Caller> {
    (
        proptest::sample::select(CallerKind::ALL.to_vec()),
        proptest::sample::select(vec!["", "deploy", "ann"]),
        proptest::sample::select(vec!["", "/usr/bin/ansible", "/bin/sh"]),
    )
        .prop_map(|(kind, user, program)| Caller {
            user: user.to_owned(),
            program: program.to_owned(),
            ..Caller::of(kind)
        })
}

fn places() -> impl Strategy<Value = (&'static str, &'static str, bool, bool)> {
    (
        proptest::sample::select(vec!["default", "prod", "stage-1"]),
        proptest::sample::select(vec!["", "tier=live", "tier=dev", "unknown"]),
        any::<bool>(),
        proptest::bool::weighted(0.1),
    )
}

fn place((context, label, ci, unclear): (&'static str, &'static str, bool, bool)) -> EnginePlace<'static> {
    let labels = move || match label {
        "" => Labels::Known(Vec::new()),
        "unknown" => Labels::Unknown("no answer".to_owned()),
        label => Labels::Known(vec![label.to_owned()]),
    };
    let id = move || match label {
        "unknown" => Lookup::Unknown("no answer".to_owned()),
        _ => Lookup::Found("id-1".to_owned()),
    };
    let place = EnginePlace::new(context, "unix:///s", "", "m", ci, labels).with_id(id);
    place.unclear(unclear.then(|| "no answer".to_owned()))
}

fn policy(layers: &[&PolicyLayer]) -> Policy {
    Policy { layers: layers.iter().map(|layer| (*layer).clone()).collect() }
}

fn holds<T>(theirs: Option<&T>, held: Option<&T>, fine: fn(&T, &T) -> bool) -> bool {
    theirs.is_none_or(|theirs| held.is_some_and(|held| fine(held, theirs)))
}

/// What is wrong with the values of two layers beside those of the system's alone. It names every key that is a value.
fn weaker(system: &Values, both: &Values) -> Option<&'static str> {
    let Values { docker, repeat_notes, help, offer, trash } = system;
    let OfferFile { memory, memory_swap, pids_limit, user } = offer;
    let TrashFile { max, each, keep } = trash;
    macro_rules! held {
        ($name:literal, $theirs:expr, $held:expr, $fine:expr) => {
            let theirs = $theirs.as_ref().map(|set| set.get_ref());
            if !holds(theirs, $held.as_ref().map(|set| set.get_ref()), $fine) {
                return Some($name);
            }
        };
    }
    let swap = |bytes: i64| if bytes < 0 { i64::MAX } else { bytes };
    held!("docker", docker, both.docker, |held, theirs| held == theirs);
    held!("repeat_notes", repeat_notes, both.repeat_notes, |held, theirs| held.0 || !theirs.0);
    held!("help.text", help.text, both.help.text, |held, theirs| held == theirs);
    held!("help.url", help.url, both.help.url, |held, theirs| held == theirs);
    held!("offer.memory", memory, both.offer.memory, |held, theirs| held.bytes <= theirs.bytes);
    if let Some(theirs) = memory_swap {
        let held = both.offer.memory_swap.as_ref().map(|held| swap(held.get_ref().bytes));
        if held.is_none_or(|held| held > swap(theirs.get_ref().bytes)) {
            return Some("offer.memory_swap");
        }
    }
    held!("offer.pids_limit", pids_limit, both.offer.pids_limit, |held, theirs| held.0 <= theirs.0);
    held!("offer.user", user, both.offer.user, |held, theirs| held == theirs);
    held!("trash.max", max, both.trash.max, |held, theirs| held.0 >= theirs.0);
    held!("trash.each", each, both.trash.each, |held, theirs| held.0 >= theirs.0);
    held!("trash.keep", keep, both.trash.keep, |held, theirs| held.0 >= theirs.0);
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_user_makes_no_key_weaker_than_the_system(system in layer(true), user in layer(false), at in places(), by in callers()) {
        let (alone, both) = (policy(&[&system]), policy(&[&system, &user]));
        prop_assert_eq!(weaker(&alone.values(), &both.values()), None);
        // The same of what is made of the values.
        let (theirs, held) = (alone.offers(), both.offers());
        let bytes = |text: &str| fender_core::grammar::values::swap(text).map(|it| if it < 0 { i64::MAX } else { it }).unwrap();
        if alone.values().offer.memory.is_some() {
            prop_assert!(bytes(&held.memory) <= bytes(&theirs.memory), "{:?}", held);
        }
        prop_assert!(bytes(&held.memory) <= bytes(&held.memory_swap), "docker takes it: {:?}", held);
        prop_assert!(held.user.as_deref().is_none_or(|user| !user.starts_with('0') && user != "root"));
        for pattern in alone.protected() {
            prop_assert!(both.protected().contains(&pattern), "{pattern:?} is lost");
        }
        let place = place(at);
        let bound = |environment: &fender_core::policy::Environment| environment.source.is_some() || environment.preset == "prod";
        let environment = alone.environment(&place);
        if bound(&environment) {
            let rank = |name: &str| ["dev", "ci", "prod"].iter().position(|known| *known == name);
            prop_assert!(rank(&both.environment(&place).preset) >= rank(&environment.preset), "an engine was moved");
        }
        for rule in RULES {
            let (theirs, held) = (alone.decide(rule, rule.class, &place, &by), both.decide(rule, rule.class, &place, &by));
            // What the file says, and what it assigned the engine to, and what production's own words say.
            if theirs.source.is_some() {
                prop_assert!(held.action >= theirs.action, "{}: {theirs:?}, {held:?}", rule.id);
            }
            // Where labels are not known, more than one environment is possible, and the user may set those that nobody assigned.
            if bound(&environment) {
                let assigned = alone.decide_in(rule, rule.class, &environment, &by);
                prop_assert!(held.action >= assigned.action, "{}: {assigned:?}, {held:?}", rule.id);
            }
            for name in ["dev", "ci", "prod", "mine"] {
                let Some(named) = alone.named(name) else { continue };
                let (theirs, held) = (alone.decide_in(rule, rule.class, &named, &by), both.decide_in(rule, rule.class, &named, &by));
                if theirs.source.is_some() {
                    prop_assert!(held.action >= theirs.action, "{} in {name}: {theirs:?}, {held:?}", rule.id);
                }
            }
        }
    }

    /// A repository's file may say less than the defaults and than the user's policy; what the system's policy sets, neither of them lowers, for
    /// any key.
    #[test]
    fn lint_reports_no_less_than_the_system_wants(
        system in layer(true),
        user in layer(false),
        others in layer(false),
        repository in proptest::option::of(repository()),
        path in proptest::sample::select(vec!["Dockerfile", "a/Dockerfile", "b/c", "b/d/compose.yaml"]),
    ) {
        let mut others = others;
        others.is_others = true;
        let (alone, both, root) = (policy(&[&system]), policy(&[&system, &user]), policy(&[&system, &others]));
        let config = repository.as_ref().map(|config| (config, path));
        for rule in IDS.into_iter().filter_map(rule) {
            let finding = rule.found(&[]);
            let set = system.file.lint.setting(rule.id, path)
                .or_else(|| system.file.rules.get(rule.id).map(|action| LevelSetting::from(*action.get_ref())));
            let theirs = alone.lint_level(&finding, path, None);
            for policy in [&alone, &both, &root] {
                let held = policy.lint_level(&finding, path, config);
                prop_assert!(set.is_none() || held >= theirs, "{}: {theirs:?}, {held:?}", rule.id);
            }
            prop_assert!(root.lint_level(&finding, path, None) >= alone.lint_level(&finding, path, None));
            // A repository says what it likes where the system says nothing.
            if let (None, Some(wanted)) = (set, config.and_then(|(config, path)| config.lint.setting(rule.id, path))) {
                prop_assert_eq!(both.lint_level(&finding, path, config), wanted.level());
            }
        }
        if system.file.lint.exclude.is_some() {
            prop_assert_eq!(both.lint_excludes(path, None), alone.lint_excludes(path, None));
        }
        prop_assert!(!root.lint_excludes(path, None) || alone.lint_excludes(path, None));
        if system.file.lint.unsafe_fixes.as_ref().is_some_and(|set| !set.get_ref()) {
            prop_assert!(!both.lint_fixes_unsafely(repository.as_ref()));
        }
        // What is said to be without effect is.
        for idle in both.without_effect().iter().filter(|idle| idle.key.starts_with("lint.rules.") && idle.source.starts_with("/home")) {
            let id = IDS.iter().find(|id| idle.key.ends_with(*id)).unwrap();
            let mut without = user.clone();
            without.file.lint.rules.retain(|rule, _| rule.name() != *id);
            let finding = rule(id).unwrap().found(&[]);
            prop_assert!(both.lint_level(&finding, path, None) >= policy(&[&system, &without]).lint_level(&finding, path, None).min(alone.lint_level(&finding, path, None)));
        }
    }

    /// `[lint]` decides nothing about commands.
    #[test]
    fn lint_decides_nothing_about_commands(user in layer(false), at in places(), by in callers()) {
        let mut without = user.clone();
        without.file.lint = LintFile::default();
        let (with, without, place) = (policy(&[&user]), policy(&[&without]), place(at));
        for rule in RULES {
            prop_assert_eq!(with.decide(rule, rule.class, &place, &by), without.decide(rule, rule.class, &place, &by));
        }
        prop_assert_eq!((with.trash(), with.offers(), with.client()), (without.trash(), without.offers(), without.client()));
    }

    /// An exception of a user lifts nothing that the system's file sets or locks; one of the system's leaves what the user sets.
    #[test]
    fn an_exception_lifts_no_more_than_its_file_may(system in layer(true), user in layer(false), at in places(), by in callers()) {
        let (alone, both, place) = (policy(&[&system]), policy(&[&system, &user]), place(at));
        for rule in RULES.iter().copied().filter(|rule| rule.decided == Decided::ByPolicy) {
            let at = DecidedAt::Place(&place);
            let theirs = alone.decide(rule, rule.class, &place, &by);
            let left = both.decide_excepted(rule, rule.class, &at, &by, false);
            // Where the labels are not known, what is set for one environment may not be set for another.
            let is_set = theirs.source.is_some() || system.file.locks.holds(rule, rule.class);
            prop_assert!(!is_set || left.action >= theirs.action, "{}: {theirs:?}, {left:?}", rule.id);
            let left = both.decide_excepted(rule, rule.class, &at, &by, true);
            prop_assert!(left.action == Action::Allow || left.source.is_some_and(|source| user.is_at(&source)), "{}", rule.id);
            let left = alone.decide_excepted(rule, rule.class, &at, &by, true);
            prop_assert_eq!(left.action, Action::Allow);
        }
    }

    #[test]
    fn a_user_can_make_each_action_stricter(system in layer(true), at in places(), by in callers(), id in proptest::sample::select(&IDS[..4])) {
        let user = parse_layer(Path::new("u.toml"), false, &format!("[rules]\n{id} = \"refuse\"\n")).unwrap();
        let rule = rule(id).unwrap();
        prop_assert_eq!(policy(&[&system, &user]).decide(rule, rule.class, &place(at), &by).action, Action::Refuse);
    }

    #[test]
    fn another_users_policy_only_makes_root_stricter(system in proptest::option::of(layer(true)), others in layer(false), at in places(), by in callers()) {
        let mut others = others;
        others.is_others = true;
        let own: Vec<&PolicyLayer> = system.iter().collect();
        let both: Vec<&PolicyLayer> = own.iter().copied().chain([&others]).collect();
        let (own, both) = (policy(&own), policy(&both));
        prop_assert_eq!(own.client(), both.client());
        prop_assert_eq!((own.trash(), own.offers()), (both.trash(), both.offers()));
        let place = place(at);
        for rule in RULES {
            let (alone, with) = (own.decide(rule, rule.class, &place, &by), both.decide(rule, rule.class, &place, &by));
            prop_assert!(with.action >= alone.action, "{}: {alone:?}, {with:?}", rule.id);
        }
        prop_assert!(both.protected().len() >= own.protected().len());
    }

    #[test]
    fn a_mark_of_an_agent_only_makes_stricter(system in proptest::option::of(layer(true)), user in layer(false), at in places(), by in callers()) {
        let layers: Vec<&PolicyLayer> = system.iter().chain([&user]).collect();
        let (policy, place) = (policy(&layers), place(at));
        let agent = Caller { kind: CallerKind::Agent, ..by.clone() };
        for rule in IDS.into_iter().filter_map(rule) {
            for kind in CallerKind::ALL {
                let other = Caller { kind, ..by.clone() };
                let limited = |caller: &Caller| policy.decide(rule, rule.class, &place, caller).limited(caller.kind).action;
                prop_assert!(limited(&agent) >= limited(&other), "{}: {kind:?}", rule.id);
            }
        }
    }

    #[test]
    fn what_is_said_to_be_without_effect_is(system in layer(true), user in layer(false), at in places(), by in callers()) {
        let both = policy(&[&system, &user]);
        let place = place(at);
        for idle in both.without_effect().iter().filter(|idle| idle.source.starts_with("/home")) {
            // Without that line the same is decided.
            let line: usize = idle.source.rsplit(':').next().unwrap().parse().unwrap();
            prop_assert!(line > 0 && !idle.why.is_empty());
            let Some(id) = IDS.iter().find(|id| idle.key.ends_with(*id)) else { continue };
            let mut file = user.clone();
            file.file.rules.retain(|rule, _| !(idle.key == format!("rules.{id}") && rule.name() == *id));
            let without = policy(&[&system, &file]);
            let rule = rule(id).unwrap();
            if idle.key == format!("rules.{id}") {
                let decide = |policy: &Policy| policy.decide(rule, rule.class, &place, &by).action;
                prop_assert_eq!(decide(&both), decide(&without), "{:?}", idle);
            }
        }
    }
}

#[test]
fn every_key_is_generated() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, bool> = BTreeMap::new();
    for _ in 0..400 {
        let layer = layer(true).new_tree(&mut runner).unwrap().current();
        for (name, set) in keys(&layer.file) {
            *seen.entry(name).or_default() |= set;
        }
    }
    let never: Vec<&&str> = seen.iter().filter(|(_, set)| !**set).map(|(name, _)| name).collect();
    assert!(never.is_empty() && seen.len() > 20, "{never:?} of {}", seen.len());
}

fn parsed(text: &str, is_system: bool) -> PolicyLayer {
    let path = if is_system { "/etc/fender/policy.toml" } else { "/home/u/policy.toml" };
    parse_layer(Path::new(path), is_system, text).unwrap()
}

#[test]
fn keys_without_effect_are_said_with_their_lines() {
    let said = |system: &str, user: &str| -> Vec<String> {
        let policy = Policy { layers: vec![parsed(system, true), parsed(user, false)] };
        policy.without_effect().into_iter().map(|idle| format!("{} {}: {}", idle.source, idle.key, idle.why)).collect()
    };
    for (system, user, wanted) in [
        (
            "",
            "[rules]\nprotected = \"allow\"\n",
            "/home/u/policy.toml:2 rules.protected: no policy changes this rule: its action is always refuse",
        ),
        (
            "[environments.dev.rules]\nprotected = \"note\"\n",
            "",
            "/etc/fender/policy.toml:2 environments.dev.rules.protected: no policy",
        ),
        (
            "[rules]\nprivileged = \"refuse\"\n",
            "\n[rules]\nprivileged = \"allow\"\n",
            "/home/u/policy.toml:3 rules.privileged: /etc/fender/policy.toml:2 says refuse",
        ),
        (
            "[rules]\nprivileged = \"refuse\"\n",
            "[environments.mine]\npreset = \"dev\"\n[environments.mine.rules]\nprivileged = \"ask\"\n",
            "policy.toml:4 environments.mine.rules.privileged: /etc/fender/policy.toml:2 says refuse",
        ),
        (
            "[presets.dev]\nhygiene = \"ask\"\n",
            "[presets.dev]\nhygiene = \"note\"\n",
            "/home/u/policy.toml:2 presets.dev.hygiene: /etc/fender/policy.toml:2 says ask",
        ),
        (
            "",
            "[environments.prod.rules]\nprivileged = \"allow\"\n",
            "/home/u/policy.toml:2 environments.prod.rules.privileged: the preset",
        ),
        (
            "docker = \"/a\"\n",
            "docker = \"/b\"\n",
            "/home/u/policy.toml:1 docker: /etc/fender/policy.toml sets it, and the system's value applies",
        ),
        (
            "repeat_notes = true\n",
            "repeat_notes = false\n",
            "/home/u/policy.toml:1 repeat_notes: /etc/fender/policy.toml sets it, and true applies",
        ),
        (
            "[trash]\nmax = \"10GB\"\n",
            "[trash]\nmax = 0\n",
            "/home/u/policy.toml:2 trash.max: /etc/fender/policy.toml sets it, and the larger value applies",
        ),
        ("[trash]\nkeep = \"7d\"\n", "[trash]\n\nkeep = \"1h\"\n", "/home/u/policy.toml:3 trash.keep"),
        ("[offer]\nmemory = \"1g\"\n", "[offer]\nmemory = \"1000g\"\n", "/home/u/policy.toml:2 offer.memory"),
        ("[offer]\nmemory = \"1g\"\n", "[offer]\nmemory_swap = \"-1\"\n", "/home/u/policy.toml:2 offer.memory_swap"),
        ("[offer]\nuser = \"5:5\"\n", "[offer]\nuser = \"6:6\"\n", "/home/u/policy.toml:2 offer.user"),
        ("[offer]\npids_limit = 100\n", "[offer]\npids_limit = 200\n", "/home/u/policy.toml:2 offer.pids_limit"),
    ] {
        let said = said(system, user);
        assert!(said.iter().any(|line| line.contains(wanted)), "{system:?} {user:?}: {said:?}");
    }
    for (system, user) in [
        ("", "[rules]\nprotected = \"refuse\"\ntouches-protected = \"note\"\n"),
        ("[rules]\nprivileged = \"ask\"\n", "[rules]\nprivileged = \"refuse\"\nroot-user = \"allow\"\n"),
        ("[environments.prod.rules]\nprivileged = \"refuse\"\n", "[rules]\nprivileged = \"allow\"\n"),
        ("[trash]\nmax = \"1GB\"\n[offer]\nmemory = \"1g\"\n", "[trash]\nmax = \"2GB\"\n[offer]\nmemory = \"512m\"\n"),
        ("docker = \"/a\"\n[protect]\nvolumes = \"a\"\n", "docker = \"/a\"\n[protect]\nvolumes = \"b\"\n"),
    ] {
        assert!(said(system, user).is_empty(), "{system:?} {user:?}: {:?}", said(system, user));
    }
    // Without a system's file a user's own lines are never overruled.
    let alone = Policy {
        layers: vec![parsed(
            "[rules]\nprivileged = \"allow\"\n[environments.dev.rules]\nprivileged = \"ask\"\n",
            false,
        )],
    };
    assert!(alone.without_effect().is_empty());
}

#[test]
fn production_by_its_name_stays_where_a_systems_file_is() {
    let user = "[environments.mine]\nhost = \"*\"\ncontext = \"*\"\npreset = \"dev\"\n[presets.prod]\nescape = \"allow\"\n[environments.prod.rules]\nprivileged = \"allow\"\n";
    let privileged = rule("privileged").unwrap();
    for context in ["prod", "db-live"] {
        let place = EnginePlace::new(context, "unix:///s", "", "m", false, || Labels::NoEngine);
        let with = Policy { layers: vec![parsed("docker = \"/a\"\n", true), parsed(user, false)] };
        assert_eq!(with.environment(&place).name, "prod");
        assert_eq!(
            with.decide(privileged, Class::Escape, &place, &Caller::of(CallerKind::Person)).action,
            Action::Refuse
        );
        // One's own machine is one's own.
        let alone = Policy { layers: vec![parsed(user, false)] };
        assert_eq!(alone.environment(&place).name, "mine");
    }
}

#[test]
fn rules_and_doctor_say_where_and_what_has_no_effect() {
    let place = Place::new();
    let printed = |words: &[&str]| {
        let mut command = fender();
        place.surround(&mut command);
        let output = command.args(words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let file = place.path("home/.config/fender/policy.toml").display().to_string();
    place.policy("[rules]\nprotected = \"allow\"\n\n[environments.\"web site\"]\npreset = \"prod\"\ncontext = \"x\"\n");
    let said = printed(&["rules", "privileged", "--environment", "prod"]);
    assert!(said.contains("here: refuse in prod"), "{said}");
    assert!(said.contains(&format!("in {file}: [environments.prod.rules] privileged = \"allow\"")), "{said}");
    let said = printed(&["rules", "removes-volume", "--environment", "web site"]);
    assert!(said.contains("here: type in web site") && said.contains("[environments.\"web site\".rules]"), "{said}");
    let said = printed(&["rules", "removes-volume", "--environment", "nowhere"]);
    assert!(said.contains("there is no environment"), "{said}");
    let said = printed(&["rules", "protected"]);
    assert!(said.contains("Nothing allows it") && !said.contains("\"allow\""), "{said}");
    let said = printed(&["rules", "touches-protected"]);
    assert!(said.contains("a note in every environment") && !said.contains("\"allow\""), "{said}");
    let said = printed(&["doctor"]);
    assert!(said.contains(&format!("{file}:2: rules.protected has no effect")), "{said}");
    // On production by its name, what is printed is production's table.
    let mut command = fender();
    place.surround(&mut command);
    command.env("DOCKER_HOST", "tcp://db.prod.example.com:1").env("PATH", place.client_path());
    let output = command.args(["rules", "privileged"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("refuse in prod") && said.contains("[environments.prod.rules]"), "{said}");
}

/// The lines that are shown do what is said of them, in whatever file the reason lies.
#[test]
fn what_is_shown_allows_the_rule() {
    const HERE: &str = "hostname = \"*\"\n";
    let privileged = fender_core::rules::rule("privileged").unwrap();
    let place = EnginePlace::new("default", "unix:///x", "", "vm", false, || Labels::Known(Vec::new()));
    let files: &[(&str, &str, usize)] = &[
        ("", &format!("[environments.prod]\n{HERE}"), 1),
        (&format!("[environments.prod]\n{HERE}"), "", 1),
        ("[rules]\nprivileged = \"refuse\"\n", &format!("[environments.shop]\n{HERE}preset = \"prod\"\n"), 2),
        (&format!("[environments.shop]\n{HERE}preset = \"prod\"\n"), "[rules]\nprivileged = \"refuse\"\n", 2),
        (
            "[environments.prod.rules]\nprivileged = \"ask\"\n",
            &format!("[environments.prod]\n{HERE}[environments.prod.rules]\nprivileged = \"refuse\"\n"),
            1,
        ),
        ("[trash]\nmax = 0\n", &format!("[environments.\"my lab\"]\n{HERE}preset = \"prod\"\n"), 1),
        ("[presets.dev]\nescape = \"type\"\n", "[presets.dev]\nescape = \"refuse\"\n", 2),
    ];
    for (system, user, number) in files {
        let mut texts = [(true, (*system).to_owned()), (false, (*user).to_owned())];
        let policy = |texts: &[(bool, String)]| Policy {
            layers: texts
                .iter()
                .filter(|(_, text)| !text.is_empty())
                .map(|(is_system, text)| parsed(text, *is_system))
                .collect(),
        };
        let before = policy(&texts);
        assert!(
            before.decide(privileged, privileged.class, &place, &Caller::of(CallerKind::Person)).action > Action::Note,
            "{texts:?}"
        );
        let lines = before.allowing(privileged, &before.environment(&place), Some(&place)).unwrap();
        assert_eq!(lines.len(), *number, "{texts:?}: {lines:?}");
        for added in lines {
            let text = &mut texts[usize::from(!added.is_system)].1;
            let heading = added.text.lines().rev().nth(1).unwrap();
            // As a person does it: into the table, if there is one, in place of what says otherwise.
            if let Some((above, below)) = text.clone().split_once(heading) {
                let below: Vec<&str> = below.lines().filter(|line| !line.starts_with("privileged")).collect();
                *text = format!("{above}{}{}", added.text, below.join("\n"));
            } else {
                text.push_str(&added.text);
            }
        }
        let after = policy(&texts);
        assert_eq!(
            after.decide(privileged, privileged.class, &place, &Caller::of(CallerKind::Person)).action,
            Action::Allow,
            "{texts:?}"
        );
    }
}
