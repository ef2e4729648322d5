//! What a person sees and says: the only place that talks to one.

pub mod prompt;
pub mod report;
pub mod screen;
