//! What a command line would do if docker took it although it is expected to refuse it. A refusal is a guess: the file that is
//! missing now may be there when docker looks, and another version may know the value.

use super::{Lowered, lower};
use crate::grammar::parse::{Builder, Invocation, Unknown, parse};
use crate::host::Host;

/// With more flags than this each is lowered alone.
const FEW: usize = 200;

/// The words read without what docker refuses, each with what it would do; several where the flags cannot be put together.
pub fn despite(
    texts: &[String],
    unknown: Unknown,
    builder: &dyn Fn() -> Builder,
    host: &dyn Host,
) -> Vec<(Invocation, Lowered)> {
    let all = parse(texts, unknown, builder);
    let whole = lower(&all, host);
    if whole.refusal.is_none() {
        return vec![(all, whole)];
    }
    let accepted = |at: usize| kept(&all, host, &chosen(all.flags.len(), |other| other == at));
    let good: Vec<usize> = (0..all.flags.len()).filter(|at| accepted(*at).is_some()).collect();
    if let Some(found) = kept(&all, host, &chosen(all.flags.len(), |at| good.contains(&at))) {
        return vec![found];
    }
    if good.len() > FEW {
        return good.into_iter().filter_map(accepted).collect();
    }
    // Some of them exclude each other: first those that can stand together, then what is left over, alone.
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for at in good {
        together.push(at);
        if kept(&all, host, &chosen(all.flags.len(), |other| together.contains(&other))).is_none() {
            together.pop();
            alone.push(at);
        }
    }
    let first = kept(&all, host, &chosen(all.flags.len(), |at| together.contains(&at)));
    first.into_iter().chain(alone.into_iter().filter_map(accepted)).collect()
}

fn chosen(count: usize, wanted: impl Fn(usize) -> bool) -> Vec<bool> {
    (0..count).map(wanted).collect()
}

/// The invocation with these of its flags alone; None where docker would refuse that, too.
fn kept(all: &Invocation, host: &dyn Host, wanted: &[bool]) -> Option<(Invocation, Lowered)> {
    let mut invocation = all.clone();
    let mut keep = wanted.iter();
    invocation.flags.retain(|_| keep.next().copied().unwrap_or(false));
    let lowered = lower(&invocation, host);
    lowered.refusal.is_none().then_some((invocation, lowered))
}
