//! Everything that a person sees and answers.

pub mod command;
pub mod notes;
pub mod pager;
pub mod plan;
pub mod progress;
pub mod question;
pub mod report;
pub mod screen;
pub mod snippet;
pub mod terminal;
