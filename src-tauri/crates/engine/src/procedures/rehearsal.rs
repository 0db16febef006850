//! The rehearsal: every machine boots into memory, says what it is, and goes off again. No disk is touched.

use lab::{BootState, Code, Failure, Phase, PowerState, live::Snapshot, run::RunState};
use serde_json::json;

use super::{Per, Row, TaskContext, Work, power};
use crate::reading::POWER_DEVICE;

/// The whole operation on one screen.
pub(crate) const TABLE: &[Row] = &[
    Row {
        id: "check",
        words: "check",
        tells: "Before anything is pressed: do the power board and the boot services answer?",
        per: Per::Run,
        needs: &[],
        limit_s: |limits| limits.check_s,
        act: |ctx, _| Box::pin(check(ctx)),
        seen: None,
        undo: None,
        late: |snapshot, _| not_ready(snapshot),
    },
    Row {
        id: "power-up",
        words: "power up",
        tells: "The relay board presses the power buttons one after the other, as a finger would.",
        per: Per::Machine,
        needs: &["check"],
        limit_s: |limits| limits.power_up_s,
        act: |ctx, machine| Box::pin(async move { power::switch_on(ctx, &machine).await }),
        seen: Some(is_up),
        undo: Some(("switched off", |ctx, machine| {
            Box::pin(async move { power::switch_off(ctx, &machine).await })
        })),
        late: |_, _| ("the press did not end".into(), "look at the relay board and its cable".into()),
    },
    Row {
        id: "boot",
        words: "boot",
        tells: "Each PC asks the network for an address, fetches its loader, then a Linux kernel, and starts it in memory.",
        per: Per::Machine,
        needs: &["power-up"],
        limit_s: |limits| limits.boot_s,
        act: |ctx, machine| Box::pin(boot(ctx, machine)),
        seen: Some(is_up),
        undo: None,
        late: boot_late,
    },
    Row {
        id: "report",
        words: "report",
        tells: "The system in memory looks at its own hardware and reports what it found.",
        per: Per::Machine,
        needs: &["boot"],
        limit_s: |limits| limits.report_s,
        act: |ctx, machine| Box::pin(report(ctx, machine)),
        seen: None,
        undo: None,
        late: boot_late,
    },
    Row {
        id: "power-down",
        words: "power down",
        tells: "Every PC has reported and goes off again. Nothing was written to any disk.",
        per: Per::Machine,
        needs: &["report"],
        limit_s: |limits| limits.power_down_s,
        act: |ctx, machine| Box::pin(async move { power::switch_off(ctx, &machine).await }),
        seen: None,
        undo: None,
        late: |_, _| {
            ("it was not seen to be off".into(), "look at the PC; hold its own button for 5 s".into())
        },
    },
];

fn check(mut ctx: TaskContext) -> Work {
    Box::pin(async move {
        let services = ctx.config.services.clone();
        ctx.until(|snapshot| {
            let ready = |name: &String| snapshot.live.services.iter().any(|s| s.name == *name && s.ready);
            let power = snapshot.status.devices.get(POWER_DEVICE).is_some_and(|d| d.present);
            (power && services.iter().all(ready)).then_some(Ok(json!({ "services": services })))
        })
        .await
    })
}

/// The first thing that is not as it must be.
fn not_ready(snapshot: &Snapshot) -> (String, String) {
    if let Some(failure) = snapshot.status.devices.get(POWER_DEVICE).and_then(|d| d.failure.as_ref()) {
        return (failure.to_string(), failure.remedy.clone());
    }
    match snapshot.live.services.iter().find(|s| !s.ready) {
        Some(service) => (format!("{} is not ready: {}", service.name, service.says), "see System".into()),
        None => ("the power board was not read yet".into(), "look at the relay board and its cable".into()),
    }
}

/// Whether the machine still runs what this run started.
fn is_up(snapshot: &Snapshot, run: u64, machine: &str) -> bool {
    snapshot.status.machines.get(machine).is_some_and(|m| {
        let boots = m
            .boot
            .as_ref()
            .is_some_and(|b| b.run == Some(run) && matches!(b.state, BootState::Running | BootState::Good));
        boots && m.commanded == PowerState::On && m.observed != PowerState::Off
    })
}

async fn boot(mut ctx: TaskContext, machine: String) -> Result<serde_json::Value, Failure> {
    let run = ctx.run;
    ctx.until(|snapshot| {
        let boot = snapshot.status.machines.get(&machine)?.boot.as_ref().filter(|b| b.run == Some(run))?;
        match boot.state {
            BootState::Good => Some(Ok(json!({ "boot": boot.id }))),
            BootState::Running if boot.phase() == Phase::Service => Some(Ok(json!({ "boot": boot.id }))),
            BootState::Failed => Some(Err(boot_failed(&machine, boot.why.as_deref().unwrap_or("it failed")))),
            // A machine that began again has a new boot, which is waited for like the first.
            BootState::Running | BootState::Abandoned => None,
        }
    })
    .await
}

async fn report(mut ctx: TaskContext, machine: String) -> Result<serde_json::Value, Failure> {
    let run = ctx.run;
    ctx.until(|snapshot| {
        let known = snapshot.status.machines.get(&machine)?;
        let boot = known.boot.as_ref().filter(|b| b.run == Some(run))?;
        match boot.state {
            BootState::Good => {
                known.facts.as_ref().map(|facts| Ok(json!({ "boot": boot.id, "facts": facts })))
            }
            BootState::Failed => Some(Err(boot_failed(&machine, boot.why.as_deref().unwrap_or("it failed")))),
            BootState::Running | BootState::Abandoned => None,
        }
    })
    .await
}

fn boot_failed(machine: &str, why: &str) -> Failure {
    Failure::new(
        Code::BootFailed,
        format!("boot {machine}"),
        why,
        "open the boot's page; it says how far it came",
    )
}

/// How far a late boot came, and what to look at first.
fn boot_late(snapshot: &Snapshot, machine: &str) -> (String, String) {
    let boot = snapshot.status.machines.get(machine).and_then(|m| m.boot.as_ref());
    let Some(boot) = boot else {
        return (
            "it never began to boot".into(),
            "look whether the PC has power and the right outlet".into(),
        );
    };
    let (says, remedy) = match boot.phase() {
        Phase::Firmware => (
            "nothing was heard since its button was pressed",
            "look at its screen: network boot may be off or not first, or it waits for a key; or it has no power",
        ),
        Phase::Address => {
            ("it has an address but asked for no boot file", "look at its screen for a PXE error")
        }
        Phase::Loader => (
            "its loader came but it asked for no kernel",
            "open its console or its screen; the loader may not fit its firmware",
        ),
        Phase::Kernel => ("its boot files did not arrive whole", "look at the cable and the switch port"),
        Phase::Os => {
            ("everything was fetched, then silence", "open its console: the kernel may have stopped")
        }
        Phase::Service => ("its system runs but did not report", "open its console"),
    };
    (format!("it stopped in phase {}: {says}", boot.phase().word()), remedy.into())
}

/// What the run says when it has ended by itself.
pub(crate) fn verdict(run: &lab::Run) -> (RunState, String) {
    let all = run.machines.len();
    let good = run.machines.iter().filter(|m| run.machine_state(m) == "done").count();
    if run.tasks.iter().all(|t| t.state == lab::run::TaskState::Done) {
        return (RunState::Done, format!("{all} of {all} PCs reported and are off again"));
    }
    let first = run.tasks.iter().find_map(|t| t.failure.as_ref().map(|f| (&t.key, f)));
    let says = match first {
        Some((key, failure)) if key.subject == super::RUN => format!("{} failed: {failure}", key.step),
        Some((key, failure)) => {
            format!("{good} of {all} PCs reported; first failure: {} at {}: {failure}", key.subject, key.step)
        }
        None => format!("{good} of {all} PCs reported; nothing more could begin"),
    };
    (RunState::Failed, says)
}
