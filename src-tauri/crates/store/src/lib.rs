//! SQLite: events, checkpoints, bounded tables.
