//! Watchers take no input: a timer triggers the same idempotent look at the world.

mod gear;

use std::{sync::Arc, time::Duration};

use lab::{
    Body, Code, Failure, Stamp,
    explain::{CLOCK, CPU, OWN_LINK},
    ports::{Link, PortError, Power, Wire},
    stream::{self, StreamReading},
};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use gear::{router, switch};

use crate::{
    config::Clock,
    observation::{Observation, ObservationSink},
};

/// Pace of looking at the power board, as its own display keeps it.
const POWER_PERIOD: Duration = Duration::from_secs(1);
/// A read that takes longer than this has failed.
const POWER_LIMIT: Duration = Duration::from_secs(8);

/// Reads the power port once a second until told to stop.
pub(crate) async fn power(
    power: Arc<dyn Power>,
    clock: Clock,
    sink: ObservationSink,
    stop: CancellationToken,
) {
    let mut pace = interval(POWER_PERIOD);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        // Stamped before the look: what it shows is at least this new.
        let stamp = clock();
        let reading = tokio::select! {
            () = stop.cancelled() => return,
            reading = timeout(POWER_LIMIT, power.read()) => reading,
        };
        let reading = reading.unwrap_or_else(|_| {
            Err(PortError {
                what: "read the power board".into(),
                why: format!("no answer within {} s", POWER_LIMIT.as_secs()),
                remedy: "look at its cable".into(),
                absent: true,
            })
        });
        sink.put(Observation::Power { stamp, reading });
    }
}

/// Looks that tell nothing by themselves: told about once a second, so that it is seen when they end.
struct Looks {
    reading: StreamReading,
    told: Option<Stamp>,
}

impl Looks {
    fn new(name: &str, title: &str) -> Self {
        let reading = StreamReading { name: name.into(), title: title.into(), ..StreamReading::default() };
        Self { reading, told: None }
    }

    fn tell(&mut self, clock: &Clock, sink: &ObservationSink) {
        let now = clock();
        self.reading.items += 1;
        self.reading.newest = Some(now.clone());
        // A little less than a second, so that a pace of half a second does not tell every third.
        if self.told.as_ref().is_some_and(|told| now.seconds_since(told).is_some_and(|s| s < 0.9)) {
            return;
        }
        self.told = Some(now.clone());
        sink.put(Observation::Streams { stamp: now, readings: vec![self.reading.clone()] });
    }
}

/// Pace of looking at links: a person who pulls a cable looks at the screen a second later.
const LINK_PERIOD: Duration = Duration::from_millis(500);
/// One look at all of them; it reads the kernel's own tables.
const LINK_LIMIT: Duration = Duration::from_secs(2);

/// Looks at the machines' links and at the controller's own, and tells each change.
pub(crate) async fn links(
    wire: Arc<dyn Wire>,
    machines: Vec<String>,
    clock: Clock,
    sink: ObservationSink,
    stop: CancellationToken,
) {
    let mut known: Vec<Option<Link>> = vec![None; machines.len()];
    let mut own = None;
    let mut looks = Looks::new(stream::LINKS, "looks at links");
    let mut pace = interval(LINK_PERIOD);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        let look = async {
            for (machine, known) in machines.iter().zip(&mut known) {
                let stamp = clock();
                let now = wire.link(machine).await;
                if let Some(link) = now.filter(|_| now != *known) {
                    *known = now;
                    sink.put(Observation::Link { machine: machine.clone(), stamp, link });
                }
            }
            let now = wire.own_link().await;
            if let Some(up) = now.filter(|_| now != own) {
                own = now;
                tell(&sink, clock(), OWN_LINK, (!up).then(own_link_down));
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            looked = timeout(LINK_LIMIT, look) => {
                looks.tell(&clock, &sink);
                if looked.is_err() {
                    tracing::debug!("links could not be read in time");
                }
            }
        }
    }
}

fn own_link_down() -> Failure {
    Failure::new(
        Code::DeviceAbsent,
        "reach the lab network",
        "the controller's own port has no link",
        "push the controller's network cable home at both ends; look whether the switch has power",
    )
}

/// Pace of looking whether this process gets its time.
const PACE: Duration = Duration::from_millis(250);
/// A turn that comes so late makes DHCP clients ask again: they wait 4 s for the first answer (RFC 2131 section 4.1).
const STARVED_S: f64 = 3.0;
/// A step of the wall clock that makes times on a screen wrong.
const JUMPED_S: f64 = 2.0;
/// What it caused is seen within this.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Looks whether the controller has time to work, and whether its wall clock runs evenly.
pub(crate) async fn own_pace(clock: Clock, sink: ObservationSink, stop: CancellationToken) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<Stamp> = None;
    // Since when each trouble stands.
    let (mut starved, mut jumped) = (None, None);
    let mut looks = Looks::new(stream::PACE, "looks at this program's own time");
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        let now = clock();
        if let Some(last) = last.replace(now.clone()) {
            let passed = now.seconds_since(&last).unwrap_or_default();
            let step = (now.wall_us - last.wall_us) as f64 / 1e6 - passed;
            let late = passed - PACE.as_secs_f64();
            let trouble = (late >= STARVED_S).then(|| no_time(late));
            follow(&sink, &now, CPU, &mut starved, trouble);
            let trouble = (step.abs() >= JUMPED_S).then(|| clock_jumped(step));
            follow(&sink, &now, CLOCK, &mut jumped, trouble);
        }
        looks.tell(&clock, &sink);
    }
}

/// Tells a trouble when it begins, and its end when it has not come back for a while.
fn follow(
    sink: &ObservationSink,
    now: &Stamp,
    service: &str,
    since: &mut Option<Stamp>,
    trouble: Option<Failure>,
) {
    let over = |since: &Stamp| now.seconds_since(since).is_none_or(|s| s >= REMEMBERED.as_secs_f64());
    match trouble {
        Some(failure) => {
            *since = Some(now.clone());
            tell(sink, now.clone(), service, Some(failure));
        }
        None if since.as_ref().is_some_and(over) => {
            *since = None;
            tell(sink, now.clone(), service, None);
        }
        None => {}
    }
}

fn tell(sink: &ObservationSink, stamp: Stamp, service: &str, trouble: Option<Failure>) {
    let service = service.to_owned();
    let body = match trouble {
        Some(failure) => Body::ServiceTroubled { service, failure },
        None => Body::ServiceRecovered { service },
    };
    sink.put(Observation::Fact { subject: lab::status::BOARD.into(), stamp, body: Box::new(body) });
}

fn no_time(late: f64) -> Failure {
    Failure::new(
        Code::Busy,
        "answer in time",
        format!("this program got no processor time for {late:.1} s"),
        "end other programs on the controller; look at its temperature and at its disk",
    )
}

fn clock_jumped(step: f64) -> Failure {
    let way = if step > 0.0 { "forward" } else { "back" };
    Failure::new(
        Code::Internal,
        "tell the time",
        format!("the wall clock was set {way} by {:.0} s", step.abs()),
        "look at what sets the controller's clock (NTP); durations here are not affected",
    )
}
