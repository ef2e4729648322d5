//! What BuildKit's own checks find, under fender's names: each rule's spellings and near misses.

use super::lint_corpus::{hold, is_found};
use crate::support::lint::{fender, found, out, write};
use serde_json::Value;

#[test]
fn variables_that_nothing_sets() {
    let of = |lines: &[&str]| -> Vec<String> { lines.iter().map(|text| format!("{text}\nUSER 1\n")).collect() };
    let bad = of(&[
        "FROM alpine:3.22\nCOPY $foo .",
        "FROM alpine:3.22\nENV PATH=$PATHS:/bin",
        "FROM alpine:3.22\nENV PYTHONPATH=$PYTHONPATH:/app",
        "FROM scratch\nCOPY a ${DIR}/a",
        "ARG V=1\nFROM alpine:3.22\nCOPY app-$V /",
        "ARG V\nFROM alpine:3.22\nLABEL version=$V",
        "FROM alpine:3.22\nCOPY app-$TARGETARCH /",
        "FROM example.com/me:1\nCOPY app-${TARGETARCH} /",
        "FROM example.com/me:1\nWORKDIR $dir",
        "FROM example.com/me:1\nARG RELEASE=1\nCOPY a-$RELEASES /",
        "FROM alpine:3.22 AS a\nENV X=1\nFROM alpine:3.22\nCOPY $X /\nCOPY --from=a /a /b",
        "FROM example.com/me:1\nCOPY $X /\nENV X=1",
        "FROM alpine:3.22\nENV A=1 B=$A",
        "FROM alpine:3.22\nVOLUME $DATA",
        "FROM alpine:3.22\nUSER $APP",
        "FROM alpine:3.22\nENV A=${B#x}",
        "FROM alpine:3.22\nCOPY --chown=$WHO a /",
        "FROM alpine:3.22\nCOPY <<E /x\n$WHO\nE",
        "FROM alpine:3.22\nRUN --mount=type=cache,target=$WHERE true",
        "FROM alpine:$V",
        "FROM alpine:3.22 AS a\nARG V=1\nFROM debian:$V",
        "FROM alpine:3.22\nARG A=$B",
        "FROM node:24.1.0\nWORKDIR $GOPATH/src",
        "# escape=`\nFROM alpine:3.22\nCOPY $foo `\n .",
    ]);
    let good = of(&[
        "FROM alpine:3.22\nARG foo\nCOPY $foo .",
        "FROM alpine:3.22\nENV PATH=$PATH:/bin",
        "FROM golang:1.25.4\nWORKDIR $GOPATH/src",
        "FROM example.com/me:1\nWORKDIR $APP_HOME",
        "FROM example.com/me:1\nENV PYTHONPATH=$PYTHONPATH:/app",
        "FROM alpine:3.22\nCOPY ${DIR:-src} /",
        "FROM alpine:3.22\nENV A=${B:+x} C=${D-e}",
        "FROM alpine:3.22\nRUN echo $foo",
        "FROM alpine:3.22\nCMD [\"sh\", \"$foo\"]",
        "FROM alpine:3.22\nENTRYPOINT [\"$foo\"]",
        "FROM alpine:3.22\nENV A=\\$B",
        "FROM alpine:3.22\nENV A='$B'",
        "FROM alpine:3.22\nENV A=$1",
        "FROM alpine:3.22\nCOPY <<'E' /x\n$WHO\nE",
        "ARG V=1\nFROM alpine:$V\nARG V\nCOPY app-$V /",
        "FROM alpine:3.22\nARG TARGETARCH\nCOPY app-$TARGETARCH /",
        "FROM --platform=$BUILDPLATFORM alpine:3.22",
        "FROM alpine:3.22 AS a\nENV X=1\nFROM a\nCOPY $X /",
        "FROM alpine:3.22 AS a\nARG X\nFROM a\nCOPY $X /",
        "FROM python:3.14.0\nENV A=$PYTHON_VERSION",
        "FROM alpine:3.22\nONBUILD COPY $foo /",
        "# syntax=example.com/frontend\nFROM alpine:3.22\nCOPY $foo /",
        "FROM alpine:3.22\nENV A=1\nENV B=$A",
    ]);
    hold("undefined-variable", true, &bad.iter().map(String::as_str).collect::<Vec<_>>());
    hold("undefined-variable", false, &good.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn base_images_without_a_default() {
    hold(
        "no-default-image",
        true,
        &[
            "ARG TAG\nFROM busybox:${TAG}\nUSER 1\n",
            "ARG BASE\nFROM $BASE\nUSER 1\n",
            "ARG TAG=\nFROM busybox:$TAG\nUSER 1\n",
            "ARG A\nARG B=$A\nFROM x:$B\nUSER 1\n",
            "ARG REPO=Up/Per\nFROM $REPO\nUSER 1\n",
            "ARG R\nFROM busybox:1 AS one\nUSER 1\nFROM ${R}/x:1\nUSER 1\n",
        ],
    );
    hold(
        "no-default-image",
        false,
        &[
            "ARG TAG=1\nFROM busybox:${TAG}\nUSER 1\n",
            "ARG VARIANT\nFROM busybox:1${VARIANT}\nUSER 1\n",
            "ARG TAG\nFROM busybox:${TAG:-1}\nUSER 1\n",
            "ARG BASE=scratch\nFROM $BASE\nUSER 1\n",
            "FROM a:1 AS Base\nUSER 1\nFROM Base\n",
            "FROM busybox:$TAG\nUSER 1\n",
            "ARG ARCH=$TARGETARCH\nFROM busybox:$ARCH\nUSER 1\n",
        ],
    );
    // One cause has one finding; with the argument of a compose file the build works, and it is a note.
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &[("Dockerfile", "ARG TAG\nFROM busybox:$TAG\nUSER 1\n")]);
    assert_eq!(found(place.path(), &[]), [("no-default-image".to_owned(), 2)]);
    write(place.path(), &[("Dockerfile", "FROM busybox:$TAG\nUSER 1\n")]);
    assert_eq!(found(place.path(), &[]), [("undefined-variable".to_owned(), 1)]);
}

#[test]
fn names_of_stages_and_commands_once() {
    hold(
        "duplicate-stage-name",
        true,
        &[
            "FROM a:1 AS x\nUSER 1\nFROM b:1 AS x\nUSER 1\n",
            "FROM a:1 AS x\nUSER 1\nFROM b:1 as X\nUSER 1\n",
            "FROM a:1 AS x\nUSER 1\nFROM x AS x\nUSER 1\n",
            "FROM a:1 AS x\nUSER 1\nFROM b:1 AS x\nUSER 1\nFROM c:1\nUSER 1\n",
        ],
    );
    hold(
        "duplicate-stage-name",
        false,
        &["FROM a:1 AS x\nUSER 1\nFROM b:1 AS y\nUSER 1\n", "FROM a:1\nUSER 1\nFROM a:1\nUSER 1\n"],
    );
    hold(
        "replaced-command",
        true,
        &[
            "FROM a:1\nUSER 1\nCMD [\"a\"]\nCMD [\"b\"]\n",
            "FROM a:1\nUSER 1\ncmd [\"a\"]\nRUN x\nCMD [\"b\"]\n",
            "FROM a:1\nUSER 1\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\n",
            "FROM a:1\nUSER 1\nCMD [\"a\"]\nCMD []\n",
            "FROM a:1\nUSER 1\nHEALTHCHECK CMD a\nHEALTHCHECK NONE\n",
            "FROM a:1 AS x\nUSER 1\nCMD [\"a\"]\nCMD [\"b\"]\nFROM x\n",
        ],
    );
    hold(
        "replaced-command",
        false,
        &[
            "FROM a:1\nUSER 1\nENTRYPOINT [\"a\"]\nCMD [\"b\"]\n",
            "FROM a:1 AS x\nUSER 1\nCMD [\"a\"]\nFROM x\nCMD [\"b\"]\n",
            "FROM a:1\nUSER 1\nONBUILD CMD [\"a\"]\nCMD [\"b\"]\n",
            "FROM a:1\nUSER 1\n# CMD [\"a\"]\nCMD [\"b\"]\n",
            "FROM a:1\nUSER 1\nRUN <<E\nCMD a\nCMD b\nE\nCMD [\"b\"]\n",
        ],
    );
}

/// What the ignore file excludes cannot be copied.
#[test]
fn copies_of_what_is_ignored() {
    let check = |ignore: &str, line: &str| {
        let text = format!("FROM alpine:3.22\n{line}\nUSER 1\n");
        is_found("copies-ignored-file", &[("Dockerfile", &text), (".dockerignore", ignore), ("src/a", "")])
    };
    let bad = [
        ("dist\n", "COPY dist /x"),
        ("dist/\n", "COPY dist/ /x/"),
        ("/dist\n", "COPY ./dist /x"),
        ("dist\n", "COPY /dist /x"),
        ("**/dist\n", "COPY web/dist /x"),
        ("dist\n", "COPY dist/app /x"),
        ("dist\n", "COPY dist/*.js /x/"),
        ("*.jar\n", "COPY app.jar /x"),
        ("*\n!src\n", "COPY dist /x"),
        ("*\n", "COPY . /x"),
        ("dist\n", "ADD dist /x"),
        ("dist\n", "COPY [\"a b\", \"dist\", \"/x/\"]"),
        ("dist\n", "COPY src dist /x/"),
        ("dist\n", "COPY --chown=1:1 dist /x"),
        ("dist\n", "RUN --mount=type=bind,source=dist,target=/x true"),
        ("dist\n", "RUN --mount=src=dist/a,target=/x true"),
        ("target\n!src/keep\n", "COPY target/app /x"),
        ("# c\n\n dist \n", "COPY dist /x"),
        ("d?st\n", "COPY dist /x"),
        ("Dockerfile\n", "COPY Dockerfile /x"),
        ("*.jar\n", "COPY $NAME.jar /x"),
        ("*\n", "COPY $NAME/a /x"),
        ("dist\n", "COPY dist/$TARGETPLATFORM/a /x"),
    ];
    let good = [
        ("dist\n", "COPY src /x"),
        ("dist\n", "COPY . /x"),
        ("dist\n!dist/app\n", "COPY dist/app /x"),
        ("dist\n!dist/app\n", "COPY dist /x"),
        ("dist\n!dist\n", "COPY dist /x"),
        ("dist\n!**/*.js\n", "COPY dist /x"),
        ("**\n!src/**\n", "COPY src /x"),
        ("*\n!src\n", "COPY . /x"),
        ("dist\n", "COPY --from=alpine:3.22 dist /x"),
        ("dist\n", "COPY <<E /dist\na\nE"),
        ("dist\n", "COPY distribution /x"),
        ("dist\n", "COPY web/dist /x"),
        ("dist\n", "COPY dist$V /x"),
        ("dist\n", "COPY $V /x"),
        ("*\n!src\n", "COPY $V /x"),
        ("dist\n", "RUN --mount=type=cache,target=/x,source=dist true"),
        ("dist\n", "RUN --mount=type=bind,from=alpine:3.22,source=dist,target=/x true"),
        ("dist\n", "ONBUILD COPY dist /x"),
        ("# dist\n", "COPY dist /x"),
        ("", "COPY dist /x"),
        ("*.jar\n", "COPY app.war /x"),
        ("dist\n", "ADD https://example.com/dist /x"),
    ];
    let wrong = |list: &[(&str, &str)], wanted: bool| -> Vec<String> {
        let other = list.iter().filter(|(ignore, line)| check(ignore, line) != wanted);
        other.map(|(ignore, line)| format!("{line} with {ignore:?}")).collect()
    };
    assert_eq!(wrong(&bad, true), Vec::<String>::new(), "not found");
    assert_eq!(wrong(&good, false), Vec::<String>::new(), "found");
    // The Dockerfile's own ignore file counts for BuildKit.
    let text = "FROM alpine:3.22\nCOPY dist /x\nUSER 1\n";
    let own = |own: &str, usual: &str| {
        let files = [("Dockerfile", text), ("Dockerfile.dockerignore", own), (".dockerignore", usual)];
        is_found("copies-ignored-file", &files)
    };
    assert!(own("dist\n", "") && !own("x\n", "dist\n"));
}

/// Where they stand and how they weigh, and a comment for hadolint above either of two commands.
#[test]
fn they_point_at_the_place() {
    let place = tempfile::tempdir().unwrap();
    let text = "FROM alpine:3.22 AS a\nCMD [\"a\"]\nUSER 1\nFROM alpine:3.22 AS a\nCOPY src \\\n  dist /x/\nCOPY a-${what} /y\nUSER 1\nCMD [\"a\"]\nCMD [\"b\"]\n";
    write(place.path(), &[("Dockerfile", text), (".dockerignore", "dist\n")]);
    let output = fender(place.path(), &["lint", "--format", "json"], &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let all: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            format!(
                "{}:{}:{} {}",
                it["line"],
                it["column"],
                it["level"].as_str().unwrap(),
                it["rule"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        all,
        [
            "4:1:warning duplicate-stage-name",
            "6:3:warning copies-ignored-file",
            "7:8:warning undefined-variable",
            "9:1:warning replaced-command"
        ]
    );
    for (comment, above) in [
        ("# hadolint ignore=DL4003", "CMD [\"a\"]"),
        ("# hadolint ignore=DL4003", "CMD [\"b\"]"),
        ("# hadolint global ignore=DL4003", "FROM"),
        ("# fender: allow replaced-command because we look into it", "CMD [\"a\"]"),
    ] {
        let text =
            "FROM alpine:3.22\nUSER 1\nCMD [\"a\"]\nCMD [\"b\"]\n".replace(above, &format!("{comment}\n{above}"));
        assert!(!is_found("replaced-command", &[("Dockerfile", &text)]), "{text}");
    }
    for other in ["# hadolint ignore=DL4004", "# fender: allow root-user because it is not"] {
        let text = format!("FROM alpine:3.22\nUSER 1\n{other}\nCMD [\"a\"]\nCMD [\"b\"]\n");
        assert!(is_found("replaced-command", &[("Dockerfile", &text)]), "{text}");
    }
}

/// A list of packages that is fetched in one step and used in another, and dependencies that are installed again and again.
#[test]
fn cache_order() {
    let of = |lines: &[&str]| -> Vec<String> { lines.iter().map(|text| format!("{text}\nUSER 1\n")).collect() };
    let bad = of(&[
        "FROM debian:13.1\nRUN apt-get update\nRUN apt-get install -y curl",
        "FROM debian:13.1\nRUN apt update\nRUN apt install -y curl",
        "FROM debian:13.1\nRUN apt-get -qq update\nENV A=b\nRUN apt-get -y install curl",
        "FROM debian:13.1\nRUN apt-get -o Acquire::Retries=3 update\nRUN DEBIAN_FRONTEND=noninteractive apt-get install -y curl",
        "FROM debian:13.1\nRUN [\"apt-get\", \"update\"]\nRUN [\"apt-get\", \"install\", \"-y\", \"curl\"]",
        "FROM debian:13.1\nRUN apt-get update && apt-get upgrade -y\nRUN apt-get install -y curl",
        "FROM debian:13.1\nRUN set -eux; apt-get update; apt-get clean\nRUN set -eux; apt-get install -y curl",
        "FROM debian:13.1\nRUN /usr/bin/apt-get update\nRUN /usr/bin/apt-get install -y curl",
        "FROM debian:13.1\nRUN sudo apt-get update\nRUN sudo -E apt-get install -y curl",
        "FROM debian:13.1\nRUN bash -c \"apt-get update\"\nRUN bash -c \"apt-get install -y curl\"",
        "FROM debian:13.1\nRUN [\"sh\", \"-c\", \"apt-get update\"]\nRUN apt-get install -y curl",
        "FROM debian:13.1\nRUN <<E\nset -e\napt-get update\nE\nRUN <<E\napt-get install -y curl\nE",
        "FROM debian:13.1\nRUN apt-get update \\\n  # comment\n  && true\nRUN apt-get install -y \\\n  curl",
        "FROM debian:13.1\nRUN if true; then apt-get update; fi\nRUN (apt-get install -y curl)",
        "FROM debian:13.1 AS base\nRUN apt-get update\nFROM base\nRUN apt-get install -y curl",
        "FROM debian:13.1\nRUN apt-get update || true\nCOPY a /a\nRUN apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
        "FROM debian:13.1\nRUN --mount=type=cache,target=/var/cache/apt apt-get update\nRUN apt-get install -y curl",
        "FROM debian:13.1\nRUN aptitude update\nRUN aptitude install -y curl",
        "FROM debian:13.1\nRUN apt-get update\nRUN apt-get install -y $(cat /packages)",
        "FROM alpine:3.22\nRUN apk update\nRUN apk add curl",
        "FROM alpine:3.22\nRUN apk -q update\nRUN apk add --virtual .build gcc",
        "FROM fedora:43\nRUN dnf makecache\nRUN dnf install -y curl",
        "FROM almalinux:9.6\nRUN yum -y makecache\nRUN yum -y install curl",
        "FROM opensuse/leap:15.6\nRUN zypper refresh\nRUN zypper install -y curl",
    ]);
    let good = of(&[
        "FROM debian:13.1\nRUN apt-get update && apt-get install -y curl",
        "FROM debian:13.1\nRUN apt-get update; apt-get install -y curl",
        "FROM debian:13.1\nRUN apt-get update \\\n && apt-get install -y curl",
        "FROM debian:13.1\nRUN <<E\napt-get update\napt-get install -y curl\nE",
        "FROM debian:13.1\nRUN apt-get update\nRUN apt-get update && apt-get install -y curl",
        "FROM debian:13.1\nRUN apt-get update && apt-get install -y curl\nRUN apt-get purge -y curl",
        "FROM debian:13.1 AS a\nRUN apt-get update\nFROM debian:13.1\nRUN apt-get install -y ./a.deb\nCOPY --from=a /a /a",
        "FROM debian:13.1\nRUN apt-get update",
        "FROM debian:13.1\nRUN echo 'apt-get update' > /x\nRUN apt-get install -y ./a.deb",
        "FROM debian:13.1\nRUN echo \"a; apt-get update\"\nRUN apt-get install -y ./a.deb",
        "FROM debian:13.1\n# RUN apt-get update\nRUN apt-get install -y ./a.deb",
        "FROM debian:13.1\nONBUILD RUN apt-get update\nRUN apt-get install -y ./a.deb",
        "FROM debian:13.1\nRUN apt-get install -y ./a.deb\nRUN apt-get update",
        "FROM debian:13.1\nRUN apt-get update && apt-get upgrade -y",
        "FROM debian:13.1\nRUN bash -c 'apt-get update && apt-get install -y curl'",
        "FROM debian:13.1\nRUN man apt-get update\nRUN apt-get install -y ./a.deb",
        "FROM debian:13.1\nRUN pip list update\nRUN apt-get install -y ./a.deb",
        "FROM alpine:3.22\nRUN apk update\nRUN apk add --no-cache curl",
        "FROM alpine:3.22\nRUN apk update && apk add curl",
        "FROM alpine:3.22\nRUN apk update\nRUN apk add -U curl",
        "FROM fedora:43\nRUN dnf update -y\nRUN dnf install -y curl",
        "FROM almalinux:9.6\nRUN yum install -y curl",
        "FROM debian:13.1\nRUN apk update\nRUN apt-get install -y ./a.deb",
    ]);
    hold("cache-busting-order", true, &bad.iter().map(String::as_str).collect::<Vec<_>>());
    hold("cache-busting-order", false, &good.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Where there is nothing to fetch, the order costs nothing.
#[test]
fn cache_order_with_nothing_to_fetch() {
    let check = |lines: &str, files: &[(&str, &str)]| {
        let text = format!("FROM a:1\nWORKDIR /app\n{lines}\nUSER 1\n");
        let mut all = vec![("Dockerfile", text.as_str())];
        all.extend_from_slice(files);
        is_found("cache-busting-order", &all)
    };
    let go = "module x\n\nrequire a.b/c v1.0.0\n";
    let bad: &[(&str, &[(&str, &str)])] = &[
        ("COPY . .\nRUN go build ./...", &[("go.mod", go)]),
        ("COPY . .\nRUN go build ./...", &[]),
        ("COPY . .\nRUN go build ./...", &[("go.mod", go), ("vendor/modules.txt", ""), (".dockerignore", "vendor\n")]),
        ("COPY . .\nRUN go build -mod=mod ./...", &[("go.mod", go), ("vendor/modules.txt", "")]),
        ("COPY . .\nRUN go mod download", &[("go.mod", go), ("vendor/modules.txt", "")]),
        ("COPY . .\nRUN go build ./...", &[("go.mod", go), ("vendor/x.js", "")]),
        ("COPY . .\nRUN npm ci", &[("package.json", "{\"dependencies\": {\"a\": \"1\"}}")]),
        ("COPY . .\nRUN npm ci", &[("package.json", "{\"devDependencies\": {\"a\": \"1\"}}")]),
        ("COPY . .\nRUN npm install", &[("package.json", "{\"workspaces\": [\"a\"]}")]),
        ("COPY . .\nRUN npm ci", &[]),
        ("COPY . .\nRUN npm ci", &[("package.json", "no json")]),
        (
            "COPY . .\nRUN npm --prefix web ci",
            &[("package.json", "{}"), ("web/package.json", "{\"dependencies\": {\"a\": \"1\"}}")],
        ),
        ("COPY . .\nRUN yarn install", &[("package.json", "{\"dependencies\": {\"a\": \"1\"}}")]),
        ("COPY . .\nRUN pip install -r requirements.txt", &[("requirements.txt", "# web\nflask==3\n")]),
        ("COPY . .\nRUN pip install -r requirements.txt", &[("requirements.txt", "-r other.txt\n")]),
        ("COPY . .\nRUN pip install -r a.txt -r b.txt", &[("a.txt", ""), ("b.txt", "flask\n")]),
        ("COPY . .\nRUN composer install", &[("composer.json", "{\"require\": {\"php\": \"8\", \"a/b\": \"1\"}}")]),
        (
            "COPY . .\nRUN cargo build --release",
            &[("Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\nb = \"1\"\n")],
        ),
        (
            "COPY . .\nRUN poetry install",
            &[("pyproject.toml", "[tool.poetry.dependencies]\npython = \"3\"\na = \"1\"\n")],
        ),
        ("COPY . .\nRUN bundle install", &[("Gemfile", "source 'x'\ngem 'a'\n")]),
    ];
    let good: &[(&str, &[(&str, &str)])] = &[
        ("COPY . .\nRUN go build ./...", &[("go.mod", go), ("vendor/modules.txt", "")]),
        ("COPY vendor ./vendor\nCOPY . .\nRUN go build ./...", &[("go.mod", go)]),
        ("COPY . .\nRUN go build -mod=vendor ./...", &[("go.mod", go)]),
        ("ENV GOFLAGS=-mod=vendor\nCOPY . .\nRUN go build ./...", &[("go.mod", go)]),
        ("COPY . .\nRUN go build ./...", &[("go.mod", "module x\n\ngo 1.25\n")]),
        ("COPY . .\nRUN go mod download", &[("go.mod", "module x\n")]),
        ("COPY . .\nRUN npm ci", &[("package.json", "{\"name\": \"a\"}")]),
        ("COPY . .\nRUN npm install", &[("package.json", "{\"dependencies\": {}, \"devDependencies\": {}}")]),
        ("COPY . .\nRUN yarn install", &[("package.json", "{}")]),
        ("COPY . .\nRUN pnpm install", &[("package.json", "{\"scripts\": {\"a\": \"b\"}}")]),
        (
            "COPY . .\nRUN npm --prefix web ci",
            &[("package.json", "{\"dependencies\": {\"a\": \"1\"}}"), ("web/package.json", "{}")],
        ),
        ("COPY . .\nRUN pip install -r requirements.txt", &[("requirements.txt", "")]),
        ("COPY . .\nRUN pip install -r requirements.txt", &[("requirements.txt", "# nothing\n\n")]),
        ("COPY . /app\nRUN pip install -r /app/requirements/dev.txt", &[("requirements/dev.txt", "# nothing\n")]),
        (
            "COPY . .\nRUN pip install --no-index --find-links wheels -r requirements.txt",
            &[("requirements.txt", "a\n")],
        ),
        (
            "COPY . .\nRUN composer install",
            &[("composer.json", "{\"require\": {\"php\": \"8\", \"ext-json\": \"*\"}}")],
        ),
        ("COPY . .\nRUN cargo build --release", &[("Cargo.toml", "[package]\nname = \"a\"\n")]),
        ("COPY . .\nRUN cargo build --frozen", &[("Cargo.toml", "[dependencies]\nb = \"1\"\n")]),
        ("COPY . .\nRUN poetry install", &[("pyproject.toml", "[tool.poetry.dependencies]\npython = \"3\"\n")]),
        ("COPY . .\nRUN uv sync", &[("pyproject.toml", "[project]\nname = \"a\"\ndependencies = []\n")]),
        ("COPY . .\nRUN bundle install", &[("Gemfile", "source 'x'\nruby '3.4'\n")]),
        ("COPY . .\nRUN dotnet restore", &[("a.csproj", "<Project Sdk=\"x\"></Project>")]),
    ];
    let wrong = |list: &[(&str, &[(&str, &str)])], wanted: bool| -> Vec<String> {
        let other = list.iter().filter(|(lines, files)| check(lines, files) != wanted);
        other.map(|(lines, files)| format!("{lines} {files:?}")).collect()
    };
    assert_eq!(wrong(bad, true), Vec::<String>::new(), "not found");
    assert_eq!(wrong(good, false), Vec::<String>::new(), "found");
}
