//! What is kept for a while only: packets of the last boots, and strangers on the lab network.

use std::collections::BTreeSet;

use lab::{
    Mac, Stamp,
    journal::{JournalError, Packet},
    live::UnknownMachine,
};
use sqlx::SqliteConnection;

use crate::{
    Store, error,
    row::{Unreadable, signed, unsigned},
    transaction,
};

/// Boots of one machine whose packets are kept.
pub const PACKET_BOOTS: u32 = 20;
/// Packets kept of one boot, the newest: a machine that asks all night must not fill the disk. A good boot has some
/// hundred; the same bound holds for what a machine sends outside of any boot.
pub const PACKETS_PER_BOOT: u32 = 2_000;
/// Packets kept of all machines, the newest: about 40 MB, and the bound that holds whatever names they come under.
pub const PACKETS_KEPT: u32 = 250_000;
/// Strangers kept, by last sight: more than any bench has, fewer than a flood of made-up addresses.
pub const STRANGERS_KEPT: u32 = 256;

const REPORT: &str = "report this with the log around it";

fn out_of_range(what: &str) -> impl Fn(Unreadable) -> JournalError {
    move |why| JournalError { what: what.to_owned(), why: why.to_string(), remedy: REPORT.to_owned() }
}

/// Adds packets and forgets those that are beyond the bounds, in one transaction.
pub(crate) async fn keep_packets(store: &Store, packets: Vec<Packet>) -> Result<(), JournalError> {
    if packets.is_empty() {
        return Ok(());
    }
    let what = format!("keep {} packets", packets.len());
    let rows = packets
        .into_iter()
        .map(PacketRow::new)
        .collect::<Result<Vec<_>, _>>()
        .map_err(out_of_range(&what))?;
    write_packets(store, &rows).await.map_err(|e| error::trouble(what, store.dir(), &e))
}

async fn write_packets(store: &Store, rows: &[PacketRow]) -> sqlx::Result<()> {
    let mut writer = transaction::begin(&store.writer).await?;
    let done = insert_packets(&mut writer, rows).await;
    transaction::end(writer, done).await
}

async fn insert_packets(writer: &mut SqliteConnection, rows: &[PacketRow]) -> sqlx::Result<()> {
    for row in rows {
        sqlx::query(
            "INSERT INTO packets (machine, boot, wall_us, mono_us, host_boot, direction, proto, bytes, says)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(row.machine.as_str())
        .bind(row.boot)
        .bind(row.wall_us)
        .bind(row.mono_us)
        .bind(row.host_boot.as_str())
        .bind(row.direction.as_str())
        .bind(row.proto.as_str())
        .bind(row.bytes)
        .bind(row.says.as_str())
        .execute(&mut *writer)
        .await?;
    }
    let touched: BTreeSet<(&str, Option<i64>)> = rows.iter().map(|r| (r.machine.as_str(), r.boot)).collect();
    for (machine, boot) in &touched {
        sqlx::query(
            "DELETE FROM packets WHERE machine = ?1 AND boot IS ?2 AND id <=
             (SELECT id FROM packets WHERE machine = ?1 AND boot IS ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
        )
        .bind(*machine)
        .bind(*boot)
        .bind(PACKETS_PER_BOOT)
        .execute(&mut *writer)
        .await?;
    }
    let machines: BTreeSet<&str> = touched.iter().map(|(machine, _)| *machine).collect();
    for machine in machines {
        // The events know which boots were the last, also those of which no packet was seen.
        sqlx::query(
            "DELETE FROM packets WHERE machine = ?1 AND boot <= (SELECT boot FROM events
             WHERE kind = 'boot-started' AND subject = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(machine)
        .bind(PACKET_BOOTS)
        .execute(&mut *writer)
        .await?;
    }
    sqlx::query("DELETE FROM packets WHERE id <= (SELECT max(id) FROM packets) - ?")
        .bind(PACKETS_KEPT)
        .execute(&mut *writer)
        .await?;
    Ok(())
}

/// Packets of one boot, oldest first.
pub(crate) async fn boot_packets(store: &Store, id: u64) -> Result<Vec<Packet>, JournalError> {
    let what = format!("read the packets of boot {id}");
    let Ok(key) = signed("boot", id) else { return Ok(Vec::new()) };
    let rows: Vec<PacketRow> = sqlx::query_as(
        "SELECT machine, boot, wall_us, mono_us, host_boot, direction, proto, bytes, says
         FROM packets WHERE boot = ? ORDER BY id",
    )
    .bind(key)
    .fetch_all(&store.readers)
    .await
    .map_err(|e| error::trouble(what.as_str(), store.dir(), &e))?;
    rows.into_iter().map(PacketRow::into_packet).collect::<Result<_, _>>().map_err(out_of_range(&what))
}

#[derive(sqlx::FromRow)]
struct PacketRow {
    machine: String,
    boot: Option<i64>,
    wall_us: i64,
    mono_us: i64,
    host_boot: String,
    direction: String,
    proto: String,
    bytes: i64,
    says: String,
}

impl PacketRow {
    fn new(packet: Packet) -> Result<Self, Unreadable> {
        let Packet { machine, boot, stamp, direction, proto, bytes, says } = packet;
        let Stamp { wall_us, mono_us, host_boot } = stamp;
        let boot = boot.map(|id| signed("boot", id)).transpose()?;
        Ok(Self {
            machine,
            boot,
            wall_us,
            mono_us,
            host_boot,
            direction,
            proto,
            bytes: signed("bytes", bytes)?,
            says,
        })
    }

    fn into_packet(self) -> Result<Packet, Unreadable> {
        let Self { machine, boot, wall_us, mono_us, host_boot, direction, proto, bytes, says } = self;
        let boot = boot.map(|id| unsigned("boot", id)).transpose()?;
        let stamp = Stamp { wall_us, mono_us, host_boot };
        Ok(Packet { machine, boot, stamp, direction, proto, bytes: unsigned("bytes", bytes)?, says })
    }
}

/// Remembers strangers as given, in the order of sight, and forgets all but the last.
pub(crate) async fn keep_strangers(store: &Store, machines: Vec<UnknownMachine>) -> Result<(), JournalError> {
    if machines.is_empty() {
        return Ok(());
    }
    let what = format!("remember {} unknown machines", machines.len());
    write_strangers(store, &machines).await.map_err(|e| error::trouble(what, store.dir(), &e))
}

async fn write_strangers(store: &Store, machines: &[UnknownMachine]) -> sqlx::Result<()> {
    let mut writer = transaction::begin(&store.writer).await?;
    let done = insert_strangers(&mut writer, machines).await;
    transaction::end(writer, done).await
}

async fn insert_strangers(writer: &mut SqliteConnection, machines: &[UnknownMachine]) -> sqlx::Result<()> {
    for machine in machines {
        sqlx::query(
            "INSERT INTO unknown_machines (mac, code, seen, first_wall_us, first_mono_us, first_host_boot,
                                           last_wall_us, last_mono_us, last_host_boot, times)
             VALUES (?, ?, (SELECT coalesce(max(seen), 0) + 1 FROM unknown_machines), ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (mac) DO UPDATE SET code = excluded.code, seen = excluded.seen,
                first_wall_us = excluded.first_wall_us, first_mono_us = excluded.first_mono_us,
                first_host_boot = excluded.first_host_boot, last_wall_us = excluded.last_wall_us,
                last_mono_us = excluded.last_mono_us, last_host_boot = excluded.last_host_boot,
                times = excluded.times",
        )
        .bind(machine.mac.to_string())
        .bind(machine.code.as_str())
        .bind(machine.first.wall_us)
        .bind(machine.first.mono_us)
        .bind(machine.first.host_boot.as_str())
        .bind(machine.last.wall_us)
        .bind(machine.last.mono_us)
        .bind(machine.last.host_boot.as_str())
        .bind(i64::try_from(machine.times).unwrap_or(i64::MAX))
        .execute(&mut *writer)
        .await?;
    }
    sqlx::query(
        "DELETE FROM unknown_machines WHERE seen <=
         (SELECT seen FROM unknown_machines ORDER BY seen DESC LIMIT 1 OFFSET ?)",
    )
    .bind(STRANGERS_KEPT)
    .execute(&mut *writer)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct StrangerRow {
    mac: String,
    code: String,
    first_wall_us: i64,
    first_mono_us: i64,
    first_host_boot: String,
    last_wall_us: i64,
    last_mono_us: i64,
    last_host_boot: String,
    times: i64,
}

impl Store {
    /// The strangers remembered, newest last, so that a new engine goes on counting where the last one ended.
    pub async fn strangers(&self) -> Result<Vec<UnknownMachine>, JournalError> {
        let what = "read the unknown machines";
        let rows: Vec<StrangerRow> = sqlx::query_as(
            "SELECT mac, code, first_wall_us, first_mono_us, first_host_boot,
                    last_wall_us, last_mono_us, last_host_boot, times
             FROM unknown_machines ORDER BY seen",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(|e| error::trouble(what, self.dir(), &e))?;
        let known = |row: StrangerRow| {
            let mac: Mac = row.mac.parse().map_err(|e: lab::mac::BadMac| JournalError {
                what: what.to_owned(),
                why: e.to_string(),
                remedy: REPORT.to_owned(),
            })?;
            let stamp = |wall_us, mono_us, host_boot| Stamp { wall_us, mono_us, host_boot };
            Ok(UnknownMachine {
                mac,
                code: row.code,
                first: stamp(row.first_wall_us, row.first_mono_us, row.first_host_boot),
                last: stamp(row.last_wall_us, row.last_mono_us, row.last_host_boot),
                times: row.times.unsigned_abs(),
            })
        };
        rows.into_iter().map(known).collect()
    }
}
