//! What a command line would do if docker accepted it, although docker is expected to refuse it. A refusal is a guess: a file that is
//! missing now may exist when docker reads it, and another version of docker may know the value.

use super::{Lowered, lower};
use crate::grammar::parse::{Builder, Invocation, Set, Unknown, parse};
use crate::host::Host;

/// So many attempts are made to put together flags that exclude each other, and so many of them are lowered with all operands.
const FEW: usize = 200;

/// The words read without what docker refuses, each with what it would do; several where the flags cannot be put together.
///
/// The time grows with the number of words, not with its square: every flag is looked at once beside few operands, and only
/// 200 attempts look at all of them.
pub fn despite(
    texts: &[String],
    unknown: Unknown,
    builder: &dyn Fn() -> Builder,
    host: &dyn Host,
) -> Vec<(Invocation, Lowered)> {
    let mut all = parse(texts, unknown, builder);
    let whole = lower(&all, host);
    if whole.refusal.is_none() {
        return vec![(all, whole)];
    }
    let flags = std::mem::take(&mut all.flags);
    let mut short = all.clone();
    short.operands.truncate(FEW.max(all.command.map_or(0, |command| command.least.into())));
    let good: Vec<Set> = flags.into_iter().filter(|flag| accepted(&mut short, vec![flag.clone()], host)).collect();
    if let Some(found) = kept(&all, good.clone(), host) {
        return vec![found];
    }
    // Some of them exclude each other: first those that can stand together, then what is left over, alone.
    let mut attempts = FEW;
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    put_together(&mut all, good, host, &mut attempts, (&mut together, &mut alone));
    let first = (!together.is_empty()).then(|| kept(&all, together, host)).flatten();
    let rest = alone.into_iter().enumerate().filter_map(|(at, flag)| {
        let operands = if at < FEW { &all } else { &short };
        kept(operands, vec![flag], host)
    });
    first.into_iter().chain(rest).collect()
}

/// Adds to `together` what docker takes with it, half by half, and to `alone` what it does not take or what no attempt is left for.
fn put_together(
    all: &mut Invocation,
    flags: Vec<Set>,
    host: &dyn Host,
    attempts: &mut usize,
    (together, alone): (&mut Vec<Set>, &mut Vec<Set>),
) {
    if flags.is_empty() {
        return;
    }
    let Some(left) = attempts.checked_sub(1) else {
        alone.extend(flags);
        return;
    };
    *attempts = left;
    if accepted(all, together.iter().chain(&flags).cloned().collect(), host) {
        together.extend(flags);
    } else if flags.len() == 1 {
        alone.extend(flags);
    } else {
        let mut first = flags;
        let second = first.split_off(first.len() / 2);
        put_together(all, first, host, attempts, (together, alone));
        put_together(all, second, host, attempts, (together, alone));
    }
}

/// Whether docker would take the invocation with these flags alone.
fn accepted(invocation: &mut Invocation, flags: Vec<Set>, host: &dyn Host) -> bool {
    invocation.flags = flags;
    let accepted = lower(invocation, host).refusal.is_none();
    invocation.flags.clear();
    accepted
}

/// The invocation with these flags alone; None where docker would refuse that, too.
fn kept(all: &Invocation, flags: Vec<Set>, host: &dyn Host) -> Option<(Invocation, Lowered)> {
    let mut invocation = all.clone();
    invocation.flags = flags;
    let lowered = lower(&invocation, host);
    lowered.refusal.is_none().then_some((invocation, lowered))
}
