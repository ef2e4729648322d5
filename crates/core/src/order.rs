//! Lists put in order. Each list that the standard library sorts by a key of its own brings 5 KB of code into the program; there are
//! fifty of them, and here all use one. Pure.

use std::cmp::Ordering;

/// Puts a list in order. What is equal stays in the order that it has.
pub trait PutInOrder<T> {
    /// By the elements themselves.
    fn put_in_order(&mut self)
    where
        T: Ord;

    /// As `compare` says.
    fn put_in_order_by(&mut self, compare: impl Fn(&T, &T) -> Ordering);

    /// By a key, which is asked of each element once.
    fn put_in_order_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K);
}

impl<T> PutInOrder<T> for [T] {
    fn put_in_order(&mut self)
    where
        T: Ord,
    {
        self.put_in_order_by(T::cmp);
    }

    fn put_in_order_by(&mut self, compare: impl Fn(&T, &T) -> Ordering) {
        let targets = targets(self.len(), &|one, other| match (self.get(one), self.get(other)) {
            (Some(one), Some(other)) => compare(one, other),
            _ => Ordering::Equal,
        });
        moved(self, targets);
    }

    fn put_in_order_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K) {
        let keys: Vec<K> = self.iter().map(key).collect();
        let targets = targets(keys.len(), &|one, other| keys.get(one).cmp(&keys.get(other)));
        moved(self, targets);
    }
}

/// Where each of so many elements belongs.
fn targets(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..count).collect();
    positions.sort_by(|one, other| compare(*one, *other));
    let mut targets = vec![0; count];
    for (target, position) in positions.into_iter().enumerate() {
        if let Some(place) = targets.get_mut(position) {
            *place = target;
        }
    }
    targets
}

/// Each element at its place: one exchange for each.
fn moved<T>(list: &mut [T], mut targets: Vec<usize>) {
    for at in 0..list.len() {
        while let Some(target) = targets.get(at).copied().filter(|target| *target != at) {
            list.swap(at, target);
            targets.swap(at, target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_as_the_standard_library_sorts_them() {
        let mut seed = 1_u64;
        for length in 0..200 {
            let mut list: Vec<(u64, usize)> = (0..length)
                .map(|at| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    ((seed >> 33) % 20, at)
                })
                .collect();
            let mut wanted = list.clone();
            wanted.sort_by_key(|(key, _)| *key);
            let mut by = list.clone();
            by.put_in_order_by(|one, other| one.0.cmp(&other.0));
            assert_eq!(by, wanted);
            list.put_in_order_by_key(|(key, _)| *key);
            assert_eq!(list, wanted);
            wanted.reverse();
            wanted.put_in_order();
            list.sort();
            assert_eq!(list, wanted);
        }
    }
}
