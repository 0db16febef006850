//! Every route of the engine's listener, sorted by the right it asks for.

mod browser;
mod bundle;
mod captures;
mod certificates;
mod elsewhere;
mod ending;
mod explain;
mod faults;
mod gear;
mod history;
mod logs;
mod machines;
mod metrics;
mod now;
mod orders;
mod power;
mod replace;
mod ways;
mod wipe;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use browser::{LoginQuery, enter, login};
pub(crate) use elsewhere::{elsewhere, wrong_method};

pub(crate) use gear::testable;
pub use replace::BoardFile;

use crate::server::Site;

/// For anybody: they tell nothing about the board.
pub(crate) fn open() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new().routes(routes!(now::healthz)).routes(routes!(now::openapi))
}

/// For those who may look.
pub(crate) fn read() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(now::status))
        .routes(routes!(now::stream))
        .routes(routes!(history::runs))
        .routes(routes!(history::run))
        .routes(routes!(history::run_waterfall))
        .routes(routes!(history::events))
        .routes(routes!(machines::boots))
        .routes(routes!(machines::boot))
        .routes(routes!(machines::boot_events))
        .routes(routes!(machines::boot_packets))
        .routes(routes!(machines::boot_waterfall))
        .routes(routes!(machines::console))
        .routes(routes!(explain::explanation))
        .routes(routes!(faults::faults))
        .routes(routes!(captures::machine_capture))
        .routes(routes!(captures::boot_capture))
        .routes(routes!(machines::picture))
        .routes(routes!(ending::rollcall))
        .routes(routes!(power::outlets))
        .routes(routes!(gear::capture))
        .routes(routes!(gear::networks))
        .routes(routes!(gear::display))
        .routes(routes!(ways::ways))
        .routes(routes!(ways::measured))
        .routes(routes!(logs::records))
        .routes(routes!(logs::follow))
        .routes(routes!(logs::counters))
        .routes(routes!(certificates::root))
        .routes(routes!(bundle::sticks))
        .routes(routes!(metrics::metrics))
}

/// For those who may act.
pub(crate) fn control() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(orders::start_lab))
        .routes(routes!(orders::cancel_run))
        .routes(routes!(orders::cancel_current_run))
        .routes(routes!(explain::screen))
        .routes(routes!(explain::rearm))
        .routes(routes!(faults::set_fault))
        .routes(routes!(ending::end))
        .routes(routes!(replace::replace))
        .routes(routes!(power::order))
        .routes(routes!(gear::set_port))
        .routes(routes!(gear::set_group))
        .routes(routes!(gear::join))
        .routes(routes!(gear::test))
        .routes(routes!(wipe::arm, wipe::disarm))
        .routes(routes!(ways::retry_ways))
        .routes(routes!(ways::ask_way))
        .routes(routes!(ways::keep_measure))
        .routes(routes!(certificates::check))
        .routes(routes!(certificates::renew))
        .routes(routes!(bundle::bundle))
        .routes(routes!(bundle::to_stick))
}

/// For those who may let others in.
pub(crate) fn admin() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new().routes(routes!(browser::login_codes))
}
