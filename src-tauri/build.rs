//! Prepares what the window's binary embeds: its configuration and icons.

fn main() {
    tauri_build::build();
}
