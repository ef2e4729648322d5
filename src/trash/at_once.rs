//! Several pieces of work for an engine at a time, on one thread.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Runs all of the work, at most so many pieces of it at a time, and gives the results in its order. When `stop` says so of a result nothing new begins; what runs
/// already is waited for, and what was not begun has no result.
pub async fn some_at_once<F: Future>(
    most: usize,
    work: impl IntoIterator<Item = F>,
    stop: impl Fn(&F::Output) -> bool,
) -> Vec<F::Output> {
    let mut waiting = work.into_iter().enumerate();
    let mut running: Vec<(usize, Pin<Box<F>>)> = Vec::new();
    let mut done = BTreeMap::new();
    let mut is_stopped = false;
    poll_fn(move |context| {
        loop {
            while running.len() < most
                && !is_stopped
                && let Some((at, next)) = waiting.next()
            {
                running.push((at, Box::pin(next)));
            }
            let before = running.len();
            running.retain_mut(|(at, work)| match work.as_mut().poll(context) {
                Poll::Ready(result) => {
                    is_stopped |= stop(&result);
                    done.insert(*at, result);
                    false
                }
                Poll::Pending => true,
            });
            if running.len() == before {
                let is_done = running.is_empty();
                return if is_done {
                    Poll::Ready(std::mem::take(&mut done).into_values().collect())
                } else {
                    Poll::Pending
                };
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::time::Duration;

    use super::*;

    const EIGHT: usize = 8;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn eight_run_at_once_and_the_results_are_in_order() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let one = |at: u64| {
            let (running, most) = (&running, &most);
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                tokio::time::sleep(Duration::from_millis(20 - at % 20)).await;
                running.set(running.get() - 1);
                at
            }
        };
        assert_eq!(run(some_at_once(EIGHT, (0..50).map(one), |_| false)), (0..50).collect::<Vec<u64>>());
        assert_eq!((running.get(), most.get()), (0, EIGHT));
        assert_eq!(run(some_at_once(EIGHT, (0..0).map(one), |_| false)), Vec::<u64>::new());
    }

    #[test]
    fn what_runs_when_one_fails_is_waited_for_and_nothing_new_begins() {
        let begun = RefCell::new(Vec::new());
        let one = |at: usize| {
            let begun = &begun;
            async move {
                begun.borrow_mut().push(at);
                tokio::time::sleep(Duration::from_millis(if at == 3 { 1 } else { 100 })).await;
                at
            }
        };
        assert_eq!(run(some_at_once(EIGHT, (0..50).map(one), |at| *at == 3)), (0..EIGHT).collect::<Vec<usize>>());
        assert_eq!(*begun.borrow(), (0..EIGHT).collect::<Vec<usize>>());
    }
}
