//! Streams that should keep coming, and the clock by which everything is judged.

use lab::{
    Stamp,
    clock::ClockReading,
    stream::{StreamLive, StreamReading},
};

use crate::turn::Engine;

impl Engine {
    pub(crate) fn streams(&mut self, stamp: Stamp, readings: Vec<StreamReading>) {
        for reading in readings {
            let live = StreamLive { at: stamp.clone(), rate: None, pace_s: None, reading };
            self.core.live.streams.insert(live.reading.name.clone(), live);
        }
    }

    pub(crate) fn clock(&mut self, stamp: Stamp, readings: Vec<ClockReading>) {
        self.core.live.clock = Some((readings, stamp));
    }
}
