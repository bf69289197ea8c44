//! Looks at the budgets' windows all through the soak.
//!
//! Invariants: the law that it looks for, settled + leased ≤ limit, holds at every instant, so any look may find it broken.
//! Does not know: why.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::books::{Books, Window};
use super::server::Place;

const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// Violations that are kept.
const SEEN_MAX: usize = 20;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// How often the tables were looked at.
    pub(crate) looks: u64,
    /// Windows above their limit, in words.
    pub(crate) above: Vec<String>,
}

pub(crate) struct Watcher {
    task: JoinHandle<io::Result<Watched>>,
    end: oneshot::Sender<()>,
}

/// Looks until it is stopped; where there are no budgets there is nothing to see.
pub(crate) fn start(place: &Arc<Place>, budgets: bool) -> Watcher {
    let (end, mut ended) = oneshot::channel();
    let place = Arc::clone(place);
    let task = tokio::spawn(async move {
        let mut watched = Watched::default();
        if !budgets {
            return Ok(watched);
        }
        loop {
            let windows = Books::windows(&place).await?;
            watched.looks += 1;
            let room = SEEN_MAX.saturating_sub(watched.above.len());
            watched
                .above
                .extend(windows.iter().filter_map(above).take(room));
            tokio::select! {
                () = tokio::time::sleep(LOOK_PAUSE) => {}
                _ = &mut ended => return Ok(watched),
            }
        }
    });
    Watcher { task, end }
}

/// In words, if it is above its limit.
pub(crate) fn above(window: &Window) -> Option<String> {
    let limit = window.limit?;
    let (settled, leased) = (window.settled, window.leased);
    (settled + leased > limit).then(|| {
        format!(
            "{}: settled {settled} + leased {leased} > {limit}",
            window.name()
        )
    })
}

impl Watcher {
    /// Ends it and gives what it saw.
    ///
    /// Errors: it could not read.
    pub(crate) async fn stop(self) -> io::Result<Watched> {
        // It may have ended with an error, which follows.
        let _ = self.end.send(());
        self.task.await.map_err(io::Error::other)?
    }
}
