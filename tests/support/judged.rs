//! A command line judged on production without an engine: the strictest environment, and nothing but the words to go by.

use std::ffi::OsString;
use std::rc::Rc;

use fender::engine::Offline;
use fender_core::judge::{Judgement, JudgementContext, judge};
use fender_core::plan::Facts;
use fender_core::policy::{Caller, CallerKind, Policy};
use fender_core::target::Target;

use super::TestHost;

/// Judges the words under the built-in policy of production.
pub fn judged(host: &TestHost, words: &[String]) -> Judgement {
    let policy = Policy::default();
    let facts = |_: &Target| -> Rc<dyn Facts> { Rc::new(Offline::default()) };
    let environment = policy.named("prod");
    let context = JudgementContext {
        host,
        policy: &policy,
        facts: &facts,
        hostname: "m".to_owned(),
        today: 20_784,
        ids: (5, 6),
        caller: Caller::of(CallerKind::Person),
        environment,
    };
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    judge(&words, &context)
}
