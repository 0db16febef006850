-- The journal of one board: what happened, where the fold stood, and what is kept for a while only.
-- A migration adds; it never drops or rewrites events.

-- Facts, numbered from 1 without gaps. Wall time is for people, monotonic time for durations within one host_boot.
CREATE TABLE events (
    seq       INTEGER PRIMARY KEY,
    wall_us   INTEGER NOT NULL,
    mono_us   INTEGER NOT NULL,
    host_boot TEXT    NOT NULL,
    run       INTEGER,
    boot      INTEGER,
    actor     TEXT    NOT NULL,
    reason    TEXT,
    kind      TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    data      TEXT    NOT NULL CHECK (json_valid(data)),
    schema    INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_run ON events (run) WHERE run IS NOT NULL;
CREATE INDEX events_by_boot ON events (boot) WHERE boot IS NOT NULL;
CREATE INDEX events_by_subject ON events (subject, seq);
-- The last boots and runs are asked for on every page; their beginnings are few.
CREATE INDEX boots_begun ON events (seq) WHERE kind = 'boot-started';
CREATE INDEX boots_begun_by_machine ON events (subject, seq) WHERE kind = 'boot-started';
CREATE INDEX runs_begun ON events (seq) WHERE kind = 'run-started';

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;

CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;

-- INSERT OR REPLACE would remove a row without asking the trigger above, so an old number is refused before it comes to that.
CREATE TRIGGER events_follow_each_other BEFORE INSERT ON events
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'events are numbered without gaps'); END;

-- The folded status as of one event; `version` names the fold that made it.
CREATE TABLE checkpoint (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    seq     INTEGER NOT NULL,
    status  TEXT    NOT NULL,
    version TEXT    NOT NULL
) STRICT;

-- Who wrote here last, so that an older program can say whose database it refuses.
CREATE TABLE writer (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    program TEXT    NOT NULL,
    schema  INTEGER NOT NULL
) STRICT;

-- Packets of the last boots of each machine; no events, may be trimmed.
CREATE TABLE packets (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    machine   TEXT    NOT NULL,
    boot      INTEGER,
    wall_us   INTEGER NOT NULL,
    mono_us   INTEGER NOT NULL,
    host_boot TEXT    NOT NULL,
    direction TEXT    NOT NULL,
    proto     TEXT    NOT NULL,
    bytes     INTEGER NOT NULL,
    says      TEXT    NOT NULL
) STRICT;

CREATE INDEX packets_by_boot ON packets (boot, id);
CREATE INDEX packets_by_machine ON packets (machine, boot, id);

-- Machines that no board file names. `seen` grows with each sight: a wall clock that jumps cannot confuse the order.
CREATE TABLE unknown_machines (
    mac             TEXT    PRIMARY KEY,
    code            TEXT    NOT NULL,
    seen            INTEGER NOT NULL,
    first_wall_us   INTEGER NOT NULL,
    first_mono_us   INTEGER NOT NULL,
    first_host_boot TEXT    NOT NULL,
    last_wall_us    INTEGER NOT NULL,
    last_mono_us    INTEGER NOT NULL,
    last_host_boot  TEXT    NOT NULL,
    times           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX unknown_machines_by_sight ON unknown_machines (seen);
