//! Spellings that a rule must find in a file, and near misses that it must not. Each Dockerfile is otherwise clean.

use crate::support::lint::{fender, found, out, write};
use serde_json::Value;

/// Whether the rule speaks, for each Dockerfile.
pub fn is_found(rule: &str, files: &[(&str, &str)]) -> bool {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), files);
    found(place.path(), &["Dockerfile"]).iter().any(|(id, _)| id == rule)
}

pub fn hold(rule: &str, wanted: bool, texts: &[&str]) {
    let wrong: Vec<&&str> = texts.iter().filter(|text| is_found(rule, &[("Dockerfile", text)]) != wanted).collect();
    assert!(wrong.is_empty(), "{rule} is {}found: {wrong:#?}", if wanted { "not " } else { "" });
}

#[test]
fn process_1() {
    let of = |lines: &str| format!("FROM alpine:3.22\nUSER 10001\n{lines}\n");
    let bad = [
        "SHELL [\"/bin/bash\",\"-c\"]\nENTRYPOINT java -jar /app.jar",
        "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nCMD node server.js",
        "SHELL [\"/bin/sh\", \"-ec\"]\nCMD serve",
        "CMD [\"sh\",\"-c\",\"java -jar /app.jar\"]",
        "CMD [\"/bin/sh\", \"-c\", \"serve --port $PORT\"]",
        "ENTRYPOINT [\"bash\", \"-c\", \"cd /x && serve\"]",
        "ENTRYPOINT [\"/bin/bash\", \"-lc\", \"serve\"]",
        "ENTRYPOINT [\"/bin/ash\", \"-ec\", \"migrate; serve\"]",
        "ENTRYPOINT [\"sh\", \"-c\", \"migrate && serve\"]",
        "CMD [\"npm\",\"start\"]",
        "CMD [\"npm\", \"run\", \"serve\"]",
        "CMD [\"npm\", \"--silent\", \"start\"]",
        "CMD [\"yarn\", \"start\"]",
        "CMD [\"yarn\", \"run\", \"serve\"]",
        "CMD [\"pnpm\", \"start\"]",
        "ENTRYPOINT [\"npm\"]\nCMD [\"start\"]",
        "ENTRYPOINT [\"/usr/local/bin/npm\", \"run\", \"x\"]",
        "CMD serve",
        "ENTRYPOINT serve",
        "ENTRYPOINT [\"x\"]\nCMD a b",
        "CMD cd /x && serve",
    ];
    let good = [
        "CMD [\"java\", \"-jar\", \"/app.jar\"]",
        "SHELL [\"/bin/bash\",\"-c\"]\nENTRYPOINT exec java -jar /app.jar",
        "SHELL [\"/bin/bash\",\"-c\"]\nENTRYPOINT [\"java\"]",
        "CMD [\"sh\",\"-c\",\"exec java -jar /app.jar\"]",
        "CMD [\"sh\",\"-c\",\"migrate && exec serve\"]",
        "ENTRYPOINT [\"/bin/bash\", \"-c\", \"cd /x; exec serve $0\"]",
        "CMD [\"sh\"]",
        "CMD [\"bash\", \"-l\"]",
        "CMD [\"/bin/bash\"]",
        "CMD exec serve",
        "CMD migrate && exec serve",
        "CMD [\"node\", \"server.js\"]",
        "CMD [\"npm\", \"--version\"]",
        "CMD [\"npm\", \"install\"]",
        "CMD [\"yarn\", \"node\", \"x.js\"]",
        "CMD [\"npm-check\", \"start\"]",
        "ENTRYPOINT [\"tini\", \"--\", \"npm\", \"start\"]",
        "ENTRYPOINT [\"/usr/bin/dumb-init\", \"--\"]\nCMD [\"npm\", \"start\"]",
        "ENTRYPOINT [\"/sbin/tini\", \"--\"]\nCMD [\"sh\", \"-c\", \"serve\"]",
        "ENTRYPOINT [\"serve\"]\nCMD [\"npm\", \"start\"]",
        "SHELL [\"powershell\", \"-Command\"]\nCMD serve",
        "RUN npm start",
    ];
    let text = |list: &[&str]| -> Vec<String> { list.iter().map(|lines| of(lines)).collect() };
    let (bad, good) = (text(&bad), text(&good));
    hold("pid1-signals", true, &bad.iter().map(String::as_str).collect::<Vec<_>>());
    hold("pid1-signals", false, &good.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn an_entry_script_is_read_where_it_is() {
    let dockerfile = "FROM alpine:3.22\nCOPY entrypoint.sh /\nUSER 10001\nENTRYPOINT [\"/entrypoint.sh\"]\n";
    let folder = "FROM alpine:3.22\nCOPY docker/ /opt/\nUSER 10001\nENTRYPOINT [\"sh\", \"/opt/run.sh\"]\n";
    let check = |script: &str| is_found("pid1-signals", &[("Dockerfile", dockerfile), ("entrypoint.sh", script)]);
    // The same script, written down in the Dockerfile: at its own path, in a folder, and behind a shell.
    let written = |script: &str| {
        let file = |copy: &str, start: &str| {
            format!("FROM alpine:3.22\n{copy}\n{script}EOF\nUSER 10001\nENTRYPOINT {start}\n")
        };
        [
            file("COPY <<'EOF' /run.sh", "[\"/run.sh\"]"),
            file("COPY --chmod=755 <<-\"EOF\" /bin/run.sh", "[\"run.sh\"]"),
            file("COPY <<'EOF' /run.sh", "[\"sh\", \"/run.sh\"]"),
        ]
        .map(|file| is_found("pid1-signals", &[("Dockerfile", &file)]))
    };
    for script in [
        "#!/bin/sh\nset -e\njava -jar /app.jar\n",
        "#!/usr/bin/env bash\nmigrate\nserve \"$@\"\n",
        "#!/bin/sh\n# exec \"$@\"\nserve\n",
        "#!/bin/bash -e\n\"$@\"\n",
        "#!/bin/sh\nnode server.js\n",
        "#!/bin/ash\ncd /app && ./server\n",
        "#!/bin/sh\nexec 2>&1\nserve\n",
        "#!/bin/sh\nexec >/var/log/x 2>&1\nserve\n",
        "#!/bin/bash\nset -euo pipefail\nif [ -n \"$MIGRATE\" ]; then\n  migrate\nfi\nuvicorn app:app\n",
        "#!/bin/sh\nenvsubst < /a > /b\nnginx -g 'daemon off;'\n",
        "#!/bin/sh\nwhile true; do\n  work\n  sleep 60\ndone\n",
        "#!/bin/sh\nuntil nc -z db 5432; do sleep 1; done\npython manage.py runserver\n",
        "#!/bin/sh\nserve | tee /var/log/serve\n",
        "#!/bin/sh\nFOO=bar serve\n",
        "#!/bin/sh\nserve &\nworker\n",
        "#!/bin/sh\nmigrate || exit 1\nserve\n",
        "#!/usr/bin/env -S bash -e\nserve\n",
        "#!/bin/dash\nserve\n",
        "#!/bin/sh\nfind /x -exec chown app {} +\nserve\n",
        "#!/bin/sh\nnpm start\n",
        "#!/bin/sh\nphp artisan migrate --force\nphp-fpm\n",
    ] {
        assert!(check(script), "{script}");
        assert_eq!(written(script), [true; 3], "{script}");
    }
    for script in [
        "#!/bin/sh\nset -e\nexec \"$@\"\n",
        "#!/bin/sh\nif [ -z \"$X\" ]; then exec serve; fi\nexec \"$@\"\n",
        "#!/bin/sh\ntrap 'kill $!' TERM\nserve &\nwait $!\n",
        "#!/bin/sh\ntini -- serve\n",
        "#!/usr/bin/env python3\nimport os\n",
        "#!/bin/sh\n. /lib.sh\n",
        "#!/bin/bash\nmigrate && exec serve\n",
        "#!/bin/sh\nexec 2>&1\nexec serve\n",
        "#!/bin/sh\nexec java $JAVA_OPTS -jar /app.jar\n",
        "#!/bin/bash\nset -Eeo pipefail\nmain() {\n  exec \"$@\"\n}\nmain \"$@\"\n",
        "#!/bin/sh\nif [ \"$(id -u)\" = 0 ]; then\n  exec gosu app \"$@\"\nfi\nexec \"$@\"\n",
        "#!/bin/sh\n[ \"$1\" = serve ] && exec serve\nexec \"$@\"\n",
        "#!/bin/sh\nsource /env\nserve\n",
        "#!/bin/bash\neval \"exec $*\"\n",
        "#!/bin/sh\ndumb-init serve\n",
        "#!/bin/sh\n/usr/bin/supervisord -n\n",
        "#!/bin/sh\ncase $1 in serve) exec serve ;; esac\nexec \"$@\"\n",
        "#!/bin/sh\nserve & worker &\nwait -n\n",
        "#!/bin/sh\nexec su-exec app serve \"$@\"\n",
        "#!/usr/bin/perl\nsystem('serve');\n",
        "#!/usr/bin/env node\nrequire('./x')\n",
    ] {
        assert!(!check(script), "{script}");
        assert_eq!(written(script), [false; 3], "{script}");
    }
    for script in ["\u{7f}ELF", ""] {
        assert!(!check(script), "{script}");
    }
    let of_folder = |script: &str| is_found("pid1-signals", &[("Dockerfile", folder), ("docker/run.sh", script)]);
    assert!(of_folder("serve\n") && !of_folder("exec serve\n"));
    assert!(!is_found("pid1-signals", &[("Dockerfile", dockerfile)]));
}

#[test]
fn root() {
    hold(
        "root-user",
        true,
        &[
            "FROM alpine:3.22\nCMD [\"serve\"]\n",
            "FROM node:24.1.0\nCMD [\"node\", \"x.js\"]\n",
            "FROM alpine:3.22\nRUN useradd app && echo 'app ALL=(ALL) NOPASSWD:ALL' >> /etc/sudoers\nUSER app\n",
            "FROM alpine:3.22\nRUN echo \"app ALL=(ALL:ALL) NOPASSWD: ALL\" > /etc/sudoers.d/app\nUSER app\n",
            "FROM alpine:3.22\nRUN echo '%wheel ALL=(ALL) NOPASSWD: ALL' | tee -a /etc/sudoers\nUSER app\n",
            "FROM alpine:3.22\nUSER app\nRUN sudo make install\n",
            "FROM alpine:3.22\nUSER app\nRUN make && sudo make install\n",
            "FROM alpine:3.22\nUSER app\nRUN sudo -E apt-get update\n",
            "FROM alpine:3.22\nUSER app\nRUN x | sudo tee /etc/y\n",
            "FROM alpine:3.22\nUSER app\nRUN DEBIAN_FRONTEND=noninteractive sudo apt-get install -y a\n",
            "FROM alpine:3.22\nUSER root\n",
            "FROM alpine:3.22\nUSER 0:0\n",
            "FROM postgres:17.2\nENTRYPOINT [\"python3\", \"x.py\"]\n",
            "FROM redis:8.0\nCMD [\"python3\", \"x.py\"]\n",
            "FROM nginx:1.29.3\nCMD nginx\n",
            "FROM postgres:17.2\nCOPY docker-entrypoint.sh /usr/local/bin/\n",
            "FROM me/postgres:17.2\n",
            "FROM scratch\nCOPY server /\nENTRYPOINT [\"/server\"]\n",
            "FROM alpine:3.22 AS release\nCMD [\"serve\"]\n",
            "FROM alpine:3.22 AS contest\nCMD [\"serve\"]\n",
            "FROM alpine:3.22 AS test\nRUN x\nFROM alpine:3.22\nCMD [\"serve\"]\n",
            "FROM cgr.dev/chainguard/wolfi-base:1\nCMD [\"serve\"]\n",
            "FROM php:8.4-cli\nCMD [\"php\", \"x.php\"]\n",
            "FROM tomcat:11.0\nCOPY app.war /usr/local/tomcat/webapps/\n",
            "FROM debian:13\nCMD [\"sh\", \"-c\", \"exec serve\"]\n",
            "FROM node:24.1.0\nWORKDIR /app\nCOPY . .\nRUN npm ci\n",
            "FROM debian:13\nENTRYPOINT [\"/usr/local/bin/nginx-ui\"]\n",
            "FROM alpine:3.22\nCOPY . .\nENTRYPOINT [\"./httpd.sh\"]\n",
            "FROM node:24.1.0\nENTRYPOINT [\"bash\", \"start.sh\"]\n",
        ],
    );
    hold(
        "root-user",
        false,
        &[
            "FROM alpine:3.22\nUSER 10001\nCMD [\"serve\"]\n",
            "FROM alpine:3.22\nRUN apk add sudo\nUSER app\n",
            "FROM alpine:3.22\nRUN useradd app && usermod -aG sudo app\nUSER app\n",
            "FROM alpine:3.22\nRUN echo 'app ALL=(ALL) ALL' >> /etc/sudoers\nUSER app\n",
            "FROM scratch\nCOPY --from=alpine:3.22 /etc/ssl /\n",
            "FROM alpine:3.22 AS build\nRUN make\nFROM scratch AS export\nCOPY --from=build /out /\n",
            "FROM alpine:3.22 AS test\nRUN make test\n",
            "FROM alpine:3.22 AS lint\nRUN make lint\n",
            "FROM node:24.1.0 AS dev\nCMD [\"node\", \"x.js\"]\n",
            "FROM alpine:3.22 AS unit-test\nRUN x\n",
            "FROM alpine:3.22 AS dev_base\nRUN sudo x\n",
            "FROM postgres:17.2\nCOPY init.sql /docker-entrypoint-initdb.d/\n",
            "FROM mysql:8.4\nCMD [\"mysqld\", \"--x\"]\n",
            "FROM mysql:8.4\nCMD [\"--character-set-server=utf8mb4\"]\n",
            "FROM redis:8.0\nCMD [\"redis-server\", \"/etc/redis.conf\"]\n",
            "FROM nginx:1.29.3\nCOPY dist /usr/share/nginx/html\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
            "FROM mongo:8.0\nENTRYPOINT [\"docker-entrypoint.sh\"]\nCMD [\"mongod\"]\n",
            "FROM jenkins/jenkins:2.479.1\nCOPY plugins.txt /x\n",
            "FROM grafana/grafana:11.3.0\nCOPY a /b\n",
            "FROM prom/prometheus:v3.0.0\nCOPY prometheus.yml /etc/prometheus/\n",
            "FROM gcr.io/distroless/static-debian12:nonroot-amd64\nCOPY server /\nENTRYPOINT [\"/server\"]\n",
            "FROM cgr.dev/chainguard/python:3.13\nCMD [\"x.py\"]\n",
            "FROM haproxy:3.1\nCOPY haproxy.cfg /usr/local/etc/haproxy/\n",
            "FROM ubuntu:24.04\nRUN apt-get update && apt-get install -y gcc\nENV CC=gcc\n",
            "FROM golang:1.25\nCOPY tools.sh /\nRUN /tools.sh && go install x@v1\n",
            "FROM debian:13\nCMD [\"bash\"]\n",
            "FROM debian:13\nENTRYPOINT [\"/bin/bash\", \"-l\"]\n",
            "FROM docker:28-dind\nRUN apk add git\n",
            "FROM mcr.microsoft.com/windows/servercore:ltsc2022\nCMD [\"app.exe\"]\n",
            "# escape=`\nFROM example.com/base:1\nCMD [\"app.exe\"]\n",
            "FROM alpine:3.22\nRUN apk add nginx\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
            "FROM debian:13\nRUN apt-get install -y php-fpm\nCMD [\"/usr/sbin/php-fpm8.4\", \"-F\"]\n",
            "FROM php:8.4-apache\nCOPY . /var/www/html\n",
            "FROM php:8.4-fpm-alpine\nRUN docker-php-ext-install mysqli\n",
            "FROM php:8.4-apache\nENTRYPOINT [\"/entrypoint.sh\"]\nCMD [\"apache2-foreground\"]\n",
            "FROM nextcloud:32-apache\nRUN docker-php-ext-install imap\n",
            "FROM alpine:3.22\nCOPY <<EOF /run.sh\n#!/bin/sh\nexec su-exec app serve\nEOF\nENTRYPOINT [\"/run.sh\"]\n",
        ],
    );
    for (name, wanted) in [
        ("a/e2e/Dockerfile", 0),
        ("testdata/x/Dockerfile", 0),
        ("Dockerfile.test", 0),
        ("lint.Dockerfile", 0),
        ("tests/Dockerfile", 1),
        ("Dockerfile-dev", 0),
        ("dev/Dockerfile", 1),
    ] {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), &[(name, "FROM alpine:3.22\nCMD [\"serve\"]\n")]);
        assert_eq!(found(place.path(), &[]).len(), wanted, "{name}");
    }
    // An entry script that hands over to another user, and one that does not.
    for (script, wanted) in
        [("#!/bin/sh\nchown app /x\nexec gosu app \"$@\"\n", false), ("#!/bin/sh\nexec \"$@\"\n", true)]
    {
        let file = "FROM alpine:3.22\nCOPY run.sh /\nENTRYPOINT [\"/run.sh\"]\nCMD [\"serve\"]\n";
        assert_eq!(is_found("root-user", &[("Dockerfile", file), ("run.sh", script)]), wanted, "{script}");
    }
    // Several images of one file are one finding.
    let place = tempfile::tempdir().unwrap();
    let file = "FROM alpine:3.22 AS base\nFROM base AS api\nCMD [\"api\"]\nFROM base AS worker\nCMD [\"worker\"]\n";
    write(place.path(), &[("Dockerfile", file)]);
    let all = found(place.path(), &["--rule", "root-user"]);
    assert_eq!(all, [("root-user".to_owned(), 2)]);
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &[(".devcontainer/Dockerfile", "FROM alpine:3.22\nRUN sudo x\n")]);
    assert_eq!(found(place.path(), &[]), []);
}

#[test]
fn downloads_that_nothing_compares() {
    let sum = format!("sha256:{}", "2".repeat(64));
    let of = |line: &str| format!("FROM alpine:3.22\n{}\nUSER 10001\n", line.replace("SUM", &sum));
    let bad = [
        "ADD https://example.com/tool /usr/local/bin/",
        "ADD http://example.com/tool.tar.gz /opt/",
        "ADD HTTPS://example.com/x /y",
        "ADD --chmod=755 https://example.com/tool /bin/tool",
        "ADD --chown=1:1 https://example.com/tool /bin/tool",
        "ADD [\"https://example.com/a b\", \"/x\"]",
        "ADD https://example.com/a https://example.com/b /x/",
        "ADD a.tar https://example.com/b /x/",
        "ADD https://github.com/a/b/releases/download/v1/c /x",
        "ADD https://raw.githubusercontent.com/a/b/main/c.sh /x",
        "ADD https://github.com/a/b/archive/v1.tar.gz /x",
        "ADD https://example.com/a?x=1 /x",
        "ADD https://example.com/a#frag /x",
        "ADD https://example.com/x.gitignore /x",
        "ARG V=1\nADD https://example.com/$V/a /x",
        "ARG V\nADD https://example.com/${V}/a /x",
        "ENV V=1\nADD https://example.com/a-${V}.tgz /x",
        "ADD --link https://example.com/a /x",
        "ADD https://example.com/jre.deb /tmp/",
        "ADD  \\\n  https://example.com/a \\\n  /x",
    ];
    let good = [
        "ADD --checksum=SUM https://example.com/tool /usr/local/bin/",
        "ADD --checksum=SUM --chmod=755 https://example.com/tool /bin/tool",
        "ADD --chmod=755 --checksum=SUM https://example.com/tool /bin/tool",
        "ARG C=SUM\nADD --checksum=$C https://example.com/tool /bin/tool",
        "ADD https://github.com/a/b.git#v1 /x",
        "ADD https://github.com/a/b.git /x",
        "ADD https://github.com/a/b.git#v1:sub /x",
        "ADD git@github.com:a/b.git#v1 /x",
        "ADD --keep-git-dir=true https://github.com/a/b.git#v1 /x",
        "ADD rootfs.tar.xz /",
        "ADD rootfs.tar /",
        "ADD a.tgz b.tar.gz /x/",
        "COPY a /x",
        "COPY https /x",
        "COPY http:/a /x",
        "RUN echo ADD https://example.com/a /x",
        "# ADD https://example.com/a /x",
        "LABEL x=\"ADD https://example.com/a\"",
        "ENV X=https://example.com/a",
        "ADD ${FILE} /x",
    ];
    let text = |list: &[&str]| -> Vec<String> { list.iter().map(|lines| of(lines)).collect() };
    let (bad, good) = (text(&bad), text(&good));
    hold("add-instead-of-copy", true, &bad.iter().map(String::as_str).collect::<Vec<_>>());
    hold("add-instead-of-copy", false, &good.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn tags_that_move_in_a_dockerfile() {
    hold(
        "mutable-tag",
        true,
        &[
            "FROM node:lts\nUSER 1\n",
            "FROM node:lts-alpine\nUSER 1\n",
            "FROM example.com:5000/a/b:main\nUSER 1\n",
            "FROM rust:nightly\nUSER 1\n",
            "FROM alpine:edge\nUSER 1\n",
            "FROM debian:stable-slim\nUSER 1\n",
            "FROM a:1\nCOPY --from=tools:dev /a /b\nUSER 1\n",
            "FROM a:1\nRUN --mount=type=bind,from=tools:master,target=/x true\nUSER 1\n",
            "ARG V=edge\nFROM alpine:$V\nUSER 1\n",
            "FROM alpine\nUSER 1\n",
            "FROM alpine:latest\nUSER 1\n",
            "FROM docker.io/library/nginx:stable\nUSER 1\n",
            "FROM nginx:stable-alpine-slim\nUSER 1\n",
            "FROM --platform=linux/amd64 debian:testing\nUSER 1\n",
            "FROM ghcr.io/a/b:develop AS x\nUSER 1\n",
            "FROM a:1 AS x\nFROM b:nightly\nCOPY --from=x /a /b\nUSER 1\n",
            "ARG REGISTRY=example.com\nFROM ${REGISTRY}/a:master\nUSER 1\n",
            "ARG V\nFROM node:${V:-lts}\nUSER 1\n",
            "FROM a:1\nCOPY --from=docker.io/library/golang /usr/local/go /go\nUSER 1\n",
            "FROM ubuntu:rolling\nUSER 1\n",
            "FROM a:canary\nUSER 1\n",
        ],
    );
    hold(
        "mutable-tag",
        false,
        &[
            "FROM alpine:3.22 AS main\nFROM main\nUSER 1\n",
            "FROM alpine:3.22 AS latest\nFROM alpine:3.22\nCOPY --from=latest /a /b\nUSER 1\n",
            "FROM alpine:3.22 AS dev\nFROM alpine:3.22\nRUN --mount=type=bind,from=dev,target=/x true\nUSER 1\n",
            "FROM rust:nightly-2025-01-31\nUSER 1\n",
            "FROM scratch\nUSER 1\n",
            "FROM debian:bookworm-slim\nUSER 1\n",
            "FROM main/stable:1.2\nUSER 1\n",
            "ARG BASE\nFROM ${BASE}\nUSER 1\n",
            "FROM alpine:3.22\nUSER 1\n",
            "FROM node:24-alpine\nUSER 1\n",
            "FROM node:lts-alpine3.22@sha256:1111111111111111111111111111111111111111111111111111111111111111\nUSER 1\n",
            "FROM alpine@sha256:1111111111111111111111111111111111111111111111111111111111111111\nUSER 1\n",
            "FROM debian:testing-20250113\nUSER 1\n",
            "FROM a/stable/edge:v2\nUSER 1\n",
            "FROM example.com:5000/a:1.0-dev2\nUSER 1\n",
            "ARG V=3.22\nFROM alpine:$V\nUSER 1\n",
            "FROM a:main-4f2a91c\nUSER 1\n",
            "FROM golang:1.25 AS build\nFROM build AS test\nFROM build\nUSER 1\n",
            "FROM a:1\nCOPY --from=0 /a /b\nUSER 1\n",
            "ARG V\nFROM node:${V:-24}\nUSER 1\n",
            "FROM ubuntu:noble\nUSER 1\n",
        ],
    );
}

/// Databases and what administrators use weigh more than what a browser calls.
#[test]
fn ports_weigh_by_what_listens() {
    let warnings = [
        "\"5432:5432\"",
        "\"15432:5432\"",
        "\"0.0.0.0:6379:6379\"",
        "\"27017:27017\"",
        "\"3306:3306/tcp\"",
        "\"9200:9200\", \"9300:9300\"",
        "\"8080:8080\", \"2375:2375\"",
        "\"5432\"",
        "5432",
        "{target: 5432, published: \"5432\"}",
        "{target: 6379, published: 16379, mode: host}",
        "\"[::]:3306:3306\"",
        "\"11211:11211\"",
        "\"9092:9092\"",
        "\"2181:2181\"",
        "\"2379-2380:2379-2380\"",
        "\"5984:5984\"",
        "\"1433:1433\"",
        "\"22:22\"",
        "\"9229:9229\"",
        "\"5005:5005\"",
        "\"15672:15672\"",
        "\"8086:8086\"",
    ];
    let notes = [
        "\"80:80\"",
        "\"443:443\"",
        "\"8080:80\"",
        "\"3000:3000\"",
        "\"5432:80\"",
        "\"8000:8000\", \"8443:8443\"",
        "\"80\"",
        "8080",
        "{target: 80, published: \"8080\"}",
        "\"0.0.0.0:443:443\"",
        "\"[::]:80:80\"",
        "\"3306:8080\"",
        "\"6379:443/tcp\"",
        "\"4200:4200\"",
        "\"5173:5173\"",
        "\"8888:8888\"",
        "\"9000:9000\"",
        "\"53:53/udp\"",
        "\"1883:1883\"",
        "\"51820:51820/udp\"",
        "\"8000-8010:8000-8010\"",
    ];
    for (ports, level) in warnings.iter().map(|it| (it, "warning")).chain(notes.iter().map(|it| (it, "note"))) {
        let place = tempfile::tempdir().unwrap();
        let text = format!("services:\n  a:\n    image: a:1\n    ports: [{ports}]\n");
        write(place.path(), &[("compose.yaml", &text)]);
        let output = fender(place.path(), &["lint", "--format", "json", "--rule", "published-port"], &[]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
        let levels: Vec<&str> =
            report["findings"].as_array().unwrap().iter().filter_map(|it| it["level"].as_str()).collect();
        assert_eq!(levels, [level], "{ports}");
    }
    let place = tempfile::tempdir().unwrap();
    let text = "services:\n  a:\n    image: a:1\n    ports: [\"127.0.0.1:5432:5432\", \"10.0.0.5:6379:6379\"]\n    expose: [\"3306\"]\n";
    write(place.path(), &[("compose.yaml", text)]);
    assert!(!found(place.path(), &[]).iter().any(|(rule, _)| rule == "published-port"));
}

/// Where known programs keep their data, by image, tag, command and variables; a cache only where it is told to write it down.
#[test]
fn data_of_known_images() {
    let of = |lines: &str| {
        let files = [
            (
                "compose.yaml",
                format!("services:\n  a:\n    {}\nvolumes: {{store: {{}}}}\n", lines.replace('\n', "\n    ")),
            ),
            ("conf/keeps.conf", "maxmemory 1gb\nappendonly yes\n".to_owned()),
            ("conf/cache.conf", "maxmemory 1gb\nsave \"\"\n".to_owned()),
        ];
        let place = tempfile::tempdir().unwrap();
        write(place.path(), &files.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>());
        found(place.path(), &[]).iter().any(|(id, _)| id == "unsaved-data")
    };
    let bad = [
        "image: postgres:17.2",
        "image: postgres:17.2\nvolumes: [\"store:/var/lib/postgresql\"]",
        "image: postgres:18.0\nvolumes: [\"store:/var/lib/postgresql/data\"]",
        "image: postgres:17.2\nenvironment: {PGDATA: /pg}\nvolumes: [\"store:/var/lib/postgresql/data\"]",
        "image: influxdb:1.8\nvolumes: [\"store:/var/lib/influxdb2\"]",
        "image: influxdb:2.7\nvolumes: [\"store:/var/lib/influxdb\"]",
        "image: influxdb:3-core\nvolumes: [\"store:/var/lib/influxdb2\"]",
        "image: minio/minio:1\ncommand: server /export\nvolumes: [\"store:/data\"]",
        "image: minio/minio:1\ncommand: server --console-address :9001 /export",
        "image: linuxserver/sonarr:4.0.0",
        "image: lscr.io/linuxserver/mariadb:11.4\nvolumes: [\"store:/var/lib/mysql\"]",
        "image: linuxserver/plex:1.41.0\nvolumes: [\"store:/data\"]",
        "image: bitnami/postgresql:17.2",
        "image: bitnami/redis:7.4",
        "image: bitnamilegacy/mariadb:11.4\nvolumes: [\"store:/var/lib/mysql\"]",
        "image: mysql:8.4\nvolumes: [\"/var/lib/mysql\"]",
        "image: mongo:8.0\ncommand: --dbpath /srv/db\nvolumes: [\"store:/data/db\"]",
        "image: redis:8.0\ncommand: redis-server --appendonly yes",
        "image: redis:8.0\ncommand: [\"redis-server\", \"--save\", \"60\", \"1\"]",
        "image: valkey/valkey:8.1\ncommand: valkey-server /etc/keeps.conf\nvolumes: [\"./conf:/etc\"]",
        "image: redis:8.0\ncommand: redis-server /etc/unknown.conf",
        "image: prom/prometheus:v3.0.0\ncommand: --storage.tsdb.path=/tsdb\nvolumes: [\"store:/prometheus\"]",
    ];
    let good = [
        "image: postgres:17.2\nvolumes: [\"store:/var/lib/postgresql/data\"]",
        "image: postgres:18.0\nvolumes: [\"store:/var/lib/postgresql\"]",
        "image: postgres:17.2\nenvironment: {PGDATA: /pg}\nvolumes: [\"store:/pg\"]",
        "image: postgres:17.2\ntmpfs: [/var/lib/postgresql/data]",
        "image: influxdb:1.8\nvolumes: [\"store:/var/lib/influxdb\"]",
        "image: influxdb:2.7\nvolumes: [\"store:/var/lib/influxdb2\"]",
        "image: influxdb:3-core\nvolumes: [\"store:/var/lib/influxdb3\"]",
        "image: minio/minio:1\ncommand: server /export\nvolumes: [\"store:/export\"]",
        "image: minio/minio:1\ncommand: server /data\nvolumes: [\"store:/data\"]",
        "image: linuxserver/sonarr:4.0.0\nvolumes: [\"store:/config\"]",
        "image: lscr.io/linuxserver/plex:1.41.0\nvolumes: [\"./plex:/config\"]",
        "image: linuxserver/ffmpeg:7.1",
        "image: bitnami/postgresql:17.2\nvolumes: [\"store:/bitnami/postgresql\"]",
        "image: bitnami/redis:7.4\nvolumes: [\"store:/bitnami/redis/data\"]",
        "image: bitnami/nginx:1.29",
        "image: mysql:8.4\nvolumes: [\"./data:/var/lib/mysql\"]",
        "image: mongo:8.0\ncommand: --dbpath /srv/db\nvolumes: [\"store:/srv/db\"]",
        "image: redis:8.0",
        "image: redis:8.0-alpine\ncommand: redis-server --save \"\" --appendonly no",
        "image: valkey/valkey:8.1\ncommand: valkey-server --maxmemory 1gb",
        "image: redis:8.0\ncommand: redis-server /etc/cache.conf\nvolumes: [\"./conf/cache.conf:/etc/cache.conf\"]",
        "image: redis:8.0\ncommand: redis-server --appendonly yes\nvolumes: [\"store:/data\"]",
        "image: nginx:1.29.3",
    ];
    let wrong: Vec<&&str> =
        bad.iter().filter(|lines| !of(lines)).chain(good.iter().filter(|lines| of(lines))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is careless in a compose file for tests is not said; what opens a database is.
#[test]
fn compose_files_for_tests() {
    let text = "services:\n  a:\n    image: a:1\n    ports: [\"8080:80\"]\n  b:\n    image: b:1\n    ports: [\"5432:5432\"]\n  c:\n    image: c:1\n    ports: [\"6379:6379\"]\n";
    let of = |name: &str| {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), &[(name, text)]);
        let careless = ["no-memory-limit", "published-port"];
        let all =
            found(place.path(), &[]).into_iter().map(|(rule, _)| rule).filter(|rule| careless.contains(&rule.as_str()));
        let mut all: Vec<String> = all.collect();
        all.sort();
        all
    };
    for name in ["compose.test.yaml", "docker-compose-dev.yml", "e2e/compose.yaml"] {
        assert_eq!(of(name), ["published-port"], "{name}");
    }
    // The web's port by itself, and both databases as one.
    assert_eq!(of("compose.yaml"), ["no-memory-limit", "published-port", "published-port"]);
}

/// A file that another program fills in is a note; what docker refuses otherwise is a warning.
#[test]
fn templates_are_notes() {
    for (text, level) in [
        ("FROM ${docker.base.image}\nUSER 5\n", "note"),
        ("FROM a:1\nUSER 5\nWORKDIR ${pkg.folder}\n", "note"),
        ("{% if x %}\nFROM a:1\nUSER 5\n", "note"),
        ("FROM a:1\nUSER 5\n{{ steps }}\n", "note"),
        ("FROM a:1\nUSER 5\nWORKDIR ${a b}\n", "warning"),
        ("FROM a:1\nUSER 5\nBUILD x\n", "warning"),
        ("FROM a:1\nUSER 5\nENV A\n", "warning"),
    ] {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), &[("Dockerfile", text)]);
        let output = fender(place.path(), &["lint", "--format", "json", "--rule", "not-understood"], &[]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
        let findings = report["findings"].as_array().unwrap();
        assert!(!findings.is_empty() && findings.iter().all(|it| it["level"] == level), "{text} {}", out(&output));
    }
}
