//! The policy in `/etc`, in a mount namespace of its own: this needs root, and no engine.

use crate::support::place::{Place, error, unwrapped};
use crate::support::process::program;

#[test]
fn the_systems_policy_stands_over_the_users() {
    let place = Place::new();
    // A mount namespace of its own, where /etc holds nothing but the policy.
    let under = |system: &str, words: &[&str]| {
        let script = "mount -t tmpfs none /etc && mkdir /etc/fender && printf %s \"$SYSTEM\" >/etc/fender/policy.toml \
                      && exec setsid --wait \"$@\"";
        let docker = place.docker();
        let mut command = program("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(place.path("front/docker")).args(words);
        command.envs(docker.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("SYSTEM", system).output().unwrap()
    };
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
}
