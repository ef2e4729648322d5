//! Readers for the files that commands use: build contexts and their ignore files, Dockerfiles, compose files.

pub mod allowance;
mod buildkit;
pub mod context;
mod copied;
pub mod dockerfile;
mod expansion;
mod expression;
mod here_documents;
pub mod ignore;
pub mod image_archive;
mod instruction;
pub mod magic;
pub mod mask;
mod not_lexed;

pub mod script;
pub mod script_secrets;
pub mod secret_names;
pub mod secret_values;
pub mod secrets;
pub mod shell;
pub mod text;
mod tokens;
pub mod yaml;
