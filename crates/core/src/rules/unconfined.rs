//! The confinement around a container, taken off.

use super::{COMMON, Case, Class, Confidence, Edit, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "unconfined",
    title: "a security profile is switched off",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "seccomp, AppArmor, SELinux and the masked paths stop most known ways out of a container. Here one of them \
          is switched off.",
    instead: "the default profile, or your own profile that also allows the one missing call",
    references: &[
        "CIS Docker Benchmark 5.2, 5.3, 5.22, 5.26",
        "CVE-2019-5736",
        "https://docs.docker.com/engine/security/seccomp/",
    ],
    fires: &[
        "run --security-opt seccomp=unconfined tools:1.4",
        "run --security-opt apparmor:unconfined tools:1.4",
        "run --security-opt label=disable tools:1.4",
        "run --security-opt systempaths=unconfined tools:1.4",
        "run --security-opt no-new-privileges=false tools:1.4",
    ],
    quiet: &["run --security-opt no-new-privileges tools:1.4", "run --security-opt label=level:s0:c1 tools:1.4"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        for (option, origins) in &workload.security {
            let (key, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
            let what = match (key, value) {
                ("seccomp", "unconfined") => "system calls are not filtered (seccomp)",
                ("seccomp", profile) if allows_everything(profile) => "a profile that allows every system call",
                ("apparmor", "unconfined") => "the AppArmor profile is switched off",
                ("label", "disable") => "the SELinux label is switched off",
                ("no-new-privileges", "false") => "setuid programs can give more privileges",
                _ => continue,
            };
            let mut finding = RULE.found(origins).titled(what);
            // A debugger and a development container need these. Alone they leave the other walls standing.
            if matches!((key, value), ("seccomp", "unconfined") | ("label", "disable")) && !workload.sees_processes() {
                finding = finding.noted_alone_in_dev();
            }
            if key == "no-new-privileges" {
                finding.edits.extend(Edit::replace(
                    origins,
                    "no-new-privileges".to_owned(),
                    &["/HostConfig/SecurityOpt"],
                ));
            }
            findings.push(finding);
        }
        if let Some(origins) = &workload.open_paths {
            findings.push(RULE.found(origins).titled("kernel files in /proc and /sys are not masked"));
        }
    }
    for request in case.requests().filter(|request| request.is("POST", "/build")) {
        let opened = request.query.iter().any(|(name, value)| name == "securityopt" && value.ends_with("unconfined"));
        if opened {
            findings.push(RULE.found(&request.origins).titled("the build runs without a security profile"));
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
