//! What the rules about secrets have in common: how much a finding weighs by how sure it is, and what a file says in the place of a value.

use super::{Class, Finding};
use crate::files::secret_names::is_secret_name;
use crate::files::secret_values::{Certainty, Secret, of_variable};
use crate::lower::{Origin, Origins};

/// A finding about a secret, as heavy as it is sure: in a report about files a certain one is an error, one that only a name tells a warning,
/// one that comes from the environment, and a default that everybody knows, a note. A certain one asks before a build.
pub fn weighed(finding: Finding, certainty: Certainty) -> Finding {
    match certainty {
        Certainty::Certain if finding.note_only => finding.weighed_as(Class::Loss).stops_build().at_least_asked(),
        Certainty::Certain => finding.weighed_as(Class::Loss),
        Certainty::Doubtful if finding.note_only => finding.weighed_as(Class::Outage).stops_build(),
        Certainty::Doubtful => finding.weighed_as(Class::Outage),
        Certainty::FromEnvironment | Certainty::WellKnown => finding,
    }
}

/// A title that also says what the secret is, where its shape tells.
pub fn titled(title: String, secret: &Secret) -> String {
    match secret.what {
        "" => title,
        what => format!("{title}: {what}"),
    }
}

/// What a variable with this value keeps; in a file, by what is written there, which may be filled in.
pub fn of_origins(name: &str, value: &str, origins: &Origins) -> Option<Secret> {
    // A name alone is handed on from the environment, or from the file beside it.
    let is_name_alone = |marked: &str| marked.trim_matches(['"', '\'']).trim_end_matches(':').trim_end() == name;
    if is_secret_name(name) && origins.iter().find_map(Origin::place).is_some_and(|place| is_name_alone(place.marked()))
    {
        return Some(Secret { what: "", certainty: Certainty::FromEnvironment });
    }
    let place = origins.iter().find_map(Origin::place).filter(|place| place.marked().contains('$'));
    let written = place.and_then(|place| {
        let marked = place.marked().trim_start_matches(['"', '\'']);
        let rest = marked.strip_prefix(name)?.trim_start_matches(['"', '\'', ' ']);
        Some(rest.strip_prefix([':', '='])?.trim().trim_end_matches(['"', '\'']).to_owned())
    });
    of_variable(name, written.as_deref().unwrap_or(value))
}
