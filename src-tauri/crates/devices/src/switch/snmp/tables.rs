//! What the tables say: IF-MIB (RFC 2863) and, where the switch has it, BRIDGE-MIB (RFC 4188). Pure.

use std::collections::BTreeMap;

use lab::ports::{SwitchPort, SwitchReading};

/// A column of a table; its rows are numbered by interface, or by bridge port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// ifType
    Type,
    /// ifAdminStatus
    Admin,
    /// ifOperStatus
    Oper,
    /// ifSpeed, in bit/s; stays at its largest value above 4 Gbit/s
    Speed,
    /// ifHighSpeed, in Mbit/s
    HighSpeed,
    /// ifName
    Name,
    /// ifAlias, as somebody wrote it
    Alias,
    /// ifHCInUcastPkts and ifHCOutUcastPkts
    Received,
    Sent,
    /// dot1dBasePortIfIndex: its rows are numbered by bridge port
    BridgePort,
}

impl Column {
    pub const ALL: [Self; 10] = [
        Self::Type,
        Self::Admin,
        Self::Oper,
        Self::Speed,
        Self::HighSpeed,
        Self::Name,
        Self::Alias,
        Self::Received,
        Self::Sent,
        Self::BridgePort,
    ];

    /// Its object identifier, to which the row's number is added.
    pub fn oid(self) -> &'static [u64] {
        match self {
            Self::Type => &[1, 3, 6, 1, 2, 1, 2, 2, 1, 3],
            Self::Speed => &[1, 3, 6, 1, 2, 1, 2, 2, 1, 5],
            Self::Admin => &[1, 3, 6, 1, 2, 1, 2, 2, 1, 7],
            Self::Oper => &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8],
            Self::Name => &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1],
            Self::Received => &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 7],
            Self::Sent => &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 11],
            Self::HighSpeed => &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 15],
            Self::Alias => &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18],
            Self::BridgePort => &[1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2],
        }
    }
}

/// One cell's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Number(u64),
    Text(String),
}

/// Everything that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tables(BTreeMap<(Column, u64), Cell>);

impl Tables {
    pub fn put(&mut self, column: Column, row: u64, cell: Cell) {
        self.0.insert((column, row), cell);
    }

    /// A line for each cell, for people.
    pub fn listed(&self) -> String {
        self.0.iter().map(|((column, row), cell)| format!("{column:?}.{row} {cell:?}\n")).collect()
    }

    fn rows(&self, column: Column) -> impl Iterator<Item = (u64, &Cell)> {
        self.0.range((column, 0)..=(column, u64::MAX)).map(|((_, row), cell)| (*row, cell))
    }

    fn number(&self, column: Column, row: u64) -> Option<u64> {
        match self.0.get(&(column, row))? {
            Cell::Number(number) => Some(*number),
            Cell::Text(_) => None,
        }
    }

    fn text(&self, column: Column, row: u64) -> Option<String> {
        match self.0.get(&(column, row))? {
            Cell::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        }
    }

    /// Ports by number: as the bridge counts them, or else the sockets in the order of their interfaces.
    pub fn reading(&self) -> SwitchReading {
        let sockets = self.rows(Column::Type).filter(|(_, kind)| is_socket(kind)).map(|(row, _)| row);
        let bridged = self.rows(Column::BridgePort).filter_map(|(port, interface)| match interface {
            Cell::Number(interface) => Some((port, *interface)),
            Cell::Text(_) => None,
        });
        let sockets: Vec<u64> = sockets.collect();
        let mut numbered: Vec<(u64, u64)> = bridged.filter(|(_, row)| sockets.contains(row)).collect();
        if numbered.is_empty() {
            numbered = (1..).zip(sockets).collect();
        }
        let ports =
            numbered.into_iter().filter_map(|(port, row)| Some((u32::try_from(port).ok()?, self.port(row))));
        SwitchReading { ports: ports.collect() }
    }

    fn port(&self, row: u64) -> SwitchPort {
        let link = self.number(Column::Oper, row).and_then(link);
        let speed = self.speed(row).filter(|speed| link == Some(true) && *speed > 0);
        SwitchPort {
            name: self.text(Column::Alias, row).or_else(|| self.text(Column::Name, row)),
            enabled: self.number(Column::Admin, row).and_then(enabled),
            link,
            speed,
            received: self.number(Column::Received, row),
            sent: self.number(Column::Sent, row),
        }
    }

    fn speed(&self, row: u64) -> Option<u32> {
        let bits = || self.number(Column::Speed, row).map(|bits| bits / 1_000_000);
        let speed = self.number(Column::HighSpeed, row).filter(|speed| *speed > 0).or_else(bits)?;
        u32::try_from(speed).ok()
    }
}

/// IANAifType: ethernetCsmacd, and what RFC 3635 made of the numbers that older switches still say.
fn is_socket(kind: &Cell) -> bool {
    matches!(kind, Cell::Number(6 | 62 | 69 | 117))
}

/// up, down; testing is neither.
fn enabled(admin: u64) -> Option<bool> {
    match admin {
        1 => Some(true),
        2 => Some(false),
        _ => None,
    }
}

/// up, down, notPresent, lowerLayerDown; testing, unknown and dormant say nothing of the cable.
fn link(oper: u64) -> Option<bool> {
    match oper {
        1 => Some(true),
        2 | 6 | 7 => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tables(cells: &[(Column, u64, u64)]) -> Tables {
        let mut tables = Tables::default();
        for (column, row, number) in cells {
            tables.put(*column, *row, Cell::Number(*number));
        }
        tables
    }

    #[test]
    fn sockets_are_counted_in_their_order_and_nothing_else_is() {
        use Column::{Admin, HighSpeed, Oper, Received, Sent, Speed, Type};
        let mut tables = tables(&[
            (Type, 1, 24),
            (Type, 49, 6),
            (Type, 53, 117),
            (Type, 60, 161),
            (Type, 1000, 6),
            (Admin, 49, 1),
            (Oper, 49, 1),
            (Speed, 49, 4_294_967_295),
            (HighSpeed, 49, 10_000),
            (Received, 49, 7),
            (Sent, 49, 9),
            (Admin, 53, 2),
            (Oper, 53, 7),
            (HighSpeed, 53, 1000),
            (Admin, 1000, 3),
            (Oper, 1000, 1),
            (Speed, 1000, 100_000_000),
        ]);
        tables.put(Column::Name, 49, Cell::Text("ge1".into()));
        tables.put(Column::Name, 53, Cell::Text("ge2".into()));
        tables.put(Column::Alias, 49, Cell::Text(" to the router".into()));
        tables.put(Column::Alias, 53, Cell::Text(" ".into()));
        let ports = tables.reading().ports;
        assert_eq!(ports.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
        let first = SwitchPort {
            name: Some("to the router".into()),
            enabled: Some(true),
            link: Some(true),
            speed: Some(10_000),
            received: Some(7),
            sent: Some(9),
        };
        assert_eq!(ports[&1], first);
        let second = &ports[&2];
        assert_eq!(
            (second.name.as_deref(), second.enabled, second.link, second.speed),
            (Some("ge2"), Some(false), Some(false), None)
        );
        let third = &ports[&3];
        assert_eq!(
            (third.enabled, third.link, third.speed),
            (None, Some(true), Some(100)),
            "ifSpeed where ifHighSpeed is absent"
        );
    }

    #[test]
    fn where_the_bridge_counts_its_ports_its_count_is_used() {
        let tables = tables(&[
            (Column::Type, 10, 6),
            (Column::Type, 11, 6),
            (Column::Type, 12, 53),
            (Column::BridgePort, 1, 11),
            (Column::BridgePort, 2, 10),
            (Column::BridgePort, 3, 12),
            (Column::BridgePort, 4, 99),
            (Column::Oper, 11, 1),
            (Column::Oper, 10, 2),
        ]);
        let ports = tables.reading().ports;
        assert_eq!(
            ports.iter().map(|(n, port)| (*n, port.link)).collect::<Vec<_>>(),
            [(1, Some(true)), (2, Some(false))]
        );
    }

    proptest! {
        #[test]
        fn any_tables_are_read(cells in prop::collection::vec((0_usize..10, any::<u64>(), any::<u64>()), 0..60)) {
            let mut tables = Tables::default();
            for (column, row, number) in cells {
                tables.put(Column::ALL[column], row % 8, Cell::Number(number % 9));
                tables.put(Column::ALL[column], row, Cell::Number(number));
            }
            prop_assert!(tables.reading().ports.values().all(|port| port.speed.is_none() || port.link == Some(true)));
        }
    }
}
