//! How much memory a thread takes: the allocator of this program counts.

#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

thread_local! {
    /// Bytes that this thread holds; below zero if it freed what another one took.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// The result of a function, and how many bytes it held at once, at most, beside what was held before.
pub(crate) fn most_held<T>(function: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = function();
    (result, usize::try_from(MOST.get() - before).unwrap_or_default())
}

fn count(bytes: usize, sign: isize) {
    HELD.set(HELD.get().wrapping_add(sign.wrapping_mul(bytes.cast_signed())));
    MOST.set(MOST.get().max(HELD.get()));
}

// SAFETY: every call is handed to the allocator of the system as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are held while one is copied into the other.
        count(size, 1);
        count(layout.size(), -1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[test]
fn what_a_function_holds_is_counted() {
    let (kept, most) = most_held(|| {
        drop(vec![0_u8; 3_000_000]);
        vec![0_u8; 1_000_000]
    });
    assert_eq!((kept.len(), most), (1_000_000, 3_000_000));
}
