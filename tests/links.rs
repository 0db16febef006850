//! What the engine's binary links: no GTK, no WebKit, nothing of a desktop.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::process::Command;

fn libraries(binary: &str) -> String {
    let output = Command::new("ldd").arg(binary).output().unwrap();
    assert!(output.status.success(), "ldd {binary}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_engine_links_no_desktop_and_the_window_does() {
    let engine = libraries(env!("CARGO_BIN_EXE_statusinator"));
    for word in ["gtk", "gdk", "webkit", "X11", "wayland", "glib", "soup"] {
        assert!(!engine.contains(word), "the engine links {word}:\n{engine}");
    }
    let window = libraries(env!("CARGO_BIN_EXE_statusinator-window"));
    assert!(window.contains("libwebkit2gtk-4.1"), "this test can see libraries:\n{window}");
}
