//! The arrows of docs/ARCHITECTURE.md, asserted from what cargo itself knows. A crate exists for a direction that the compiler
//! holds; these tests hold the directions that a line in a manifest could undo.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every member of the workspace, and the members it may know: at most those, in any kind of dependency. A test helper borrowed
/// from another crate would be an arrow as well.
const ARROWS: &[(&str, &[&str])] = &[
    ("lab", &[]),
    ("netboot", &[]),
    ("devices", &["lab"]),
    ("logs", &["lab"]),
    // Its tests ask the simulated CA, key by key; what is shipped does not know it, see below.
    ("certs", &["lab", "sim"]),
    ("store", &["lab"]),
    ("engine", &["lab"]),
    // It serves the drawings that charts makes; what is drawn is the vocabulary alone.
    ("api", &["charts", "engine", "lab"]),
    ("charts", &["lab"]),
    ("sim", &["lab"]),
    (
        "statusinator",
        &["lab", "netboot", "devices", "logs", "certs", "store", "engine", "api", "charts", "sim"],
    ),
    // It starts programs and looks at them from outside.
    ("benches", &[]),
    ("journeys", &["lab", "netboot", "devices", "logs", "certs", "store", "engine", "api", "charts", "sim"]),
];

/// Libraries that one crate alone may name, so that what they stand for stays behind its door. A name stands for its
/// family too: `tauri` for `tauri-build`, `axum` for `axum-extra`.
const DOORS: &[(&str, &str)] = &[
    ("tauri", "statusinator"),
    ("wry", "statusinator"),
    ("sqlx", "store"),
    ("axum", "api"),
    ("utoipa", "api"),
    ("plotters", "charts"),
    // The simulators encode their own bytes: a mistake in this codec must not hide on both sides of the wire.
    ("dhcproto", "netboot"),
];

/// What lets code reach the world or the clock. `lab` has none of it, also not through another library.
const WORLD: &[&str] = &[
    "tokio",
    "mio",
    "async-io",
    "reqwest",
    "hyper",
    "axum",
    "sqlx",
    "libsqlite3-sys",
    "nix",
    "libc",
    "rustix",
    "socket2",
    "getrandom",
];

/// Libraries that tests may build again, because little stands above them: rustix, of which the temporary folders of tests want
/// more than the width of the terminal does.
const CHEAP: &[&str] = &["rustix "];

/// Package name → every package it names, in any kind of dependency.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_arrow_points_where_the_architecture_says() {
    assert_eq!(wrong_arrows(&graph(&members())), Vec::<String>::new());
}

#[test]
fn simulators_are_shipped_with_the_shell_alone() {
    let all = members();
    let shipped = |package: &&Value| {
        let needs = package["dependencies"].as_array().into_iter().flatten();
        // Cargo calls an ordinary dependency's kind null.
        needs.into_iter().any(|need| need["name"] == "sim" && need["kind"].is_null())
    };
    let with: Vec<&str> = all.iter().filter(shipped).filter_map(|package| package["name"].as_str()).collect();
    assert_eq!(with, ["statusinator"]);
}

#[test]
fn each_door_has_one_key() {
    assert_eq!(wrong_doors(&graph(&members())), Vec::<String>::new());
}

#[test]
fn every_member_says_its_purpose() {
    for package in members() {
        let purpose = package["description"].as_str().unwrap_or_default();
        assert!(
            purpose.len() > 10 && purpose.ends_with('.'),
            "{}: a purpose in one sentence, not {purpose:?}",
            package["name"]
        );
    }
}

#[test]
fn the_vocabulary_cannot_reach_the_world() {
    let reached = cargo(&[
        "tree",
        "--package",
        "lab",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let names: BTreeSet<&str> = reached.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("serde"), "the tree of lab was not read: {reached}");
    let found: Vec<_> = WORLD.iter().filter(|name| names.contains(**name)).collect();
    assert!(
        found.is_empty(),
        "lab does no I/O, but depends on {found:?}; `cargo tree -p lab -i NAME` says through what"
    );
}

/// Cargo chooses the features of a shared library by what is built together. If a test asked for more than the program does, the library
/// and everything above it would be compiled twice, and the tests would not run what is shipped.
#[test]
fn tests_run_the_libraries_that_are_shipped() {
    let shipped = features("normal,build");
    let tested = features("normal,build,dev");
    let differing: Vec<_> =
        shipped.difference(&tested).filter(|line| !CHEAP.iter().any(|name| line.starts_with(name))).collect();
    assert!(
        differing.is_empty(),
        "built with other features for tests; name them in [workspace.dependencies]: {differing:#?}"
    );
}

#[test]
fn a_wrong_arrow_is_seen() {
    let graph = Graph::from([
        ("lab".to_owned(), BTreeSet::from(["store".to_owned()])),
        ("store".to_owned(), BTreeSet::from(["sqlx".to_owned(), "axum-extra".to_owned()])),
        ("gadgets".to_owned(), BTreeSet::new()),
    ]);
    let arrows = wrong_arrows(&graph);
    assert!(arrows.contains(&"lab may not know store".to_owned()), "{arrows:?}");
    assert!(arrows.contains(&"gadgets has no place among the arrows".to_owned()), "{arrows:?}");
    assert_eq!(wrong_doors(&graph), ["store names axum-extra, which belongs to api"]);
}

fn wrong_arrows(graph: &Graph) -> Vec<String> {
    let mut wrong = Vec::new();
    for (member, named) in graph {
        let Some((_, may)) = ARROWS.iter().find(|(name, _)| name == member) else {
            wrong.push(format!("{member} has no place among the arrows"));
            continue;
        };
        let ours = named.iter().filter(|name| ARROWS.iter().any(|(member, _)| member == name));
        wrong.extend(
            ours.filter(|name| !may.contains(&name.as_str()))
                .map(|name| format!("{member} may not know {name}")),
        );
    }
    wrong
}

fn wrong_doors(graph: &Graph) -> Vec<String> {
    let mut wrong = Vec::new();
    for (member, named) in graph {
        for name in named {
            let door =
                DOORS.iter().find(|(family, _)| name == family || name.starts_with(&format!("{family}-")));
            if let Some((_, owner)) = door.filter(|(_, owner)| owner != member) {
                wrong.push(format!("{member} names {name}, which belongs to {owner}"));
            }
        }
    }
    wrong
}

fn graph(members: &[Value]) -> Graph {
    let name =
        |value: &Value| value["name"].as_str().expect("cargo metadata gives every package a name").to_owned();
    let named =
        |package: &Value| package["dependencies"].as_array().into_iter().flatten().map(name).collect();
    members.iter().map(|package| (name(package), named(package))).collect()
}

/// Read as plain JSON: the library for it would raise the features of serde_json for tests alone, see
/// `tests_run_the_libraries_that_are_shipped`.
fn members() -> Vec<Value> {
    let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&text).expect("cargo metadata is JSON");
    let members = metadata["packages"].as_array().cloned().unwrap_or_default();
    assert!(members.len() > 5, "cargo metadata describes the workspace: {text}");
    members
}

/// Every library with the features it is built with, when the workspace is built with these kinds of dependencies.
fn features(edges: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "--workspace", "--edges", edges, "--prefix", "none", "--format", "{p}|{f}"]);
    // "(*)" marks a repeated line, "(proc-macro)" a kind; neither says how it is built.
    let lines = tree.lines().map(|line| line.replace(" (*)", "").replace(" (proc-macro)", ""));
    lines.filter(|line| !line.is_empty()).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}
