//! What the kernel writes about the controller, read. Numbers that are missing or no numbers are unknown.

/// Time of all processors since the start, in ticks (proc_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTicks {
    pub all: u64,
    pub idle: u64,
    pub softirq: u64,
}

/// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal. Guest times are in user already.
pub fn cpu_ticks(text: &str) -> Option<CpuTicks> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().take(8).map_while(|tick| tick.parse().ok()).collect();
    let (idle, iowait, softirq) = (*ticks.get(3)?, ticks.get(4).copied().unwrap_or(0), *ticks.get(6)?);
    Some(CpuTicks { all: ticks.iter().sum(), idle: idle + iowait, softirq })
}

impl CpuTicks {
    /// Shares in use and on network interrupts since `before`; `None` where no tick has passed.
    pub fn shares(&self, before: &Self) -> Option<(f64, f64)> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)? as f64;
        let idle = self.idle.saturating_sub(before.idle) as f64;
        let softirq = self.softirq.saturating_sub(before.softirq) as f64;
        Some(((1.0 - idle / all).clamp(0.0, 1.0), (softirq / all).clamp(0.0, 1.0)))
    }
}

/// Total and used memory in bytes from `/proc/meminfo`: what a program could still get (`MemAvailable`) is not in use.
pub fn memory(text: &str) -> Option<(u64, u64)> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    let total = value("MemTotal")?;
    Some((total, total.saturating_sub(value("MemAvailable")?)))
}

/// Datagrams dropped since the start because a socket's buffer was full: `RcvbufErrors` of `/proc/net/snmp`, where a line of
/// names stands before each line of numbers.
pub fn socket_drops(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split_ascii_whitespace().position(|name| name == "RcvbufErrors")?;
    numbers.split_ascii_whitespace().nth(at)?.parse().ok()
}

/// Frames dropped since the start because a processor's backlog was full: the second column of `/proc/net/softnet_stat`, a
/// line a processor, hexadecimal.
pub fn backlog_drops(text: &str) -> Option<u64> {
    let mut sum = None;
    for line in text.lines() {
        let dropped = u64::from_str_radix(line.split_ascii_whitespace().nth(1)?, 16).ok()?;
        sum = Some(sum.unwrap_or(0) + dropped);
    }
    sum
}

/// °C from what sysfs gives, thousandths of a degree. Sensors that are not there give nonsense.
pub fn celsius(text: &str) -> Option<f64> {
    let degrees = text.trim().parse::<i64>().ok()? as f64 / 1000.0;
    (-40.0..=150.0).contains(&degrees).then_some(degrees)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_words_are_read() {
        let before = cpu_ticks("cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 1 2 3\n").unwrap();
        let now = cpu_ticks("cpu  150 0 60 820 50 0 20 0 9 0\n").unwrap();
        assert_eq!(before.all, 1000, "guest time is in user time already");
        let (used, softirq) = now.shares(&before).unwrap();
        assert!((used - 0.8).abs() < 1e-9 && (softirq - 0.2).abs() < 1e-9, "{used} {softirq}");
        assert_eq!(now.shares(&now), None);

        let text = "MemTotal:       16315692 kB\nMemFree:         300 kB\nMemAvailable:   8157846 kB\n";
        assert_eq!(memory(text), Some((16_315_692 * 1024, 8_157_846 * 1024)));

        let text = "Tcp: A B\nTcp: 1 2\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n\
                    Udp: 24 0 3 24 17 0\nUdpLite: InDatagrams\n";
        assert_eq!(socket_drops(text), Some(17));
        assert_eq!(backlog_drops("0000272d 0000000a 00000000\n000034d9 00000001 00000000\n"), Some(11));
        assert_eq!(celsius("48500\n"), Some(48.5));
    }

    #[test]
    fn what_is_missing_is_unknown() {
        assert_eq!(cpu_ticks("intr 5\n"), None);
        assert_eq!(memory("MemTotal: many kB\n"), None);
        assert_eq!(socket_drops("Udp: InDatagrams\nUdp: 24\n"), None);
        assert_eq!(backlog_drops(""), None);
        assert_eq!((celsius("-274000"), celsius("x")), (None, None));
    }
}
