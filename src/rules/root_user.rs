//! A container that runs as root.

use super::{Case, Class, Edit, Finding, Rule};
use crate::facts::Known;
use crate::grammar::values;

pub static RULE: Rule = Rule {
    id: "root-user",
    title: "runs as root",
    class: Class::Hygiene,
    why: "What breaks into this program is root in the container, and root on the host as soon as it finds a way out.",
    instead: "--user with an id that owns the files it needs, or a USER in the image",
    references: &["CIS Docker Benchmark 4.1", "https://docs.docker.com/build/building/best-practices/#user"],
    fires: &["run tools:1.4", "run -u 0 safe:1", "run --user root:root safe:1", "run -u 00:5 safe:1"],
    quiet: &["run --user 1000:1000 tools:1.4", "run safe:1"],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        let (title, words) = match &workload.user {
            Some(user) if is_root(user) => (format!("runs as root (--user {user})"), workload.user_words.clone()),
            Some(_) => continue,
            None if workload.partial => continue,
            None => match case.image(workload) {
                Known::Is(image) if !image.user.is_empty() && !is_root(&image.user) => continue,
                Known::Is(_) => ("the image sets no user: root".to_owned(), workload.image_words.clone()),
                Known::Missing => {
                    ("sets no user; the image is not here yet, so fender cannot tell whether it does".to_owned(), workload.image_words.clone())
                }
                Known::Untold => {
                    ("sets no user; the engine did not tell whether the image does".to_owned(), workload.image_words.clone())
                }
            },
        };
        let user = case.offers.user.clone().unwrap_or_else(|| own(case.ids));
        findings.push(
            RULE.found(&words).titled(title).about(workload).edit(Edit::Set { flag: "user", value: Some(user) }),
        );
    }
    findings
}

/// The caller's own ids; for root a plain user's, since its own would change nothing.
fn own((user, group): (u32, u32)) -> String {
    if user == 0 { "1000:1000".to_owned() } else { format!("{user}:{group}") }
}

/// `0`, `root`, `0:0`, `00`, `+0`: the part before the colon decides.
pub fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default().trim();
    name == "root" || name.is_empty() || (values::int(name) == Ok(0)) || name.bytes().all(|b| b == b'0')
}
