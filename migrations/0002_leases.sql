-- Addresses that DHCP gave out of its pool, so that a restart neither gives one twice nor forgets whose it was.
-- One row an address: the newest word about it replaces those before it, and the table never outgrows the pool.

CREATE TABLE leases (
    address       TEXT    PRIMARY KEY,
    mac           TEXT    NOT NULL,
    -- Option 61 in hexadecimal digits, where the client sent one.
    client_id     TEXT,
    -- Wall time: the monotonic clock does not outlive the host.
    until_wall_us INTEGER NOT NULL,
    -- As in "bound"; the words are DHCP's own.
    state         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
