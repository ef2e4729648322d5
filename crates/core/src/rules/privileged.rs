//! `--privileged`.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "privileged",
    title: "--privileged: root on the host",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "A privileged container has every capability and every device of the host. Root in it can load a kernel \
          module or mount the host's disk, and is then root on the host.",
    instead: "--cap-add with the one capability that it needs, --device with the one device",
    references: &[
        "CIS Docker Benchmark 5.5",
        "https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities",
    ],
    fires: &[
        "run --privileged tools:1.4",
        "run --privileged=false --privileged tools:1.4",
        "run --cap-drop ALL --privileged tools:1.4",
        "container create --privileged=T tools:1.4",
    ],
    quiet: &[
        "run --cap-add SYS_NICE tools:1.4",
        "run --privileged=false tools:1.4",
        "run --privileged --privileged=0 tools:1.4",
        "run tools:1.4 --privileged",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    case.workloads()
        .iter()
        .filter_map(|workload| workload.privileged.as_ref())
        .map(|origins| RULE.found(origins))
        .collect()
}
