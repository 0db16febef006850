//! Addresses that DHCP gave out. What they mean is DHCP's business; here they are rows that survive.

use std::net::Ipv4Addr;

use lab::{Mac, journal::JournalError};
use serde_json::json;

use crate::{Store, error, transaction};

/// One address, and the newest word about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    pub address: Ipv4Addr,
    pub mac: Mac,
    /// What the client calls itself, if it does.
    pub client_id: Option<Vec<u8>>,
    /// End, in microseconds since 1970.
    pub until_wall_us: i64,
    /// As in "bound".
    pub state: String,
}

impl Store {
    /// All leases, by address as text. Rows that cannot be read are left out and logged: one of them must not cost the others.
    pub async fn leases(&self) -> Result<Vec<LeaseRow>, JournalError> {
        let rows: Vec<(String, String, Option<String>, i64, String)> = sqlx::query_as(
            "SELECT address, mac, client_id, until_wall_us, state FROM leases ORDER BY address",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(|e| error::trouble("read the leases", self.dir(), &e))?;
        let read = |row: (String, String, Option<String>, i64, String)| {
            let lease = parse(&row);
            if lease.is_none() {
                tracing::warn!(address = row.0, mac = row.1, "a lease that cannot be read is left out");
            }
            lease
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Writes all of these, in this order, or none; on disk when it returns. Clients wait for it, so that the whole batch
    /// is one statement: a round trip to SQLite's thread for each row would be most of the time.
    pub async fn keep_leases(&self, leases: &[LeaseRow]) -> Result<(), JournalError> {
        if leases.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = leases
            .iter()
            .map(|lease| {
                let client_id = lease.client_id.as_deref().map(hex::encode);
                let (address, mac) = (lease.address.to_string(), lease.mac.to_string());
                json!([address, mac, client_id, lease.until_wall_us, lease.state])
            })
            .collect();
        let what = format!("store {} leases", leases.len());
        self.write_leases(json!(rows).to_string()).await.map_err(|e| error::trouble(what, self.dir(), &e))
    }

    async fn write_leases(&self, rows: String) -> sqlx::Result<()> {
        let mut writer = transaction::begin(&self.writer).await?;
        // `WHERE true` keeps SQLite from reading ON as part of a join (<https://www.sqlite.org/lang_upsert.html>, section 2.2).
        let done = sqlx::query(
            "INSERT INTO leases (address, mac, client_id, until_wall_us, state)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) WHERE true
             ON CONFLICT (address) DO UPDATE SET mac = excluded.mac, client_id = excluded.client_id,
             until_wall_us = excluded.until_wall_us, state = excluded.state",
        )
        .bind(rows)
        .execute(&mut *writer)
        .await;
        transaction::end(writer, done.map(drop)).await
    }
}

fn parse(
    (address, mac, client_id, until_wall_us, state): &(String, String, Option<String>, i64, String),
) -> Option<LeaseRow> {
    let client_id = match client_id {
        Some(digits) => Some(hex::decode(digits).ok()?),
        None => None,
    };
    let (address, mac) = (address.parse().ok()?, mac.parse().ok()?);
    Some(LeaseRow { address, mac, client_id, until_wall_us: *until_wall_us, state: state.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(last: u8, until_wall_us: i64, state: &str) -> LeaseRow {
        let client_id = (last % 2 == 1).then(|| vec![0, 0xff, last]);
        let (address, mac) = (Ipv4Addr::new(192, 168, 122, last), Mac([2, 0, 0, 0, 0, last]));
        LeaseRow { address, mac, client_id, until_wall_us, state: state.into() }
    }

    #[tokio::test]
    async fn the_newest_word_about_an_address_survives() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).await.unwrap();
        assert_eq!(store.leases().await.unwrap(), []);
        let newest = lease(200, 3, "released");
        store.keep_leases(&[lease(200, 1, "bound"), lease(201, 2, "taken"), newest.clone()]).await.unwrap();
        store.keep_leases(&[lease(201, i64::MAX, "bound")]).await.unwrap();
        store.close().await;
        let (store, _) = Store::open(dir.path()).await.unwrap();
        assert_eq!(store.leases().await.unwrap(), [newest, lease(201, i64::MAX, "bound")]);
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).await.unwrap();
        store.keep_leases(&[lease(201, 1, "bound"), lease(203, 1, "bound")]).await.unwrap();
        for spoil in ["client_id = 'odd' WHERE mac LIKE '%c9'", "mac = 'é' WHERE mac LIKE '%c9'"] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("UPDATE leases SET {spoil}")))
                .execute(&store.writer)
                .await
                .unwrap();
            assert_eq!(store.leases().await.unwrap(), [lease(203, 1, "bound")], "{spoil}");
        }
    }

    #[tokio::test]
    async fn a_store_without_a_disk_says_so_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).await.unwrap();
        sqlx::query("DROP TABLE leases").execute(&store.writer).await.unwrap();
        let error = store.keep_leases(&[lease(200, 1, "bound")]).await.expect_err("there is no table");
        assert!(error.what == "store 1 leases" && !error.remedy.is_empty(), "{error}");
        assert!(store.leases().await.is_err());
    }
}
