//! `fender lint --fix` never harms: a corpus of Dockerfiles as people write them, each with what a safe fix may change in it,
//! which is mostly nothing. `tests/engines/fix_harm.rs` builds and runs a part of them before and after.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::support::lint::{fender, found, out, write};
use crate::support::process;
use crate::support::terminal::Terminal;
use serde_json::Value;

/// One Dockerfile of the corpus.
struct Case {
    name: &'static str,
    text: &'static str,
    files: &'static [(&'static str, &'static [u8])],
    /// What a safe fix replaces, by what.
    safe: &'static [(&'static str, &'static str)],
    /// Whether a user may be proposed at all, as an unsafe fix.
    user: bool,
}

const fn case(name: &'static str, text: &'static str) -> Case {
    Case { name, text, files: &[], safe: &[], user: false }
}

impl Case {
    const fn with(mut self, files: &'static [(&'static str, &'static [u8])]) -> Case {
        self.files = files;
        self
    }

    const fn safe(mut self, safe: &'static [(&'static str, &'static str)]) -> Case {
        self.safe = safe;
        self
    }

    const fn user(mut self) -> Case {
        self.user = true;
        self
    }
}

const GOSU: &[u8] = b"#!/bin/sh\nset -e\nchown -R app /data\nexec gosu app \"$@\"\n";
const SU_EXEC: &[u8] = b"#!/bin/sh\nchown app /data && exec su-exec app:app \"$@\"\n";
const SETPRIV: &[u8] = b"#!/bin/bash\nexec setpriv --reuid=1000 --clear-groups \"$@\"\n";
const PLAIN: &[u8] = b"#!/bin/sh\nexec \"$@\"\n";
const BARE: &[u8] = b"echo started\nexec sleep 100\n";
const ELF: &[u8] = b"\x7fELF\x02\x01\x01\0";
const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
const BZIP: &[u8] = b"BZh91AY&SY";
const XZ: &[u8] = b"\xfd7zXZ\0\0\x04";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x24\0";
const TAR: &[u8] = &tar();

const fn tar() -> [u8; 1024] {
    let mut bytes = [0u8; 1024];
    bytes[0] = b'a';
    let mark = b"ustar";
    let mut at = 0;
    while at < 5 {
        bytes[257 + at] = mark[at];
        at += 1;
    }
    bytes
}

#[rustfmt::skip] // A table.
const CORPUS: &[Case] = &[
    // Entry points that start as root and step down.
    case("gosu in the command", "FROM debian:13\nRUN apt-get install -y gosu\nENTRYPOINT [\"gosu\", \"app\", \"server\"]\n"),
    case("gosu in the script", "FROM debian:13\nCOPY entrypoint.sh /\nENTRYPOINT [\"/entrypoint.sh\"]\nCMD [\"server\"]\n").with(&[("entrypoint.sh", GOSU)]),
    case("su-exec in the script", "FROM alpine:3.22\nCOPY docker/entrypoint.sh /usr/local/bin/\nENTRYPOINT [\"entrypoint.sh\"]\nCMD [\"x\"]\n").with(&[("docker/entrypoint.sh", SU_EXEC)]),
    case("setpriv in the script", "FROM debian:13\nCOPY run.sh /run.sh\nENTRYPOINT [\"/run.sh\"]\n").with(&[("run.sh", SETPRIV)]),
    case("a folder with the script", "FROM debian:13\nCOPY scripts /scripts\nENTRYPOINT [\"/scripts/start.sh\"]\n").with(&[("scripts/start.sh", GOSU)]),
    case("chown in the command", "FROM alpine:3.22\nCMD [\"sh\", \"-c\", \"chown app /data && exec server\"]\n"),
    case("su in the command", "FROM debian:13\nCMD [\"sh\", \"-c\", \"su app -c server\"]\n"),
    case("runuser", "FROM fedora:43\nENTRYPOINT [\"runuser\", \"-u\", \"app\", \"--\", \"server\"]\n"),
    case("chroot", "FROM debian:13\nENTRYPOINT [\"chroot\", \"--userspec=app\", \"/\", \"server\"]\n"),
    case("s6 overlay", "FROM alpine:3.22\nCOPY root/ /\nENTRYPOINT [\"/init\"]\n").with(&[("root/etc/x", b"x")]),
    case("s6 with a last USER root", "FROM alpine:3.22\nUSER app\nRUN x\nUSER root\nENTRYPOINT [\"/init\"]\n"),
    // Servers that bind, log and write as root.
    case("nginx, official", "FROM nginx:1.29\nCOPY nginx.conf /etc/nginx/nginx.conf\nCOPY html /usr/share/nginx/html\n").with(&[("nginx.conf", b"events {}"), ("html/index.html", b"x")]),
    case("nginx, installed", "FROM alpine:3.22\nRUN apk add nginx\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n"),
    case("nginx in shell form of another base", "FROM nginx:1.29\nCMD nginx -g 'daemon off;'\n"),
    case("httpd, official", "FROM httpd:2.4\nCOPY site /usr/local/apache2/htdocs/\n").with(&[("site/a", b"x")]),
    case("apache in the foreground", "FROM debian:13\nRUN apt-get install -y apache2\nCMD [\"apache2ctl\", \"-D\", \"FOREGROUND\"]\n"),
    case("php with apache", "FROM php:8.4-apache\nCOPY src /var/www/html\n").with(&[("src/a.php", b"x")]),
    case("supervisord", "FROM debian:13\nCOPY supervisord.conf /etc/\nCMD [\"/usr/bin/supervisord\", \"-n\"]\n").with(&[("supervisord.conf", b"x")]),
    case("cron", "FROM debian:13\nRUN apt-get install -y cron\nCMD [\"cron\", \"-f\"]\n"),
    case("sshd", "FROM debian:13\nRUN apt-get install -y openssh-server\nCMD [\"/usr/sbin/sshd\", \"-D\"]\n"),
    case("systemd", "FROM fedora:43\nSTOPSIGNAL SIGRTMIN+3\nCMD [\"/sbin/init\"]\n"),
    case("docker in docker", "FROM docker:28-dind\nCOPY x /x\n").with(&[("x", b"x")]),
    case("postgres", "FROM postgres:18\nCOPY init.sql /docker-entrypoint-initdb.d/\n").with(&[("init.sql", b"x")]),
    case("postgres in shell form", "FROM postgres:18\nCMD postgres -c fsync=off\n"),
    case("mysql", "FROM mysql:9\nCOPY my.cnf /etc/mysql/conf.d/\n").with(&[("my.cnf", b"x")]),
    case("redis", "FROM redis:8\nCOPY redis.conf /etc/\nCMD [\"redis-server\", \"/etc/redis.conf\"]\n").with(&[("redis.conf", b"x")]),
    case("redis in shell form", "FROM redis:8\nCMD redis-server /etc/redis.conf\n"),
    case("haproxy", "FROM haproxy:3\nCOPY haproxy.cfg /usr/local/etc/haproxy/\n").with(&[("haproxy.cfg", b"x")]),
    case("rabbitmq", "FROM rabbitmq:4\nRUN rabbitmq-plugins enable x\n"),
    case("traefik", "FROM traefik:3\nCOPY traefik.yml /etc/traefik/\n").with(&[("traefik.yml", b"x")]),
    case("wordpress", "FROM wordpress:6\nCOPY theme /usr/src/wordpress/wp-content/themes/x\n").with(&[("theme/a", b"x")]),
    // Windows.
    case("windows", "# escape=`\nFROM mcr.microsoft.com/windows/servercore:ltsc2025\nCMD ping -t localhost\n"),
    case("nanoserver", "FROM mcr.microsoft.com/windows/nanoserver:ltsc2025\nCOPY app C:/app\nCMD dotnet app.dll\n").with(&[("app/x", b"x")]),
    case("dotnet on nanoserver", "FROM mcr.microsoft.com/dotnet/runtime:9.0-nanoserver-ltsc2025\nENTRYPOINT dotnet app.dll\n"),
    // Bases with a user of their own.
    case("unprivileged nginx", "FROM nginxinc/nginx-unprivileged:1.29\nCOPY html /usr/share/nginx/html\n").with(&[("html/a", b"x")]),
    case("distroless nonroot", "FROM gcr.io/distroless/static:nonroot\nCOPY server /\nENTRYPOINT [\"/server\"]\n").with(&[("server", ELF)]),
    case("an own base", "ARG BASE\nFROM ${BASE}\nCOPY server /\nCMD [\"/server\"]\n").with(&[("server", ELF)]),
    case("a base with an entry point", "FROM registry.example.com/base:1.4\nCMD node server.js\n").user(),
    // Stages that are no image to run.
    case("an export stage", "FROM golang:1.25 AS build\nRUN go build -o /out/x\nFROM scratch\nCOPY --from=build /out/x /\n"),
    case("a base for others", "FROM debian:13\nRUN apt-get install -y curl\n"),
    case("a stage for tests", "FROM node:24\nCOPY . .\nRUN npm test\n"),
    case("ONBUILD", "FROM node:24\nONBUILD ADD . /app\nONBUILD CMD node server.js\n"),
    // Who said root, said it for something.
    case("root at the end", "FROM alpine:3.22\nUSER app\nRUN a\nUSER root\nCMD [\"server\"]\n"),
    case("root for an init", "FROM debian:13\nUSER root\nENTRYPOINT [\"/usr/bin/tini\", \"--\", \"start\"]\n"),
    // ADD that does more than COPY.
    case("ADD of a repository", "FROM alpine:3.22\nUSER 1\nADD --keep-git-dir=true https://github.com/a/b.git /src\n"),
    case("ADD with a flag of its own", "FROM alpine:3.22\nUSER 1\nADD --keep-git-dir=true conf /conf\n").with(&[("conf", b"x")]),
    case("ADD with a checksum", "FROM alpine:3.22\nUSER 1\nADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/a /a\n"),
    case("ADD --unpack", "FROM alpine:3.22\nUSER 1\nADD --unpack=false conf /conf\n").with(&[("conf", b"x")]),
    case("a gzip without extension", "FROM alpine:3.22\nUSER 1\nADD layer /\n").with(&[("layer", GZIP)]),
    case("a bzip2 without extension", "FROM alpine:3.22\nUSER 1\nADD layer /\n").with(&[("layer", BZIP)]),
    case("an xz without extension", "FROM alpine:3.22\nUSER 1\nADD layer /\n").with(&[("layer", XZ)]),
    case("a zstd without extension", "FROM alpine:3.22\nUSER 1\nADD layer /\n").with(&[("layer", ZSTD)]),
    case("a tar without extension", "FROM alpine:3.22\nUSER 1\nADD layer /\n").with(&[("layer", TAR)]),
    case("an archive among plain files", "FROM alpine:3.22\nUSER 1\nADD a.conf rootfs /etc/\n").with(&[("a.conf", b"x"), ("rootfs", GZIP)]),
    case("ADD of what is not there", "FROM alpine:3.22\nUSER 1\nADD built.bin /bin/\n"),
    case("ADD of a pattern", "FROM alpine:3.22\nUSER 1\nADD *.bin /bin/\n").with(&[("a.bin", GZIP)]),
    case("ADD of a variable", "FROM alpine:3.22\nUSER 1\nARG F\nADD $F /bin/\n"),
    case("ADD of plain files", "FROM alpine:3.22\nUSER 1\nADD a.conf b.conf /etc/\n").with(&[("a.conf", b"x"), ("b.conf", b"y")]).safe(&[("ADD a.conf", "COPY a.conf")]),
    case("ADD of a folder with archives", "FROM alpine:3.22\nUSER 1\nADD dir /dir/\n").with(&[("dir/x.tar.gz", GZIP)]).safe(&[("ADD dir", "COPY dir")]),
    case("ADD with the flags of both", "FROM alpine:3.22\nUSER 1\nADD --chown=1:1 --chmod=644 a /a\n").with(&[("a", b"x")]).safe(&[("ADD --chown", "COPY --chown")]),
    case("ADD of a short file", "FROM alpine:3.22\nUSER 1\nADD empty /e\n").with(&[("empty", b"")]).safe(&[("ADD empty", "COPY empty")]),
    // Shell form.
    case("a script without its interpreter", "FROM alpine:3.22\nUSER 1\nCOPY run.sh /run.sh\nCMD /run.sh\n").with(&[("run.sh", BARE)]),
    case("the same in a folder", "FROM alpine:3.22\nUSER 1\nCOPY . /app\nENTRYPOINT /app/run.sh\n").with(&[("run.sh", BARE)]),
    case("the same under another name", "FROM alpine:3.22\nUSER 1\nCOPY start.txt /run.sh\nCMD /run.sh\n").with(&[("start.txt", BARE)]),
    case("the same written down in the Dockerfile", "FROM alpine:3.22\nUSER 1\nCOPY <<EOF /run.sh\necho x\nEOF\nCMD /run.sh\n"),
    case("a script with its interpreter", "FROM alpine:3.22\nUSER 1\nCOPY run.sh /run.sh\nCMD /run.sh --now\n").with(&[("run.sh", PLAIN)]).safe(&[("CMD /run.sh --now", "CMD [\"/run.sh\", \"--now\"]")]),
    case("a program", "FROM alpine:3.22\nUSER 1\nCOPY server /usr/bin/server\nENTRYPOINT /usr/bin/server\n").with(&[("server", ELF)]).safe(&[("ENTRYPOINT /usr/bin/server", "ENTRYPOINT [\"/usr/bin/server\"]")]),
    case("a program that nobody can look at", "FROM alpine:3.22\nUSER 1\nRUN make install\nCMD server\n"),
    case("a path that nobody can look at", "FROM alpine:3.22\nUSER 1\nCMD /opt/x/bin/start\n"),
    case("a known program", "FROM python:3.14\nUSER 1\nCMD python server.py\n").safe(&[("CMD python server.py", "CMD [\"python\", \"server.py\"]")]),
    case("a known program under an unknown entry point", "FROM registry.example.com/python:3\nUSER 1\nCMD python server.py\n"),
    case("a builtin", "FROM alpine:3.22\nUSER 1\nCMD echo -e 'a\\tb'\n"),
    case("a variable", "FROM alpine:3.22\nUSER 1\nCMD python server.py $PORT\n"),
    case("two commands", "FROM alpine:3.22\nUSER 1\nCMD migrate && python server.py\n"),
    case("an assignment", "FROM alpine:3.22\nUSER 1\nCMD PORT=1 python server.py\n"),
    case("exec", "FROM alpine:3.22\nUSER 1\nCMD exec python server.py\n"),
    case("both of them", "FROM alpine:3.22\nUSER 1\nENTRYPOINT python\nCMD server.py\n"),
    case("another shell", "FROM alpine:3.22\nUSER 1\nSHELL [\"/bin/bash\", \"-c\"]\nCMD python server.py\n"),
    // What a program writes nobody knows.
    case("a web application", "FROM python:3.14\nWORKDIR /app\nCOPY app.py .\nCMD [\"python\", \"app.py\"]\n").with(&[("app.py", b"open('db', 'w')")]).user(),
    case("a server on port 80", "FROM node:24\nCOPY server.js /\nCMD [\"node\", \"/server.js\"]\n").with(&[("server.js", b"x")]).user(),
    case("with a volume", "FROM alpine:3.22\nVOLUME /data\nCMD [\"server\"]\n").user(),
    case("a plain entry point script", "FROM debian:13\nCOPY entrypoint.sh /\nENTRYPOINT [\"/entrypoint.sh\"]\nCMD [\"server\"]\n").with(&[("entrypoint.sh", PLAIN)]).user(),
    // What a build needs from its context, only its author knows.
    case("vendored modules", "FROM golang:1.25\nUSER 1\nCOPY . .\nRUN go build -mod=vendor .\n").with(&[("go.mod", b"module x\n"), ("vendor/modules.txt", b"x"), (".git/HEAD", b"x")]),
    case("an environment file", "FROM node:24\nUSER 1\nCOPY . .\nRUN npm ci\nCMD [\"node\", \"x\"]\n").with(&[(".env", b"DB_PASSWORD=hunter2xyz\n"), ("package.json", b"{\"dependencies\": {\"a\": \"1\"}}"), ("package-lock.json", b"{}"), ("dist/x.js", b"x")]),
    case("a key that the server reads", "FROM alpine:3.22\nUSER 1\nCOPY . /srv\nCMD [\"server\"]\n").with(&[("tls/server.key", b"-----BEGIN PRIVATE KEY-----\nMII\n")]),
    case("yarn with its own release", "FROM node:24\nUSER 1\nCOPY . .\nRUN yarn install\n").with(&[("package.json", b"{\"dependencies\": {\"a\": \"1\"}}"), ("yarn.lock", b""), (".yarnrc.yml", b"yarnPath: .yarn/releases/y.cjs\n"), (".yarn/releases/y.cjs", b"x")]),
];

fn lay_out(folder: &Path, case: &Case) {
    for (name, bytes) in case.files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::write(folder.join("Dockerfile"), case.text).unwrap();
}

#[test]
fn a_safe_fix_changes_only_what_is_known() {
    assert!(CORPUS.len() >= 60, "{}", CORPUS.len());
    let mut wrong = Vec::new();
    for case in CORPUS {
        let place = tempfile::tempdir().unwrap();
        lay_out(place.path(), case);
        let shown = out(&fender(place.path(), &["lint", "--diff", "--unsafe-fixes"], &[]));
        if shown.lines().any(|line| line.starts_with("+USER ")) != case.user {
            wrong.push(format!("{}: a user is proposed, or none is\n{shown}", case.name));
        }
        if fs::read_to_string(place.path().join("Dockerfile")).unwrap() != case.text {
            wrong.push(format!("{}: --diff wrote", case.name));
        }
        let before: Vec<_> = fs::read_dir(place.path()).unwrap().flatten().map(|it| it.file_name()).collect();
        let said = out(&fender(place.path(), &["lint", "--fix"], &[]));
        let expected = case.safe.iter().fold(case.text.to_owned(), |text, (one, other)| text.replace(one, other));
        let after = fs::read_to_string(place.path().join("Dockerfile")).unwrap();
        if after != expected {
            wrong.push(format!("{}: became\n{after}\n{said}", case.name));
        }
        let there: Vec<_> = fs::read_dir(place.path()).unwrap().flatten().map(|it| it.file_name()).collect();
        if before.len() != there.len() {
            wrong.push(format!("{}: {there:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn inline_dockerfiles_are_pointed_at_and_never_written() {
    let place = tempfile::tempdir().unwrap();
    let own = "FROM alpine:3.22\nUSER 1\n# mine\n";
    let compose = "services:\n  a:\n    image: x:1\n    mem_limit: 1g\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM alpine\n        ADD a.conf /etc/\n        CMD python x.py\n";
    write(place.path(), &[("Dockerfile", own), ("compose.yaml", compose), ("a.conf", "x")]);
    // What compose prints, and bake: neither is here.
    let model = serde_json::json!({"name": "p", "services": {"a": {"image": "x:1", "build": {"context": place.path(),
        "dockerfile_inline": "FROM alpine\nADD a.conf /etc/\nCMD python x.py\n"}}}});
    let bake = "target \"web\" {\n  context = \".\"\n  dockerfile-inline = <<EOT\nFROM alpine\nADD a.conf /etc/\nCMD python x.py\nEOT\n}\n";
    let printed = serde_json::json!({"target": {"web": {"context": ".", "dockerfile-inline": "FROM alpine\nADD a.conf /etc/\nCMD python x.py\n"}}});
    write(place.path(), &[("docker-bake.hcl", bake)]);
    let bin = place.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in --version) echo 'Docker version 28.5.2, build x' ;; *bake*) cat <<'E'\n{printed}\nE\n;; *) cat <<'E'\n{model}\nE\n;; esac\n"
    );
    crate::support::place::script(&bin.join("docker"), &script);
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let files = ["Dockerfile", "compose.yaml", "docker-bake.hcl"];
    let output = fender(
        place.path(),
        &["lint", "--format", "json", "compose.yaml", "docker-bake.hcl"],
        &[("PATH", path.clone())],
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let at = |file: &str, rule: &str| {
        let findings = report["findings"].as_array().unwrap().iter();
        let found: Vec<_> = findings.filter(|it| it["path"] == file && it["rule"] == rule).collect();
        assert_eq!(found.len(), 1, "{file} {rule}: {report:#}");
        (found[0]["line"].as_u64().unwrap(), found[0]["column"].as_u64().unwrap())
    };
    assert_eq!(at("compose.yaml", "add-instead-of-copy"), (9, 9));
    assert_eq!(at("compose.yaml", "mutable-tag"), (8, 14));
    assert_eq!(at("compose.yaml", "pid1-signals"), (10, 9));
    assert_eq!(at("docker-bake.hcl", "add-instead-of-copy"), (5, 1));
    assert_eq!(at("docker-bake.hcl", "pid1-signals"), (6, 1));
    assert!(report["findings"].as_array().unwrap().iter().all(|it| it["path"] != "Dockerfile"), "{report:#}");
    let texts = || files.map(|name| fs::read_to_string(place.path().join(name)).unwrap());
    let before = texts();
    let output = fender(place.path(), &["lint", "--fix", "--unsafe-fixes"], &[("PATH", path)]);
    assert_eq!(texts(), before, "{}", out(&output));
}

#[test]
fn a_file_is_replaced_only_where_it_is_the_one_that_was_read() {
    use fender::environment::replace::replace;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("Dockerfile");
    let names = || fs::read_dir(place.path()).unwrap().count();
    fs::write(&path, "one").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    replace(&path, Some(b"one"), b"two").unwrap();
    assert_eq!(
        (fs::read_to_string(&path).unwrap().as_str(), fs::metadata(&path).unwrap().mode() & 0o7777),
        ("two", 0o640)
    );
    // Changed since: left alone.
    assert!(format!("{:#}", replace(&path, Some(b"one"), b"three").unwrap_err()).contains("changed after it was read"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    // A new file is only made where there is none.
    assert!(replace(&path, None, b"three").is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    let new = place.path().join(".dockerignore");
    replace(&new, None, b"x\n").unwrap();
    assert_eq!((fs::read_to_string(&new).unwrap().as_str(), names()), ("x\n", 2));
    // What is gone is not made again.
    fs::remove_file(&new).unwrap();
    assert!(replace(&new, Some(b"x\n"), b"y\n").is_err() && names() == 1);
    // The caller's own link is followed and stays; a link to a folder or a FIFO is not written.
    let link = place.path().join("link");
    symlink("Dockerfile", &link).unwrap();
    replace(&link, Some(b"two"), b"four").unwrap();
    assert!(link.is_symlink() && fs::read_to_string(&path).unwrap() == "four");
    let fifo = place.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
    assert!(replace(&fifo, Some(b""), b"x").is_err());
    assert!(replace(place.path(), Some(b""), b"x").is_err());
    // Another user's link: only root can make one here.
    if nix::unistd::geteuid().is_root() {
        let foreign = place.path().join("foreign");
        symlink("Dockerfile", &foreign).unwrap();
        std::os::unix::fs::lchown(&foreign, Some(12345), Some(12345)).unwrap();
        assert!(format!("{:#}", replace(&foreign, Some(b"four"), b"x").unwrap_err()).contains("another user's link"));
        // The owner stays.
        std::os::unix::fs::chown(&path, Some(12345), Some(54321)).unwrap();
        replace(&path, Some(b"four"), b"five").unwrap();
        let known = fs::metadata(&path).unwrap();
        assert_eq!((known.uid(), known.gid(), known.mode() & 0o7777), (12345, 54321, 0o640));
    }
    assert!(
        fs::read_dir(place.path()).unwrap().flatten().all(|it| !it.file_name().to_string_lossy().contains("fender-"))
    );
}

#[test]
fn fixes_are_chosen_shown_and_summed_up() {
    let place = tempfile::tempdir().unwrap();
    let text = "FROM python:3.14\nADD a.conf /etc/\nCMD python x.py\n";
    write(place.path(), &[("Dockerfile", text), ("a.conf", "x")]);
    let read = || fs::read_to_string(place.path().join("Dockerfile")).unwrap();
    let run = |words: &[&str]| {
        let output = fender(place.path(), &[&["lint"], words].concat(), &[]);
        (output.status.code(), out(&output))
    };
    // Nothing is written without being asked for.
    let (_, said) = run(&[]);
    assert!(said.contains("2 fixes can be written safely: fender lint --fix\n1 fix may break the image"), "{said}");
    let (_, said) = run(&["--diff"]);
    assert!(
        said.contains("-ADD a.conf") && said.contains("2 fixes shown, not written") && !said.contains("+USER"),
        "{said}"
    );
    assert_eq!(read(), text);
    let (code, said) = run(&["--unsafe-fixes"]);
    assert!(code == Some(2) && said.contains("--unsafe-fixes needs --fix"), "{said}");
    for (words, problem) in
        [("--fix=nosuch", "there is no rule \"nosuch\" with a fix"), ("--fix=docker-socket", "has no fix in files")]
    {
        let (code, said) = run(&[words]);
        assert!(code == Some(2) && said.contains(problem) && said.contains("add-instead-of-copy"), "{said}");
    }
    let (_, said) = run(&["--fix=add-instead-of-copy"]);
    assert_eq!(read(), text.replace("ADD", "COPY"), "{said}");
    assert!(said.contains("1 fix written\n  add-instead-of-copy  Dockerfile:2\n"), "{said}");
    let (_, said) = run(&["--fix"]);
    assert_eq!(read(), text.replace("ADD", "COPY").replace("python x.py", "[\"python\", \"x.py\"]"), "{said}");
    assert!(
        said.contains("1 fix not written: may break the image (--unsafe-fixes)") && said.contains("root-user"),
        "{said}"
    );
    let output = fender(place.path(), &["lint", "--format", "json", "--diff"], &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["fixes"][0]["grade"], &report["fixes"][0]["written"]), (&"unsafe".into(), &false.into()));
    let (_, said) = run(&["--fix", "--unsafe-fixes"]);
    assert!(read().contains("\nUSER app\n"), "{said}");
    assert!(!found(place.path(), &[]).iter().any(|(rule, _)| rule == "root-user"));
    let (_, said) = run(&["--fix"]);
    assert!(said.contains("no safe fix"), "{said}");
}

/// Nothing else in `lint` opens a file for writing.
#[test]
fn one_function_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/lint");
    let source = fs::read_to_string(folder.join("mod.rs")).unwrap();
    for call in ["fs::write", "File::create", "OpenOptions", "fs::rename", "fs::copy", "remove_file", "use std::fs"] {
        assert!(!source.contains(call), "{call}");
    }
}

/// On a terminal one question stands for all files: only a yes that is typed after it writes, and it writes all of them.
#[test]
fn on_a_terminal_one_question_stands_for_all_files() {
    let text = "FROM alpine:3.22\nUSER 10001\nADD a.txt /\nCMD [\"true\"]\n";
    for (typed, code, is_written) in [("y\n", 0, true), ("n\n", 1, false), ("\n", 1, false), ("\u{4}", 1, false)] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("Dockerfile", text), ("b/Dockerfile", text), ("a.txt", "a\n"), ("b/a.txt", "a\n")]);
        let mut command = process::fender();
        command.args(["lint", "--fix"]).current_dir(folder.path());
        command.env("PATH", "/usr/bin:/bin").env("HOME", folder.path()).env("TERM", "xterm").env("NO_COLOR", "1");
        command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        let mut terminal = Terminal::start(&command, None);
        // Typed ahead, and so no answer.
        terminal.send_now("y\n");
        terminal.expect_question();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!((read("Dockerfile"), read("b/Dockerfile")), (text.to_owned(), text.to_owned()));
        terminal.send(typed);
        let status = terminal.wait();
        let seen = terminal.seen();
        // On a busy machine it comes when the question stands there already, and is asked for again.
        let again = seen.matches("please answer again").count();
        assert_eq!(seen.matches("Write these changes to 2 files? [y/N]").count(), 1 + again, "{seen}");
        let fixed = text.replace("ADD", "COPY");
        let expected = if is_written { fixed } else { text.to_owned() };
        assert_eq!((read("Dockerfile"), read("b/Dockerfile")), (expected.clone(), expected), "{typed:?}: {seen}");
        assert_eq!(status.code(), Some(code), "{typed:?}: {seen}");
    }
}
