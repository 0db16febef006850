//! The vocabulary: types, events, the folds from events to status, ports. No I/O.
