//! The script that an image starts, where a Dockerfile copies it from its context or has it written down.

use crate::files::dockerfile::Directive;
use crate::host::Host;
use crate::lower::Build;

/// Programs that run a script.
pub const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"];

/// A larger script is not read.
const LARGEST_SCRIPT: usize = 64 * 1024;

/// Whether these words begin with a shell that runs a script.
pub fn is_shell(words: &[String]) -> bool {
    let name = words.first().and_then(|first| first.rsplit('/').next()).unwrap_or_default();
    SHELLS.contains(&name)
}

/// The last name of a path, also of a folder's.
fn end(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// From where a script may come.
enum Candidate {
    /// A here-document of the Dockerfile: its text.
    Written(String),
    /// A file of the context: its path on this host.
    File(String),
}

/// The text of the shell script that these words of `ENTRYPOINT` or `CMD` start. None for a program, and for a script that comes from
/// another image or stage or that is not there.
pub fn entry_script(host: &dyn Host, build: &Build, words: &[String]) -> Option<String> {
    let file = build.file()?;
    let by_shell = is_shell(words);
    let path = if by_shell { words.iter().skip(1).find(|word| !word.starts_with('-'))? } else { words.first()? };
    let name = end(path);
    let folder = build.context.as_ref().map(|context| context.folder.trim_end_matches('/'));
    let mut candidates = Vec::new();
    // The first stage first: what is copied last counts.
    let line: Vec<usize> = file.line(build.stage).into_iter().rev().collect();
    for it in file.instructions_of(&line).filter(|it| !it.on_build) {
        let Directive::Copy { from, sources, target, here, .. } = &it.what else { continue };
        let is_target = end(&target.text) == name && !target.text.ends_with('/');
        // In a folder it has the name behind its mark.
        if let Some(here) = here.iter().rfind(|here| is_target || here.name == name) {
            candidates.push(Candidate::Written(here.text.clone()));
            continue;
        }
        let names_it = is_target || sources.iter().any(|source| end(&source.text) == name);
        if from.is_some() {
            if names_it {
                return None;
            }
            continue;
        }
        let Some(folder) = folder else { continue };
        for source in sources {
            let source = source.text.trim_start_matches('/').trim_start_matches("./").trim_end_matches('/');
            let is_file = end(source) == name || is_target;
            let path = if is_file { format!("{folder}/{source}") } else { format!("{folder}/{source}/{name}") };
            candidates.push(Candidate::File(path));
        }
    }
    let text = candidates.into_iter().rev().find_map(|candidate| match candidate {
        Candidate::Written(text) => Some(text),
        Candidate::File(path) if host.is_directory(&path) => None,
        Candidate::File(path) => String::from_utf8(host.start(&path, LARGEST_SCRIPT).ok()?).ok(),
    })?;
    let interpreter = text.strip_prefix("#!").and_then(|rest| rest.lines().next());
    let is_script = match interpreter {
        Some(line) => line.split(['/', ' ']).any(|word| SHELLS.contains(&word)),
        None => by_shell,
    };
    (is_script && text.len() < LARGEST_SCRIPT).then_some(text)
}
