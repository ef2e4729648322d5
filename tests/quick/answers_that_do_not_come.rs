//! Engines that answer late or never. A module of its own, with a name that comes early: it waits longest, and tests start by their names.

use crate::support::faulty::{At, Fault};
use crate::unknown::{DELETIONS, ON_PRODUCTION, PRODUCTION, at_once, does_not_run, requests};

#[test]
fn an_engine_that_is_silent_or_slow_is_not_taken_for_another() {
    let mut work: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
    for (commands, labels) in [(DELETIONS, &[] as &[&str]), (ON_PRODUCTION, PRODUCTION)] {
        for words in commands {
            work.push(Box::new(move || does_not_run(words, labels, At::From(1), Fault::Silence)));
            work.push(Box::new(move || does_not_run(words, labels, At::From(1), Fault::Late(1500))));
            for number in 1..=requests(words, labels) {
                work.push(Box::new(move || does_not_run(words, labels, At::Number(number), Fault::Silence)));
            }
        }
    }
    at_once(80, work);
}
