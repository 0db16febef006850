//! Databases that were found damaged, in words. They lie aside, whole; nothing is deleted.

use lab::{Code, Failure};
use store::{Recovered, SetAside};

/// Names among the troubles of services.
pub(super) const EVENTS: &str = "damaged event database";
pub(super) const RECORDS: &str = "damaged log database";

/// What the start found of the events.
pub(super) fn damaged(recovered: &Recovered) -> Option<Failure> {
    let aside = recovered.set_aside.as_ref()?;
    let kept = format!(
        "{} events up to the damage were carried over; keep the old file for the rest",
        recovered.salvaged
    );
    Some(failure("read the events", aside, &kept))
}

/// What was found of the log records, at the start or later.
pub(super) fn records(aside: &SetAside) -> Failure {
    failure(
        "read the log records",
        aside,
        "nothing: a new one was begun, and no event is lost; keep or delete the old file",
    )
}

fn failure(what: &str, aside: &SetAside, remedy: &str) -> Failure {
    let why = format!("the database was damaged ({}) and lies aside as {}", aside.why, aside.file.display());
    Failure::new(Code::Storage, what, why, remedy)
}
