//! No file makes fender slow, and none can nest without end: for each reader files of many constructs of one kind, and the
//! same with four times as many.

use std::path::Path;

use fender_core::docker_files::{ConfigFile, context_host, current_builder};
use fender_core::files::ignore::{self, Matcher};
use fender_core::lint::{FileKind, Report};
use fender_core::policy::{PolicyLayer, parse_layer};
use fender_core::rules::NOT_UNDERSTOOD;
use serde_json::{Value, json};

use crate::scaling::{scale, spent, too_slow};
use crate::support::files::Files;

/// So many constructs are in the smaller file.
const MANY: usize = 250;
/// The same for compose and bake files, of whose constructs each is looked at in more ways.
const SOME: usize = 60;

/// The part once for each number, which stands for `№`, and the number before for `⁰`.
fn many(part: &str, count: usize) -> String {
    (1..=count).map(|at| part.replace('№', &at.to_string()).replace('⁰', &(at - 1).to_string())).collect()
}

/// Files of one kind that were too slow.
#[derive(Default)]
struct Slow(Vec<String>);

impl Slow {
    /// Makes the input in two sizes and measures both.
    fn measure<T>(&mut self, name: &str, make: &dyn Fn(usize) -> T, run: &dyn Fn(&T)) {
        let few = if name.starts_with("compose") || name.starts_with("bake") { SOME } else { MANY };
        if std::env::var("FENDER_SCALING_FILE").is_ok_and(|only| !name.contains(&only)) {
            return;
        }
        let (small, large) = (make(few * scale()), make(4 * few * scale()));
        if std::env::var_os("FENDER_SCALING_TELL").is_some() {
            eprintln!("{name}: {:?}", spent(&|| run(&large)));
        }
        if let Some(times) = too_slow(&|| run(&small), &|| run(&large)) {
            self.0.push(format!("{name}: {times:?}"));
        }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "{}", self.0.join("\n"));
        }
    }
}

/// What is repeated in a Dockerfile: before it, each time, behind it.
const DOCKERFILES: &[(&str, &str, &str)] = &[
    ("FROM a:1\n", "RUN echo №\n", ""),
    ("FROM a:1\n", "RUN [\"echo\", \"№\"]\n", ""),
    ("FROM a:1\nCOPY . .\n", "RUN npm ci # №\n", ""),
    ("FROM a:1\nRUN npm ci\nCOPY . .\n", "RUN npm ci\n", ""),
    ("FROM a:1\nRUN x", " && apt-get install №", "\n"),
    ("FROM a:1\nRUN x", " \\\n  # comment\n  && b №", "\n"),
    ("FROM a:1\nRUN ", "--mount=type=cache,target=/x№ ", "make\n"),
    ("FROM a:1\n", "RUN --mount=type=bind,from=s№,target=/x make\n", ""),
    ("FROM a:1\n", "RUN <<EOF\nmake №\nEOF\n", ""),
    ("FROM a:1\n", "RUN <<-'E№' sh\n\tmake\n\tE№\n", ""),
    ("FROM a:1\nRUN sh <<EOF\n", "make №\n", "EOF\n"),
    ("FROM a:1\n", "COPY <<A <<\"B\" /x№\na\nA\nb\nB\n", ""),
    ("FROM a:1\n", "COPY a№ /b\n", ""),
    ("FROM a:1\nCOPY ", "a№ ", "/b/\n"),
    ("FROM a:1\nCOPY [", "\"a№\", ", "\"/b/\"]\n"),
    ("FROM a:1\n", "COPY --from=image№ /a /b\n", ""),
    ("FROM a:1\n", "ADD a№ /b\n", ""),
    ("FROM a:1\n", "ADD https://example.com/№.tar /b\n", ""),
    ("FROM a:1\n", "ENV A№=v\n", ""),
    ("FROM a:1\n", "ENV A№=$A⁰ B=1\n", ""),
    ("FROM a:1\n", "ENV A_TOKEN=x№\n", ""),
    ("FROM a:1\nENV A=1", " B_TOKEN№=x", "\n"),
    ("FROM a:1\nENV Ä=ü", " B_TOKEN№=ü", "\n"),
    ("FROM a:1\nENV A=1", " \\\n  B_KEY№=$A", "\n"),
    ("FROM a:1\nENV A ", "v№ ", "\n"),
    ("FROM a:1\nENV A=1\nENV B=", "${A:-№}", "\n"),
    ("FROM a:1\nENV B=", "x", "\n"),
    ("FROM a:1\n", "ARG A_KEY№=v\n", ""),
    ("FROM a:1\nARG A", " B_KEY№=v", "\n"),
    ("ARG A=1\n", "ARG A№=$A\n", "FROM $A:1\n"),
    ("FROM a:1\n", "LABEL a№=b\n", ""),
    ("FROM a:1\nLABEL", " a№=b", "\n"),
    ("FROM a:1\nEXPOSE", " №", "\n"),
    ("FROM a:1\n", "VOLUME /v№\n", "ENV PGDATA=/var/lib/postgresql/data\n"),
    ("FROM a:1\nVOLUME /var/lib\n", "ENV PGDATA=/var/lib/postgresql/data\nVOLUME /v№\n", ""),
    ("FROM a:1\nVOLUME [\"/a\"", ", \"/b№\"", "]\n"),
    ("FROM a:1\n", "USER u№\n", ""),
    ("FROM a:1\n", "WORKDIR /w№\n", ""),
    ("FROM a:1\n", "CMD run №\n", ""),
    ("FROM a:1\nCMD [\"a\"", ", \"b№\"", "]\n"),
    ("FROM a:1\n", "ENTRYPOINT run №\n", ""),
    ("FROM a:1\n", "SHELL [\"sh\", \"-c\"]\n", ""),
    ("FROM a:1\n", "STOPSIGNAL №\n", ""),
    ("FROM a:1\n", "HEALTHCHECK CMD a №\n", ""),
    ("FROM a:1\n", "ONBUILD RUN a №\n", ""),
    ("FROM a:1\n", "MAINTAINER a№\n", ""),
    ("", "FROM a AS s№\n", ""),
    ("FROM a AS s0\n", "FROM s⁰ AS s№\nENV A№=1\n", ""),
    ("FROM a AS s0\n", "FROM b AS s№\nCOPY --from=s⁰ /a /b\n", "FROM b\nCOPY --from=s1 /a /b\n"),
    ("", "FROM a AS s№\nCOPY . .\nRUN npm ci\n", ""),
    ("FROM a:1\n", "# comment №\n", "USER 0\n"),
    ("FROM a:1\n", "# fender: allow root-user because №\n", "ENV A_TOKEN=x B_TOKEN=y\n"),
    ("FROM a:1\n", "# fender: allow nosuch№ because of it\nENV A_TOKEN№=1\n", ""),
    ("FROM a:1\n", "\n", "RUN x\n"),
    ("FROM a:1\n# ", "x№ ", "\nRUN x\n"),
    ("# escape=`\nFROM a:1\n", "RUN a `\n  b №\n", ""),
    ("FROM a:1\nRUN ", "<<", "\n"),
    ("FROM a:1\nRUN ", "<<'a ", "\n"),
    ("FROM a:1\n", "RUN <<E№\n", ""),
    ("FROM a:1\n", "NOSUCH №\n", ""),
    ("FROM a:1\r\n", "RUN a №\r\n", ""),
];

#[test]
fn dockerfiles_of_any_length() {
    let mut slow = Slow::default();
    for (before, part, after) in DOCKERFILES {
        let name = format!("Dockerfile {before:?} {part:?}…");
        let make = |count: usize| {
            let text = format!("{before}{}{after}", many(part, count));
            Files::of(&[("Dockerfile", text)], &Value::Null)
        };
        slow.measure(&name, &make, &|files| {
            files.linted("Dockerfile", FileKind::Dockerfile);
            files.judged(&["build", "."], &[]);
        });
    }
    // Arguments and contexts that are given with the command.
    for flag in ["--build-arg=A№=v", "--build-context=c№=docker-image://b"] {
        let make = |count: usize| {
            let text = format!("FROM a:1\n{}", many("ARG A№\nCOPY --from=c№ /a /b\n", count));
            let flags: Vec<String> = many(&format!("{flag}\n"), count).lines().map(str::to_owned).collect();
            (Files::of(&[("Dockerfile", text)], &Value::Null), flags)
        };
        slow.measure(flag, &make, &|(files, flags)| {
            let words = ["build"].into_iter().chain(flags.iter().map(String::as_str)).chain(["."]);
            files.judged(&words.collect::<Vec<_>>(), &[]);
        });
    }
}

/// A list or a map of a service: its key, what is repeated in the file, and what compose prints of each.
const OF_SERVICES: &[(&str, &str, &str)] = &[
    ("ports", "\"№:№\"", r#"{"mode":"ingress","target":№,"published":"№","protocol":"tcp"}"#),
    ("ports", "\"${P:-№}:№\"", r#"{"mode":"ingress","target":№,"published":"№","protocol":"tcp"}"#),
    ("ports", "{target: №, published: \"№\"}", r#"{"mode":"ingress","target":№,"published":"№","protocol":"tcp"}"#),
    ("ports", "\"1-9:1-9\"", r#"{"mode":"ingress","target":9№,"published":"9№","protocol":"tcp"}"#),
    ("volumes", "/d/№:/m/№", r#"{"type":"bind","source":"/d/№","target":"/m/№","bind":{"create_host_path":true}}"#),
    ("volumes", "/etc:/m/№", r#"{"type":"bind","source":"/etc","target":"/m/№","bind":{"create_host_path":true}}"#),
    ("volumes", "v№:/m/№", r#"{"type":"volume","source":"v№","target":"/m/№","volume":{}}"#),
    ("volumes", "{type: tmpfs, target: /m/№}", r#"{"type":"tmpfs","target":"/m/№"}"#),
    ("cap_add", "CAP_№", r#""CAP_№""#),
    ("cap_drop", "CAP_№", r#""CAP_№""#),
    ("security_opt", "label=x№", r#""label=x№""#),
    ("devices", "/dev/x№:/dev/x№", r#"{"source":"/dev/x№","target":"/dev/x№","permissions":"rwm"}"#),
    ("device_cgroup_rules", "c №:* rwm", r#""c №:* rwm""#),
    ("environment", "K_TOKEN№=v", r#"@"K_TOKEN№":"v""#),
    ("environment", "@K_TOKEN№: v", r#"@"K_TOKEN№":"v""#),
    ("env_file", "e№", r#"{"path":"/w/e№"}"#),
    ("sysctls", "net.x№=1", r#"@"net.x№":"1""#),
    ("sysctls", "@net.x№: 1", r#"@"net.x№":"1""#),
    ("labels", "a№=b", r#"@"a№":"b""#),
    ("networks", "@n№: {}", r#"@"n№":null"#),
    ("volumes_from", "s№", r#""s№""#),
    ("extra_hosts", "h№:10.0.0.1", r#""h№=10.0.0.1""#),
    ("dns", "10.0.0.№", r#""10.0.0.№""#),
    ("tmpfs", "/t№", r#""/t№""#),
    ("group_add", "g№", r#""g№""#),
    ("expose", "№", r#""№""#),
    ("depends_on", "s№", r#"@"s№":{"condition":"service_started"}"#),
    ("ulimits", "@l№: 5", r#"@"l№":5"#),
    ("secrets", "s№", r#"{"source":"s№"}"#),
    ("configs", "{source: s№, target: /t№}", r#"{"source":"s№","target":"/t№"}"#),
    ("post_start", "{command: [c№], privileged: true}", r#"{"command":["c№"],"privileged":true}"#),
    ("gpus", "{driver: d№}", r#"{"driver":"d№","count":1}"#),
    ("command", "c№", r#""c№""#),
    ("storage_opt", "@k№: v", r#"@"k№":"v""#),
];

/// One section of a compose file, as a list or a map in lines or on one line, and as compose prints it. `@` begins an entry of a map.
fn section(indent: &str, part: &str, count: usize, is_flow: bool) -> String {
    let (bare, is_map) = part.strip_prefix('@').map_or((part, false), |bare| (bare, true));
    match (is_flow, is_map) {
        (false, false) => many(&format!("{indent}- {bare}\n"), count),
        (false, true) => many(&format!("{indent}{bare}\n"), count),
        (true, false) => format!("{indent}[{}]\n", many(&format!("{bare}, "), count)),
        (true, true) => format!("{indent}{{{}}}\n", many(&format!("{bare}, "), count)),
    }
}

fn printed(part: &str, count: usize) -> Value {
    let (bare, is_map) = part.strip_prefix('@').map_or((part, false), |bare| (bare, true));
    let list = many(&format!("{bare},"), count);
    let list = list.trim_end_matches(',');
    let text = if is_map { format!("{{{list}}}") } else { format!("[{list}]") };
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{part}: {error}"))
}

fn compose(files: &Files) {
    files.linted("compose.yaml", FileKind::Compose);
    files.judged(&["compose", "-f", "compose.yaml", "up", "-d"], &[]);
}

#[test]
fn services_of_any_length() {
    let mut slow = Slow::default();
    for (key, part, of_each) in OF_SERVICES {
        for is_flow in [false, true] {
            let make = |count: usize| {
                let text =
                    format!("services:\n  a:\n    image: x:1\n    {key}:\n{}", section("      ", part, count, is_flow));
                let mut model = json!({"name": "p", "services": {"a": {"image": "x:1"}}});
                model["services"]["a"][key] = printed(of_each, count);
                for (top, entry) in [
                    ("volumes", r#"@"v№":{"name":"p_v№"}"#),
                    ("networks", r#"@"n№":{"name":"p_n№"}"#),
                    ("secrets", r#"@"s№":{"file":"/etc/s№"}"#),
                    ("configs", r#"@"s№":{"file":"/etc/s№"}"#),
                ] {
                    if key == &top {
                        model[top] = printed(entry, count);
                    }
                }
                Files::of(&[("compose.yaml", text)], &model)
            };
            slow.measure(&format!("compose {key}: {part:?}… flow {is_flow}"), &make, &compose);
        }
    }
}

/// Whole compose files: what stands before, what is repeated, and what compose prints of the services.
const COMPOSES: &[(&str, &str, &str, &str)] = &[
    ("services:\n", "  s№:\n    image: x\n    privileged: true\n", r#"{"image":"x","privileged":true}"#, ""),
    ("services: {", "s№: {image: x, privileged: true, pid: host}, ", r#"{"image":"x","privileged":true}"#, "}\n"),
    (
        "x-a: &a\n  privileged: true\n  cap_add: [ALL]\nservices:\n",
        "  s№:\n    <<: *a\n    image: x\n",
        r#"{"image":"x","privileged":true,"cap_add":["ALL"]}"#,
        "",
    ),
    (
        "services:\n  s0: {image: x, privileged: true}\n",
        "  s№:\n    extends: {service: s0}\n",
        r#"{"image":"x","privileged":true}"#,
        "",
    ),
    (
        "services:\n",
        "  s№:\n    extends:\n      file: base.yaml\n      service: s№\n",
        r#"{"image":"x","privileged":true}"#,
        "",
    ),
    ("services:\n", "  s№:\n    build: .\n", r#"{"build":{"context":"/w","dockerfile":"Dockerfile"}}"#, ""),
    (
        "services:\n",
        "  s№:\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM a$$B\n        ENV A_TOKEN=№\n",
        r#"{"build":{"context":"/w","dockerfile_inline":"FROM a$B\nENV A_TOKEN=№\n"}}"#,
        "",
    ),
    ("services:\n", "  s№:\n    image: x\n    scale: 900\n", r#"{"image":"x","scale":900,"privileged":true}"#, ""),
    ("services:\n", "  # a comment №\n  s№: {image: x}\n", r#"{"image":"x"}"#, ""),
    ("services:\n", "  # fender: allow privileged because №\n  s№: {privileged: true}\n", r#"{"privileged":true}"#, ""),
    ("services:\n  ä: {image: ü}\n", "  s№: {image: ü, privileged: true}\n", r#"{"image":"ü","privileged":true}"#, ""),
    ("include:\n", "  - i№.yaml\n", r#"{"image":"x"}"#, "services:\n  s1: {image: x}\n"),
    ("include:\n", "  - base.yaml\n", r#"{"image":"x"}"#, "services:\n  s1: {image: x}\n"),
    ("x-y: |\n", "  long №\n", r#"{"image":"x"}"#, "services:\n  s1: {image: x}\n"),
    ("x-y: \"", "long № ", r#"{"image":"x"}"#, "\"\nservices:\n  s1: {image: x}\n"),
    ("x-y: \"", "${A:-№}", r#"{"image":"x"}"#, "\"\nservices:\n  s1: {image: x}\n"),
    ("# ", "long № ", r#"{"image":"x"}"#, "\nservices:\n  s1: {image: x}\n"),
    ("services:\n  s1:\n    image: \"", "$A${B:-№}", r#"{"image":"x"}"#, "\"\n"),
    ("x-y: [", "[[№]], ", r#"{"image":"x"}"#, "]\nservices:\n  s1: {image: x}\n"),
    ("x-y:\n", "  ? k№\n  : v\n", r#"{"image":"x"}"#, "services:\n  s1: {image: x}\n"),
    ("", "x-y№: &a№ [№]\n", r#"{"image":"x"}"#, "services:\n  s1: {image: x}\n"),
    ("x-a: &a [1]\n", "x-y№: *a\n", r#"{"image":"x"}"#, "services:\n  s1: {image: x}\n"),
];

#[test]
fn compose_files_of_any_length() {
    let mut slow = Slow::default();
    for (before, part, of_each, after) in COMPOSES {
        let make = |count: usize| {
            let text = format!("{before}{}{after}", many(part, count));
            let model = json!({"name": "p", "services": printed(&format!("@\"s№\":{of_each}"), count)});
            let base = format!("services:\n{}", many("  s№: {image: x, privileged: true}\n", count));
            let dockerfile = format!("FROM a:1\n{}", many("ENV A№_TOKEN=1\n", count));
            let environment = many("V№=w\n", count);
            let mut files = Files::of(
                &[("compose.yaml", text), ("base.yaml", base), ("Dockerfile", dockerfile), (".env", environment)],
                &model,
            );
            (1..=count).for_each(|at| files.add(&format!("i{at}.yaml"), "services: {}\n".to_owned()));
            files
        };
        slow.measure(&format!("compose {before:?} {part:?}…"), &make, &compose);
    }
    let named = |count: usize| {
        let text = format!("services:\n{}", many("  s№: {image: x}\n", count));
        let model = json!({"name": "p", "services": printed(r#"@"s№":{"image":"x","depends_on":{"s⁰":{}}}"#, count)});
        (Files::of(&[("compose.yaml", text)], &model), many("s№ ", count))
    };
    slow.measure("compose up SERVICE…", &named, &|(files, names)| {
        let words = ["compose", "up", "-d"].into_iter().chain(names.split_whitespace());
        files.judged(&words.collect::<Vec<_>>(), &[]);
    });
    let stack = |count: usize| {
        let part = "  s№:\n    image: x\n    volumes: [{type: bind, source: /etc, target: /m№}]\n";
        let text = format!("services:\n{}", many(part, count));
        let mut files = Files::of(&[("s.yaml", text.clone())], &Value::Null);
        files.print(text);
        files
    };
    slow.measure("compose file of a stack", &stack, &|files| {
        files.judged(&["stack", "deploy", "-c", "s.yaml", "s"], &[]);
    });
}

#[test]
fn bake_files_of_any_length() {
    let mut slow = Slow::default();
    for (part, of_each) in [
        (r#""t№": {"context": "."}"#, r#"@"t№":{"context":".","dockerfile":"Dockerfile"}"#),
        (
            r#""t№": {"dockerfile-inline": "FROM a\nENV A_TOKEN=№"}"#,
            r#"@"t№":{"context":".","dockerfile-inline":"FROM a\nENV A_TOKEN=№"}"#,
        ),
        (
            r#""t№": {"args": {"A_TOKEN": "№"}}"#,
            r#"@"t№":{"context":".","dockerfile":"Dockerfile","args":{"A_TOKEN":"№"}}"#,
        ),
    ] {
        for end in [",\n", ","] {
            let make = |count: usize| {
                let targets = many(&format!("{part}{end}"), count);
                let text = format!("{{\"target\": {{{}}}}}", targets.trim_end_matches(['\n', ',']));
                let dockerfile = "FROM a:1\nENV A_TOKEN=1\n".to_owned();
                let model = json!({"target": printed(of_each, count)});
                Files::of(&[("docker-bake.json", text), ("Dockerfile", dockerfile)], &model)
            };
            slow.measure(&format!("bake {part}…{end:?}"), &make, &|files| {
                files.linted("docker-bake.json", FileKind::Bake);
                files.judged(&["buildx", "bake"], &[]);
            });
        }
    }
    let make = |count: usize| {
        let text = format!("{}target \"a\" {{}}\n", many("# \"№\" \"\n", count));
        Files::of(&[("docker-bake.hcl", text)], &json!({"target": {"a": {"context": "."}}}))
    };
    slow.measure("bake in HCL", &make, &|files| files.judged(&["buildx", "bake"], &[]));
}

#[test]
fn lists_of_lines_of_any_length() {
    let mut slow = Slow::default();
    let paths = ["a/b/c", "node_modules/x/y/z.js", "x", "src/main.rs"];
    for part in
        ["a№\n", "*.x№\n!a№\n", "**/a№/*\n", "# №\n", "[a-z№]*\n", "[[:", "a*", "**/", "[", "\\a", "?", "!", "é"]
    {
        let make = |count: usize| many(part, count).into_bytes();
        slow.measure(&format!("ignore file of {part:?}…"), &make, &|text| {
            let matcher = ignore::read(text).and_then(|patterns| Matcher::new(&patterns));
            if let Ok(matcher) = matcher {
                let _ = paths.map(|path| (matcher.matches_alone(path), matcher.matches_as_before(path)));
            }
        });
    }
    for (name, part) in [("env", "A_TOKEN№=v\n"), ("env", "# №\n"), ("env", "A№\n"), ("label", "a№=b\n"), ("env", "=")]
    {
        let make = |count: usize| Files::of(&[("f", many(part, count))], &Value::Null);
        let flag = format!("--{name}-file=f");
        slow.measure(&format!("{flag} of {part:?}…"), &make, &|files| files.judged(&["run", &flag, "a"], &[]));
    }
}

#[test]
fn dockers_files_and_policies_of_any_length() {
    let mut slow = Slow::default();
    for (before, part, after) in [
        ("{\"aliases\":{\"a\":\"b\"", ",\"a№\":\"b\"", "}}"),
        ("{\"auths\":{\"a\":{}", ",\"a№\":{\"auth\":\"eDp5\"}", "}}"),
        ("{\"proxies\":{\"a\":{}", ",\"a№\":{\"httpProxy\":\"x\"}", "}}"),
        ("{\"pruneFilters\":[\"a\"", ",\"label=№\"", "]}"),
        ("{\"currentContext\":\"a\"", ",\"currentContext\":\"№\"", "}"),
        ("{\"plugins\":[", "[", ""),
        ("{\"a\":\"", "\\u00e4", "\"}"),
        ("{\"a\":\"", "\u{e4}", "\"}"),
        ("{", " ", "}"),
        ("{\"a\":", "9", "}"),
    ] {
        let make = |count: usize| format!("{before}{}{after}", many(part, count)).into_bytes();
        slow.measure(&format!("config.json of {part:?}…"), &make, &|text| {
            let _ = (ConfigFile::read(text), context_host(text), current_builder(text));
        });
    }
    for (before, part, after) in [
        ("", "[environments.e№]\npreset = \"dev\"\nhost = \"tcp://h№*\"\n", ""),
        ("", "[environments.e№]\npreset = \"prod\"\nlabels = \"a№=*\"\n", ""),
        ("[protect]\nvolumes = [\"a\"", ", \"v№*\"", "]\n"),
        ("", "# comment №\n", "[rules]\nprivileged = \"ask\"\n"),
        ("[environments.e]\nhost = \"", "*", "\"\n"),
        ("[rules]\n", "nosuch№ = \"ask\"\n", ""),
    ] {
        let make = |count: usize| format!("{before}{}{after}", many(part, count));
        slow.measure(&format!("policy of {part:?}…"), &make, &|text| {
            let layer = |system| parse_layer(Path::new("p.toml"), system, text).ok();
            let layers: Vec<PolicyLayer> = [layer(true), layer(false)].into_iter().flatten().collect();
            Files::default().judged(&["run", "--privileged", "-v", "/:/h", "a"], &layers);
        });
    }
}

/// Whether the file is said not to be understood at this line.
fn is_said(report: &Report, line: usize) -> bool {
    report.findings.iter().any(|it| it.rule.id == NOT_UNDERSTOOD.id && it.places[0].start().0 == line)
}

#[test]
fn nesting_has_an_end_and_a_place() {
    let model = json!({"name": "p", "services": {"a": {"image": "x", "privileged": true}}});
    let service = "services:\n  a: {image: x, privileged: true}\n";
    let variables = |depth: usize| format!("{}x{}", "${A:-".repeat(depth), "}".repeat(depth));
    for depth in [2_000, 20_000] {
        let block: String = (0..depth.min(2_000)).map(|at| format!("{}a:\n", " ".repeat(at))).collect();
        let anchors: String = (1..=depth).map(|at| format!("x-{at}: &a{at} [*a{}]\n", at - 1)).collect();
        let merges: String = (1..=depth).map(|at| format!("x-{at}: &a{at} {{<<: *a{}, k{at}: 1}}\n", at - 1)).collect();
        let doubled: String = (1..=60).map(|at| format!("x-{at}: &a{at} [*a{0}, *a{0}]\n", at - 1)).collect();
        for (name, text, least) in [
            ("lists", format!("x-a: {}{}\n{service}", "[".repeat(depth), "]".repeat(depth)), 1),
            ("maps", format!("x-a: {}{}\n{service}", "{a: ".repeat(depth), "}".repeat(depth)), 1),
            ("lists in lines", format!("x-a:\n  {}x\n{service}", "- ".repeat(depth)), 2),
            ("maps in lines", format!("{block}{service}"), 1),
            ("unclosed lists", format!("{service}x-a: {}", "[".repeat(depth)), 3),
            ("aliases of aliases", format!("x-0: &a0 [1]\n{anchors}{service}"), 2),
            ("merges of merges", format!("x-0: &a0 {{k: 1}}\n{merges}{service}"), 2),
            ("aliases that double", format!("x-0: &a0 [1, 2]\n{doubled}{service}"), 2),
            ("variables", format!("x-a: {}\n{service}", variables(depth)), 1),
        ] {
            let files = Files::of(&[("compose.yaml", text)], &model);
            let report = files.linted("compose.yaml", FileKind::Compose);
            let lines = report.findings.iter().filter(|it| it.rule.id == NOT_UNDERSTOOD.id);
            let line = lines.map(|it| it.places[0].start().0).min();
            assert!(line.is_some_and(|line| line >= least), "{name}, {depth} deep: {line:?}");
        }
        for (path, kind, text) in [
            (
                "docker-bake.json",
                FileKind::Bake,
                format!("{{\"target\":{{\"a\":{}{}}}}}", "[".repeat(depth), "]".repeat(depth)),
            ),
            ("Dockerfile.dockerignore", FileKind::Ignore, "[".repeat(depth)),
            ("Dockerfile", FileKind::Dockerfile, format!("FROM a\nRUN {}", "<<A ".repeat(depth))),
            ("Dockerfile", FileKind::Dockerfile, format!("FROM a\nCMD {}", "[".repeat(depth))),
            ("Dockerfile", FileKind::Dockerfile, format!("FROM a\n{}RUN x\n", "ONBUILD ".repeat(depth))),
        ] {
            Files::of(&[(path, text)], &json!({"target": {"a": {"context": "."}}})).linted(path, kind);
        }
        let pattern = format!("{}b", "*a".repeat(depth));
        let matcher = Matcher::new(&ignore::read(pattern.as_bytes()).unwrap()).unwrap();
        assert!(!matcher.matches_alone(&"a".repeat(300)));
        // docker's reader of JSON has its own limit; TOML's has one with a place.
        let _ = ConfigFile::read(format!("{{\"aliases\":{}", "{\"a\":".repeat(depth)).as_bytes());
        for (open, close) in [("[", "]"), ("{a = ", "}")] {
            let text = format!("[rules]\nprivileged = {}1{}\n", open.repeat(depth), close.repeat(depth));
            let problem = parse_layer(Path::new("p.toml"), true, &text).unwrap_err();
            assert!(problem.at.is_some_and(|(line, column)| line == 2 && column > 1), "{problem:?}");
        }
        // What compose prints itself is not followed either where it nests without end.
        let mut files = Files::of(&[("compose.yaml", service.to_owned())], &model);
        files.print(format!("{{\"services\":{}", "{\"a\":".repeat(depth)));
        assert!(is_said(&files.linted("compose.yaml", FileKind::Compose), 1));
    }
}

#[test]
fn files_that_lead_to_each_other_are_followed_to_an_end() {
    let model = |service: Value| json!({"name": "p", "services": {"a": service}});
    let depth = 500;
    // Each file includes the next one, and all of them twice.
    let mut files = Files::of(&[], &model(json!({"image": "x"})));
    for at in 0..depth {
        let text = format!("include:\n  - i{0}.yaml\n  - {{path: [i{0}.yaml, i1.yaml]}}\nservices: {{}}\n", at + 1);
        files.add(&if at == 0 { "compose.yaml".to_owned() } else { format!("i{at}.yaml") }, text);
    }
    let report = files.linted("compose.yaml", FileKind::Compose);
    let said = report.findings.iter().find(|it| it.rule.id == NOT_UNDERSTOOD.id).expect("the end is said");
    assert_eq!((said.places[0].path(), said.places[0].start()), ("i20.yaml", (2, 5)));
    // Each service extends the next one, in its own file and in others.
    let chain: String = (0..depth).map(|at| format!("  s{at}:\n    extends: {{service: s{}}}\n", at + 1)).collect();
    let text = format!("services:\n  a:\n    extends: {{service: s0}}\n{chain}");
    let files = Files::of(&[("compose.yaml", text)], &model(json!({"image": "x", "privileged": true})));
    let report = files.linted("compose.yaml", FileKind::Compose);
    assert!(report.findings.iter().any(|it| it.title.contains("extend each other too deep")), "the end is said");
    let privileged = report.findings.iter().find(|it| it.rule.id == "privileged").expect("it is found all the same");
    assert_eq!(privileged.places[0].start().0, 2, "where nothing says it, the service is pointed at");
    let around = "services:\n  a:\n    extends: {file: compose.yaml, service: a}\n".to_owned();
    Files::of(&[("compose.yaml", around)], &model(json!({"image": "x"}))).linted("compose.yaml", FileKind::Compose);
}

#[test]
fn what_a_small_file_brings_in_is_bounded() {
    let time = |files: &Files, path: &str, kind: FileKind| spent(&|| drop(files.linted(path, kind)));
    let least = std::time::Duration::from_secs(2);
    // Thousands of texts of the greatest length that is filled in.
    let text = format!("FROM a\nENV B={}\n{}USER 1\n", "x".repeat(60_000), many("ENV A№=$B\n", 3_000));
    let files = Files::of(&[("Dockerfile", text)], &Value::Null);
    assert!(is_said(&files.linted("Dockerfile", FileKind::Dockerfile), 72), "4 MiB are filled in");
    assert!(time(&files, "Dockerfile", FileKind::Dockerfile) < least);
    // Each service reads another form of one long Dockerfile.
    let model = printed(r#"@"s№":{"build":{"context":"/w","args":{"A":"№"}}}"#, 3_000);
    let dockerfile = format!("FROM a\n{}", many(&format!("RUN echo {}\n", "x".repeat(500)), 1_000));
    let files = Files::of(
        &[("compose.yaml", format!("services:\n{}", many("  s№: {build: .}\n", 3_000))), ("Dockerfile", dockerfile)],
        &json!({"name": "p", "services": model}),
    );
    assert!(spent(&|| files.judged(&["compose", "build"], &[])) < 2 * least);
    // Replicas.
    let model = printed(r#"@"s№":{"image":"x","scale":100000,"environment":{"A":"b"}}"#, 2_000);
    let text = format!("services:\n{}", many("  s№: {image: x, scale: 100000}\n", 2_000));
    let files = Files::of(&[("compose.yaml", text)], &json!({"name": "p", "services": model}));
    assert!(spent(&|| files.judged(&["compose", "up", "-d"], &[])) < least);
}
