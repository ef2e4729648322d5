//! Memory for a process that mostly lives for less than a millisecond: the first requests are served from a block of the
//! program's own zeroed memory, one behind the other, without a system call and without a search. What does not fit there (a large file,
//! an engine's long list) is served in the same way from pages that are asked of the system once, as large ones: half of the time that a
//! Dockerfile of 1 MB took went into single pages and into giving them back. What does not fit there either comes from the C library's
//! allocator, so that long work (a copy of a volume) gives back what it no longer needs.
#![expect(unsafe_code, reason = "an allocator hands out raw memory; each block says why it is sound")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Bytes in the block. Only the pages that are used cost memory; a judged `docker run` uses about a third.
const SIZE: usize = 256 * 1024;
/// Bytes in the pages that are asked of the system where the block is used up.
const MORE: usize = 48 * 1024 * 1024;
/// A large page; the pages begin at a multiple of it.
const LARGE: usize = 2 * 1024 * 1024;
/// What is larger than this is the C library's, which can move it without copying it.
const LARGEST: usize = 8 * 1024 * 1024;

#[repr(align(4096))]
struct Block(UnsafeCell<[u8; SIZE]>);

// SAFETY: nobody makes a reference to the bytes; parts of them are handed out once each, by an atomic counter.
unsafe impl Sync for Block {}

static BLOCK: Block = Block(UnsafeCell::new([0; SIZE]));

/// Memory that is handed out in parts, one behind the other.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    base: *mut u8,
    size: usize,
    /// Bytes that are handed out.
    used: &'a AtomicUsize,
}

impl Stretch<'_> {
    /// Where a pointer lies in it; None where it came from elsewhere.
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        let offset = pointer.addr().wrapping_sub(self.base.addr());
        (offset < self.size).then_some(offset)
    }

    /// Takes the next part; None where it does not fit.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        // It begins at a page, and no type of ours asks for more than that.
        if layout.align() > 4096 {
            return None;
        }
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let start = used.checked_next_multiple_of(layout.align())?;
            let end = start.checked_add(layout.size()).filter(|end| *end <= self.size)?;
            match self.used.compare_exchange_weak(used, end, Ordering::Relaxed, Ordering::Relaxed) {
                // SAFETY: the part ends inside the stretch.
                Ok(_) => return Some(unsafe { self.base.add(start) }),
                Err(now) => used = now,
            }
        }
    }

    /// Moves the end of the part that was handed out last, where `offset` and `size` are still that part.
    fn move_end(&self, offset: usize, size: usize, new_size: usize) -> bool {
        let (end, new_end) = (offset + size, offset.saturating_add(new_size));
        // Most parts are not the last one. To exchange takes much longer than to look.
        self.used.load(Ordering::Relaxed) == end
            && new_end <= self.size
            && self.used.compare_exchange(end, new_end, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Serves from the block first, then from pages of the system, then from the C library.
#[derive(Debug)]
pub struct Allocator {
    /// Bytes of the block that are handed out.
    used: AtomicUsize,
    /// Where the pages begin; null before they are asked for, `NONE` where the system gave none.
    more: AtomicPtr<u8>,
    /// Bytes of the pages that are handed out.
    more_used: AtomicUsize,
}

/// No address of anything.
const NONE: *mut u8 = std::ptr::without_provenance_mut(1);

impl Allocator {
    /// Nothing is taken from the system before the first allocation.
    #[must_use]
    pub const fn new() -> Allocator {
        Allocator { used: AtomicUsize::new(0), more: AtomicPtr::new(null_mut()), more_used: AtomicUsize::new(0) }
    }

    fn block(&self) -> Stretch<'_> {
        Stretch { base: BLOCK.0.get().cast(), size: SIZE, used: &self.used }
    }

    /// The pages; None before they are asked for and where the system gave none.
    fn pages(&self) -> Option<Stretch<'_>> {
        let base = self.more.load(Ordering::Acquire);
        (!base.is_null() && base != NONE).then_some(Stretch { base, size: MORE, used: &self.more_used })
    }

    /// Asks for the pages; where several threads do, one of them wins.
    #[cold]
    fn ask(&self) {
        let asked = Allocator::mapped().unwrap_or(NONE);
        let is_first = self.more.compare_exchange(null_mut(), asked, Ordering::Release, Ordering::Relaxed).is_ok();
        if !is_first && asked != NONE {
            // SAFETY: these pages are known to nobody else.
            let _ = unsafe { munmap(asked.cast(), MORE) };
        }
    }

    /// New pages that begin at a multiple of a large page. The first of them are small, because most requests need no more.
    fn mapped() -> Option<*mut u8> {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::NORESERVE);
        // SAFETY: new pages at an address that the system chooses; what is cut off again belongs to them and to nobody else.
        unsafe {
            let base = mmap_anonymous(null_mut(), MORE + LARGE, protection, flags).ok()?.cast::<u8>();
            let before = base.addr().next_multiple_of(LARGE) - base.addr();
            if before > 0 {
                let _ = munmap(base.cast(), before);
            }
            if before < LARGE {
                let _ = munmap(base.add(before + MORE).cast(), LARGE - before);
            }
            let base = base.add(before);
            // Where there are no large pages, small ones do.
            let _ = madvise(base.add(LARGE).cast(), MORE - LARGE, Advice::LinuxHugepage);
            Some(base)
        }
    }

    /// The stretch that a pointer lies in, and where; None for one of the C library.
    fn stretch(&self, pointer: *mut u8) -> Option<(Stretch<'_>, usize)> {
        [Some(self.block()), self.pages()]
            .into_iter()
            .flatten()
            .find_map(|stretch| Some((stretch, stretch.offset(pointer)?)))
    }
}

impl Default for Allocator {
    fn default() -> Allocator {
        Allocator::new()
    }
}

// SAFETY: a part of a stretch is handed out to one caller only (the counter moves past it atomically), lies inside the stretch, and is
// aligned; it is handed out again only after the same caller gave it back as the last part. Everything else is the C library's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(part) = self.block().take(layout) {
            return part;
        }
        if layout.size() <= LARGEST {
            if self.more.load(Ordering::Relaxed).is_null() {
                self.ask();
            }
            if let Some(part) = self.pages().and_then(|pages| pages.take(layout)) {
                return part;
            }
        }
        // SAFETY: the caller's promise about the layout is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.stretch(pointer) {
            // Only the last part can be given back; the others go with the process.
            Some((stretch, offset)) => {
                stretch.move_end(offset, layout.size(), 0);
            }
            // SAFETY: it came from the C library with this layout.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some((stretch, offset)) = self.stretch(pointer) else {
            // SAFETY: it came from the C library with this layout.
            return unsafe { System.realloc(pointer, layout, new_size) };
        };
        if stretch.move_end(offset, layout.size(), new_size) {
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
            let size = 1 + next(if round % 50 == 0 { 400_000 } else { 200 }) as usize;
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
        // All three were asked.
        assert!(allocator.used.load(Ordering::Relaxed) > SIZE / 2);
        assert!(allocator.more_used.load(Ordering::Relaxed) > MORE / 2);
        assert!(held.iter().any(|(pointer, ..)| allocator.stretch(*pointer).is_none()));
        for (pointer, layout, mark) in held.drain(..) {
            // SAFETY: as above.
            unsafe {
                assert!((0..layout.size()).all(|at| *pointer.add(at) == mark));
                allocator.dealloc(pointer, layout);
            }
        }
    }
}
