//! What calls leave behind for later ones: responses, conversations, files, uploads, batches, vector stores.
//!
//! Invariants: every kind is bounded by its shelf; one kind never waits for another.
//! Does not know: how any of them is made or told.

use crate::batches::Batch;
use crate::conversations::Conversation;
use crate::files::File;
use crate::responses::Stored;
use crate::shelf::Shelf;
use crate::uploads::Upload;
use crate::vector_stores::VectorStore;

#[derive(Default)]
pub(crate) struct Objects {
    pub(crate) responses: Shelf<Stored>,
    pub(crate) conversations: Shelf<Conversation>,
    pub(crate) files: Shelf<File>,
    pub(crate) uploads: Shelf<Upload>,
    pub(crate) batches: Shelf<Batch>,
    pub(crate) vector_stores: Shelf<VectorStore>,
}

impl Objects {
    pub(crate) fn forget(&self) {
        self.responses.forget();
        self.conversations.forget();
        self.files.forget();
        self.uploads.forget();
        self.batches.forget();
        self.vector_stores.forget();
    }
}
