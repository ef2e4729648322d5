//! The policy in `/etc`, in a mount namespace of its own: this needs root, and no engine.

use crate::support::place::{Place, error, unwrapped};
use crate::support::process::program;

#[test]
fn the_systems_policy_stands_over_the_users() {
    let place = Place::new();
    // A mount namespace of its own, where /etc holds nothing but the policy.
    let with_parts = |system: &str, parts: &str, words: &[&str]| {
        let script = "mount -t tmpfs none /etc && mkdir -p /etc/fender/policy.d && cd /etc/fender \
                      && printf %s \"$SYSTEM\" >policy.toml && if test -n \"$PARTS\"; then eval \"$PARTS\"; fi \
                      && cd / && exec setsid --wait \"$@\"";
        let docker = place.docker();
        let mut command = program("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(place.path("front/docker")).args(words);
        command.envs(docker.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("SYSTEM", system).env("PARTS", parts).output().unwrap()
    };
    let under = |system: &str, words: &[&str]| with_parts(system, "", words);
    let system = "[rules]\nprivileged = \"refuse\"\nroot-user = \"ask\"\n";
    place.policy("[rules]\nprivileged = \"allow\"\nroot-user = \"refuse\"\nhost-mount = \"allow\"\n");
    let output = under(system, &["run", "--privileged", "-u", "5", "alpine"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(unwrapped(&output).contains("/etc/fender/policy.toml:2"), "weaker is not taken: {}", error(&output));
    let output = under(system, &["run", "alpine"]);
    assert!(unwrapped(&output).contains("root-user refuse"), "stricter is: {}", error(&output));
    assert_eq!(under(system, &["run", "-u", "5", "-v", "/:/h", "alpine"]).status.code(), Some(0));
    // One that does not parse: reading commands run, the others are refused with the place.
    let broken = "[rules]\nprivilged = \"allow\"\n";
    assert_eq!(under(broken, &["ps"]).status.code(), Some(0));
    let output = under(broken, &["run", "alpine"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(unwrapped(&output).contains("/etc/fender/policy.toml:2:1"), "{}", error(&output));
    // Further files of the system, in the order of their names. Other names are none of them, and an error in one is an error of all.
    let privileged = ["run", "--privileged", "-u", "5", "alpine"];
    let allow = "printf '[rules]\\nprivileged = \"allow\"\\n' >policy.d/";
    for (parts, code, said) in [
        (format!("{allow}10-a.toml"), 0, ""),
        (
            format!("{allow}10-a.toml; printf '[rules]\\nprivileged = \"refuse\"\\n' >policy.d/20-b.toml"),
            125,
            "/etc/fender/policy.d/20-b.toml:2",
        ),
        (format!("{allow}20-b.toml; printf '[rules]\\nprivileged = \"refuse\"\\n' >policy.d/10-a.toml"), 0, ""),
        (format!("{allow}10-a.toml.dpkg-old; {allow}.b.toml"), 125, "/etc/fender/policy.toml:2"),
        ("printf '[rule]\\n' >policy.d/10-a.toml".to_owned(), 125, "/etc/fender/policy.d/10-a.toml:1:2"),
        (format!("{allow}10-a.toml; chmod 666 policy.d/10-a.toml"), 125, "others can write"),
        (format!("{allow}10-a.toml; chmod 777 policy.d"), 125, "others can write"),
        (format!("{allow}10-a.toml; chmod 1777 policy.d"), 125, "others can write"),
        ("rmdir policy.d; echo >policy.d".to_owned(), 125, "policy.d is a file, not a folder"),
        ("printf 'docker = \"/bin/true\"\\n' >policy.d/10-a.toml".to_owned(), 125, "/etc/fender/policy.toml only"),
        ("printf '[help]\\ntext = \"ask #platform\"\\n' >policy.d/10-a.toml".to_owned(), 125, "ask #platform"),
    ] {
        let output = with_parts(system, &parts, &privileged);
        assert_eq!(output.status.code(), Some(code), "{parts}: {}", error(&output));
        assert!(unwrapped(&output).contains(said), "{parts}: {}", error(&output));
        assert_eq!(with_parts(system, &parts, &["ps"]).status.code(), Some(0), "{parts}");
    }
}
