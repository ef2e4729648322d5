//! Reports for other programs, each in the form that the program documents. Pure.

pub mod checkstyle;
pub mod github;
pub mod gitlab;
pub mod sarif;

use crate::rules::Finding;

/// What is wrong, why it matters, and what to do instead if the finding says so.
fn message(finding: &Finding) -> String {
    let text = format!("{}. {}", finding.title, finding.why);
    if finding.instead.is_empty() { text } else { format!("{text} Instead: {}", finding.instead) }
}
