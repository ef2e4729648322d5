//! This machine as docker's client sees it: variables, folders, configuration, the real client, standard input, state.

pub mod caller;
pub mod client;
pub mod collect;
pub mod context;
mod context_walk;
pub mod folder;
pub mod git;
pub mod host;
mod image_archive;
pub mod input;
pub mod last_command;
mod listing;
pub mod memory;
pub mod owned;
pub mod plugin;
pub mod policy;
pub mod printing;
pub mod product;
pub mod replace;
pub mod repository;
pub mod shown_notes;
mod sizes;
pub mod state;
pub mod variables;
pub mod watched;
