//! An effect as one line of text.

use super::Effect;

/// The line for one effect.
pub fn tell(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Request(request) => Some(format!("asks the engine  {} {}", request.method, request.path)),
        Effect::ReadsFile { path, .. } => Some(format!("reads            {path}")),
        Effect::WritesFile { path, .. } | Effect::KeepsFile { path, .. } => Some(format!("writes           {path}")),
        Effect::Runs(runs) => Some(format!("runs             {}", runs.program)),
        Effect::Does { operation, .. } => Some(format!("which            {}", operation.text())),
        Effect::Builds(build) => {
            let name = build.dockerfile.as_ref().map(|dockerfile| dockerfile.text.path.clone());
            let mut text = format!("builds           {}", name.unwrap_or_else(|| "an image".to_owned()));
            for line in build.added() {
                text.push_str(&format!("\n  {line}"));
            }
            Some(text)
        }
        Effect::Describes(_) => None,
    }
}
