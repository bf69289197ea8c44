//! What calls leave behind for later ones: responses and conversations.
//!
//! Invariants: every kind is bounded by its shelf; one kind never waits for another.
//! Does not know: how any of them is made or told.

use crate::conversations::Conversation;
use crate::responses::Stored;
use crate::shelf::Shelf;

#[derive(Default)]
pub(crate) struct Objects {
    pub(crate) responses: Shelf<Stored>,
    pub(crate) conversations: Shelf<Conversation>,
}

impl Objects {
    pub(crate) fn forget(&self) {
        self.responses.forget();
        self.conversations.forget();
    }
}
