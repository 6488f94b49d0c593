//! An allocator that counts, so that a bench can say beside the time how often memory was asked for, and a test that
//! it was not.
//!
//! Counts are kept for each thread: what other threads do meanwhile is not the measured code's doing.

#![allow(
    unsafe_code,
    reason = "an allocator can't be made otherwise; every call goes to the system's as it came"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Neither made on first use nor dropped, so that the allocator itself may use it at any time.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted.
#[derive(Debug)]
pub struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often this thread asked for memory, or for more of it, since it started.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// How often it did while `work` ran.
pub fn allocations_of<T>(work: impl FnOnce() -> T) -> u64 {
    let before = allocations();
    drop(work());
    allocations() - before
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every method passes its arguments on to `System` unchanged and gives back what that gives, so that
// the contract of `GlobalAlloc` holds because it holds for `System`. Counting neither allocates nor unwinds.
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
        // SAFETY: the caller keeps the contract of `realloc`: `old` is of this allocator, hence of `System`,
        // and has this layout; `bytes` is more than 0 and does not overflow.
        unsafe { System.realloc(old, layout, bytes) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`: `old` is of this allocator, hence of `System`,
        // and has this layout.
        unsafe { System.dealloc(old, layout) }
    }
}
