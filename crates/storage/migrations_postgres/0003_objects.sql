-- What was made at the upstream under its one key: stored responses, files and the like, each with whose virtual key made it.

CREATE TABLE object_owner (
    object_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind       TEXT COLLATE "C" NOT NULL,
    key_id     TEXT COLLATE "C" NOT NULL,
    project    TEXT COLLATE "C" NOT NULL,
    made_at_ms BIGINT NOT NULL
);
