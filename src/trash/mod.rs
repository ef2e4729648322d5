//! The trash: copies of objects, kept before a deletion and restored by `fender undo`.

mod archive;
mod args;
mod at_once;
mod clock;
mod direct;
mod empty_volumes;
mod entry;
mod foresee;
mod held;
mod helper;
mod keep;
mod leftovers;
mod restore;
mod restore_container;
mod settings;
mod speed;
mod store;
mod tree_entry;
mod tree_parse;
mod tree_read;
mod tree_write;
mod watcher;

use fender_core::order::PutInOrder as _;
use std::path::PathBuf;

use crate::environment::state;
pub use args::run_line;
pub use at_once::some_at_once;
pub use clock::now;
use fender_core::plan::{ObjectKind, Plan, Recoverable};
use fender_core::policy::TrashLimits;
use fender_core::text::bytes;
pub use foresee::{SettingsRead, foresee};
pub use keep::{KeptNow, keep, keep_in, note};
pub use restore::{Back, fits, layer_image, requests, restore};
pub use store::{Entry, Locked, Object, TrashStore};
pub use watcher::{WATCH, watch};

/// Where the trash is: in the user's state, or the system's.
pub fn folder() -> PathBuf {
    state::folder().join("trash")
}

/// What the disk is left with at least, in bytes.
const LEFT_FREE: u64 = 200_000_000;

/// Marks in the plan what the trash has no room for.
pub fn fit(plan: &mut Plan, trash: &TrashLimits) {
    plan.kept_for = trash.keep;
    let unmeasured = plan.unmeasured;
    let unusable = state::usable(&folder()).err().map(|error| format!("{error:#}"));
    let free = store::free(&folder()).saturating_sub(LEFT_FREE);
    let mut room = trash.max.min(free);
    // Small things first: one that is too large does not take the room of many.
    let mut order: Vec<usize> = (0..plan.deletes.len()).collect();
    order.put_in_order_by_key(|at| plan.deletes[*at].size.unwrap_or(0));
    for at in order {
        let item = &mut plan.deletes[at];
        if item.recoverable != Recoverable::Trash {
            continue;
        }
        let size = u64::try_from(item.size.unwrap_or(0)).unwrap_or(0);
        let why = if trash.max == 0 {
            Some("the policy keeps nothing".to_owned())
        } else if unusable.is_some() {
            unusable.clone()
        } else if size > trash.each {
            Some(format!("it is larger than {}", bytes(i64::try_from(trash.each).unwrap_or(i64::MAX))))
        } else if size > room && free < trash.max {
            Some(format!("the disk of the trash has only {} to spare", bytes(i64::try_from(free).unwrap_or(i64::MAX))))
        } else if size > room {
            Some(format!("the trash has room for {} in all", bytes(i64::try_from(trash.max).unwrap_or(i64::MAX))))
        } else {
            room -= size;
            None
        };
        if let Some(why) = why {
            item.recoverable = Recoverable::No;
            item.not_kept = Some(why);
        } else if item.kind == ObjectKind::Volume && item.size.is_none() && !unmeasured {
            item.recoverable = Recoverable::No;
            item.not_kept = Some("the engine does not say how large it is".to_owned());
        }
    }
}
