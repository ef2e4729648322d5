//! Contexts that a script made a moment ago and removes again.

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::guarded::{is_new, is_scripts_deletion};
use fender_core::docker_files::context_folder;
use fender_core::host::Host;
use fender_core::judge::Judgement;

/// Whether a script's `context rm` goes without an answer: in dev and ci, if each of its contexts was made within the hour and holds no keys.
/// `now` is in seconds since 1970. Where the file system does not say when something was made, that is not known.
pub fn only_new_contexts(judgement: &Judgement, host: &dyn Host, now: i64) -> bool {
    let invocation = &judgement.invocation;
    if invocation.canonical() != "context rm" || judgement.lowered.refusal.is_some() || !is_scripts_deletion(judgement)
    {
        return false;
    }
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    let names = invocation.operand_texts();
    let is_new_and_empty = |name: &String| {
        let id = context_folder(name);
        let has_no_keys = host.is_missing(&format!("{folder}/contexts/tls/{id}"));
        has_no_keys && is_new(made(&format!("{folder}/contexts/meta/{id}")), now)
    };
    !names.is_empty() && names.iter().all(is_new_and_empty)
}

/// When the folder at this path was made, in seconds since 1970. Its other times change with its files, and its owner can set them.
fn made(path: &str) -> Option<i64> {
    // Where nothing is said, nothing is new.
    let Ok(said) = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BTIME) else { return None };
    StatxFlags::from_bits_retain(said.stx_mask).contains(StatxFlags::BTIME).then_some(said.stx_btime.tv_sec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_new_for_an_hour() {
        for (made, new) in [
            (None, false),
            (Some(0), false),
            (Some(6_400), false),
            (Some(6_401), true),
            (Some(10_000), true),
            (Some(10_001), false),
        ] {
            assert_eq!(is_new(made, 10_000), new, "{made:?}");
        }
    }
}
