-- Virtual keys, the ledger and its daily sums.
PRAGMA application_id = 0x6b777264;

-- What was applied, word for word, so that a migration that was edited afterwards is noticed.
CREATE TABLE schema_migration (
    version INTEGER NOT NULL PRIMARY KEY,
    name    TEXT NOT NULL,
    text    TEXT NOT NULL
) STRICT;

-- Grows with every edit that running processes must see.
CREATE TABLE epoch (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    edits    INTEGER NOT NULL
) STRICT;
INSERT INTO epoch (only_row, edits) VALUES (1, 0);

-- Lists are JSON arrays of strings. Times are milliseconds since 1970-01-01 UTC.
CREATE TABLE virtual_key (
    id                  TEXT NOT NULL PRIMARY KEY,
    digest              BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    name                TEXT NOT NULL,
    project             TEXT NOT NULL,
    models              TEXT NOT NULL,
    endpoints           TEXT NOT NULL,
    tags                TEXT NOT NULL,
    origin              TEXT NOT NULL CHECK (origin IN ('minted', 'imported', 'weak')),
    requests_per_minute INTEGER CHECK (requests_per_minute > 0),
    created_at_ms       INTEGER NOT NULL,
    expires_at_ms       INTEGER,
    revoked_at_ms       INTEGER
) STRICT;

-- One row per attempt and one per later correction of it; a correction holds differences. The unique index goes by
-- request ids, which grow with time; any other index would make an insert three times as dear. Reports read
-- `usage_daily`.
CREATE TABLE ledger_entry (
    entry_id               INTEGER NOT NULL PRIMARY KEY,
    request_id             BLOB NOT NULL,
    attempt                INTEGER NOT NULL,
    adjustment             INTEGER NOT NULL,
    adjusts                INTEGER REFERENCES ledger_entry (entry_id),
    state                  TEXT NOT NULL,
    at_ms                  INTEGER NOT NULL,
    window_day             INTEGER NOT NULL,
    lease_id               INTEGER,
    key_id                 TEXT NOT NULL,
    project                TEXT NOT NULL,
    endpoint               TEXT NOT NULL,
    model                  TEXT NOT NULL,
    model_served           TEXT,
    upstream               TEXT NOT NULL,
    service_tier           TEXT,
    price_row              TEXT,
    input_tokens           INTEGER NOT NULL,
    cached_input_tokens    INTEGER NOT NULL,
    cache_write_30m_tokens INTEGER NOT NULL,
    cache_write_12h_tokens INTEGER NOT NULL,
    output_tokens          INTEGER NOT NULL,
    reasoning_tokens       INTEGER NOT NULL,
    other_usage            TEXT,
    cost_pico_usd          INTEGER NOT NULL,
    status                 INTEGER NOT NULL,
    outcome                TEXT NOT NULL,
    cached                 INTEGER NOT NULL,
    stream                 INTEGER NOT NULL,
    latency_ms             INTEGER NOT NULL,
    first_chunk_ms         INTEGER,
    end_user               TEXT,
    tags                   TEXT NOT NULL,
    UNIQUE (request_id, attempt, adjustment),
    CHECK (length(request_id) = 16 AND attempt >= 0),
    -- One check for each turn, no IN list: SQLite builds a tree for one at every insert.
    CHECK (CASE
        WHEN adjustment = 0 THEN
            adjusts IS NULL
            AND (state = 'reported' OR state = 'estimated' OR state = 'unsettled')
            AND input_tokens >= 0 AND cached_input_tokens >= 0 AND cache_write_30m_tokens >= 0
            AND cache_write_12h_tokens >= 0 AND output_tokens >= 0 AND reasoning_tokens >= 0
            AND cost_pico_usd >= 0
        ELSE adjustment > 0 AND adjusts IS NOT NULL AND state = 'adjusted'
    END),
    CHECK ((cached = 0 OR cached = 1) AND (stream = 0 OR stream = 1)),
    CHECK (latency_ms >= 0 AND (first_chunk_ms IS NULL OR first_chunk_ms >= 0))
) STRICT;

CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE ON ledger_entry
BEGIN
    SELECT RAISE(ABORT, 'ledger entries are append-only');
END;

CREATE TRIGGER ledger_entry_is_never_removed BEFORE DELETE ON ledger_entry
BEGIN
    SELECT RAISE(ABORT, 'ledger entries are append-only');
END;

-- Written in the same transaction as the entries it sums. A sum of money is kept in two columns, because pico-USD in
-- 64 bits end at 9.2 million USD: whole thousandths of a USD, and the rest below one in 1e-12 USD.
CREATE TABLE usage_daily (
    day                    INTEGER NOT NULL,
    key_id                 TEXT NOT NULL,
    project                TEXT NOT NULL,
    model                  TEXT NOT NULL,
    endpoint               TEXT NOT NULL,
    requests               INTEGER NOT NULL,
    attempts               INTEGER NOT NULL,
    input_tokens           INTEGER NOT NULL,
    cached_input_tokens    INTEGER NOT NULL,
    cache_write_30m_tokens INTEGER NOT NULL,
    cache_write_12h_tokens INTEGER NOT NULL,
    output_tokens          INTEGER NOT NULL,
    reasoning_tokens       INTEGER NOT NULL,
    cost_milli_usd         INTEGER NOT NULL,
    cost_rest_pico_usd     INTEGER NOT NULL CHECK (cost_rest_pico_usd BETWEEN 0 AND 999999999),
    PRIMARY KEY (day, key_id, project, model, endpoint)
) STRICT, WITHOUT ROWID;
