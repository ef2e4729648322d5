//! Which notes are printed: in dev the same note about the same thing once a day. docs/decisions/0044 says which notes these are and why.

use sha2::{Digest, Sha256};

use crate::environment::host::notes_are_forced;
use crate::environment::shown_notes::ShownNotes;
use fender_core::files::mask;
use fender_core::host::Host;
use fender_core::judge::{Complaint, Judgement};
use fender_core::lower::{Effect, Workload};
use fender_core::policy::{Action, CallerKind, Policy};
use fender_core::rules::Class;

/// The notes of one command that are to be printed now.
pub struct FreshNotes<'a> {
    /// Those to print, in the judgement's order.
    pub complaints: Vec<&'a Complaint>,
    /// What is known of the notes that were printed before; None where every note is printed each time.
    shown: Option<(ShownNotes, Vec<String>)>,
}

/// The notes of a command that are to be printed: all of them, but those about a configuration that a person was told of in the last 24 hours.
pub fn fresh<'a>(judgement: &'a Judgement, policy: &Policy, host: &dyn Host) -> FreshNotes<'a> {
    let all: Vec<&Complaint> = judgement.with(Action::Note).collect();
    let environment = &judgement.environment;
    let once = judgement.caller == CallerKind::Person
        && environment.preset == "dev"
        && !environment.open
        && !notes_are_forced()
        && !policy.repeats_notes();
    if !once {
        return FreshNotes { complaints: all, shown: None };
    }
    let images = images(judgement);
    let named: Vec<(&Complaint, Option<String>)> = all
        .into_iter()
        .map(|complaint| {
            (complaint, is_about_a_configuration(complaint).then(|| key(complaint, judgement, &images, host)))
        })
        .collect();
    let shown = ShownNotes::read();
    let is_new = |key: &Option<String>| key.as_ref().is_none_or(|key| shown.is_new(key));
    // A file is named with the number of its problems: if one of them is new, all of them count.
    let paths: Vec<&str> =
        named.iter().filter(|(_, key)| is_new(key)).filter_map(|(complaint, _)| path_of_note(complaint)).collect();
    let printed = |(complaint, key): &(&Complaint, Option<String>)| {
        is_new(key) || path_of_note(complaint).is_some_and(|path| paths.contains(&path))
    };
    let (complaints, keys): (Vec<&Complaint>, Vec<Option<String>>) = named.into_iter().filter(printed).unzip();
    FreshNotes { complaints, shown: Some((shown, keys.into_iter().flatten().collect())) }
}

impl FreshNotes<'_> {
    /// To be called after the notes were printed: a note that nobody saw is never taken for one that was seen.
    pub fn printed(self) {
        if let Some((shown, keys)) = self.shown.filter(|(_, keys)| !keys.is_empty()) {
            shown.add(&keys);
        }
    }
}

/// Careless defaults and what reaches the host are the same with each run of the same command. What a command deletes, stops or moves
/// happens each time anew, and is said each time.
fn is_about_a_configuration(complaint: &Complaint) -> bool {
    let finding = &complaint.finding;
    matches!(finding.class, Class::Hygiene | Class::Escape)
        && !finding.rule.said_in_full
        && !finding.rule.about_deletion
        && finding.elsewhere.is_none()
}

/// The file of a note that says only how many problems the file has.
fn path_of_note(complaint: &Complaint) -> Option<&str> {
    complaint.finding.places.first().filter(|_| complaint.finding.note_only).map(|place| place.path())
}

/// The images of the containers that the command describes.
fn images(judgement: &Judgement) -> Vec<String> {
    let image = |effect: &Effect| match effect {
        Effect::Request(request) => Workload::of(request)?.image,
        Effect::Describes(workload) => workload.image.clone(),
        _ => None,
    };
    judgement.lowered.effects.iter().filter_map(image).collect()
}

/// What a note is about: the engine, the file or the folder, the rule with its words, and the object. Only a hash of it is kept.
fn key(complaint: &Complaint, judgement: &Judgement, images: &[String], host: &dyn Host) -> String {
    let finding = &complaint.finding;
    let mut parts: Vec<String> = vec![judgement.target.host.clone(), finding.rule.id.to_owned(), finding.title.clone()];
    if finding.places.is_empty() {
        parts.push(host.directory());
        let words = mask::args(&judgement.invocation.words);
        let args: Vec<String> = finding.args().iter().filter_map(|at| words.get(*at).cloned()).collect();
        // Nothing else says what it is about.
        let whole = args.is_empty() && images.is_empty();
        parts.extend(if whole { words } else { args });
        parts.extend(images.iter().cloned());
    }
    for place in &finding.places {
        let line = mask::text(place.text.line(place.start().0).trim());
        parts.extend([host.resolve(place.path()), line, place.of.clone().unwrap_or_default()]);
    }
    let mut hash = Sha256::new();
    for part in &parts {
        // With its length: two texts one after the other are never the same as one.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
