//! SIGINT and SIGTERM, for [`KafkaStreams::run`](crate::runtime::KafkaStreams::run): the first one closes the
//! application, the next one ends the process. Nothing else of the library listens to signals.

use std::thread::Builder;

use tokio::runtime;
use tokio::signal::unix::{signal, SignalKind};

use crate::error::{Result, ResultExt};

/// What a shell reports of a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Calls `told` at every SIGINT or SIGTERM until it says that it has nothing left to do; then the process ends.
///
/// # Errors
/// When the handlers cannot be installed.
pub(crate) fn on_signals(mut told: impl FnMut() -> bool + Send + 'static) -> Result<()> {
    let runtime =
        runtime::Builder::new_current_thread().enable_io().build().context(|| "listen for signals".to_owned())?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        let listen = |kind| signal(kind).context(|| "listen for signals".to_owned());
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
    };
    let wait = move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if !told() {
                    std::process::exit(INTERRUPTED);
                }
            }
        });
    };
    Builder::new().name("streams-signals".to_owned()).spawn(wait).context(|| "listen for signals".to_owned())?;
    Ok(())
}
