//! `fender lint --fix` leaves images working: each is built and run before and after, on a real engine, and must say the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::support::engine::Engine;
use crate::support::lint::{fender, out, write};
use crate::support::process::{client, program};

/// A name, the Dockerfile, files beside it, and whether a safe fix changes it. Scripts are executable.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)], bool);

#[rustfmt::skip] // A table.
const CASES: &[Case] = &[
    ("an entry point that steps down", "FROM alpine:3.22\nRUN mkdir /data && echo 'app:x:7:7::/:/bin/sh' >>/etc/passwd\nCOPY e.sh /\nENTRYPOINT [\"/e.sh\"]\nCMD [\"id\", \"-u\"]\n",
        &[("e.sh", "#!/bin/sh\nset -e\nchown app /data\nexec setuidgid app \"$@\"\n")], false),
    ("a server that needs root", "FROM alpine:3.22\nCOPY nginx /usr/sbin/nginx\nCMD nginx -g 'daemon off;'\n",
        &[("nginx", "#!/bin/sh\n[ \"$(id -u)\" = 0 ] || exit 9\ntouch /var/nginx.pid\necho \"$@\"\n")], true),
    ("supervisord", "FROM alpine:3.22\nCOPY supervisord /usr/bin/\nCMD [\"supervisord\", \"-n\"]\n",
        &[("supervisord", "#!/bin/sh\ntouch /etc/started && id -u\n")], false),
    ("an init that needs root", "FROM alpine:3.22\nUSER 5\nUSER root\nCOPY init /init\nENTRYPOINT [\"/init\"]\nCMD [\"a\"]\n",
        &[("init", "#!/bin/sh\nmkdir /run/s6 && echo \"$1\"\n")], false),
    ("a script without its interpreter", "FROM alpine:3.22\nCOPY run.sh /run.sh\nCMD /run.sh\n",
        &[("run.sh", "echo started \"$0\"\n")], false),
    ("the same below a folder", "FROM alpine:3.22\nCOPY . /app\nENTRYPOINT /app/bin/run\n",
        &[("bin/run", "echo started\n")], false),
    ("a script with its interpreter", "FROM alpine:3.22\nCOPY run.sh /run.sh\nCMD /run.sh 'a b' c\n",
        &[("run.sh", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n")], true),
    ("a known program", "FROM alpine:3.22\nCOPY python /usr/bin/\nWORKDIR /app\nCMD python app.py\n",
        &[("python", "#!/bin/sh\npwd; echo \"$@\"\n")], true),
    ("an unknown program", "FROM alpine:3.22\nRUN printf 'echo in a shell\\n' >/bin/server && chmod +x /bin/server\nCMD server\n", &[], false),
    ("a base with an entry point", "FROM base:1\nCMD python app.py\n", &[], false),
    ("an archive without extension", "FROM alpine:3.22\nADD layer /x/\nCMD [\"ls\", \"-R\", \"/x\"]\n", &[], false),
    ("a plain file", "FROM alpine:3.22\nADD a.conf /x/\nADD sub /x/sub/\nCMD [\"ls\", \"-R\", \"/x\"]\n",
        &[("a.conf", "x"), ("sub/b", "y")], true),
    ("an environment file that is read", "FROM alpine:3.22\nCOPY . /app\nCMD [\"sh\", \"-c\", \". /app/.env; echo $DB_PASSWORD\"]\n",
        &[(".env", "DB_PASSWORD=hunter2xyz\n")], false),
    ("a key that is read", "FROM alpine:3.22\nCOPY . /srv\nCMD [\"cat\", \"/srv/tls/server.key\"]\n",
        &[("tls/server.key", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n")], false),
    ("a vendored folder", "FROM alpine:3.22\nCOPY . /src\nRUN test -d /src/vendor/x\nCMD [\"ls\", \"/src/vendor\"]\n",
        &[("vendor/x/a", "a"), ("dist/y", "b")], false),
    ("a cache and what stays", "FROM alpine:3.22\nCOPY . /src\nCMD [\"cat\", \"/src/a.py\"]\n",
        &[("a.py", "x"), ("__pycache__/a.pyc", "x"), (".vscode/settings.json", "{}")], true),
];

fn docker(engine: &Engine, folder: &Path, words: &[&str]) -> Output {
    client(&engine.host()).env("HOME", folder).args(words).output().unwrap()
}

/// Builds the folder, and what a container of it says and ends with.
fn built_and_run(engine: &Engine, folder: &Path) -> (String, Option<i32>) {
    let built = docker(engine, folder, &["build", "-q", "-t", "harm", &folder.to_string_lossy()]);
    assert!(built.status.success(), "{}", out(&built));
    let run = docker(engine, folder, &["run", "--rm", "harm"]);
    (out(&run), run.status.code())
}

#[test]
fn images_work_as_before() {
    let engine = Engine::start("fix-harm", "new", "");
    engine.image("alpine:3.22", &[]);
    // Its entry point does something else for a shell.
    let place = tempfile::tempdir().unwrap();
    let entry = "#!/bin/sh\n[ \"$1\" = python ] && { echo initialised; exit 3; }\nexec \"$@\"\n";
    write(
        place.path(),
        &[
            (
                "Dockerfile",
                "FROM alpine:3.22\nCOPY --chmod=755 e /e\nCOPY --chmod=755 python /bin/\nENTRYPOINT [\"/e\"]\n",
            ),
            ("e", entry),
            ("python", "#!/bin/sh\necho \"$@\"\n"),
        ],
    );
    let base = docker(&engine, place.path(), &["build", "-q", "-t", "base:1", &place.path().to_string_lossy()]);
    assert!(base.status.success(), "{}", out(&base));
    let mut wrong = Vec::new();
    for (name, text, files, changes) in CASES {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        write(folder, files);
        write(folder, &[("Dockerfile", text)]);
        for (file, text) in
            files.iter().filter(|(file, text)| !file.contains('.') || text.starts_with("#!") || file.ends_with(".sh"))
        {
            let _ = text;
            fs::set_permissions(folder.join(file), fs::Permissions::from_mode(0o755)).unwrap();
        }
        if text.contains("ADD layer") {
            write(folder, &[("in/file", "x")]);
            let packed =
                program("tar").args(["-C", "in", "-czf", "layer", "file"]).current_dir(folder).output().unwrap();
            assert!(packed.status.success(), "{}", out(&packed));
            fs::remove_dir_all(folder.join("in")).unwrap();
        }
        let before = built_and_run(&engine, folder);
        let said = out(&fender(folder, &["lint", "--fix"], &[("DOCKER_HOST", engine.host())]));
        let changed =
            fs::read_to_string(folder.join("Dockerfile")).unwrap() != *text || folder.join(".dockerignore").exists();
        if changed != *changes {
            wrong.push(format!("{name}: changed is {changed}\n{said}"));
        }
        let after = built_and_run(&engine, folder);
        if before != after {
            wrong.push(format!("{name}: {before:?} became {after:?}\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
