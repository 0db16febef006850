//! The reliability test as a ledger: what was tried, how far it came, how long each step took. Pure.

use std::collections::BTreeMap;

use lab::Stamp;
use serde::Serialize;

use super::steps;
use crate::wire::time;

/// How there one writes "never".
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Pause between two tests.
pub(super) const INTERVAL_S: u64 = 5;

/// What `/reliabilitytest` answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trial {
    pub(super) total_successes: u64,
    pub(super) total_failures: u64,
    pub(super) total_timeouts: u64,
    pub(super) total_tests: u64,
    pub(super) failures_by_step: BTreeMap<String, u64>,
    pub(super) timeouts_by_step: BTreeMap<String, u64>,
    pub(super) is_running: bool,
    pub(super) current_step: String,
    pub(super) current_test_start: String,
    pub(super) current_step_start: String,
    pub(super) current_step_timings: Vec<StepTiming>,
    pub(super) config: Config,
    /// A test has begun and not ended.
    #[serde(skip)]
    testing: bool,
    #[serde(skip)]
    step_began: Option<Stamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StepTiming {
    step_name: String,
    start_time: String,
    end_time: String,
    /// Seconds.
    duration: f64,
    timed_out: bool,
    failed: bool,
}

/// There these keys begin with capitals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Config {
    #[serde(rename = "BaseURL")]
    base_url: String,
    #[serde(rename = "TestInterval")]
    test_interval: u64,
    #[serde(rename = "Timeouts")]
    timeouts: BTreeMap<String, u64>,
    #[serde(rename = "AbortSteps")]
    abort_steps: Vec<String>,
    #[serde(rename = "PreCommand")]
    pre_command: String,
    #[serde(rename = "PostCommand")]
    post_command: String,
}

/// How a test, or a step of it, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Good,
    Failed,
    TimedOut,
    /// Somebody stopped it; it counts as nothing.
    Stopped,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            total_successes: 0,
            total_failures: 0,
            total_timeouts: 0,
            total_tests: 0,
            failures_by_step: BTreeMap::new(),
            timeouts_by_step: BTreeMap::new(),
            is_running: false,
            current_step: String::new(),
            current_test_start: NEVER.to_owned(),
            current_step_start: NEVER.to_owned(),
            current_step_timings: Vec::new(),
            config: Config {
                base_url: String::new(),
                test_interval: INTERVAL_S,
                timeouts: steps::limits(),
                abort_steps: Vec::new(),
                pre_command: String::new(),
                post_command: String::new(),
            },
            testing: false,
            step_began: None,
        }
    }
}

impl Trial {
    pub(super) fn running() -> Self {
        Self { is_running: true, ..Self::default() }
    }

    pub(super) fn begins(&mut self, now: &Stamp) {
        self.total_tests += 1;
        self.testing = true;
        self.current_step.clear();
        self.current_step_timings.clear();
        self.current_test_start = time(now.wall_us);
        self.current_step_start = NEVER.to_owned();
        self.step_began = None;
    }

    /// The run is in this step now. Whether that is another one than before.
    pub(super) fn enters(&mut self, step: &str, now: &Stamp) -> bool {
        if step.is_empty() || step == self.current_step {
            return false;
        }
        self.close_step(now, End::Good);
        self.current_step = step.to_owned();
        self.current_step_start = time(now.wall_us);
        self.step_began = Some(now.clone());
        true
    }

    pub(super) fn ends(&mut self, end: End, now: &Stamp) {
        if !std::mem::take(&mut self.testing) {
            return;
        }
        self.close_step(now, end);
        let step = self.current_step.clone();
        match end {
            End::Good => self.total_successes += 1,
            End::Failed => {
                self.total_failures += 1;
                *self.failures_by_step.entry(step).or_default() += 1;
            }
            End::TimedOut => {
                self.total_timeouts += 1;
                *self.timeouts_by_step.entry(step).or_default() += 1;
            }
            End::Stopped => self.total_tests = self.total_tests.saturating_sub(1),
        }
    }

    fn close_step(&mut self, now: &Stamp, end: End) {
        let Some(began) = self.step_began.take() else { return };
        let duration = now.seconds_since(&began).unwrap_or(0.0).max(0.0);
        self.current_step_timings.push(StepTiming {
            step_name: self.current_step.clone(),
            start_time: time(began.wall_us),
            end_time: time(now.wall_us),
            duration,
            timed_out: end == End::TimedOut,
            failed: end == End::Failed,
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;
    use crate::testing::stamp;

    #[test]
    fn a_test_is_told_step_by_step() {
        let mut trial = Trial::default();
        assert_eq!(to_value(&trial).unwrap()["currentTestStart"], json!(NEVER));
        trial.begins(&stamp(0));
        assert!(!trial.enters("", &stamp(0)), "no step is no step");
        assert!(trial.enters("init", &stamp(0)));
        assert!(!trial.enters("init", &stamp(1)));
        assert!(trial.enters("powerup", &stamp(3)));
        trial.ends(End::TimedOut, &stamp(63));
        let value = to_value(&trial).unwrap();
        assert_eq!(
            (&value["totalTests"], &value["totalTimeouts"], &value["timeoutsByStep"]),
            (&json!(1), &json!(1), &json!({"powerup": 1}))
        );
        let timings = value["currentStepTimings"].as_array().unwrap();
        let row = |at: usize| (&timings[at]["stepName"], &timings[at]["duration"], &timings[at]["timedOut"]);
        assert_eq!(row(0), (&json!("init"), &json!(3.0), &json!(false)));
        assert_eq!(row(1), (&json!("powerup"), &json!(60.0), &json!(true)));
        trial.begins(&stamp(70));
        assert!(trial.current_step_timings.is_empty());
        trial.ends(End::Stopped, &stamp(71));
        trial.ends(End::Stopped, &stamp(72));
        assert_eq!(trial.total_tests, 1, "one that was stopped counts as nothing, and only once");
    }
}
