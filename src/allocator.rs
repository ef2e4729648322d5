//! Memory for a process that mostly lives for less than a millisecond: the first requests are served from a block of the
//! program's own zeroed memory, one behind the other, without a system call and without a search. What does not fit there
//! comes from the C library's allocator, so that long work (a plan, a copy of a volume) gives back what it no longer needs.
#![expect(unsafe_code, reason = "an allocator hands out raw memory; each block says why it is sound")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes in the block. Only the pages that are used cost memory; a judged `docker run` uses about a third.
const SIZE: usize = 256 * 1024;

#[repr(align(4096))]
struct Block(UnsafeCell<[u8; SIZE]>);

// SAFETY: nobody makes a reference to the bytes; parts of them are handed out once each, by an atomic counter.
unsafe impl Sync for Block {}

static BLOCK: Block = Block(UnsafeCell::new([0; SIZE]));

/// Serves from the block first, then from the C library.
#[derive(Debug)]
pub struct Allocator {
    /// Bytes of the block that are handed out.
    used: AtomicUsize,
}

impl Allocator {
    /// Nothing is taken from the system before the first allocation.
    #[must_use]
    pub const fn new() -> Allocator {
        Allocator { used: AtomicUsize::new(0) }
    }

    fn block() -> *mut u8 {
        BLOCK.0.get().cast()
    }

    /// Where a pointer lies in the block; None where it came from the C library.
    fn offset(pointer: *mut u8) -> Option<usize> {
        let offset = pointer.addr().wrapping_sub(Allocator::block().addr());
        (offset < SIZE).then_some(offset)
    }

    /// Takes the next part of the block; None where it does not fit.
    fn take(&self, layout: Layout) -> Option<usize> {
        // The block begins at a page, and no type of ours asks for more than that.
        if layout.align() > 4096 {
            return None;
        }
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let start = used.checked_next_multiple_of(layout.align())?;
            let end = start.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
            match self.used.compare_exchange_weak(used, end, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(start),
                Err(now) => used = now,
            }
        }
    }

    /// Moves the end of the part that was handed out last, where `offset` and `size` are still that part.
    fn move_end(&self, offset: usize, size: usize, new_size: usize) -> bool {
        let (end, new_end) = (offset + size, offset.saturating_add(new_size));
        new_end <= SIZE && self.used.compare_exchange(end, new_end, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Default for Allocator {
    fn default() -> Allocator {
        Allocator::new()
    }
}

// SAFETY: a part of the block is handed out to one caller only (the counter moves past it atomically), lies inside the block, and is
// aligned; it is handed out again only after the same caller gave it back as the last part. Everything else is the C library's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            // SAFETY: `take` gave an offset inside the block.
            Some(offset) => unsafe { Allocator::block().add(offset) },
            // SAFETY: the caller's promise about the layout is handed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match Allocator::offset(pointer) {
            // Only the last part can be given back; the others go with the process.
            Some(offset) => {
                self.move_end(offset, layout.size(), 0);
            }
            // SAFETY: it came from the C library with this layout.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = Allocator::offset(pointer) else {
            // SAFETY: it came from the C library with this layout.
            return unsafe { System.realloc(pointer, layout, new_size) };
        };
        if self.move_end(offset, layout.size(), new_size) {
            return pointer;
        }
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else { return null_mut() };
        // SAFETY: the new layout is valid; both parts are at least as long as what is copied, and they do not overlap.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                std::ptr::copy_nonoverlapping(pointer, new, layout.size().min(new_size));
                self.dealloc(pointer, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of every size and alignment, grown, shrunk and given back in any order, keep what was written to them.
    #[test]
    fn parts_do_not_overlap() {
        let allocator = Allocator::new();
        let mut seed = 1_u64;
        let mut next = |limit: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % limit
        };
        let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
        for round in 0..20_000_u64 {
            let mark = (round % 251) as u8;
            let size = 1 + next(if round % 50 == 0 { 40_000 } else { 200 }) as usize;
            let layout = Layout::from_size_align(size, 1 << next(7)).unwrap();
            // SAFETY: every pointer is used with the layout it was made with, inside its size.
            unsafe {
                match next(4) {
                    0 if !held.is_empty() => {
                        let (pointer, layout, mark) = held.swap_remove(next(held.len() as u64) as usize);
                        assert!((0..layout.size()).all(|at| *pointer.add(at) == mark));
                        allocator.dealloc(pointer, layout);
                    }
                    1 if !held.is_empty() => {
                        let at = next(held.len() as u64) as usize;
                        let (pointer, old, mark) = held[at];
                        let pointer = allocator.realloc(pointer, old, size);
                        let kept = old.size().min(size);
                        assert!((0..kept).all(|at| *pointer.add(at) == mark));
                        pointer.write_bytes(mark, size);
                        held[at] = (pointer, Layout::from_size_align(size, old.align()).unwrap(), mark);
                    }
                    _ => {
                        let pointer = allocator.alloc(layout);
                        assert!(!pointer.is_null() && pointer.addr().is_multiple_of(layout.align()));
                        pointer.write_bytes(mark, size);
                        held.push((pointer, layout, mark));
                    }
                }
            }
        }
        for (pointer, layout, mark) in held.drain(..) {
            // SAFETY: as above.
            unsafe {
                assert!((0..layout.size()).all(|at| *pointer.add(at) == mark));
                allocator.dealloc(pointer, layout);
            }
        }
    }
}
