//! What BuildKit's own checks find in Dockerfiles is found by `fender lint`, under fender's names: all Dockerfiles in one run of bake, and
//! in one run of lint. What is not found has a reason, which stands here.
//!
//! `FENDER_CHECK_CASES` sets how many Dockerfiles (300 without it), `FENDER_CHECK_SEED` where they start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::engine::Engine;
use crate::support::lint::{fender, out, write};
use crate::support::process::client;
use crate::support::random::Random;
use fender_core::files::dockerfile::{Dockerfile, Given, read};
use fender_core::files::text::Text;
use serde_json::Value;

/// BuildKit's checks of fender's subjects, and the rules that stand for each.
const CHECKS: &[(&str, &[&str])] = &[
    ("JSONArgsRecommended", &["pid1-signals"]),
    ("SecretsUsedInArgOrEnv", &["secret-in-env", "secret-in-build-arg"]),
    ("CopyIgnoredFile", &["copies-ignored-file"]),
    ("MultipleInstructionsDisallowed", &["replaced-command"]),
    ("DuplicateStageName", &["duplicate-stage-name"]),
    ("UndefinedVar", &["undefined-variable"]),
    ("UndefinedArgInFrom", &["undefined-variable"]),
    // Where no ARG has the name, one finding says both.
    ("InvalidDefaultArgInFrom", &["no-default-image", "undefined-variable"]),
];

/// Checks of other subjects: how a file is written, and platforms.
const OTHERS: &[&str] = &[
    "StageNameCasing",
    "FromAsCasing",
    "NoEmptyContinuation",
    "ConsistentInstructionCasing",
    "ReservedStageName",
    "MaintainerDeprecated",
    "WorkdirRelativePath",
    "LegacyKeyValueFormat",
    "InvalidBaseImagePlatform",
    "RedundantTargetPlatform",
    "FromPlatformFlagConstDisallowed",
    "InvalidDefinitionDescription",
    "ExposeProtoCasing",
    "ExposeInvalidFormat",
];

/// Dockerfiles for which somebody thought of something, each with an ignore file.
const WRITTEN: &[(&str, &str)] = &[
    ("FROM alpine:3.22\nCMD a b\n", ""),
    ("FROM alpine:3.22\nENTRYPOINT a b\n", ""),
    ("FROM alpine:3.22\nENTRYPOINT [\"a\"]\nCMD b c\n", ""),
    ("FROM alpine:3.22\nCMD [\"a\", 'b']\n", ""),
    ("FROM alpine:3.22\nSHELL [\"/bin/sh\", \"-ec\"]\nCMD a\n", ""),
    ("FROM alpine:3.22\nCMD exec a\n", ""),
    ("FROM alpine:3.22 AS a\nCMD x y\nFROM a\nCMD [\"z\"]\n", ""),
    ("FROM alpine:3.22 AS a\nCMD x y\nFROM alpine:3.22\nCOPY --from=a /a /b\nCMD [\"z\"]\n", ""),
    ("FROM alpine:3.22\nENV API_KEY=x\n", ""),
    ("FROM alpine:3.22\nENV AUTH=x GITHUB_TOKEN=y\n", ""),
    ("FROM alpine:3.22\nARG DB_PASSWORD\nRUN true\n", ""),
    ("FROM alpine:3.22\nARG MYSQL_ROOT_PASSWORD=a\nENV SECRET_MESSAGE=b PUBLIC_KEY=c\n", ""),
    ("FROM alpine:3.22\nENV MODE=x KEYS=1 MONKEY=2 TOKENIZE=3\n", ""),
    ("ARG AUTH_TOKEN\nFROM alpine:3.22\n", ""),
    ("FROM alpine:3.22 AS a\nENV PASSWD=1\nFROM a\nCMD x\n", ""),
    ("FROM alpine:3.22\nENV API_KEY_RATE_LIMIT=5\n", ""),
    ("FROM alpine:3.22\nCOPY dist /x\n", "dist\n"),
    ("FROM alpine:3.22\nADD dist/a dist/b /x/\n", "/dist/\n"),
    ("FROM alpine:3.22\nCOPY a.jar *.jar /x/\n", "*.jar\n"),
    ("FROM alpine:3.22\nCOPY . /x\n", "*\n"),
    ("FROM alpine:3.22\nCOPY . /x\n", "**/x\n"),
    ("FROM alpine:3.22\nCOPY dist /x\n", "*\n!src\n"),
    ("FROM alpine:3.22\nCOPY [\"a b\", \"dist\", \"/x/\"]\n", "a b\n"),
    ("FROM alpine:3.22 AS a\nFROM alpine:3.22\nCOPY --from=a dist /x\n", "dist\n"),
    ("FROM alpine:3.22\nCOPY Dockerfile /x\n", "Dockerfile\n"),
    ("FROM alpine:3.22\nCOPY ./dist/../dist /x\n", "dist\n"),
    ("FROM alpine:3.22\nHEALTHCHECK CMD a\nHEALTHCHECK NONE\n", ""),
    ("FROM alpine:3.22\nCMD [\"a\"]\nCMD [\"b\"]\nCMD [\"c\"]\nENTRYPOINT [\"d\"]\nENTRYPOINT []\n", ""),
    ("FROM alpine:3.22 AS a\nFROM alpine:3.22 AS A\nFROM a AS a\n", ""),
    ("FROM alpine:3.22 AS a\nRUN x\nFROM alpine:3.22 AS a\nRUN y\nFROM alpine:3.22\n", ""),
    ("ARG T\nFROM alpine:$T\n", ""),
    ("ARG T\nFROM ${T}\n", ""),
    ("ARG T=Up/Per\nFROM $T\n", ""),
    ("ARG R\nFROM ${R}/alpine:3.22\n", ""),
    ("ARG V\nFROM alpine:3.22$V\n", ""),
    ("FROM alpine:$T\n", ""),
    ("FROM alpine:${T:-3.22}\n", ""),
    ("FROM alpine:3.22 AS a\nARG V=3.22\nFROM alpine:$V\n", ""),
    ("FROM alpine:3.22 AS Base\nFROM Base\n", ""),
    ("FROM --platform=$BUILDPLATFORM alpine:3.22\nCOPY $TARGETARCH /x\n", ""),
    ("FROM alpine:3.22\nENV A=1 B=$A\n", ""),
    ("FROM alpine:3.22\nENV P=$P:/x\n", ""),
    ("FROM example.com/me:1\nENV P=$P:/x Q=$APP_HOME/x\n", ""),
    ("FROM example.com/me:1\nWORKDIR $APP_HOME\nCOPY $dir /x\n", ""),
    ("FROM golang:1.25.4\nWORKDIR $GOPATH/src\nCOPY $GOPTAH /x\n", ""),
    ("FROM node:24.1.0\nENV V=$NODE_VERSION W=$NODE_ENV\n", ""),
    ("FROM alpine:3.22\nRUN --mount=type=cache,target=$X true\n", ""),
    ("FROM alpine:3.22\nCOPY <<E /x\n$X\nE\nCOPY <<'E' /y\n$Y\nE\n", ""),
    ("FROM alpine:3.22\nRUN echo $X\nCMD [\"$X\"]\nHEALTHCHECK CMD $X\n", ""),
    ("FROM alpine:3.22\nLABEL a=$X b=\"$Y\" c='$Z'\nUSER $U\nVOLUME $V\nSTOPSIGNAL ${S:-9}\n", ""),
    ("FROM alpine:3.22\nONBUILD COPY $X dist /x\nONBUILD CMD a\n", "dist\n"),
    ("FROM alpine:3.22\nCOPY --chown=$X:$Y a /x\nADD --chmod=${Z} a /y\n", ""),
    ("# escape=`\nFROM alpine:3.22\nCOPY $X `\n  dist /x/\nCMD a `\n  b\n", "dist\n"),
    ("FROM alpine:3.22\nARG A=$B\nARG C=$A D=$C\nENV E=$D\n", ""),
    ("FROM scratch\nCOPY $X /x\nENV PATH=$PATH:/x\n", ""),
    ("FROM alpine:3.22\nRUN x\nFROM alpine:3.22\nCMD [\"a\"]\n", ""),
    ("FROM alpine:3.22\nCMD a\nFROM alpine:3.22\nCMD [\"a\"]\n", ""),
];

const NAMES: &[&str] = &["VERSION", "DIR", "APP_HOME", "TARGETARCH", "PATH", "flavor", "NODE_VERSION", "GOPATH"];
const BASES: &[&str] = &[
    "alpine:3.22",
    "alpine:3.22",
    "node:24.1.0",
    "golang:1.25.4",
    "example.com/me:1",
    "scratch",
    "one",
    "two",
    "alpine:$VERSION",
    "$DIR",
    "${DIR:-alpine}:3.22",
];
const IGNORED: &[&str] = &["dist", "/dist", "*.log", "**/tmp", "src/*.o", "*", "!src", "a b", "web/dist"];
const SOURCES: &[&str] = &[
    "dist",
    "./dist",
    "dist/app",
    "src",
    "src/a.o",
    ".",
    "x.log",
    "*.log",
    "web/dist",
    "web/tmp/",
    "/dist",
    "package.json",
];

/// A variable in one of its spellings.
fn variable(random: &mut Random) -> String {
    let name = random.one(NAMES);
    match random.below(8) {
        0 => format!("${{{name}:-x}}"),
        1 => format!("${{{name}:+x}}"),
        2 | 3 => format!("${{{name}}}"),
        4 => format!("\\${name}"),
        _ => format!("${name}"),
    }
}

fn line(random: &mut Random) -> String {
    let name = random.one(NAMES);
    match random.below(20) {
        0 => format!("ARG {name}"),
        1 => format!("ARG {name}=1"),
        2 => format!("ARG {name}={}", variable(random)),
        3 => format!("ENV {name}=1"),
        4 | 5 => format!("ENV X{}={} {name}=a", random.below(3), variable(random)),
        6 => format!("WORKDIR /{}", variable(random)),
        7 => format!("LABEL a={}", variable(random)),
        8 | 9 => format!("COPY {} /x/", random.one(SOURCES)),
        10 => format!("ADD {} {} /x/", random.one(SOURCES), random.one(SOURCES)),
        11 => format!("COPY {}/a /x/", variable(random)),
        12 => format!("COPY --from=alpine:3.22 {} /x/", random.one(SOURCES)),
        13 => random
            .one(&["CMD [\"a\"]", "CMD a b", "CMD exec a", "CMD [\"sh\", \"-c\", \"a\"]", "CMD a && exec b"])
            .to_owned(),
        14 => random
            .one(&["ENTRYPOINT [\"a\"]", "ENTRYPOINT a b", "ENTRYPOINT exec a", "ENTRYPOINT [\"tini\", \"--\"]"])
            .to_owned(),
        15 => {
            random.one(&["HEALTHCHECK CMD a", "HEALTHCHECK NONE", "SHELL [\"/bin/bash\", \"-c\"]", "USER 5"]).to_owned()
        }
        16 => format!("RUN --mount=type=cache,target=/{} true", variable(random)),
        17 => format!("RUN echo {}", variable(random)),
        18 => {
            format!("ENV {}=hunter2", random.one(&["API_KEY", "DB_PASSWORD", "GITHUB_TOKEN", "PUBLIC_KEY", "KEYBOARD"]))
        }
        _ => format!("ARG {}", random.one(&["API_KEY", "NPM_TOKEN", "MODE", "AUTH_TOKEN"])),
    }
}

/// A Dockerfile and its ignore file.
fn generated(random: &mut Random) -> (String, String) {
    let mut text = String::new();
    for _ in 0..random.below(3) {
        text.push_str(&format!("ARG {}{}\n", random.one(NAMES), random.one(&["", "=3.22", "=alpine"])));
    }
    for _ in 0..=random.below(3) {
        let name = match random.below(8) {
            0 => "",
            1 => random.one(&[" AS one", " AS One", " AS two"]),
            _ => [" AS first", " AS second", " AS third", " AS one"][text.matches("FROM ").count() % 4],
        };
        text.push_str(&format!("FROM {}{name}\n", random.one(BASES)));
        for _ in 0..=random.below(6) {
            text.push_str(&format!("{}\n", line(random)));
        }
    }
    let ignored: String = (0..random.below(4)).map(|_| format!("{}\n", random.one(IGNORED))).collect();
    (text, ignored)
}

/// One thing that BuildKit warns of.
#[derive(Debug)]
struct Warning {
    check: String,
    detail: String,
    first: u64,
    last: u64,
}

/// The stage that a line is in.
fn stage_of(file: &Dockerfile, line: u64) -> Option<usize> {
    file.stages.iter().rposition(|stage| file.place(&stage.keyword).start().0 as u64 <= line)
}

/// The lines of the instruction that a warning points at; BuildKit leaves out those of its here-documents.
fn lines_of(text: &str, warning: &Warning) -> RangeInclusive<u64> {
    let file = read(&Text::new("Dockerfile", text.to_owned()), &Given::default());
    let all = file.stages.iter().flat_map(|stage| &stage.instructions);
    let ends = all.filter(|it| file.text.position(it.span.start).0 as u64 == warning.first);
    let end = ends.map(|it| file.text.position(it.span.end).0 as u64).max().unwrap_or(warning.last);
    warning.first..=end.max(warning.last)
}

/// The stages that a build of the last stage, or of one that a name means, needs.
fn built(file: &Dockerfile) -> BTreeSet<usize> {
    let named = file.stages.iter().filter_map(|stage| file.find(stage.name.as_deref()?));
    named.chain(file.stages.len().checked_sub(1)).flat_map(|stage| file.needed(stage)).collect()
}

/// Why fender does not find what BuildKit finds; None where it should.
fn reason(warning: &Warning, text: &str, ignored: &str) -> Option<&'static str> {
    let file = read(&Text::new("Dockerfile", text.to_owned()), &Given::default());
    let lines: Vec<&str> = text.lines().collect();
    let statement = lines[warning.first as usize - 1..(warning.last as usize).min(lines.len())].join("\n");
    let stage = stage_of(&file, warning.first);
    if stage.is_some_and(|stage| !built(&file).contains(&stage)) {
        return Some("a stage that no name means and no other one uses is built only by its number");
    }
    match warning.check.as_str() {
        "UndefinedVar" | "UndefinedArgInFrom" => {
            let name = warning.detail.split('\'').nth(1)?.trim_start_matches('$');
            let forms = [":-", "-", ":+", "+", ":?", "?"];
            if forms.iter().any(|form| statement.contains(&format!("${{{name}{form}"))) {
                return Some("the file says what is meant without the variable");
            }
            let base = stage.and_then(|stage| file.first_of(stage))?;
            let is_known = ["alpine", "node:", "golang:", "scratch"].iter().any(|known| base.image.starts_with(known));
            (!is_known).then_some("lint asks no engine, and only the image says what it sets")
        }
        "JSONArgsRecommended" => {
            let keyword = statement.split_whitespace().next().unwrap_or("");
            let own = lines[warning.first as usize..].iter().take_while(|line| !line.starts_with("FROM"));
            let is_replaced = own.into_iter().any(|line| line.starts_with(keyword));
            match () {
                () if statement.contains("exec ") => Some("the shell replaces itself"),
                () if is_replaced => Some("a later command of the stage replaces it, which is said"),
                () if keyword == "CMD" && text.contains("ENTRYPOINT") => {
                    Some("the entry point is process 1 and is judged")
                }
                () => {
                    let others = (0..file.stages.len()).filter(|other| Some(*other) != stage);
                    let is_needed =
                        others.into_iter().any(|other| stage.is_some_and(|stage| file.needed(other).contains(&stage)));
                    is_needed.then_some("what runs is what a stage says that needs this one")
                }
            }
        }
        "SecretsUsedInArgOrEnv" if warning.detail.contains("API_KEY_RATE_LIMIT") => Some("a name of what is no secret"),
        "SecretsUsedInArgOrEnv" => {
            let is_again = lines[..warning.first as usize - 1].contains(&statement.as_str());
            is_again.then_some("the same line stands before it, where it is said")
        }
        "CopyIgnoredFile" if statement.contains('$') && ignored.contains('!') => {
            Some("an exception may be about what the variable stands for")
        }
        "InvalidDefaultArgInFrom" => {
            let base = statement.split_whitespace().skip(1).find(|word| !word.starts_with("--"))?;
            (!base.contains('$')).then_some("no argument is in it: it is a stage, or the build is refused")
        }
        _ => None,
    }
}

/// So many Dockerfiles are checked by one program.
const TOGETHER: usize = 20;

/// What BuildKit says of some Dockerfiles, from one program for all of them. Where one of them has an error that ends the program, each is asked
/// for alone.
fn checked(engine: &Engine, place: &Path, numbers: &[usize]) -> Vec<(usize, Value)> {
    let targets: String =
        numbers.iter().map(|number| format!("target \"t{number}\" {{ context = \"{number}\" }}\n")).collect();
    let names: Vec<String> = numbers.iter().map(|number| format!("\"t{number}\"")).collect();
    let file = format!("all-{}.hcl", numbers[0]);
    fs::write(place.join(&file), format!("group \"default\" {{ targets = [{}] }}\n{targets}", names.join(", ")))
        .unwrap();
    let output = client(&engine.host())
        .current_dir(place)
        .env("HOME", place)
        .args(["buildx", "bake", "-f", &file, "--call", "check,format=json"])
        // It has to be asked for.
        .args(["--set", "*.args.BUILDKIT_DOCKERFILE_CHECK=experimental=CopyIgnoredFile"])
        .output()
        .unwrap();
    match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(said) => {
            numbers.iter().map(|number| (*number, said["target"][format!("t{number}")]["check"].clone())).collect()
        }
        Err(_) if numbers.len() > 1 => numbers.iter().flat_map(|number| checked(engine, place, &[*number])).collect(),
        Err(_) => panic!("{numbers:?}: {}", out(&output)),
    }
}

/// What BuildKit warns of, by the number of each Dockerfile; several programs at once.
fn buildkit(engine: &Engine, place: &Path, count: usize) -> BTreeMap<usize, Vec<Warning>> {
    let numbers: Vec<usize> = (0..count).collect();
    let parts: Vec<&[usize]> = numbers.chunks(TOGETHER).collect();
    let next = AtomicUsize::new(0);
    let said: Vec<(usize, Value)> = thread::scope(|scope| {
        let worker = || {
            let mut said = Vec::new();
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                said.extend(checked(engine, place, part));
            }
            said
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let number = |value: &Value| value["line"].as_u64().unwrap_or(0);
    let warning = |it: &Value| {
        let range = &it["location"]["ranges"][0];
        Warning {
            check: it["ruleName"].as_str().unwrap_or_default().to_owned(),
            detail: it["detail"].as_str().unwrap_or_default().to_owned(),
            first: number(&range["start"]),
            last: number(&range["end"]),
        }
    };
    let of = |check: &Value| check["warnings"].as_array().into_iter().flatten().map(warning).collect();
    said.iter().map(|(at, check)| (*at, of(check))).collect()
}

#[test]
fn what_buildkit_checks_is_found() {
    let number = |name: &str, default: usize| {
        std::env::var(name).ok().and_then(|value| value.parse::<usize>().ok()).unwrap_or(default)
    };
    let (count, seed) = (number("FENDER_CHECK_CASES", 300), number("FENDER_CHECK_SEED", 1));
    let engine = Engine::start("build-checks", "new", "");
    engine.image("alpine:3.22", &[]);
    engine.image("node:24.1.0", &["ENV NODE_VERSION=24.1.0", "ENV YARN_VERSION=1.22.22"]);
    engine.image("golang:1.25.4", &["ENV GOLANG_VERSION=1.25.4", "ENV GOTOOLCHAIN=local", "ENV GOPATH=/go"]);
    engine.image("example.com/me:1", &["ENV APP_HOME=/app"]);
    // One image that is not there ends the run for all.
    for name in ["one", "two", "three", "alpine:alpine", "alpine:latest", "3.22", "3.22:3.22"] {
        engine.plain(&["tag", "alpine:3.22", name]);
    }
    let place = tempfile::tempdir().unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed as u64);
    let mut texts: Vec<(String, String)> =
        WRITTEN.iter().map(|(text, ignored)| ((*text).to_owned(), (*ignored).to_owned())).collect();
    while texts.len() < count {
        texts.push(generated(&mut random));
    }
    for (at, (text, ignored)) in texts.iter().enumerate() {
        let folder = place.path().join(at.to_string());
        fs::create_dir(&folder).unwrap();
        write(&folder, &[("Dockerfile", text)]);
        if !ignored.is_empty() {
            write(&folder, &[(".dockerignore", ignored)]);
        }
    }
    let theirs = buildkit(&engine, place.path(), texts.len());
    let output = fender(place.path(), &["lint", "--format", "json", "--no-config"], &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let mut ours: BTreeMap<usize, Vec<(String, u64)>> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let folder =
            finding["path"].as_str().and_then(|path| path.split('/').rev().nth(1)).and_then(|it| it.parse().ok());
        let Some(folder) = folder else { continue };
        let rule = finding["rule"].as_str().unwrap_or_default().to_owned();
        ours.entry(folder).or_default().push((rule, finding["line"].as_u64().unwrap_or(0)));
    }
    let (mut missed, mut seen, mut reasons) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for (at, warnings) in &theirs {
        let text = &texts[*at].0;
        for warning in warnings {
            let Some((_, rules)) = CHECKS.iter().find(|(check, _)| *check == warning.check) else {
                assert!(OTHERS.contains(&warning.check.as_str()), "what is {warning:?}?");
                continue;
            };
            *seen.entry(warning.check.as_str()).or_insert(0) += 1;
            let lines = lines_of(text, warning);
            let is_found = ours.get(at).is_some_and(|found| {
                found.iter().any(|(rule, line)| rules.contains(&rule.as_str()) && lines.contains(line))
            });
            match reason(warning, text, &texts[*at].1).filter(|_| !is_found) {
                _ if is_found => {}
                Some(reason) => *reasons.entry((warning.check.as_str(), reason)).or_insert(0) += 1,
                None => missed.push(format!("{warning:?} with {:?}\n{text}fender: {:?}", texts[*at].1, ours.get(at))),
            }
        }
    }
    println!("{seen:?}\n{reasons:#?}");
    assert!(missed.is_empty(), "{} of {seen:?} missed:\n{}", missed.len(), missed.join("\n\n"));
    for (check, _) in CHECKS {
        assert!(seen.get(check).is_some_and(|count| *count >= 3), "{check} is not tried: {seen:?}");
    }
}
