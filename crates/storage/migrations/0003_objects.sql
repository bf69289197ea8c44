-- What was made at the upstream under its one key: stored responses, files and the like, each with whose virtual key made it.

CREATE TABLE object_owner (
    object_id  TEXT NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    project    TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
