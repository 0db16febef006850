//! The rows, in the order of the table.

mod count;
mod jq;

use benches::row::Row;

use crate::bench::Bench;

/// All that can be measured here.
pub(crate) fn all() -> Vec<Box<dyn Row<Bench>>> {
    let mut rows: Vec<Box<dyn Row<Bench>>> = vec![Box::<count::Count>::default()];
    if jq::is_here() {
        rows.push(Box::new(jq::Jq));
    }
    rows
}
