//! A file in pieces, the next of which is read while the present one is sent: a disk that is slow for a moment is not seen
//! on the wire.

use std::io;

use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

use crate::files::Body;

/// About this much at a time, so that a file is not read in 1,468-byte steps. A transfer holds two of them.
const PIECE: usize = 256 * 1024;

/// Reads blocks of a body, mostly in order.
pub(super) struct Pieces {
    body: Body,
    /// A multiple of the block size: no block lies in two pieces.
    size: usize,
    at: u64,
    piece: Bytes,
    ahead: Option<(u64, AbortOnDropHandle<io::Result<Bytes>>)>,
}

impl Pieces {
    pub(super) fn new(body: Body, block: usize) -> Pieces {
        let size = (PIECE / block).max(1) * block;
        Pieces { body, size, at: 0, piece: Bytes::new(), ahead: None }
    }

    /// `length` bytes from `offset`, which lie in one block.
    pub(super) async fn get(&mut self, offset: u64, length: usize) -> io::Result<Bytes> {
        if offset + length as u64 == self.body.length() {
            // Whoever has this block has the file: it must be the one whose size was told.
            self.body.unchanged()?;
        }
        if let Some(data) = self.inside(offset, length) {
            return Ok(data);
        }
        // Blocks begin at multiples of their size, and so do pieces.
        let at = offset - offset % self.size as u64;
        self.piece = match self.ahead.take_if(|(ahead, _)| *ahead == at) {
            Some((_, task)) => task.await.map_err(io::Error::other)??,
            None => self.read(at).await?,
        };
        self.at = at;
        let next = at + self.piece.len() as u64;
        // What lies in memory needs no reading ahead.
        if next < self.body.length() && self.body.file().is_some() {
            self.ahead =
                Some((next, AbortOnDropHandle::new(tokio::spawn(read(self.body.clone(), next, self.size)))));
        }
        self.inside(offset, length).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn inside(&self, offset: u64, length: usize) -> Option<Bytes> {
        let skip = usize::try_from(offset.checked_sub(self.at)?).ok()?;
        (skip + length <= self.piece.len()).then(|| self.piece.slice(skip..skip + length))
    }

    async fn read(&self, at: u64) -> io::Result<Bytes> {
        read(self.body.clone(), at, self.size).await
    }
}

async fn read(body: Body, at: u64, size: usize) -> io::Result<Bytes> {
    let rest = usize::try_from(body.length() - at).unwrap_or(usize::MAX);
    body.read(at, rest.min(size)).await
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::files::Tags;

    fn content() -> Vec<u8> {
        (0..1_000_003usize).map(|at| (at * 7 + at / 256) as u8).collect()
    }

    fn file() -> (tempfile::NamedTempFile, Body) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&content()).unwrap();
        let body = Body::from_file(file.reopen().unwrap(), &Tags::default()).unwrap();
        (file, body)
    }

    #[tokio::test]
    async fn every_block_is_the_file_s_also_when_some_come_again() {
        let (_file, on_disk) = file();
        let content = content();
        for body in [on_disk, Body::from_bytes(content.clone())] {
            for block in [8, 512, 1468] {
                let mut pieces = Pieces::new(body.clone(), block);
                let last = content.len() / block;
                // In order, with a step back into the piece before where a window was lost.
                for block_number in (0..=last / 2).chain(3..=last) {
                    let offset = block_number * block;
                    let length = block.min(content.len() - offset);
                    let data = pieces.get(offset as u64, length).await.unwrap();
                    assert!(data == content[offset..offset + length], "{length} bytes from {offset}");
                }
                assert!(pieces.get(content.len() as u64, 0).await.unwrap().is_empty());
            }
        }
    }

    #[tokio::test]
    async fn the_last_block_of_another_file_is_not_read() {
        let (mut file, body) = file();
        let mut pieces = Pieces::new(body, 1000);
        assert_eq!(pieces.get(999_000, 1000).await.unwrap().len(), 1000);
        file.write_all(b"and more").unwrap();
        assert!(pieces.get(1_000_000, 3).await.is_err());
    }
}
