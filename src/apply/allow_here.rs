//! Writes exceptions into the caller's own policy: the answer `a` to a question.

use anyhow::Context as _;

use crate::environment::folder::Folder;
use crate::environment::owned::{self, Owners};
use crate::environment::policy::{LARGEST, user_path};
use crate::environment::replace::replace;
use crate::ui::question::{Question, Reply};
use crate::ui::report;
use crate::ui::screen::{Screen, shown};
use fender_core::judge::Judgement;
use fender_core::judge::narrowest::ProposedException;
use fender_core::policy::{Action, date_of, parse_layer};

/// Days for which it holds.
const DAYS: i64 = 90;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedHere {
    /// The exceptions stand in the file.
    Written,
    /// The person did not go on.
    Cancelled,
}

/// Shows the exceptions, asks for their reason, and adds them to the end of the caller's policy. `today` is in days since 1970-01-01. Where the
/// engine's name had to be typed to run the command, it has to be typed for this, too.
///
/// # Errors
/// The file cannot be read, is not the caller's, or cannot be written: then it is as it was.
pub fn allow_here(
    proposed: &[ProposedException],
    judgement: &Judgement,
    hostname: &str,
    today: i64,
) -> anyhow::Result<AllowedHere> {
    let screen = Screen::of_questions();
    let path = user_path().context("there is no home folder for a policy of your own")?;
    let name = shown(&path.display().to_string());
    let until = date_of(today.saturating_add(DAYS));
    let text =
        |reason: &str| -> String { proposed.iter().map(|it| format!("\n{}", it.text(reason, &until))).collect() };
    let before = owned::read(&path, Owners::Caller, LARGEST)?;
    let otherwise = format!("allowed at the question, {}", date_of(today));
    let mut lines = String::new();
    for line in text("…").trim_start().lines() {
        lines.push_str(&format!("    {}\n", shown(line)));
    }
    let intro = screen.filled("", &format!("This is added to {name}:"));
    let question = Question::words("Reason", &otherwise).text(format!("\n{intro}\n{lines}"));
    let Ok(answer) = question.ask(&screen, judgement.caller) else { return Ok(AllowedHere::Cancelled) };
    let Reply::Words(reason) = answer.reply() else { return Ok(AllowedHere::Cancelled) };
    if judgement.wanted == Action::Type {
        let question = report::typed(judgement, hostname, "allow it here");
        let is_typed = question.ask(&screen, judgement.caller).is_ok_and(|answer| answer.is_yes());
        if !is_typed {
            return Ok(AllowedHere::Cancelled);
        }
    }
    let mut after = match &before {
        Some(before) => before.clone(),
        None => Vec::new(),
    };
    let is_new = after.is_empty();
    if !is_new && !after.ends_with(b"\n") {
        after.push(b'\n');
    }
    let added = text(reason);
    after.extend_from_slice(if is_new { added.trim_start() } else { &added }.as_bytes());
    let whole = std::str::from_utf8(&after).context("the policy is not UTF-8")?;
    parse_layer(&path, false, whole)?;
    match before {
        Some(before) => replace(&path, Some(&before), &after)?,
        None => {
            let folder = path.parent().context("the policy has no folder")?;
            let file = path.file_name().and_then(|name| name.to_str()).context("the policy has no name")?;
            // Others have no business in it, whatever the mask for new files is.
            Folder::make(folder)?.write_whole(file, &after, 0o600)?;
        }
    }
    Ok(AllowedHere::Written)
}
