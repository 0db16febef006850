//! The board file, as the API may change it.

use std::{fs, path::PathBuf};

use lab::{Code, Failure, Mac, board::replace_mac};

use crate::config::write_whole;

pub(super) struct OwnFile(pub(super) PathBuf);

impl api::BoardFile for OwnFile {
    fn replace_mac(&self, box_number: u32, mac: Mac) -> Result<String, Failure> {
        let path = &self.0;
        let failed = |why: String, remedy: String| {
            Failure::new(Code::BadConfig, format!("write {mac} into {}", path.display()), why, remedy)
        };
        let unwritable = |error: anyhow::Error| {
            let remedy = "make the file and its folder writable for the user who runs the program";
            failed(format!("{error:#}"), remedy.to_owned())
        };
        let text = fs::read_to_string(path).map_err(|error| unwritable(error.into()))?;
        let new = replace_mac(&text, box_number, mac).map_err(|error| failed(error.why, error.remedy))?;
        let backup = PathBuf::from(format!("{}.bak", path.display()));
        write_whole(&backup, &text).map_err(unwritable)?;
        write_whole(path, &new).map_err(unwritable)?;
        Ok(backup.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use api::BoardFile;

    use super::*;

    #[test]
    fn a_new_pc_is_written_and_the_file_as_it_was_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let text = include_str!("../../../boards/labinator.toml");
        fs::write(&path, text).unwrap();
        let file = OwnFile(path.clone());
        let kept = file.replace_mac(4, "02:00:00:00:00:09".parse().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(kept).unwrap(), text);
        let board = lab::Board::parse("mine", &fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(board.machine("4").unwrap().mac.to_string(), "02:00:00:00:00:09");
        let twice = file.replace_mac(5, "02:00:00:00:00:09".parse().unwrap()).unwrap_err();
        assert!(twice.why.contains("node4"), "{twice}");
    }
}
