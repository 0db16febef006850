-- Log records of one board, and how far they have been read and counted. Nothing here is an event: it may be forgotten by age and size.
-- The words of the records lie in full-text tables beside these, one a volume: `words_1`, `words_2`, … (FTS5, without the text itself).
-- A volume is dropped whole, which costs next to nothing, and a search that is satisfied by the newest volumes reads no others.

-- Numbered in the order of arrival; a number never comes back.
CREATE TABLE records (
    id      INTEGER PRIMARY KEY,
    source  INTEGER NOT NULL,
    time_us INTEGER,
    seen_us INTEGER NOT NULL,
    level   INTEGER NOT NULL,
    message TEXT    NOT NULL
) STRICT;

-- Who says something says it often: 30 bytes a record become one.
CREATE TABLE sources (
    id      INTEGER PRIMARY KEY,
    stream  TEXT    NOT NULL,
    node    TEXT    NOT NULL,
    service TEXT    NOT NULL,
    -- Its newest record: a source whose records are all gone goes too.
    last    INTEGER NOT NULL,
    UNIQUE (stream, node, service)
) STRICT;

CREATE TABLE volumes (
    number    INTEGER PRIMARY KEY,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    oldest_us INTEGER NOT NULL,
    newest_us INTEGER NOT NULL
) STRICT;

CREATE TABLE counters (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE served (
    map     TEXT    NOT NULL,
    address TEXT    NOT NULL,
    times   INTEGER NOT NULL,
    PRIMARY KEY (map, address)
) STRICT, WITHOUT ROWID;

-- How far each file of a stream was read, in the order in which its reader gave them.
CREATE TABLE offsets (
    stream   TEXT    NOT NULL,
    place    INTEGER NOT NULL,
    path     TEXT    NOT NULL,
    -- The bits of an unsigned number.
    device   INTEGER NOT NULL,
    inode    INTEGER NOT NULL,
    offset   INTEGER NOT NULL,
    head     TEXT    NOT NULL,
    head_len INTEGER NOT NULL,
    PRIMARY KEY (stream, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE state (
    one               INTEGER PRIMARY KEY CHECK (one = 1),
    -- The last number given to a record, also when that record is gone.
    last              INTEGER NOT NULL,
    counting_since_us INTEGER NOT NULL
) STRICT;
