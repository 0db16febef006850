//! The tables over UDP (SNMPv2c, RFC 3416), and the port of lab in front of them.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicI32, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use lab::{
    ports::{PortError, Switch, SwitchReading},
    secret::Secret,
};
use snmp2::{AsyncSession, Oid, Value};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout, timeout_at},
};

use super::tables::{Cell, Column, Tables};

/// A switch of 48 ports has some hundred interfaces; a table that does not end is a fault.
const MOST_ROWS: usize = 512;
/// Rows that are asked for at once; with a name each they fit into one packet.
const AT_ONCE: u32 = 24;
/// Names are up to 64 characters (ifAlias).
const LONGEST_TEXT: usize = 128;
/// UDP loses packets: each question is asked up to three times.
const ANSWER: Duration = Duration::from_millis(1500);
const TRIES: usize = 3;
/// Of a whole look, whatever the switch answers.
const DEADLINE: Duration = Duration::from_secs(12);

/// Where the switch is.
#[derive(Debug, Clone)]
pub struct SnmpConfig {
    pub address: IpAddr,
    pub port: u16,
    /// SNMPv2c's password, in clear on the wire; `public` is what switches come with.
    pub community: Secret,
}

/// The switch.
#[derive(Debug)]
pub struct Snmp {
    address: SocketAddr,
    community: Secret,
    /// An answer that comes late must not look like one to the next question.
    next_id: AtomicI32,
    turn: Mutex<()>,
    /// How long each question waits.
    answer: Duration,
}

/// Why the tables did not come.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no answer by SNMP from {0}")]
    Silent(SocketAddr),
    #[error("{0} cannot be reached: {1}")]
    Unreachable(SocketAddr, String),
    #[error("{0} answers by SNMP what cannot be read: {1}")]
    Strange(SocketAddr, String),
    #[error("{0} answers by SNMP, but has no table of interfaces")]
    Empty(SocketAddr),
}

impl Snmp {
    /// Nothing is asked of the switch yet.
    pub fn new(config: SnmpConfig) -> Self {
        let address = SocketAddr::new(config.address, config.port);
        Self {
            address,
            community: config.community,
            next_id: AtomicI32::new(1),
            turn: Mutex::new(()),
            answer: ANSWER,
        }
    }

    async fn tables(&self) -> Result<Tables, Trouble> {
        let deadline = Instant::now() + DEADLINE;
        let look = async {
            let _turn = self.turn.lock().await;
            let mut tables = Tables::default();
            for column in Column::ALL {
                self.walk(column, &mut tables).await?;
            }
            Ok(tables)
        };
        timeout_at(deadline, look).await.unwrap_or(Err(Trouble::Silent(self.address)))
    }

    async fn session(&self) -> Result<AsyncSession, Trouble> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        AsyncSession::new_v2c(self.address, self.community.reveal().as_bytes(), id)
            .await
            .map_err(|error| Trouble::Unreachable(self.address, error.to_string()))
    }

    async fn walk(&self, column: Column, tables: &mut Tables) -> Result<(), Trouble> {
        let mut from = column.oid().to_vec();
        let mut rows = 0;
        while rows < MOST_ROWS {
            let found = self.some_rows(column, &from).await?;
            let Some((last, _)) = found.last() else { break };
            // RFC 3416 has them ascend; one that does not would be walked for ever.
            let end = [column.oid(), &[*last]].concat();
            if end <= from {
                break;
            }
            from = end;
            rows += found.len();
            for (row, cell) in found {
                if let Some(cell) = cell {
                    tables.put(column, row, cell);
                }
            }
        }
        Ok(())
    }

    /// The next rows of a column behind one; none when it ends.
    async fn some_rows(&self, column: Column, from: &[u64]) -> Result<Vec<(u64, Option<Cell>)>, Trouble> {
        let strange = |why: String| Trouble::Strange(self.address, why);
        let oid = Oid::from(from).map_err(|_| strange(format!("{from:?} is no name of an object")))?;
        for _ in 0..TRIES {
            // A session of its own for each try: a late answer then comes to a port that nobody listens on.
            let mut session = self.session().await?;
            let answer = match timeout(self.answer, session.getbulk(&[&oid], 0, AT_ONCE)).await {
                Err(_) => continue,
                // Told by ICMP that nobody listens there.
                Ok(Err(snmp2::Error::Receive | snmp2::Error::Send)) => {
                    return Err(Trouble::Unreachable(self.address, "nobody listens on this port".to_owned()));
                }
                Ok(Err(error)) => return Err(strange(error.to_string())),
                Ok(Ok(answer)) => answer,
            };
            if answer.error_status != 0 {
                return Err(strange(format!("error status {}", answer.error_status)));
            }
            let mut found = Vec::new();
            for (name, value) in answer.varbinds {
                match row_of(column, &name) {
                    Some(row) if !matches!(value, Value::EndOfMibView) => found.push((row, cell(&value))),
                    _ => break,
                }
            }
            return Ok(found);
        }
        Err(Trouble::Silent(self.address))
    }
}

/// The row's number, when this is a cell of the column.
fn row_of(column: Column, name: &Oid<'_>) -> Option<u64> {
    let parts: Vec<u64> = name.iter()?.collect();
    match parts.strip_prefix(column.oid())? {
        [row] => Some(*row),
        _ => None,
    }
}

fn cell(value: &Value<'_>) -> Option<Cell> {
    Some(match value {
        Value::Integer(number) => Cell::Number(u64::try_from(*number).ok()?),
        Value::Counter32(number) | Value::Unsigned32(number) | Value::Timeticks(number) => {
            Cell::Number(u64::from(*number))
        }
        Value::Counter64(number) => Cell::Number(*number),
        Value::OctetString(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            Cell::Text(text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect())
        }
        _ => return None,
    })
}

impl Trouble {
    fn error(&self, what: &str) -> PortError {
        let (remedy, absent) = match self {
            Self::Silent(_) => (
                "check the switch's power, cable and address, that SNMP (v2c) is switched on in it, and the community \
                 in the secrets file: a switch does not answer a wrong one",
                true,
            ),
            Self::Unreachable(..) => (
                "check the switch's power and cable, its address in the board file, and that SNMP is switched on in it",
                true,
            ),
            Self::Strange(..) | Self::Empty(_) => (
                "check the switch's address in the board file, and which tables its SNMP settings show",
                false,
            ),
        };
        PortError { what: what.to_owned(), why: self.to_string(), remedy: remedy.to_owned(), absent }
    }
}

#[async_trait]
impl Switch for Snmp {
    async fn read(&self) -> Result<SwitchReading, PortError> {
        let tables = self.tables().await.map_err(|trouble| trouble.error("read the switch"))?;
        let reading = tables.reading();
        if reading.ports.is_empty() {
            return Err(Trouble::Empty(self.address).error("read the switch"));
        }
        Ok(reading)
    }

    async fn set(&self, port: u32, enabled: bool) -> Result<(), PortError> {
        Err(PortError {
            what: format!("switch port {port} {}", if enabled { "on" } else { "off" }),
            why: "a switch that is asked by SNMP is only read".to_owned(),
            remedy: "use the switch's own web page".to_owned(),
            absent: false,
        })
    }

    fn writable(&self) -> bool {
        false
    }

    /// It has no pages that this driver knows.
    async fn capture(&self) -> Result<Vec<(String, String)>, PortError> {
        let tables = self.tables().await.map_err(|trouble| trouble.error("capture the switch's tables"))?;
        Ok(vec![("tables.txt".to_owned(), tables.listed())])
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
