//! Stacks.

use super::{Deed, Effect, Effects, Host};
use crate::grammar::parse::Invocation;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    match invocation.canonical() {
        // Which services go is found out by asking the engine: there is one answer for each stack.
        "stack rm" => Ok(invocation
            .operands
            .iter()
            .map(|word| Effect::Does { deed: Deed::RemovesStack, words: vec![*word] })
            .collect()),
        "stack deploy" => {
            if !invocation.changed("compose-file") {
                return Err("please specify a Compose file (with --compose-file)".to_owned());
            }
            let mut effects = Vec::new();
            for set in invocation.all(&["compose-file"]).filter(|set| set.value != "-") {
                host.read(&set.value).map_err(|error| format!("open {}: {error}", set.value))?;
                effects.push(Effect::ReadsFile { path: set.value.clone(), words: set.words() });
            }
            if invocation.on("prune") {
                let words = invocation.last("prune").map(|set| set.words()).unwrap_or_default();
                effects.push(Effect::Does { deed: Deed::RemovesServices, words });
            }
            Ok(effects)
        }
        _ => Ok(Vec::new()),
    }
}
