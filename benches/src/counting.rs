//! A counting allocator: benches report allocations beside times, and tests assert that there are
//! none.
//!
//! Counts are per thread, so that other threads do not affect the measured code.

#![allow(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait; every call is passed on to the system's allocator"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Neither initialised lazily nor dropped, so that the allocator may use it at any time.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The allocator of the system, with a count of calls.
#[derive(Debug)]
pub struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Number of allocations and reallocations of this thread since it started.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// Number of allocations and reallocations of this thread during `work`.
pub fn allocations_of<T>(work: impl FnOnce() -> T) -> u64 {
    let before = allocations();
    drop(work());
    allocations() - before
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every method passes its arguments on to `System` unchanged and returns its result, so
// that the contract of `GlobalAlloc` holds because it holds for `System`. Counting neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`: a layout of more than 0 bytes.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`: a layout of more than 0 bytes.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`: `old` is of this allocator, hence of
        // `System`, and has this layout; `bytes` is more than 0 and does not overflow.
        unsafe { System.realloc(old, layout, bytes) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`: `old` is of this allocator, hence of
        // `System`, and has this layout.
        unsafe { System.dealloc(old, layout) }
    }
}
