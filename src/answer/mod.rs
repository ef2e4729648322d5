//! What a person sees and says: the only place that talks to one.

pub mod plan;
pub mod progress;
pub mod prompt;
pub mod report;
pub mod screen;
pub mod snippet;
