//! Panics of user code become errors: one line with the message and the place, no backtrace.
//!
//! Rust prints a panic from a process-wide hook, before anybody can catch it. [`catch`] puts a hook in front of the one
//! that is there, once per process. It keeps quiet and takes notes on threads that are inside `catch`, and leaves every
//! other panic to the earlier hook.

use std::cell::{Cell, RefCell};
use std::panic::{catch_unwind, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::error::{Error, ErrorKind, Result};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Runs `work`; a panic in it becomes an error of kind [`ErrorKind::Processing`]. What `work` was changing may be half
/// changed then: the caller must throw it away.
pub(crate) fn catch<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    HOOK.call_once(put_hook_in_front);
    let outer = CATCHING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(outer);
    outcome.unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "without a message".to_owned());
        let place = PLACE.take().unwrap_or_else(|| "an unknown place".to_owned());
        Err(Error::new(ErrorKind::Processing, format!("panic at {place}: {message}")))
    })
}

fn put_hook_in_front() {
    let earlier = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        if CATCHING.get() {
            PLACE.set(info.location().map(|at| format!("{}:{}:{}", at.file(), at.line(), at.column())));
        } else {
            earlier(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_place() {
        type Work = Box<dyn FnOnce() -> Result<()>>;
        let with_message: Work = Box::new(|| -> Result<()> { panic!("no stock for {}", 7) });
        let without: Work = Box::new(|| -> Result<()> { std::panic::panic_any(7_u8) });
        for (panic, expected) in [(with_message, ": no stock for 7"), (without, ": without a message")] {
            let error = catch(panic).expect_err("it panicked");
            assert!(error.to_string().starts_with("panic at "), "{error}");
            assert!(error.to_string().contains("panics.rs:"), "{error}");
            assert!(error.to_string().ends_with(expected), "{error}");
        }
        assert_eq!(catch(|| Ok(3)).expect("nothing happened"), 3);
        assert!(!CATCHING.get(), "panics elsewhere are somebody else's again");
    }
}
