//! What the fixes of a Dockerfile have in common.

use std::ops::Range;

use crate::files::allowance::is_allowed;
use crate::files::dockerfile::{Dockerfile, Instruction};
use crate::lower::Build;

/// How lines end in this file.
pub fn line_end(file: &Dockerfile) -> &'static str {
    if file.text.text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Instructions of the stages that are built.
pub fn instructions<'a>(build: &'a Build, file: &'a Dockerfile) -> impl Iterator<Item = &'a Instruction> {
    build.needed.iter().flat_map(|stage| &file.stages[*stage].instructions)
}

pub fn allowed(file: &Dockerfile, span: &Range<usize>, id: &str) -> bool {
    is_allowed(&file.place(span), id)
}

/// The lines of an instruction, with the end of the last one.
pub fn whole_lines(file: &Dockerfile, span: &Range<usize>) -> Range<usize> {
    let text = &file.text.text;
    let start = file.text.line_start(span.start);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
    start..end
}

/// The name of an official image: `nginx` of `docker.io/library/nginx:1.27`.
pub fn official(image: &str) -> Option<&str> {
    let bare = ["docker.io/", "index.docker.io/"].iter().find_map(|start| image.strip_prefix(start)).unwrap_or(image);
    let bare = bare.strip_prefix("library/").unwrap_or(bare);
    let name = bare.split(['@', ':']).next().unwrap_or(bare);
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// Whether the image is one of Windows, where users, shells and paths are others.
pub fn is_windows(build: &Build, file: &Dockerfile) -> bool {
    let names = ["windows", "nanoserver", "servercore"];
    file.escape == '`'
        || file.line(build.stage).iter().any(|stage| {
            let lower = file.stages[*stage].image.to_lowercase();
            names.iter().any(|name| lower.contains(name))
        })
}
