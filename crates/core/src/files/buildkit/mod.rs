//! What BuildKit refuses in a Dockerfile, and at which line. It is worked out in BuildKit's own order: lines are put together into
//! statements (`frontend/dockerfile/parser`), each statement becomes an instruction (`frontend/dockerfile/instructions`), and then its
//! values are looked at stage by stage (`frontend/dockerfile/dockerfile2llb`). What only the base image or the caller can say is not
//! refused here. Pure.

mod instruction;
mod lex;
mod stages;
pub mod statement;
mod values;

use crate::order::PutInOrder as _;
pub use instruction::ParsedInstruction;
use statement::{RefusedStatement, Statement, Statements, Warnings, statements};

/// A Dockerfile as BuildKit reads it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its statements.
    pub statements: Vec<Statement>,
    /// What each of them says, where it can be read by itself.
    pub read: Vec<Option<ParsedInstruction>>,
    /// The character that continues lines.
    pub escape: char,
    /// What is refused, in the order of the file.
    pub refusals: Vec<RefusedStatement>,
    /// What it warns of.
    pub warnings: Warnings,
}

/// Checks a Dockerfile without its byte order mark; `argument` is what the command sets for a build argument.
pub fn check(plain: &str, argument: &dyn Fn(&str) -> Option<String>) -> Checked {
    let Statements { list, escape, problems } = statements(plain);
    let whole = |(at, reason)| RefusedStatement { at, reason, stage: None };
    let mut refusals: Vec<RefusedStatement> = problems.into_iter().map(whole).collect();
    let mut read = Vec::with_capacity(list.len());
    for statement in &list {
        match instruction::read(statement, escape) {
            Ok(instruction) => read.push(Some(instruction)),
            Err(reason) => {
                refusals.push(RefusedStatement { at: statement.span.start, reason, stage: None });
                read.push(None);
            }
        }
    }
    let (refused, warnings) = stages::walk(plain, &list, &read, escape, argument);
    refusals.extend(refused);
    refusals.put_in_order_by_key(|refusal| refusal.at);
    Checked { read, statements: list, escape, refusals, warnings }
}
