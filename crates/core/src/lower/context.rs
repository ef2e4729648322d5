//! Contexts: the client's own list of engines. They change files of the client, never an engine.

use super::container::written_file;
use super::{Effect, Effects, Origins, PredictedOperation, Typed, redirection};
use crate::grammar::parse::Invocation;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    let keeps = |path: String, origins: Origins| Effect::KeepsFile { path, origins };
    let store = format!("{folder}/contexts");
    match invocation.canonical() {
        "context create" | "context update" => {
            let name = invocation.operand(0);
            if name == "default" && invocation.canonical() == "context create" {
                return Err("context name \"default\" is reserved".to_owned());
            }
            check_name(name)?;
            let origins = invocation.operands.origins();
            let kept = keeps(store, origins);
            Ok(std::iter::once(kept).chain(redirection::of_change(invocation, host)).collect())
        }
        "context use" => {
            let file = keeps(format!("{folder}/config.json"), invocation.operands.origins());
            Ok(std::iter::once(file).chain(redirection::of_use(invocation, host)).collect())
        }
        "context rm" => {
            let removed = |word: &usize| {
                [
                    keeps(store.clone(), word.origins()),
                    Effect::Does { operation: PredictedOperation::RemovesContext, origins: word.origins() },
                ]
            };
            Ok(invocation.operands.iter().flat_map(removed).collect())
        }
        "context import" => {
            let (name, file) = (invocation.operand(0), invocation.operand(1));
            check_name(name)?;
            let mut effects = Vec::new();
            if file != "-" {
                if !host.exists(file) {
                    return Err(format!("open {file}: no such file or directory"));
                }
                effects.push(Effect::ReadsFile { path: file.to_owned(), origins: invocation.operand_at(1).origins() });
            }
            effects.push(keeps(store, invocation.operand_at(0).origins()));
            effects.extend(redirection::of_change(invocation, host));
            Ok(effects)
        }
        "context export" => {
            let file = match invocation.operand(1) {
                "" => format!("{}.dockercontext", invocation.operand(0)),
                typed => typed.to_owned(),
            };
            if file == "-" {
                return Ok(written_file(invocation, "output"));
            }
            Ok(vec![Effect::WritesFile { path: file, origins: invocation.operands.origins() }])
        }
        _ => Ok(Vec::new()),
    }
}

/// docker/cli `cli/context/store`: letters, digits, and `_.+-` inside.
fn check_name(name: &str) -> Result<(), String> {
    let word = |letter: char| letter.is_ascii_alphanumeric();
    let legal = name.len() > 1
        && name.starts_with(word)
        && name.chars().skip(1).all(|letter| word(letter) || "_.+-".contains(letter));
    match (name.is_empty(), legal) {
        (true, _) => Err("context name cannot be empty".to_owned()),
        (_, true) => Ok(()),
        _ => Err(format!(
            "context name {name:?} is invalid, names are validated against regexp \"^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$\""
        )),
    }
}
