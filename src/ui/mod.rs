//! Everything that a person sees and answers.

pub mod command;
pub mod notes;
mod offers;
pub mod pager;
pub mod plan;
pub mod progress;
pub mod question;
pub mod report;
pub mod screen;
pub mod snippet;
pub mod terminal;
