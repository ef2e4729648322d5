//! Whose files count, with several users: this needs root for namespaces of its own (mounts, and the name of the machine),
//! and no engine.

use std::process::Output;

use crate::support::process::program;

/// Two users, alice and mallory, each with a home; `/etc` and `/var/lib` are empty but for that. fender is the first docker
/// on PATH; behind it is a client that says that it ran.
const WORLD: &str = r#"
set -e
umask 022
for folder in /etc /var/lib /home /opt; do mount -t tmpfs -o mode=755 none $folder; done
printf 'root:x:0:0::/root:/bin/sh\nalice:x:1234:1234::/home/alice:/bin/sh\nmallory:x:1235:1235::/home/mallory:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/sh\n' >/etc/passwd
printf 'root:x:0:\nalice:x:1234:\nmallory:x:1235:\nstaff:x:50:alice,mallory\n' >/etc/group
mkdir -p /etc/fender /var/lib /opt/front /opt/real /opt/evil
for user in alice mallory; do
  mkdir -p /home/$user/.config/fender /home/$user/.local/state
  chown -R $user:$user /home/$user
done
cp "$FENDER" /opt/front/docker
cp "$FENDER" /opt/front/fender
printf '#!/bin/sh\n[ "$1" = --version ] && exec echo Docker version 28.5.2, build x\necho the client ran: "$@"\n' >/opt/real/docker
printf '#!/bin/sh\necho EVIL ran: "$@"\n' >/opt/evil/docker
chmod 755 /opt/real/docker /opt/evil/docker
export PATH=/opt/front:/opt/real:$PATH DOCKER_HOST=unix:///nonexistent/docker.sock HOME=/root
as() { user=$1; shift; setsid --wait setpriv --reuid $user --regid $user --clear-groups env HOME=/home/$user "$@"; }
set +e
"#;

/// Runs a shell script in that world; what it printed, both streams together and on one line.
fn world(script: &str) -> (String, Output) {
    let mut command = program("unshare");
    command.args([
        "--mount",
        "--uts",
        "--propagation",
        "private",
        "sh",
        "-c",
        &format!("exec 2>&1\n{WORLD}\n{script}"),
    ]);
    command.env("FENDER", env!("CARGO_BIN_EXE_fender")).current_dir("/");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    (text, output)
}

const EVIL: &str = "printf 'docker = \"/opt/evil/docker\"\\n";

#[test]
fn root_with_another_users_home_uses_nothing_of_it() {
    // What the user planted: a lock that is a link to a file of root's, folders that are links to full ones.
    let (said, _) = world(
        "mkdir -p /home/alice/.local/state/fender/trash /root-files && echo precious >/root-files/one && \
         ln -s /root-files/one /home/alice/.local/state/fender/trash/lock && \
         ln -s /root-files /home/alice/.local/state/fender/trash/new && \
         ln -s /root-files/one /home/alice/.local/state/fender/locks.lock && \
         ln -s /root-files /home/alice/.local/state/fender/trash/entries && \
         chown -hR alice:alice /home/alice
         export HOME=/home/alice
         fender trash list; fender trash empty
         echo file: $(cat /root-files/one)
         ls /var/lib/fender/trash; stat -c '%U %a' /var/lib/fender/trash
         rm -rf /root-files",
    );
    assert!(said.contains("file: precious"), "{said}");
    assert!(said.contains("the trash is empty") && said.contains("blobs entries lock new"), "{said}");
    assert!(said.contains("root 700"), "{said}");
    // The same where the state was named by its own variable.
    let (said, _) = world(
        "XDG_STATE_HOME=/home/mallory/.local/state fender trash list; ls /home/mallory/.local/state /var/lib/fender",
    );
    assert!(said.contains("/var/lib/fender: trash") && !said.contains("state: fender"), "{said}");
}

#[test]
fn root_reads_another_users_policy_only_to_become_stricter() {
    let policy = "/home/alice/.config/fender/policy.toml";
    let (said, _) = world(&format!(
        "{EVIL}' >{policy}; chown alice {policy}; export HOME=/home/alice; docker ps; docker version; setsid --wait docker pull a/b:1"
    ));
    assert!(
        said.contains("the client ran: ps") && said.contains("the client ran: pull") && !said.contains("EVIL"),
        "{said}"
    );
    // Its own user has it.
    let (said, _) =
        world(&format!("{EVIL}' >{policy}; chown alice {policy}; as alice docker ps; as alice docker pull a/b:1"));
    assert!(said.contains("EVIL ran: ps") && said.contains("EVIL ran: pull"), "{said}");
    // What it forbids is forbidden, what it allows is not allowed for that.
    let forbids = "printf '[rules]\\nroot-user = \"refuse\"\\nprivileged = \"allow\"\\n'";
    let (said, _) = world(&format!(
        "{forbids} >{policy}; chown alice {policy}; export HOME=/home/alice; setsid --wait docker run alpine; setsid --wait docker run -u 5 --privileged alpine"
    ));
    assert!(
        said.contains("root-user") && said.contains("policy refuses") | said.contains("not run (root-user"),
        "{said}"
    );
    assert!(!said.contains("the client ran"), "allowed by somebody else: {said}");
    let (said, _) =
        world(&format!("{forbids} >{policy}; chown alice {policy}; as alice docker run -u 5 --privileged alpine"));
    assert!(said.contains("the client ran: run -u 5 --privileged"), "for its own user it is: {said}");
    // It moves no engine, and offers no value.
    let moves = "printf '[environments.dev]\\nhostname = \"*\"\\ncontext = \"*\"\\n[rules]\\nroot-user = \"fix\"\\n[offer]\\nuser = \"77:77\"\\n'";
    let (said, _) = world(&format!(
        "{moves} >{policy}; chown alice {policy}; export HOME=/home/alice; hostname prod-1; setsid --wait docker run --privileged alpine; fender explain -- docker run alpine"
    ));
    assert!(!said.contains("the client ran") && !said.contains("77"), "{said}");
    // Its links do not have a file read that root alone can read.
    let (said, _) = world(&format!(
        "mkdir /secret; echo TOPSECRET=1 >/secret/file; chmod 600 /secret/file; ln -s /secret/file {policy}; chown -h alice {policy}; export HOME=/home/alice; setsid --wait docker run alpine; docker ps; rm -r /secret"
    ));
    assert!(said.contains("not run") && !said.contains("TOPSECRET") && said.contains("the client ran: ps"), "{said}");
}

#[test]
fn a_policy_that_others_can_write_is_refused_with_its_mode() {
    let run = "setsid --wait docker run -u 5 --memory 1g alpine; docker ps";
    for (prepare, wanted) in [
        (
            "echo '[rules]' >/etc/fender/policy.toml; chmod 666 /etc/fender/policy.toml",
            "/etc/fender/policy.toml (mode 0666)",
        ),
        ("echo '[rules]' >/etc/fender/policy.toml; chmod 777 /etc/fender", "/etc/fender (mode 0777)"),
        // Who can write the folder has taken it away.
        ("chmod 777 /etc/fender", "/etc/fender (mode 0777)"),
        ("chmod 777 /etc", "/etc (mode 0777)"),
        (
            "echo '[rules]' >/etc/fender/policy.toml; chgrp staff /etc/fender/policy.toml; chmod 664 /etc/fender/policy.toml",
            "(mode 0664)",
        ),
        (
            "echo '[rules]' >/etc/fender/policy.toml; chown mallory /etc/fender/policy.toml",
            "belongs to mallory (user id 1235)",
        ),
        ("chown mallory /etc/fender", "/etc/fender belongs to mallory"),
        (
            "ln -s /home/mallory/policy.toml /etc/fender/policy.toml; echo '[rules]' >/home/mallory/policy.toml",
            "/home/mallory belongs to mallory",
        ),
        ("ln -s /tmp/nowhere /etc/fender/policy.toml", "which is not there"),
        ("rmdir /etc/fender; echo text >/etc/fender", "/etc/fender: Not a directory"),
        ("mkfifo /etc/fender/policy.toml", "is a FIFO"),
        ("ln -s /dev/zero /etc/fender/policy.toml", "is a device"),
        ("mkdir /etc/fender/policy.toml", "is a folder"),
        ("head -c 1048577 /dev/zero >/etc/fender/policy.toml", "larger than 1024 KiB"),
    ] {
        for who in ["", "as alice "] {
            let (said, _) = world(&format!("{prepare}; {who}{run}"));
            assert!(said.contains(wanted), "{prepare}: {said}");
            assert!(said.contains("not run") && !said.contains("ran: run"), "{prepare}: {said}");
            assert!(said.contains("the client ran: ps"), "reading commands run: {prepare}: {said}");
        }
    }
    // The user's own, and never the program that it names.
    let policy = "/home/alice/.config/fender/policy.toml";
    for (prepare, wanted) in [
        (format!("{EVIL}' >{policy}; chmod 666 {policy}"), "policy.toml (mode 0666)"),
        (format!("{EVIL}' >{policy}; chown mallory {policy}"), "policy.toml belongs to mallory"),
        (format!("{EVIL}' >{policy}; chmod 777 /home/alice/.config"), "/home/alice/.config (mode 0777)"),
        (format!("{EVIL}' >{policy}; chown mallory /home/alice"), "/home/alice belongs to mallory"),
        (
            format!(
                "rm -r /home/alice/.config/fender; ln -s /home/mallory/.config/fender /home/alice/.config/fender; {EVIL}' >/home/mallory/.config/fender/policy.toml"
            ),
            "/home/mallory belongs to mallory",
        ),
        (format!("mkfifo {policy}; chown alice {policy}"), "is a FIFO"),
    ] {
        let (said, _) = world(&format!("{prepare}; as alice {run}; as alice docker ps"));
        assert!(said.contains(wanted) && said.contains("not run"), "{prepare}: {said}");
        assert!(said.contains("the client ran: ps") && !said.contains("EVIL"), "{prepare}: {said}");
    }
}

#[test]
fn usual_set_ups_go_on_working() {
    let refuses = "printf '[rules]\\nroot-user = \"refuse\"\\n'";
    let policy = "/home/alice/.config/fender/policy.toml";
    for prepare in [
        // Configuration management: a link of root's to a file of root's.
        format!(
            "mkdir -p /opt/managed; {refuses} >/opt/managed/p.toml; ln -s /opt/managed/p.toml /etc/fender/policy.toml"
        ),
        format!(
            "rmdir /etc/fender; mkdir -p /opt/managed; {refuses} >/opt/managed/policy.toml; ln -s ../opt/managed /etc/fender"
        ),
        format!(
            "{refuses} >/etc/fender/policy.toml; chmod 400 /etc/fender/policy.toml; chmod 444 /etc/fender/policy.toml"
        ),
        // Dotfile managers, and files of root's in a home.
        format!(
            "mkdir /home/alice/dotfiles; {refuses} >/home/alice/dotfiles/p.toml; ln -s ../../dotfiles/p.toml {policy}; chown -hR alice:alice /home/alice"
        ),
        format!(
            "mkdir -p /opt/store; chmod 1775 /opt/store; chgrp staff /opt/store; {refuses} >/opt/store/p.toml; ln -s /opt/store/p.toml {policy}; chown -h alice {policy}"
        ),
        format!("{refuses} >{policy}"),
        // A umask of 002, as where each user has a group of the same name.
        format!(
            "{refuses} >{policy}; chown alice:alice {policy}; chmod 664 {policy}; chmod 775 /home/alice/.config /home/alice"
        ),
        // A home that is a link.
        format!(
            "mkdir -p /opt/homes; mv /home/alice /opt/homes/; ln -s /opt/homes/alice /home/alice; {refuses} >{policy}"
        ),
    ] {
        let (said, _) = world(&format!("{prepare}; as alice docker run alpine; as alice docker ps"));
        assert!(
            said.contains("root-user") && said.contains("not run") && said.contains("the client ran: ps"),
            "{prepare}: {said}"
        );
        assert!(!said.contains("cannot be read") && !said.contains("is not used"), "{prepare}: {said}");
    }
    // That group with a second member is no longer one user's own.
    for join in ["sed -i 's/^alice:x:1234:/&mallory/' /etc/group", "echo helper:x:1236:1234::/:/bin/sh >>/etc/passwd"] {
        let (said, _) = world(&format!(
            "{join}; {refuses} >{policy}; chown alice:alice {policy}; chmod 664 {policy}; as alice docker run -u 5 alpine"
        ));
        assert!(said.contains("(mode 0664)") && !said.contains("client ran"), "{join}: {said}");
    }
}

#[test]
fn users_without_a_home_have_a_place_of_their_own() {
    let nobody = "setsid --wait setpriv --reuid 65534 --regid 65534 --clear-groups env";
    // No folder for it yet: nothing is kept, and it says why; what is made for it is used.
    let (said, _) = world(&format!("{nobody} HOME=/nonexistent fender trash list"));
    assert!(said.contains("/var/lib/fender"), "{said}");
    for home in ["HOME=/nonexistent", "-u HOME", "HOME=", "HOME=relative", "HOME=/dev/null", "HOME=/"] {
        let (said, _) = world(&format!(
            "install -d -m 755 /var/lib/fender/users; install -d -o nobody -m 700 /var/lib/fender/users/65534; {nobody} {home} fender trash list; ls /var/lib/fender/users/65534; {nobody} {home} docker ps; {nobody} {home} docker run -u 5 -m 1g alpine; ls -A /nonexistent 2>/dev/null"
        ));
        assert!(said.contains("the trash is empty trash"), "{home}: {said}");
        assert!(said.contains("ran: ps"), "{home}: {said}");
    }
    // Where HOME is not set, the home of the user database counts.
    let policy = "/home/alice/.config/fender/policy.toml";
    for unset in ["-u HOME", "HOME=", "HOME=relative"] {
        let (said, _) = world(&format!(
            "{EVIL}' >{policy}; setsid --wait setpriv --reuid 1234 --regid 1234 --clear-groups env {unset} docker ps; setsid --wait setpriv --reuid 1234 --regid 1234 --clear-groups env {unset} fender trash list; ls /home/alice/.local/state/fender"
        ));
        assert!(said.contains("EVIL ran: ps") && said.contains("the trash is empty trash"), "{unset}: {said}");
    }
    // A service that is root without a home.
    let (said, _) = world("HOME=/nonexistent fender trash list; ls /var/lib/fender; ls -d /nonexistent");
    assert!(said.contains("the trash is empty trash") && said.contains("cannot access '/nonexistent'"), "{said}");
}

#[test]
fn state_that_others_can_write_is_not_used() {
    let state = "/home/alice/.local/state/fender";
    for (prepare, wanted) in [
        (format!("install -d -o alice -m 777 {state}"), format!("{state} (mode 0777)")),
        (
            format!("install -d -o alice {state}; install -d -o alice -m 777 {state}/trash"),
            format!("{state}/trash (mode 0777)"),
        ),
        (format!("install -d -o alice {state}; install -d -o mallory {state}/trash"), "belongs to mallory".to_owned()),
        (
            format!(
                "install -d -o alice {state}/trash; chown -R alice {state}; setpriv --reuid 1234 --regid 1234 --clear-groups ln -s /home/alice/file {state}/trash/lock"
            ),
            "is a symbolic link".to_owned(),
        ),
        (
            format!(
                "install -d -o alice {state}/trash; chown -R alice {state}; mkfifo {state}/trash/lock; chown alice {state}/trash/lock"
            ),
            "is a FIFO".to_owned(),
        ),
    ] {
        let (said, _) = world(&format!("{prepare}; as alice fender trash list"));
        assert!(said.contains(&wanted) && !said.contains("the trash is empty"), "{prepare}: {said}");
    }
    // Somebody else was first in /tmp; the sticky bit alone is enough where nobody was.
    let (said, _) = world(
        "mount -t tmpfs -o mode=1777 none /tmp; install -d -o mallory /tmp/fender; as alice env XDG_STATE_HOME=/tmp fender trash list; ls -A /tmp/fender",
    );
    assert!(!said.contains("trash is empty") || !said.contains("lock"), "{said}");
    let (said, _) = world(
        "mount -t tmpfs -o mode=1777 none /tmp; as alice env XDG_STATE_HOME=/tmp fender trash list; ls -A /tmp/fender",
    );
    assert!(said.contains("the trash is empty trash"), "{said}");
}

#[test]
fn in_a_user_namespace_the_hosts_root_is_root() {
    let policy = "/home/alice/.config/fender/policy.toml";
    let refuses = "printf '[rules]\\nroot-user = \"refuse\"\\n'";
    // The host's root has no number there: its folders and the system's policy count all the same.
    for map in ["--map-user=1234", "--map-root-user"] {
        let (said, _) = world(&format!(
            "{refuses} >/etc/fender/policy.toml; as alice unshare --user {map} docker run alpine; as alice unshare --user {map} docker ps; as alice unshare --user {map} fender trash list"
        ));
        if said.contains("unshare failed") {
            eprintln!("this kernel gives no user namespaces to plain users: {said}");
            continue;
        }
        assert!(said.contains("/etc/fender/policy.toml:2") && said.contains("not run"), "{map}: {said}");
        assert!(said.contains("the client ran: ps") && said.contains("the trash is empty"), "{map}: {said}");
        // But somebody else's file is not the user's for that.
        let (said, _) = world(&format!(
            "{EVIL}' >/home/mallory/.config/fender/policy.toml; as alice env HOME=/home/mallory unshare --user {map} docker ps"
        ));
        assert!(!said.contains("EVIL"), "{map}: {said}");
        let (said, _) =
            world(&format!("{EVIL}' >{policy}; chown mallory {policy}; as alice unshare --user {map} docker ps"));
        assert!(!said.contains("EVIL"), "{map}: {said}");
    }
}
