//! What is said of words that fender's own commands do not take.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use crate::ui::screen::shown;
use fender_core::grammar::{child, root};
use fender_core::text::did_you_mean;

/// The message for a person, without `fender:` in front. What clap suggests is kept, in the form that all of fender's suggestions have.
pub fn message(error: &Error, command: &Command) -> String {
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        // The one that is most alike is the last.
        Some(ContextValue::Strings(texts)) => texts.last().cloned(),
        _ => None,
    };
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => format!("\n{usage}"),
        _ => String::new(),
    };
    let suggested = |kind: ContextKind| text(kind).map(|word| format!(": did you mean {word}?"));
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = text(ContextKind::InvalidSubcommand).unwrap_or_default();
            // A command of docker is no mistyped one of fender.
            let hint = match child(root(), &typed) {
                Some(_) => format!("fender docker {} guards docker's", shown(&typed)),
                None => text(ContextKind::SuggestedSubcommand).map_or_else(
                    || {
                        did_you_mean(
                            &typed,
                            command.get_subcommands().map(Command::get_name),
                            "fender --help lists them",
                        )
                    },
                    |word| format!("did you mean {word}?"),
                ),
            };
            format!("there is no command {:?}: {hint}", shown(&typed))
        }
        ErrorKind::UnknownArgument => {
            let typed = shown(&text(ContextKind::InvalidArg).unwrap_or_default());
            let what = if typed.starts_with('-') { "option" } else { "argument" };
            let meant = suggested(ContextKind::SuggestedArg).unwrap_or_default();
            format!("there is no {what} {typed:?} here{meant}{usage}")
        }
        ErrorKind::InvalidValue => {
            let typed = shown(&text(ContextKind::InvalidValue).unwrap_or_default());
            let option = text(ContextKind::InvalidArg).unwrap_or_default();
            let known = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(known)) if !known.is_empty() => format!(": only {}", known.join(", ")),
                _ => String::new(),
            };
            let meant = suggested(ContextKind::SuggestedValue).unwrap_or(known);
            format!("{typed:?} is not a value of {option}{meant}{usage}")
        }
        _ => {
            let said = error.to_string();
            said.strip_prefix("error: ").unwrap_or(&said).trim_end().to_owned()
        }
    }
}
