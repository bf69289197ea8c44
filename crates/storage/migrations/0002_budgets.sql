-- Budgets, their windows, the leases cut from them, and who holds those.

-- Never goes back: a clock that is set back neither opens an old window again nor brings a dead instance to life.
CREATE TABLE clock (
    only_row  INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    latest_ms INTEGER NOT NULL
) STRICT;
INSERT INTO clock (only_row, latest_ms) VALUES (1, 0);

-- A budget that was removed keeps its row, because leases of it may settle late. Budget 0 is the books: what every
-- attempt holds a lease of, without a limit.
CREATE TABLE budget (
    budget_id      INTEGER NOT NULL PRIMARY KEY,
    scope_kind     TEXT NOT NULL CHECK (scope_kind IN ('global', 'project', 'key', 'model', 'user', 'tag')),
    scope_value    TEXT NOT NULL,
    window_kind    TEXT NOT NULL CHECK (window_kind IN ('day', 'month', 'total')),
    limit_pico_usd INTEGER,
    template_id    INTEGER REFERENCES budget (budget_id),
    created_at_ms  INTEGER NOT NULL,
    created_epoch  INTEGER NOT NULL,
    changed_epoch  INTEGER NOT NULL,
    removed_epoch  INTEGER,
    CHECK ((scope_kind = 'global') = (scope_value = '')),
    CHECK (scope_value <> '*' OR scope_kind IN ('key', 'user')),
    CHECK (CASE WHEN budget_id = 0 THEN limit_pico_usd IS NULL ELSE limit_pico_usd IS NOT NULL AND limit_pico_usd >= 0 END)
) STRICT;
INSERT INTO budget (budget_id, scope_kind, scope_value, window_kind, limit_pico_usd, template_id, created_at_ms,
    created_epoch, changed_epoch) VALUES (0, 'global', '', 'day', NULL, NULL, 0, 0, 0);
CREATE UNIQUE INDEX budget_by_scope ON budget (scope_kind, scope_value, window_kind)
    WHERE removed_epoch IS NULL AND budget_id > 0;
CREATE INDEX budget_by_epoch ON budget (created_epoch);
CREATE INDEX budget_by_template ON budget (template_id) WHERE template_id IS NOT NULL;

-- settled + leased never passes the limit by a grant, but for what is carried over, which is counted in
-- forced_pico_usd: the trigger holds that against every writer.
CREATE TABLE budget_window (
    budget_id        INTEGER NOT NULL REFERENCES budget (budget_id),
    window_start     INTEGER NOT NULL,
    settled_pico_usd INTEGER NOT NULL CHECK (settled_pico_usd >= 0),
    leased_pico_usd  INTEGER NOT NULL CHECK (leased_pico_usd >= 0),
    forced_pico_usd  INTEGER NOT NULL CHECK (forced_pico_usd >= 0),
    PRIMARY KEY (budget_id, window_start)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER grant_stays_within_the_limit BEFORE UPDATE OF leased_pico_usd ON budget_window
WHEN new.leased_pico_usd - old.leased_pico_usd > new.forced_pico_usd - old.forced_pico_usd
BEGIN
    SELECT RAISE(ABORT, 'a grant above the limit of its budget')
    FROM budget
    WHERE budget_id = new.budget_id AND removed_epoch IS NULL
        AND new.settled_pico_usd + new.leased_pico_usd - (new.forced_pico_usd - old.forced_pico_usd) > limit_pico_usd;
END;

-- Servers. One that does not beat until it expires is dead: its leases are written off.
CREATE TABLE instance (
    instance      BLOB NOT NULL PRIMARY KEY CHECK (length(instance) = 16),
    seen_epoch    INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What one instance holds of one window. leased_pico_usd of the window is the sum of what remains.
CREATE TABLE lease (
    lease_id             INTEGER NOT NULL PRIMARY KEY,
    instance             BLOB NOT NULL CHECK (length(instance) = 16),
    budget_id            INTEGER NOT NULL,
    window_start         INTEGER NOT NULL,
    remaining_pico_usd   INTEGER NOT NULL CHECK (remaining_pico_usd >= 0),
    granted_pico_usd     INTEGER NOT NULL CHECK (granted_pico_usd >= remaining_pico_usd),
    given_back_pico_usd  INTEGER NOT NULL CHECK (given_back_pico_usd BETWEEN 0 AND granted_pico_usd),
    written_off_pico_usd INTEGER NOT NULL CHECK (written_off_pico_usd >= 0),
    taken_back_pico_usd  INTEGER NOT NULL CHECK (taken_back_pico_usd BETWEEN 0 AND written_off_pico_usd),
    open                 INTEGER NOT NULL,
    FOREIGN KEY (budget_id, window_start) REFERENCES budget_window (budget_id, window_start),
    CHECK (CASE open WHEN 1 THEN written_off_pico_usd = 0 ELSE open = 0 AND remaining_pico_usd = 0 END)
) STRICT;
CREATE UNIQUE INDEX lease_open ON lease (instance, budget_id, window_start) WHERE open = 1;
CREATE INDEX lease_by_window ON lease (budget_id, window_start);

CREATE TRIGGER lease_is_never_removed BEFORE DELETE ON lease
BEGIN
    SELECT RAISE(ABORT, 'a lease may settle late');
END;

-- Who found too little, so that others give back what they do not need.
CREATE TABLE recall (
    budget_id       INTEGER NOT NULL,
    window_start    INTEGER NOT NULL,
    instance        BLOB NOT NULL,
    wanted_pico_usd INTEGER NOT NULL,
    at_ms           INTEGER NOT NULL,
    PRIMARY KEY (budget_id, window_start, instance)
) STRICT, WITHOUT ROWID;

-- Thresholds that were crossed: once each for a window and limit. Told by whoever claims the row.
CREATE TABLE alert (
    alert_id         INTEGER NOT NULL PRIMARY KEY,
    budget_id        INTEGER NOT NULL REFERENCES budget (budget_id),
    window_start     INTEGER NOT NULL,
    percent          INTEGER NOT NULL CHECK (percent > 0),
    limit_pico_usd   INTEGER NOT NULL,
    settled_pico_usd INTEGER NOT NULL,
    leased_pico_usd  INTEGER NOT NULL,
    at_ms            INTEGER NOT NULL,
    tries            INTEGER NOT NULL,
    claimed_until_ms INTEGER NOT NULL,
    delivered        INTEGER NOT NULL CHECK (delivered IN (0, 1)),
    UNIQUE (budget_id, window_start, percent, limit_pico_usd)
) STRICT;
CREATE INDEX alert_waiting ON alert (alert_id) WHERE delivered = 0;

-- How many end users a key has brought into being by a template.
CREATE TABLE end_users_made (
    day    INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    made   INTEGER NOT NULL,
    PRIMARY KEY (day, key_id)
) STRICT, WITHOUT ROWID;

-- The part of the daily sums that rests on no report of the upstream, in two columns each like the cost.
ALTER TABLE usage_daily ADD COLUMN estimated_milli_usd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_daily ADD COLUMN estimated_rest_pico_usd INTEGER NOT NULL DEFAULT 0
    CHECK (estimated_rest_pico_usd BETWEEN 0 AND 999999999);
ALTER TABLE usage_daily ADD COLUMN unsettled_milli_usd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_daily ADD COLUMN unsettled_rest_pico_usd INTEGER NOT NULL DEFAULT 0
    CHECK (unsettled_rest_pico_usd BETWEEN 0 AND 999999999);

-- Cost by end user and by tag, so that a budget made for one of them starts from what was spent without a scan of the
-- ledger. An entry with several tags counts under each.
CREATE TABLE label_daily (
    day                INTEGER NOT NULL,
    kind               TEXT NOT NULL CHECK (kind = 'user' OR kind = 'tag'),
    value              TEXT NOT NULL,
    cost_milli_usd     INTEGER NOT NULL,
    cost_rest_pico_usd INTEGER NOT NULL CHECK (cost_rest_pico_usd BETWEEN 0 AND 999999999),
    PRIMARY KEY (day, kind, value)
) STRICT, WITHOUT ROWID;

INSERT INTO label_daily (day, kind, value, cost_milli_usd, cost_rest_pico_usd)
SELECT day, kind, value, sum((cost - rest) / 1000000000) + sum(rest) / 1000000000, sum(rest) % 1000000000
FROM (
    SELECT day, kind, value, cost, (cost % 1000000000 + 1000000000) % 1000000000 AS rest
    FROM (
        SELECT window_day AS day, 'user' AS kind, end_user AS value, cost_pico_usd AS cost
        FROM ledger_entry WHERE end_user IS NOT NULL
        UNION ALL
        SELECT window_day, 'tag', tag, cost_pico_usd
        FROM (
            SELECT DISTINCT entry_id, window_day, cost_pico_usd, json_each.value AS tag
            FROM ledger_entry, json_each(ledger_entry.tags)
        )
    )
)
GROUP BY day, kind, value;

UPDATE usage_daily SET
    estimated_milli_usd = unproven.estimated_milli, estimated_rest_pico_usd = unproven.estimated_rest,
    unsettled_milli_usd = unproven.unsettled_milli, unsettled_rest_pico_usd = unproven.unsettled_rest
FROM (
    SELECT window_day, key_id, project, model, endpoint,
        sum((estimated - estimated_over) / 1000000000) + sum(estimated_over) / 1000000000 AS estimated_milli,
        sum(estimated_over) % 1000000000 AS estimated_rest,
        sum((unsettled - unsettled_over) / 1000000000) + sum(unsettled_over) / 1000000000 AS unsettled_milli,
        sum(unsettled_over) % 1000000000 AS unsettled_rest
    FROM (
        SELECT window_day, key_id, project, model, endpoint, estimated, unsettled,
            (estimated % 1000000000 + 1000000000) % 1000000000 AS estimated_over,
            (unsettled % 1000000000 + 1000000000) % 1000000000 AS unsettled_over
        FROM (
            SELECT entry.window_day, entry.key_id, entry.project, entry.model, entry.endpoint,
                iif(coalesce(first.state, entry.state) = 'estimated', entry.cost_pico_usd, 0) AS estimated,
                iif(coalesce(first.state, entry.state) = 'unsettled', entry.cost_pico_usd, 0) AS unsettled
            FROM ledger_entry AS entry LEFT JOIN ledger_entry AS first ON first.entry_id = entry.adjusts
        )
    )
    GROUP BY window_day, key_id, project, model, endpoint
) AS unproven
WHERE usage_daily.day = unproven.window_day AND usage_daily.key_id = unproven.key_id
    AND usage_daily.project = unproven.project AND usage_daily.model = unproven.model
    AND usage_daily.endpoint = unproven.endpoint;
