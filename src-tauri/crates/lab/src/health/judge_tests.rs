use super::*;

const GB: u64 = 1_000 * MB;

/// Names in trouble after each of these looks.
fn told(looks: &[Health]) -> Vec<Vec<&'static str>> {
    let mut judge = HealthJudge::default();
    let names = |health: &Health| {
        judge
            .judge(health)
            .into_iter()
            .filter(|(_, failure)| failure.is_some())
            .map(|(name, _)| name)
            .collect()
    };
    looks.iter().map(names).collect()
}

fn disk(free: u64, total: u64) -> Health {
    Health { disk_free: Some(free), disk_total: Some(total), ..Health::default() }
}

#[test]
fn three_looks_make_a_trouble_and_three_end_it() {
    let full = disk(GB, 100 * GB);
    let well = disk(50 * GB, 100 * GB);
    let looks = [&full, &full, &full, &well, &full, &well, &well, &well].map(Clone::clone);
    let told = told(&looks);
    let bad: Vec<bool> = told.iter().map(|names| !names.is_empty()).collect();
    assert_eq!(bad, [false, false, true, true, true, true, true, false]);
}

#[test]
fn between_the_thresholds_all_stays_as_it_was() {
    let full = disk(4 * GB, 100 * GB);
    let between = disk(6 * GB, 100 * GB);
    let many = |first: &Health| {
        let mut looks = vec![first.clone(); 3];
        looks.extend(vec![between.clone(); 20]);
        told(&looks).pop().unwrap()
    };
    assert_eq!(many(&full), [DISK]);
    assert!(many(&disk(50 * GB, 100 * GB)).is_empty());
}

#[test]
fn each_thing_has_its_threshold_and_its_words() {
    let memory =
        |used, total| Health { memory_used: Some(used), memory_total: Some(total), ..Health::default() };
    let heat = |celsius| Health { celsius: Some(celsius), ..Health::default() };
    let drops =
        |sockets, backlog| Health { socket_drops: sockets, backlog_drops: backlog, ..Health::default() };
    let table: Vec<(Health, &[&str])> = vec![
        (Health::default(), &[]),
        (disk(499 * MB, 8 * GB), &[DISK]),
        (disk(800 * MB, 8 * GB), &[]),
        (disk(12 * GB, 270 * GB), &[]),
        (disk(4 * GB, 270 * GB), &[DISK]),
        (disk(200 * MB, 256 * MB), &[]),
        (disk(10 * MB, 256 * MB), &[DISK]),
        (memory(96 * GB, 100 * GB), &[MEMORY]),
        (memory(90 * GB, 100 * GB), &[]),
        (heat(85.1), &[TEMPERATURE]),
        (heat(84.0), &[]),
        (drops(Some(1), None), &[SOCKETS]),
        (drops(Some(0), Some(2)), &[SOCKETS]),
        (drops(Some(0), Some(0)), &[]),
    ];
    for (health, names) in table {
        assert_eq!(told(&vec![health.clone(); 3]).pop().unwrap(), names, "{health:?}");
    }
    let mut judge = HealthJudge::default();
    let failure = (0..3).map(|_| judge.judge(&disk(499 * MB, 8 * GB))).last().unwrap().remove(0).1.unwrap();
    assert_eq!(failure.why, "499 MB of 8.0 GB are free on the disk of the data folder");
}
