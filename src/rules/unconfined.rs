//! The confinement around a container, taken off.

use super::{Case, Class, Edit, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "unconfined",
    title: "confinement taken off",
    class: Class::Escape,
    why: "What is switched off here is the wall that stops most ways out of a container, when one of them is found.",
    instead: "the default profile, or a profile of your own that allows the one call that is missing",
    references: &["CIS Docker Benchmark 5.2, 5.3, 5.22, 5.26", "CVE-2019-5736", "https://docs.docker.com/engine/security/seccomp/"],
    fires: &["run --security-opt seccomp=unconfined tools:1.4", "run --security-opt apparmor:unconfined tools:1.4", "run --security-opt label=disable tools:1.4", "run --security-opt systempaths=unconfined tools:1.4", "run --security-opt no-new-privileges=false tools:1.4"],
    quiet: &["run --security-opt no-new-privileges tools:1.4", "run --security-opt label=level:s0:c1 tools:1.4"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        for (option, words) in &workload.security {
            let (key, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
            let what = match (key, value) {
                ("seccomp", "unconfined") => "no limit on system calls",
                ("seccomp", profile) if allows_everything(profile) => "a profile that allows every system call",
                ("apparmor", "unconfined") => "no AppArmor profile",
                ("label", "disable") => "no SELinux label",
                ("no-new-privileges", "false") => "setuid programs may give privileges",
                _ => continue,
            };
            let mut finding = RULE.found(words).titled(what);
            if key == "no-new-privileges" {
                let typed = case.invocation.all(&["security-opt"]).find(|set| set.value == *option);
                if let Some((word, from)) = typed.and_then(|set| set.at) {
                    finding = finding.edit(Edit::Replace { word, from, with: "no-new-privileges".to_owned() });
                }
            }
            findings.push(finding);
        }
        if let Some(words) = &workload.open_paths {
            findings.push(RULE.found(words).titled("the kernel's own files open to the container"));
        }
    }
    for request in case.requests().filter(|request| request.is("POST", "/build")) {
        let opened = request.query.iter().any(|(name, value)| name == "securityopt" && value.ends_with("unconfined"));
        if opened {
            findings.push(RULE.found(&request.words).titled("a build without confinement"));
        }
    }
    findings
}

/// A seccomp profile that allows by default and names no call that it does not allow.
fn allows_everything(profile: &str) -> bool {
    let Ok(profile) = serde_json::from_str::<serde_json::Value>(profile) else { return false };
    let allow = |value: Option<&serde_json::Value>| value.and_then(|v| v.as_str()) == Some("SCMP_ACT_ALLOW");
    let calls = profile.get("syscalls").and_then(|v| v.as_array());
    allow(profile.get("defaultAction")) && calls.is_none_or(|calls| calls.iter().all(|call| allow(call.get("action"))))
}
