//! Machines booted from power-on to their report: by the whole program, and by dnsmasq and nginx in the reference lab's
//! way. Both sides have the same machines (QEMU as the program's virtual board starts it, OVMF with fresh variables, no
//! KVM), the same kernel, initrd and kernel command line.

mod machine;
mod program;
mod reference;
mod times;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;

use crate::bench::Bench;
use benches::row::{Aim, Measure, Row, Side};
use benches::table::median;
use times::Boot;

/// A machine without KVM on a busy host boots in a minute; so many share the host's processors.
const LONGEST_ONE: Duration = Duration::from_secs(300);
const LONGEST_SIX: Duration = Duration::from_secs(900);

pub(crate) struct Boots {
    word: &'static str,
    /// The program's word for how machines boot.
    way: &'static str,
    machines: u8,
}

impl Boots {
    pub(crate) fn one(word: &'static str, way: &'static str) -> Boots {
        Boots { word, way, machines: 1 }
    }

    pub(crate) fn six(word: &'static str, way: &'static str) -> Boots {
        Boots { word, way, machines: 6 }
    }

    fn longest(&self) -> Duration {
        if self.machines == 1 { LONGEST_ONE } else { LONGEST_SIX }
    }
}

#[async_trait]
impl Row<Bench> for Boots {
    fn word(&self) -> &'static str {
        self.word
    }

    fn title(&self) -> String {
        match self.machines {
            1 => format!("UEFI boot of one machine, {}", self.way),
            n => format!("UEFI boots of {n} machines at once, {}", self.way),
        }
    }

    fn theirs(&self) -> &'static str {
        "dnsmasq, nginx, iPXE"
    }

    fn measures(&self) -> Vec<Measure> {
        let measure =
            |name, aim: Option<f64>, why| Measure { name, unit: "s", aim: aim.map(Aim::TimesAtMost), why };
        let firmware = "What is left is the loader's own: it starts, asks for an address of its own, and fetches, at its own pace, \
                        on an emulated processor.";
        let whole =
            "Firmware before the network and kernel after it are the same for both, and take most of it.";
        if self.machines > 1 {
            return vec![
                measure("network phase, median", Some(0.35), firmware),
                measure("network phase, worst", Some(0.35), firmware),
                measure("first power-on to last report", None, ""),
            ];
        }
        match self.way {
            "http" => vec![
                measure("network phase", Some(0.1), firmware),
                measure("power-on to report", Some(0.5), whole),
            ],
            _ => vec![measure("network phase", Some(0.2), firmware), measure("power-on to report", None, "")],
        }
    }

    async fn run(&mut self, side: Side, bench: &Bench) -> Result<Vec<f64>> {
        let boots = match side {
            Side::Ours => program::run(bench, self.machines, self.way, self.longest()).await?,
            Side::Theirs => reference::run(bench, self.machines, self.longest()).await?,
        };
        ensure!(
            boots.len() == usize::from(self.machines),
            "{} of {} machines reported",
            boots.len(),
            self.machines
        );
        let network: Vec<_> = boots.iter().map(Boot::network).collect();
        let middle = median(&network).context("no machine reported")?;
        let all = times::all(&boots);
        Ok(match self.machines {
            1 => vec![middle, all],
            _ => vec![middle, network.iter().copied().fold(0.0, f64::max), all],
        })
    }
}
